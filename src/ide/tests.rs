use super::*;

fn column(name: &str, type_name: &str) -> KnownColumn {
    KnownColumn { name: name.into(), type_name: type_name.into() }
}

fn name(name: &str, kind: Kind, labels: &[&str]) -> KnownName {
    let labels = labels.iter().map(|l| l.to_string()).collect();
    KnownName { name: name.into(), part: None, kind, detail: String::new(), labels }
}

fn part(owner: &str, word: &str) -> KnownName {
    let part = Some((owner.to_string(), word.to_string()));
    KnownName { part, ..name(&format!("{owner}.{word}"), Kind::Tag, &[]) }
}

fn known() -> Known {
    let source = |name: &str, columns: Vec<KnownColumn>, links: &[(&str, &str)], is_entity| KnownSource {
        name: name.into(),
        title: None,
        is_entity,
        is_events: !is_entity,
        columns,
        links: links.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
    };
    Known {
        sources: vec![
            source(
                "customers",
                vec![
                    column("customer_id", "text"),
                    column("city", "text"),
                    column("order", "text"),
                    column("on", "text"),
                ],
                &[("branch", "branches")],
                true,
            ),
            source("transactions", vec![column("amount", "decimal"), column("category", "text")], &[], false),
            source("branches", vec![column("branch_id", "text"), column("region", "text")], &[], true),
            source("app", Vec::new(), &[], false),
        ],
        names: vec![
            name("assets", Kind::Tag, &[]),
            name("life_stage", Kind::Tag, &["new", "active"]),
            name("high_value", Kind::Segment, &[]),
            name("高净值", Kind::Segment, &[]),
            name("spring_wealth", Kind::Audience, &[]),
            name("rich", Kind::Param, &[]),
        ],
        ..Known::default()
    }
}

/// The completions at `|`.
fn at(text: &str) -> Vec<String> {
    let offset = text.find('|').unwrap();
    let text = text.replacen('|', "", 1);
    complete(&text, offset, &known()).into_iter().map(|c| c.text).collect()
}

#[test]
fn after_a_source_come_its_columns() {
    assert_eq!(at("tag x = sum(transactions.|"), ["amount", "category"]);
    assert_eq!(at("tag x = sum(transactions.AM|"), ["amount"]);
    assert_eq!(at("tag x = branch.|"), ["branch_id", "region"]);
    assert_eq!(at("tag x = customers.branch.r|"), ["region"]);
    assert_eq!(at("tag x = customers.b|"), ["branch"]);
    assert_eq!(at("tag x = nobody.|"), Vec::<String>::new());
}

#[test]
fn a_line_starts_with_a_statement_or_a_name() {
    let all = at("|");
    for word in ["segment", "explain", "high_value", "customers"] {
        assert!(all.contains(&word.to_string()), "{word}");
    }
    assert_eq!(at("seg|"), ["segment"]);
    assert_eq!(at("SHO|"), ["show"]);
    assert_eq!(at("count high_value; sho|"), ["show"]);
    assert_eq!(at("segment a where assets > 5\nsho|"), ["show"]);
}

#[test]
fn commands_take_segments() {
    let asked = ["high_value", "高净值", "spring_wealth", "branches", "customers"];
    for text in [
        "explain |",
        "show |",
        "count |",
        "why 12 in |",
        "segment x where outside |",
        "overlap high_value, |",
    ] {
        assert_eq!(at(text), asked, "{text}");
    }
    assert_eq!(at("explain 高|"), ["高净值"]);
    assert_eq!(at("describe |"), ["assets", "life_stage", "high_value", "高净值"]);
    assert_eq!(at("audience a from h|"), ["high_value"]);
}

#[test]
fn an_expression_takes_names_functions_and_words() {
    assert_eq!(at("segment x where ass|"), ["assets"]);
    assert_eq!(at("segment x where ASS|"), ["assets"]);
    assert_eq!(at("tag x = med|"), ["median("]);
    assert_eq!(at("segment x where assets > ric|"), ["rich"]);
    assert_eq!(at("segment x where assets betw|"), ["between"]);
    assert_eq!(at("tag x = count(transactions in last 90 da|"), ["day", "days"]);
    assert_eq!(at("tag x = count(transactions where cat|"), ["category"]);
    assert_eq!(at("segment x where city is |"), ["known", "missing", "not"]);
    assert_eq!(at("segment x where assets > 9|"), Vec::<String>::new());
    // A reserved word is a name in backquotes only.
    assert!(at("segment x where o|").contains(&"`on`".to_string()));
    assert!(at("segment x where `o|").contains(&"`on`".to_string()));
}

#[test]
fn texts_and_comments_are_left_alone() {
    assert_eq!(at("segment x where city = \"as|"), Vec::<String>::new());
    assert_eq!(at("-- as|"), Vec::<String>::new());
    assert_eq!(at("segment x where life_stage = \"|"), ["active", "new"]);
    assert_eq!(at("segment x where life_stage in (\"new\", \"a|"), ["active"]);
    assert_eq!(at("segment x where city = \"as\" and ass|"), ["assets"]);
}

#[test]
fn a_source_that_is_not_open_is_named() {
    let ask = |text: &str| source_before(text, text.len(), &known());
    assert_eq!(ask("tag x = count(app."), Some("app".to_string()));
    assert_eq!(ask("tag x = count(app where sc"), Some("app".to_string()));
    assert_eq!(ask("tag x = count(transactions."), None);
    assert_eq!(ask("tag x = ass"), None);
}

/// As the script would write them, so that what is taken over can be read.
#[test]
fn parts_have_a_dot_between_names() {
    let mut known = known();
    known.names.extend([
        name("bought", Kind::Tag, &[]),
        part("bought", "step1"),
        name("first buy", Kind::Tag, &[]),
        part("first buy", "steps"),
        name("a.b", Kind::Tag, &[]),
    ]);
    let at = |text: &str| -> Vec<String> {
        complete(text, text.len(), &known).into_iter().map(|c| c.text).collect()
    };
    assert_eq!(at("segment x where bou"), ["bought", "bought.step1"]);
    assert_eq!(at("describe bought.s"), ["step1"]);
    assert_eq!(at("segment x where `first "), ["`first buy`", "`first buy`.steps"]);
    assert_eq!(at("segment x where `first buy`.s"), ["steps"]);
    assert_eq!(at("segment x where `a."), ["`a.b`"]);
    // What is defined anew is the whole.
    assert_eq!(at("tag bou"), ["bought"]);
}

#[test]
fn words_begin_where_they_begin() {
    assert_eq!(word_start("count 高净", 12), 6);
    assert_eq!(word_start("a.b", 2), 2);
    assert_eq!(word_start("x = \"ab", 7), 5);
    assert_eq!(word_start("x = `a b", 8), 4);
}

#[test]
fn no_offset_is_too_strange() {
    let text = "segment 高 where “a” and x in (\"b\", `c` -- d\n;@";
    for offset in 0..=text.len() + 2 {
        complete(text, offset, &known());
        source_before(text, offset, &known());
    }
}
