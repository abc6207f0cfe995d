//! The specification: `docs/language.md` is made of the pages of `tests/spec/`, and every construct has its page.
//!
//! The cases of the pages are run by `cases.rs`, their `segue` blocks by `pages.rs`. Here the reference is made:
//! `SEGUE_BLESS=1 cargo test --test it spec` writes it anew, and without that the test compares.

// Helpers of tests may fail like tests; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod expected;
mod markdown;
mod render;

use super::cases::page::{self, Page};
use std::path::{Path, PathBuf};

const REFERENCE: &str = "docs/language.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages in their order: name (`09_windows`) and text.
pub fn texts() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = Vec::new();
    super::cases::pages(&root().join("tests/spec"), &mut files);
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The pages with their cases.
fn pages() -> Vec<Page> {
    texts().iter().map(|(name, text)| page::read(name, text)).collect()
}

#[test]
fn the_reference_is_made_of_the_specification() {
    let made = render::reference(&texts());
    let path = root().join(REFERENCE);
    if std::env::var_os("SEGUE_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    let differs = made.lines().zip(found.lines()).position(|(m, f)| m != f);
    let at = differs.unwrap_or_else(|| made.lines().count().min(found.lines().count()));
    assert!(
        made == found,
        "{REFERENCE}:{}: made of the pages of tests/spec, and differs from them:\n  made:  {}\n  found: {}\n\
         write into the page, then `SEGUE_BLESS=1 cargo test --test it spec`",
        at + 1,
        made.lines().nth(at).unwrap_or("(the end)"),
        found.lines().nth(at).unwrap_or("(the end)"),
    );
}

#[test]
fn the_specification_has_no_known_bugs() {
    for page in pages() {
        for case in &page.cases {
            assert!(case.known_bug.is_none(), "{}: {}: belongs to tests/cases", page.name, case.name);
        }
    }
}

/// With the rules of the grammar, which `src/syntax/tests/constructs.rs` looks for, these are all constructs: what the
/// grammar takes for any name, and a table in the code gives a meaning.
#[test]
fn every_named_construct_has_a_case_in_the_specification() {
    let scripts: String = pages()
        .iter()
        .flat_map(|p| std::iter::once(&p.prelude).chain(p.cases.iter().map(|c| &c.script)))
        .flat_map(|script| [script.as_str(), "\n"].map(str::to_string))
        .collect();
    let mut wanted: Vec<(String, String)> = Vec::new();
    for row in segue::functions::TABLE {
        wanted.push((format!("{}()", row.name), format!(r"\b{}\s*\(", row.name)));
    }
    for name in segue::check::METADATA {
        wanted.push((format!("@{name}"), format!(r"(?m)^\s*@{name}\b")));
    }
    for (name, others) in segue::check::COLUMN_TYPES {
        for word in std::iter::once(&name).chain(others) {
            wanted.push((format!("column … as {word}"), format!(r"\bcolumn\s+\S+\s+as\s+{word}\b")));
        }
    }
    wanted.retain(|(_, pattern)| !regex::Regex::new(pattern).unwrap().is_match(&scripts));
    let missing: Vec<String> = wanted.into_iter().map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "no page of tests/spec has a case with: {}", missing.join(", "));
}

#[test]
fn links_between_pages_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#]+)(?:#[^)]*)?\)").unwrap();
    for (name, text) in texts() {
        for found in link.captures_iter(&text).filter(|c| !c[1].starts_with("http")) {
            let target = root().join("tests/spec").join(&found[1]);
            assert!(target.is_file(), "tests/spec/{name}.md: {} leads nowhere", &found[1]);
        }
    }
}
