use super::{finding, findings, read};
use crate::syntax::ast::StatementKind;

/// A text, and what is said of it: code, what is under the caret, the message, the help.
const CASES: &[(&str, &str)] = &[
    ("tag x = ", "E0101 «» expected a value, found the end of the text"),
    ("tag x = 5 5", "E0101 «5» expected an operator, `and`/`or` or the next statement, found `5`"),
    ("segment a where x > ", "E0101 «» expected a value, found the end of the text"),
    ("segment a where x >\nsegment b where y", "E0101 «» expected a value, found the end of the statement"),
    ("segment a where (x > 5", "E0101 «» expected `)`, an operator or `and`/`or`, found the end of the text"),
    (
        "segment a where x > 5)",
        "E0101 «)» expected an operator, `and`/`or` or the next statement, found `)` | there is no `(` that this `)` could close",
    ),
    (
        "segment a where x in high_value",
        "E0101 «high_value» expected `(`, found `high_value` | a list goes in parentheses, `in (\"a\", \"b\")`; for the members of a segment write its name alone: `high_value`",
    ),
    (
        "segment a where x > 5 且 y > 3",
        "E0101 «且» expected an operator, `and`/`or` or the next statement, found `且` | `且` is written `and`",
    ),
    (
        "segment a where x 大于等于 5",
        "E0101 «大于等于» expected an operator, `and`/`or` or the next statement, found `大于等于` | `大于等于` is written `>=`",
    ),
    (
        "segment a where x > 5，y > 3",
        "E0101 «，» expected an operator, `and`/`or` or the next statement, found `，` | conditions are joined by `and` or `or`",
    ),
    (
        "segment a where x in (\"a\"、\"b\")",
        "E0101 «、» expected `)`, `where`, an operator, `and`/`or` or `,`, found `、` | the values of a list are parted by `,` or `，`",
    ),
    (
        "segment a where x = 「上海」",
        "E0101 «「» expected a value, found `「` | a text stands in `\"…\"` or `“…”`",
    ),
    ("tag x = count(t in last 30天)", "E0102 «天» `天` is glued to the number `30` | write `30 days`"),
    (
        "segment a where x > 100万元",
        "E0102 «元» `元` is glued to the number `100万` | a number stands alone: `100万`",
    ),
    (
        "segment a where x = null",
        "E0101 «null» `null` is not a word of Segue; the test is `is missing` | write `x is missing`",
    ),
    ("segment a where x in (1, )", "E0101 «)» expected a value, found `)`"),
    (
        "segment a where x is yes",
        "E0101 «yes» expected `known` or `missing`, found `yes` | `is` goes with `missing` or `known`; equality is written `=`",
    ),
    ("segment a where x not 5", "E0101 «5» expected `between`, `in` or a test such as `like`, found `5`"),
    ("segment a where x starts \"a\"", "E0101 «\"a\"» expected `with`, found a text"),
    ("segment a where x between 1", "E0101 «» expected `and` or an operator, found the end of the text"),
    ("segment a where x between 1 and", "E0101 «» expected a value, found the end of the text"),
    (
        "segment a where x contans \"a\"",
        "E0101 «contans» expected an operator, `and`/`or` or the next statement, found `contans` | did you mean `contains`?",
    ),
    (
        "segment a = x > 5",
        "E0101 «x» expected `top`, found `x` | a condition is written with `where`: `segment name where …`",
    ),
    ("segment a x > 5", "E0101 «x» expected `=`, `where` or `of`, found `x`"),
    (
        "segment where x > 5",
        "E0101 «where» expected a name, found `where` | `where` is a reserved word; as a name it goes in backquotes: `` `where` ``",
    ),
    (
        "segment case where x > 5",
        "E0101 «case» expected a name, found `case` | `case` is a reserved word; as a name it goes in backquotes: `` `case` ``",
    ),
    (
        "tag x where y > 5",
        "E0101 «where» expected `=` or `of`, found `where` | a tag is a value, `tag name = …`; a condition is a segment, `segment name where …`",
    ),
    ("tag x 5", "E0101 «5» expected `=` or `of`, found `5`"),
    ("tag = 5", "E0101 «=» expected a name, found `=`"),
    (
        "tag x = count(t in last 90)",
        "E0101 «)» expected a unit of time such as `days`, found `)` | say of what: `in last 90 days`",
    ),
    ("tag x = count(t in last days ago)", "E0101 «ago» expected `)` or a window or `where`, found `ago`"),
    (
        "tag x = count(t in last 90 dys)",
        "E0101 «dys» expected a unit of time such as `days`, found `dys` | did you mean `days`?",
    ),
    (
        "tag x = count(t in 90 days)",
        "E0101 «90» expected `last`, `this`, `previous` or a segment, found `90` | a window up to the day of the run is written `in last 90 days`",
    ),
    ("tag x = count(t in this year where)", "E0101 «)» expected a value, found `)`"),
    (
        "tag x = count(t whre y)",
        "E0101 «whre» expected `)`, an operator, `and`/`or`, a window or `where` or `,`, found `whre` | did you mean `where`?",
    ),
    (
        "tag x = count(t",
        "E0101 «» expected `)`, an operator, `and`/`or`, a window or `where` or `,`, found the end of the text",
    ),
    (
        "tag x = case x when 1 then 2 end",
        "E0101 «x» expected `when`, found `x` | every branch begins with `when`: `case when x = 1 then … end`",
    ),
    ("tag x = case when a 1", "E0101 «1» expected `then`, an operator or `and`/`or`, found `1`"),
    (
        "tag x = case when a then 1 els 2",
        "E0101 «els» expected `else`, `end`, `when`, an operator or `and`/`or`, found `els` | did you mean `else`?",
    ),
    (
        "tag x = t.sum(y)",
        "E0101 «t.sum» a function's name has no dots | write `sum(…)` with the column inside the parentheses",
    ),
    ("tag x = a + ", "E0101 «» expected a value, found the end of the text"),
    ("tag x = a ** b", "E0101 «*» expected a value, found `*`"),
    ("tag x = days since", "E0101 «» expected a value, found the end of the text"),
    ("tag x = outside 5", "E0101 «5» expected a name, found `5`"),
    ("tag x = happened(a then)", "E0101 «)» expected a name, found `)`"),
    ("source a", "E0101 «» expected `from`, found the end of the text"),
    ("source a from data.csv", "E0101 «data» expected a text in quotes or `keys`, found `data`"),
    (
        "source a from \"x\" ky b",
        "E0101 «ky» expected a clause of the source (`key`, `of`, `at`, `link`, …) or the next statement, found `ky`",
    ),
    ("source a from \"x\" key", "E0101 «» expected a name, found the end of the text"),
    ("source a from \"x\" link a b", "E0101 «b» expected `->`, found `b`"),
    ("source a from \"x\" column a decimal", "E0101 «decimal» expected `as`, found `decimal`"),
    ("source a from \"x\" of b", "E0101 «» expected `by`, found the end of the text"),
    (
        "audience a from b limt 5",
        "E0101 «limt» expected a clause of the audience (`require`, `exclude`, `limit`, …) or the next statement, found `limt` | did you mean `limit`?",
    ),
    ("audience a from b limit x", "E0101 «x» expected a number, found `x`"),
    ("audience a from b control", "E0101 «» expected a number, found the end of the text"),
    ("audience a from b split a b", "E0101 «b» expected a number, found `b`"),
    ("audience a from b to out", "E0101 «out» expected a text in quotes, found `out`"),
    ("audience a from b cap 2 from c", "E0101 «from» expected `in`, found `from`"),
    ("rfm v recency x", "E0101 «recency» expected `from` or `of`, found `recency`"),
    (
        "rfm v from t frequncy in last 3 days",
        "E0101 «frequncy» expected a clause of the rfm (`recency`, `frequency`, `monetary`, `bins`) or the next statement, found `frequncy` | did you mean `frequency`?",
    ),
    ("score s add 5", "E0101 «» expected `when` or an operator, found the end of the text"),
    ("score s clamp 0", "E0101 «» expected `to` or an operator, found the end of the text"),
    ("show", "E0101 «» expected a name, found the end of the text"),
    ("show a limit", "E0101 «» expected a number, found the end of the text"),
    ("show a 5", "E0101 «5» expected `limit` or the next statement, found `5`"),
    (
        "why C10042 in x",
        "E0101 «C10042» expected a key (a number, or a text in quotes), found `C10042` | a key that is a text goes in quotes: `\"C10042\"`",
    ),
    ("why 5 x", "E0101 «x» expected `in`, found `x`"),
    ("overlap a b", "E0101 «b» expected `,` or the next statement, found `b`"),
    ("diff a between 2026-01-01", "E0101 «» expected `and` or an operator, found the end of the text"),
    ("timezone Asia", "E0101 «Asia» expected a text in quotes, found `Asia`"),
    ("use x", "E0101 «x» expected a text in quotes, found `x`"),
    (
        "select x from y",
        "E0101 «select» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found `select` | Segue has definitions, not queries: `segment name where …`, then `show name`",
    ),
    (
        "segmnt a where x",
        "E0101 «segmnt» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found `segmnt` | did you mean `segment`?",
    ),
    (
        "segment a where x > 5\nsegmnt b where y",
        "E0101 «segmnt» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found `segmnt` | did you mean `segment`?",
    ),
    (
        "# comment",
        "E0101 «#» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found `#` | a comment begins with `--`",
    ),
    ("tag x = 5 // comment", "E0101 «/» expected a value, found `/` | a comment begins with `--`"),
    (
        "@owner\ntag x = 1",
        "E0108 «@owner» `@owner` has no value | write `@owner \"…\"`, or a word, a number or a date",
    ),
    ("@owner", "E0108 «@owner» `@owner` has no value | write `@owner \"…\"`, or a word, a number or a date"),
    (
        "@owner \"x\"",
        "E0101 «» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found the end of the text",
    ),
    (
        "@owner \"x\" 5",
        "E0101 «5» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found `5` | a comma stands between the values of a list",
    ),
    (
        "@since 2026-01-01T08:00 tag x = 1",
        "E0103 «2026-01-01T08:00» a date is wanted here, without a time | write the day alone",
    ),
    (
        "why 1.5 in x",
        "E0102 «1.5» `1.5` is not a key | a key is a whole number written out, or a text in quotes",
    ),
    (
        "tag x = count(t within city after y)",
        "E0101 «city» between `within` and `after` stands a length of time | write `within 30 days after …`",
    ),
    (
        "tag x = y in (a + 1 where b)",
        "E0101 «where b» a `where` in a list follows one column of a source | write `x in (source.column where …)`",
    ),
    ("tag x = [1]", "E0101 «[» expected a value, found `[`"),
    (
        "高净值 where x",
        "E0101 «高净值» expected a statement (`source`, `tag`, `segment`, `audience`, `show`, …), found `高净值`",
    ),
    ("tag x = 1 as y", "E0101 «as» expected an operator, `and`/`or` or the next statement, found `as`"),
    ("segment a where x = ”y”", "E0101 «”» expected a value, found `”` | a text begins with `\"` or `“`"),
];

#[test]
fn syntax_errors_in_words() {
    for (text, expected) in CASES {
        assert_eq!(finding(text), *expected, "{text}");
    }
}

#[test]
fn several_errors_come_out_of_one_run() {
    let text = "segment a where x >\nsegment b where y > 1\ntag = 5\nsegment c where z ~ 3\n  count > 4\ntag d = 4\n";
    let (script, _) = read(text);
    assert_eq!(script.statements.len(), 2);
    assert_eq!(
        findings(text),
        [
            "E0101 «» expected a value, found the end of the statement",
            "E0101 «=» expected a name, found `=`",
            "E0101 «~» expected an operator, `and`/`or` or the next statement, found `~`",
        ]
    );
}

#[test]
fn a_broken_token_hides_no_other_statement() {
    let text = "tag a = \"x\ntag b = 1\ntag c = 2026-02-30 + 90days; tag d = 5 tag e = 6";
    let (script, found) = read(text);
    let names: Vec<_> = script
        .statements
        .iter()
        .map(|s| match &s.kind {
            StatementKind::Tag(tag) => tag.name.text.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(names, ["b", "d", "e"]);
    assert_eq!(found.len(), 3);
}

#[test]
fn an_error_at_the_margin_leaves_the_statement_before_it_whole() {
    let (script, found) = read("segment a where x > 5\nsegmnt b where y\nsegment c where z");
    assert_eq!(script.statements.len(), 2);
    assert_eq!(found.len(), 1);
}

#[test]
fn metadata_without_a_value_leaves_its_statement_whole() {
    let (script, found) = read("@owner\n@group x\ntag a = 1");
    assert_eq!(script.statements.len(), 1);
    assert_eq!(script.statements[0].meta.len(), 1);
    assert_eq!(found.len(), 1);
    assert_eq!(findings("@group x @owner\ntag a = 1").len(), 1);
}

#[test]
fn spans_are_of_the_original_text() {
    assert_eq!(finding("tag 余额 ＝ “中文” -- 注释（\n  ＋ ）"), "E0101 «）» expected a value, found `）`");
}

#[test]
fn any_prefix_of_a_script_is_read_without_harm() {
    let text = super::RETAIL;
    for (end, _) in text.char_indices().step_by(7) {
        read(&text[..end]);
        read(&text[end..]);
    }
}

#[test]
fn shuffled_tokens_never_surprise_the_builder() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let mut random = StdRng::seed_from_u64(7);
    let more = "score s base 1 add 2 when a take 3 when b clamp 0 to 9 rfm v from t recency x frequency in this month \
                monetary y since 2026-01-01 bins 5 ties together diff a between b and c why 1 in a show x limit 2 \
                tag q = happened(a where b then not c within 3 days in last 2 weeks) + ntile(x, 5 within y in z) \
                tag r = - a ?? b not between 1 and 2 or c starts with 'x' or d in () or e is not missing";
    let text = format!("{}{more}", super::RETAIL);
    let tokens = crate::syntax::scan::scan(&text).tokens;
    let words: Vec<&str> = tokens.iter().map(|t| t.text(&text)).collect();
    for _ in 0..300 {
        let mut shuffled = words.clone();
        for _ in 0..random.random_range(1..12) {
            let (a, b) = (random.random_range(0..shuffled.len()), random.random_range(0..shuffled.len()));
            match random.random_range(0..3) {
                0 => drop(shuffled.remove(a)),
                1 => shuffled.swap(a, b),
                _ => {
                    let word = shuffled[b];
                    shuffled.insert(a, word);
                }
            }
        }
        let text = shuffled.join(if random.random_bool(0.5) { " " } else { "\n" });
        for finding in read(&text).1 {
            assert_ne!(finding.code, crate::diagnostic::Code::Internal, "{text}");
        }
    }
}
