//! Line breaks mean nothing.

use super::{RETAIL, good, shape};

const SCRIPTS: &[&str] = &[
    RETAIL,
    // Soft words at the beginning of lines, where a guess at statements could go wrong.
    "segment a where x > 5 and\ncount > 3 and\ntag\n>\nsource\nand list\nis missing\nsegment b\nwhere\nlist\n= 1",
    "tag x =\nsource\ntag y =\nshow + tag\nlist\nshow list\nlimit 5\ncount\ncount\nlist",
    "tag x = f(\ntag,\ncount\n) tag y = (\nlist\n)",
    "audience a\nfrom source\nrequire\ntag\nexclude list, show\nvia\nlist\nlist",
    "@group\nasset @owner \"x\"\n@note tag\ntag\ntag\n=\ncase\nwhen\na\nthen\n1\nlist",
    "rfm v from tag recency\nshow\nfrequency\nin last 3 days bins 5\nexplain v",
    "score s base\ncount add 3 when\nlist\nshow s",
    "use \"x\"\nuse \"y\"\nwhy 1 in a\nportrait \"b\"\ndescribe\ntag\ndiff a between b\nand\nlist",
];

/// The text with its comments dropped and its line breaks made blanks.
fn on_one_line(text: &str) -> String {
    text.lines().map(|l| l.split("--").next().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn line_breaks_mean_nothing() {
    for text in SCRIPTS {
        let apart = good(text);
        assert_eq!(shape(&apart), shape(&good(&on_one_line(text))), "{text}");
        // And the other way round: every token on a line of its own.
        let spread = on_one_line(text);
        let tokens = super::super::scan::scan(&spread).tokens;
        let lines: Vec<&str> = tokens.iter().map(|t| t.text(&spread)).collect();
        assert_eq!(shape(&apart), shape(&good(&join(&lines))), "{text}");
    }
}

/// One token a line; signs of two characters stay together.
fn join(tokens: &[&str]) -> String {
    let mut out = String::new();
    for (i, token) in tokens.iter().enumerate() {
        let glued =
            i > 0 && matches!((tokens[i - 1], *token), ("-", ">") | ("<" | ">" | "!", "=") | ("?", "?"));
        if i > 0 && !glued {
            out.push('\n');
        }
        out.push_str(token);
    }
    out
}

#[test]
fn statements_need_no_separator() {
    let script = good(RETAIL);
    let mut joined = String::new();
    for statement in &script.statements {
        let meta_start = statement.meta.first().map_or(statement.span.start, |m| m.span.start);
        joined.push_str(&RETAIL[meta_start as usize..statement.span.end as usize]);
        joined.push(' ');
    }
    assert_eq!(shape(&script), shape(&good(&joined)));
}
