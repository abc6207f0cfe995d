//! Every construct has a case in the specification: the rules of the grammar, with all words and signs, are taken from
//! the grammar and looked for in the scripts of `tests/spec/`. For the functions `tests/it/spec.rs` does the same.

use super::super::grammar::{Grammar, Rule};
use super::read;
use pest::Parser as _;
use regex::Regex;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

/// Rules that no right script is made of: ends of input, and signs that are read for the sake of their error.
const NO_CONSTRUCT: [&str; 6] = ["EOI", "AMPERSANDS", "PIPES", "BANG", "NULL", "statement_end"];

/// Tokens of which every spelling is a construct of its own. Units go with or without their `s`.
const SPELLINGS: &[(&str, &[&str])] = &[
    ("UNIT", &["second", "minute", "hour", "day", "week", "month", "quarter", "year"]),
    ("BOOL", &["yes", "no", "true", "false"]),
    ("ARITH_OP", &["+", "-", "*", "/", "%", "??"]),
    ("COMPARE_OP", &["=", "!=", "<", "<=", ">", ">="]),
];

/// The forms of a moment, in small letters.
const MOMENTS: &[(&str, &str)] = &[
    ("a day", r"^[\d－-]+$"),
    ("minutes", r"t\d+[:：]\d+($|[z＋+－-])"),
    ("seconds", r"t\d+[:：]\d+[:：]\d"),
    ("a part of a second", r"[.．]\d"),
    ("UTC", "z$"),
    ("an offset", r"t.*[＋+－-]\d+[:：]\d+$"),
];

/// Full-width signs that the grammar reads for the sake of their error.
const NO_SIGNS: [&str; 4] = ["！", "！=", "＝＝", "＜＞"];

/// How a number may end.
const NUMBERS: [&str; 7] = ["k", "mn", "bn", "千", "万", "亿", "%"];

/// The scripts of the pages' cases, and the commands that their expectations ask.
fn scripts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let page = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            let Some(info) = line.strip_prefix("```") else { continue };
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            let asked = info.split(" as of ").next().unwrap_or_default();
            match asked.split_once(' ').unwrap_or((asked, "")) {
                ("seg", _) => found.push(body.join("\n")),
                ("expect", rest) if rest.starts_with("ask ") => found.push(rest["ask ".len()..].to_string()),
                ("expect", rest) if rest.starts_with("leaves ") => {
                    found.push(rest.replacen("leaves", "why", 1))
                }
                ("expect", rest) => found.push(rest.to_string()),
                _ => {}
            }
        }
    }
    found
}

/// What the scripts are made of: `rule in_last`, `UNIT month`, `number 万`.
fn constructs() -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for script in scripts() {
        // What a page shows as a mistake is read as far as it goes.
        for statement in read(&script).0.statements {
            let start = statement.meta.first().map_or(statement.span.start, |m| m.span.start);
            let text = &script[start as usize..statement.span.end as usize];
            let bare = super::super::parser::bare(text);
            for pair in Grammar::parse(Rule::one, &bare).into_iter().flat_map(|pairs| pairs.flatten()) {
                let (rule, spelled) = (format!("{:?}", pair.as_rule()), pair.as_str().trim().to_lowercase());
                match pair.as_rule() {
                    Rule::NUMBER => seen.extend(
                        NUMBERS.iter().filter(|n| spelled.ends_with(**n)).map(|n| format!("number {n}")),
                    ),
                    Rule::MOMENT => seen.extend(
                        MOMENTS
                            .iter()
                            .filter(|(_, form)| Regex::new(form).unwrap().is_match(&spelled))
                            .map(|(name, _)| format!("moment with {name}")),
                    ),
                    Rule::UNIT => {
                        seen.insert(format!("UNIT {}", spelled.trim_end_matches('s')));
                    }
                    _ => {}
                }
                if pair.clone().into_inner().next().is_none() {
                    seen.extend(full_width(&spelled).into_iter().map(|sign| format!("sign {sign}")));
                }
                seen.insert(format!("{rule} {spelled}"));
                seen.insert(format!("rule {rule}"));
            }
        }
    }
    seen
}

/// The rules of the grammar that leave a trace in the tree: silent ones do not, nor do those that only look ahead.
fn rules() -> BTreeSet<String> {
    let grammar = include_str!("../../../grammar/segue.pest");
    let rule = Regex::new(r"(?m)^([A-Za-z_]+)\s*=\s*[@$!]?\{").unwrap();
    let mut found: BTreeSet<String> = rule.captures_iter(grammar).map(|c| c[1].to_string()).collect();
    for looked_ahead in ["SPECIAL", "RESERVED", "STATEMENT_WORD", "SEMICOLON"].iter().chain(&NO_CONSTRUCT) {
        found.remove(*looked_ahead);
    }
    found
}

/// The signs in a word of the grammar, or in a token, that no plain keyboard has.
fn full_width(text: &str) -> Vec<String> {
    static SIGNS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[^\x00-\x7F\p{L}\p{N}\s][^\p{L}\p{N}\s]*").unwrap());
    SIGNS.find_iter(text).map(|m| m.as_str().to_string()).collect()
}

/// The full-width signs of the grammar.
fn signs() -> BTreeSet<String> {
    let grammar = include_str!("../../../grammar/segue.pest");
    let literal = Regex::new(r#""([^"\x00-\x7F]+=?)""#).unwrap();
    let mut found: BTreeSet<String> = grammar
        .lines()
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| literal.captures_iter(line).map(|c| c[1].to_string()).collect::<Vec<_>>())
        .flat_map(|literal| full_width(&literal))
        .collect();
    // A semicolon stands between statements, not in one.
    found.retain(|sign| !NO_SIGNS.contains(&sign.as_str()) && sign != "；");
    found
}

#[test]
fn every_construct_has_a_case_in_the_specification() {
    let seen = constructs();
    let mut wanted: Vec<String> = rules().iter().map(|rule| format!("rule {rule}")).collect();
    for (rule, spellings) in SPELLINGS {
        wanted.extend(spellings.iter().map(|s| format!("{rule} {s}")));
    }
    wanted.extend(signs().iter().map(|sign| format!("sign {sign}")));
    wanted.extend(MOMENTS.iter().map(|(name, _)| format!("moment with {name}")));
    wanted.extend(NUMBERS.iter().map(|n| format!("number {n}")));
    let missing: Vec<String> = wanted.into_iter().filter(|w| !seen.contains(w)).collect();
    assert!(missing.is_empty(), "no page of tests/spec has a case with: {}", missing.join(", "));
}
