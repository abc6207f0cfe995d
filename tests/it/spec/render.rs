//! The reference: the pages one after the other, their cases folded up behind the prose that they define.

use super::super::cases::page::{Block, DECIDED, Piece, pieces};
use super::expected::{fenced, input, outcomes};
use super::markdown::{anchor, table};
use segue::functions::TABLE;
use segue::syntax::RESERVED;
use std::collections::BTreeMap;

const WIDTH: usize = 120;

const MADE: &str =
    "<!-- Made of the pages of tests/spec: write there, then `SEGUE_BLESS=1 cargo test --test it spec`. -->";

/// The whole of `docs/language.md` of the pages' names and texts.
pub fn reference(texts: &[(String, String)]) -> String {
    let titles: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), title(text))).collect();
    let anchors: BTreeMap<String, String> = titles
        .iter()
        .map(|(name, title)| (format!("]({name}.md"), format!("](#{}", anchor(title))))
        .collect();
    let mut out = Lines::default();
    out.push(MADE.to_string());
    for (i, (_, text)) in texts.iter().enumerate() {
        section(text, if i == 0 { "#" } else { "##" }, &mut out);
        if i == 0 {
            out.gap();
            contents(&titles[1..], &mut out);
        }
    }
    let mut whole = out.0.join("\n") + "\n";
    whole = whole.replace("](../../docs/", "](").replace("](../../", "](../");
    for (page, anchor) in &anchors {
        whole = whole.replace(&format!("{page})"), &format!("{anchor})"));
    }
    whole
}

/// Lines of which two empty ones never follow each other.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn push(&mut self, line: String) {
        if !line.is_empty() || self.0.last().is_some_and(|l| !l.is_empty()) {
            self.0.push(line);
        }
    }

    fn gap(&mut self) {
        self.push(String::new());
    }

    /// With an empty line before and behind.
    fn apart(&mut self, lines: Vec<String>) {
        self.gap();
        self.0.extend(lines);
        self.gap();
    }
}

fn title(text: &str) -> &str {
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("# ").unwrap_or_else(|| panic!("a page begins with `# Title`, not `{first}`"))
}

/// The titles with links, in lines of a readable width.
fn contents(titles: &[(&str, &str)], out: &mut Lines) {
    let mut line = String::new();
    for (i, (_, title)) in titles.iter().enumerate() {
        let link = format!("[{title}](#{}){}", anchor(title), if i + 1 < titles.len() { " ·" } else { "" });
        if !line.is_empty() && line.chars().count() + 1 + link.chars().count() > WIDTH {
            out.push(std::mem::take(&mut line));
        }
        line += &format!("{}{link}", if line.is_empty() { "" } else { " " });
    }
    out.push(line);
    out.gap();
}

/// Where in a page one is.
#[derive(PartialEq)]
enum Part {
    Prose,
    Cases,
    Decided,
}

fn section(text: &str, level: &str, out: &mut Lines) {
    let cases = super::page::read("", text).cases.len();
    let (mut part, mut shared): (Part, Vec<Block>) = (Part::Prose, Vec::new());
    // Expectations that follow each other are told together.
    let mut expected: Vec<Block> = Vec::new();
    let close = |part: &Part, out: &mut Lines| {
        if *part == Part::Cases {
            out.apart(vec!["</details>".to_string()]);
        }
    };
    for piece in pieces(text) {
        if !matches!(&piece, Piece::Block(block) if block.kind == "expect") {
            told(&mut expected, out);
        }
        match piece {
            Piece::Line(_, line) if line.starts_with("# ") => {
                out.apart(vec![format!("{level}{}", &line[1..])])
            }
            Piece::Line(_, line) if line == format!("## {DECIDED}") => {
                close(&part, out);
                part = Part::Decided;
                out.apart(vec![format!("**{DECIDED}:**")]);
            }
            Piece::Line(_, line) if line.starts_with("## ") => {
                if part == Part::Prose {
                    let count =
                        if cases == 1 { "An example".to_string() } else { format!("{cases} examples") };
                    out.apart(vec![format!("<details><summary>{count} with tables</summary>")]);
                    opening(&shared, out);
                    part = Part::Cases;
                }
                out.apart(vec![format!("**{}**", sentence(&line[3..]))]);
            }
            Piece::Line(_, line) => prose(&line, part == Part::Cases, out),
            Piece::Block(block) => match (block.kind.as_str(), &part) {
                ("seg" | "table" | "file", Part::Prose) => shared.push(block),
                ("expect", Part::Cases) => expected.push(block),
                (_, Part::Cases) => case(&block, out),
                _ => out.apart(verbatim(&block)),
            },
        }
    }
    told(&mut expected, out);
    close(&part, out);
    out.gap();
}

fn told(expected: &mut Vec<Block>, out: &mut Lines) {
    if !expected.is_empty() {
        out.apart(outcomes(expected));
        expected.clear();
    }
}

/// `a window` as a heading is `A window`.
fn sentence(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn verbatim(block: &Block) -> Vec<String> {
    fenced(format!("{} {}", block.kind, block.info).trim(), &block.lines)
}

/// What all cases of a page share.
fn opening(shared: &[Block], out: &mut Lines) {
    if shared.is_empty() {
        return;
    }
    out.apart(vec!["What all of them begin with:".to_string()]);
    for block in shared {
        case(block, out);
    }
}

fn case(block: &Block, out: &mut Lines) {
    match block.kind.as_str() {
        "seg" if block.info == "alone" => {
            out.apart(vec!["A script of its own:".to_string()]);
            out.apart(fenced("seg", &block.lines));
        }
        "seg" => out.apart(fenced("seg", &block.lines)),
        "table" | "file" => out.apart(input(block)),
        other => panic!("line {}: nobody knows how to show a block `{other}`", block.line),
    }
}

fn prose(line: &str, in_case: bool, out: &mut Lines) {
    if let Some(asked) = line.strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->")) {
        out.apart(made(asked));
    } else if let (true, Some(day)) = (in_case, line.strip_prefix("as of ")) {
        out.apart(vec![format!("The run is as of {day}.")]);
    } else if let (true, Some(set)) = (in_case, line.strip_prefix("set ").filter(|l| l.contains('='))) {
        out.apart(vec![format!("The run has `--set {set}`.")]);
    } else {
        out.push(line.to_string());
    }
}

/// What is made of the tables in the code: `functions abs to greatest`, `reserved words`.
fn made(asked: &str) -> Vec<String> {
    let words: Vec<&str> = asked.split(' ').collect();
    match words[..] {
        ["functions", first, "to", last] => {
            let place = |name: &str| {
                let found = TABLE.iter().position(|row| row.name == name);
                found.unwrap_or_else(|| panic!("no function `{name}`"))
            };
            let row = |row: &segue::functions::Row| {
                vec![format!("`{}`", row.signature), row.meaning.to_string(), format!("`{}`", row.example)]
            };
            let rows: Vec<Vec<String>> = TABLE[place(first)..=place(last)].iter().map(row).collect();
            table(&["function", "meaning", "example"].map(String::from), &rows)
        }
        ["reserved", "words"] => {
            vec![RESERVED.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ")]
        }
        _ => panic!("nobody knows how to make `{asked}`"),
    }
}
