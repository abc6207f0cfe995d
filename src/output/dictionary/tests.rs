use super::*;
use crate::explain::answer::{SourceUse, Spread, Tag};
use crate::explain::dictionary::{Dictionary, DictionaryAudience, DictionarySource, Entry};
use crate::ir::print::Lang;

/// Names and texts that want to be markup.
const EVIL: &str = "a<script>alert('1')</script>|`b`\"&*_[x](y)";

fn entry(name: &str, uses: &[&str], reads: &[&str]) -> Entry {
    Entry {
        kind: "tag",
        entity: "customers".into(),
        tag: Tag {
            name: name.into(),
            title: Some(EVIL.into()),
            type_name: "whole number".into(),
            formula: EVIL.into(),
            metadata: vec![("group".into(), EVIL.into()), ("owner".into(), EVIL.into())],
            uses: uses.iter().map(|u| (*u).to_string()).collect(),
            sources: vec![SourceUse {
                source: "customers".into(),
                files: "c.csv".into(),
                window: None,
                row: EVIL.into(),
            }],
            spread: Some(Spread {
                known: 3,
                total: 4,
                min: None,
                median: None,
                max: None,
                top: vec![(crate::value::Value::Text(EVIL.into()), 3)],
                distinct: Some(1),
                undecided_events: 0,
                divided_by_zero: 0,
            }),
        },
        definition: EVIL.into(),
        columns: vec![EVIL.into()],
        reads: reads.iter().map(|r| (*r).to_string()).collect(),
        used_by: Vec::new(),
        audiences: Vec::new(),
        count: None,
    }
}

fn dictionary() -> Dictionary {
    Dictionary {
        as_of: "2026-10-31".into(),
        zone: "UTC".into(),
        with_data: true,
        sources: vec![DictionarySource {
            name: "customers".into(),
            title: None,
            kind: "entity",
            files: EVIL.into(),
            used_by: vec![EVIL.into()],
        }],
        entries: vec![entry(EVIL, &[], &["customers"]), entry("second", &[EVIL], &[])],
        audiences: vec![DictionaryAudience {
            name: "list".into(),
            title: Some(EVIL.into()),
            segment: "second".into(),
            steps: vec![("require", EVIL.into())],
            columns: vec![EVIL.into()],
            to: Some(EVIL.into()),
            notes: vec![("offer".into(), EVIL.into())],
            uses: vec!["second".into()],
            reads: vec!["customers".into()],
        }],
    }
}

/// Every element that is opened is closed, in order; what needs no end is known.
fn well_formed(html: &str) {
    let tag = regex::Regex::new(r#"<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>"]|"[^"]*")*?)(/?)>"#).unwrap();
    let body = html.replace("<!DOCTYPE html>", "");
    let (style, script) = (body.find("<style>").unwrap(), body.find("<script>").unwrap());
    let mut open: Vec<String> = Vec::new();
    for found in tag.captures_iter(&body) {
        let at = found.get(0).unwrap().start();
        let raw = |from: usize, end: &str| at > from && at < from + body[from..].find(end).unwrap();
        if raw(style, "</style>") || raw(script, "</script>") {
            continue;
        }
        let name = found[2].to_string();
        if ["meta", "input", "br"].contains(&name.as_str()) || &found[4] == "/" {
            continue;
        }
        if found[1].is_empty() {
            open.push(name);
        } else {
            assert_eq!(open.pop(), Some(name), "at {at}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
    // Outside of tags no sign of markup is left.
    let text = tag.replace_all(&body[..style], "");
    assert!(!text.contains('<'), "{text}");
}

#[test]
fn the_page_is_well_formed_and_nothing_of_a_name_is_markup() {
    for lang in [Lang::En, Lang::Zh] {
        let page = html(&dictionary(), lang);
        well_formed(&page);
        assert_eq!(page.matches("<script>").count(), 1, "the page's own");
        assert!(!page.contains("alert('1')") && page.contains("alert(&#39;1&#39;)"));
    }
}

#[test]
fn links_lead_to_what_is_there() {
    let page = html(&dictionary(), Lang::En);
    let href = regex::Regex::new(r##"href="#([^"]+)""##).unwrap();
    for link in href.captures_iter(&page) {
        assert!(page.contains(&format!("id=\"{}\"", &link[1])), "{}", &link[1]);
    }
    let page = markdown(&dictionary(), Lang::En);
    let link = regex::Regex::new(r"\]\(#([^)]+)\)").unwrap();
    let mut links = 0;
    for found in link.captures_iter(&page) {
        assert!(page.contains(&format!("<a id=\"{}\">", &found[1])), "{}", &found[1]);
        links += 1;
    }
    assert!(links >= 4, "{links}");
}

#[test]
fn markdown_keeps_its_tables_whole() {
    let page = markdown(&dictionary(), Lang::En);
    for line in page.lines().filter(|l| l.starts_with('#')) {
        assert!(!line.contains('<'), "a heading has no markup of a name: {line}");
    }
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut wide = None;
    for line in page.lines() {
        match line.starts_with('|') {
            true => assert_eq!(cells(line), *wide.get_or_insert(cells(line)), "{line}"),
            false => wide = None,
        }
    }
}

#[test]
fn the_same_dictionary_gives_the_same_bytes() {
    assert_eq!(html(&dictionary(), Lang::En), html(&dictionary(), Lang::En));
    assert_eq!(markdown(&dictionary(), Lang::Zh), markdown(&dictionary(), Lang::Zh));
}

#[test]
fn what_is_too_large_has_no_picture() {
    let mut large = dictionary();
    large.entries = (0..500).map(|i| entry(&format!("t{i}"), &[], &["customers"])).collect();
    assert!(html(&large, Lang::En).contains("too much here for one picture"));
    // A long chain needs no stack.
    let mut chain = dictionary();
    chain.entries = (0..5_000)
        .map(|i| entry(&format!("t{i}"), &[format!("t{}", i + 1).as_str()], &["customers"]))
        .collect();
    assert!(markdown(&chain, Lang::En).contains("flowchart LR"));
}
