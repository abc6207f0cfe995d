//! The blocks of the documents are run: a page that shows a mistake must raise its own code and no other, and what
//! a page recommends must check.
//!
//! A block is tagged `segue fails` (raises the page's error), `segue warns` (raises the page's warning) or `segue`
//! (checks without errors). Blocks of other kinds are not read.

// A test may fall over: helpers are outside of what clippy takes for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use regex::Regex;
use segue::check::AsOfOption;
use segue::demo::{DemoOptions, generate};
use segue::diagnostic::Code;
use segue::ir::print::Lang;
use segue::session::{Session, Settings};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// What the blocks may use without saying it. A block that defines one of the names itself replaces it.
const PRELUDE: &[(&str, &str)] = &[
    ("timezone", r#"timezone "Asia/Shanghai""#),
    (
        "customers",
        r#"source customers from "data/customers.parquet" key customer_id
             pii name, phone  link branch_id -> branches as branch"#,
    ),
    (
        "accounts",
        r#"source accounts from "data/accounts.parquet" key account_id of customers by customer_id"#,
    ),
    (
        "transactions",
        r#"source transactions from "data/transactions/*.parquet" of customers by customer_id at txn_time"#,
    ),
    ("app", r#"source app from "data/app_events/*.parquet" of customers by customer_id at event_time"#),
    ("holdings", r#"source holdings from "data/holdings.parquet" of customers by customer_id"#),
    ("branches", r#"source branches from "data/branches.csv" key branch_id"#),
    ("coupons", r#"source coupons from "data/coupons.csv""#),
    (
        "contacts",
        r#"source contacts from "data/contacts.parquet" of customers by customer_id at contact_time"#,
    ),
    ("rich", "param rich = 100万"),
    ("assets", "tag assets = deposit_balance + fund_balance + wealth_balance"),
    ("tx_90d", "tag tx_90d = count(transactions in last 90 days)"),
    ("idle_days", "tag idle_days = days since last(transactions.txn_time)"),
    (
        "life_stage",
        r#"tag life_stage = case when days since open_date < 90 then "new" when idle_days <= 90 then "active"
             when idle_days <= 365 then "dormant" else "lost""#,
    ),
    ("high_value", "segment high_value where assets >= 1_000_000 and tx_90d > 5"),
];

/// Blocks that Segue does not yet treat as their page says: file, the block's place among the file's blocks, why.
/// The list may only shrink: one that does as it says fails the test.
const KNOWN: &[(&str, usize, &str)] = &[
    // What is wrong in the text of a source that nothing reaches is not said.
    ("docs/errors/E0306.md", 1, "`column amount as money` in a source that nothing reaches"),
    ("docs/errors/E0509.md", 1, "`of coupons`, which has no key, in a source that nothing reaches"),
];

/// A small demo bank for all tests of this binary.
pub fn bank() -> &'static Path {
    static BANK: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BANK.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let options = DemoOptions { customers: 200, ..DemoOptions::default() };
        generate(folder.path(), &options, &mut |_, _, _| {}).unwrap();
        let path = folder.path().to_path_buf();
        (folder, path)
    });
    path
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Promise {
    Fails,
    Warns,
    Checks,
}

struct Block {
    /// Where it begins.
    line: usize,
    promise: Promise,
    text: String,
}

/// The blocks of a page that promise something.
fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((i, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let promise = match info.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["segue"] => Some(Promise::Checks),
            ["segue", "fails"] => Some(Promise::Fails),
            ["segue", "warns"] => Some(Promise::Warns),
            ["segue", other @ ..] => panic!("line {}: nobody knows blocks tagged {other:?}", i + 1),
            _ => None,
        };
        let mut text = String::new();
        for (_, line) in lines.by_ref().take_while(|(_, l)| !l.trim_start().starts_with("```")) {
            text.push_str(line);
            text.push('\n');
        }
        found.extend(promise.map(|promise| Block { line: i + 1, promise, text }));
    }
    found
}

/// The prelude without what the block defines itself.
fn prelude_for(block: &str) -> String {
    let defines =
        Regex::new(r"(?mi)^\s*(?:(?:source|param|tag|segment|audience)\s+(\w+)|(timezone))\b").unwrap();
    let own: Vec<&str> =
        defines.captures_iter(block).filter_map(|c| c.get(1).or(c.get(2))).map(|m| m.as_str()).collect();
    let kept = PRELUDE.iter().filter(|(name, _)| !own.contains(name));
    kept.map(|(_, definition)| format!("{definition}\n")).collect()
}

/// The codes that a text raises, each once, and the messages.
fn findings(text: &str) -> (Vec<Code>, String) {
    let settings = Settings {
        engine: Default::default(),
        as_of: Some(AsOfOption::Day(DemoOptions::default().as_of)),
        now: chrono::DateTime::UNIX_EPOCH,
        set: Vec::new(),
        strict: false,
        lang: Lang::En,
    };
    let mut session = Session::new(settings).unwrap();
    session.load_text("prelude.seg", bank(), &prelude_for(text));
    session.load_text("block.seg", bank(), text);
    let checked = session.check();
    let mut codes: Vec<Code> = checked.diagnostics.iter().map(|d| d.code).collect();
    codes.sort();
    codes.dedup();
    let said: Vec<String> =
        checked.diagnostics.iter().map(|d| format!("{}: {}", d.code, d.message)).collect();
    (codes, said.join("; "))
}

/// What is wrong with a block, if anything; `own` is the page's code.
fn broken(block: &Block, own: Option<Code>) -> Option<String> {
    let (codes, said) = findings(&block.text);
    let errors: Vec<Code> = codes.iter().copied().filter(|c| c.as_str().starts_with('E')).collect();
    let said = if said.is_empty() { "nothing".to_string() } else { said };
    match (block.promise, own) {
        (Promise::Checks, _) if !errors.is_empty() => Some(format!("must check, and raises {said}")),
        (Promise::Checks, Some(own)) if codes.contains(&own) => {
            Some(format!("is the cure, and raises {said}"))
        }
        (Promise::Fails, Some(own)) if errors != [own] => {
            Some(format!("must raise {own} alone, and raises {said}"))
        }
        (Promise::Warns, Some(own)) if codes != [own] => {
            Some(format!("must warn {own} alone, and raises {said}"))
        }
        (Promise::Fails, None) if errors.is_empty() => Some(format!("must fail, and raises {said}")),
        (Promise::Warns, None) if codes.is_empty() || !errors.is_empty() => {
            Some(format!("must warn, and raises {said}"))
        }
        _ => None,
    }
}

/// Runs the blocks of files; what fails and is not known, or is known and does not fail, fails the test.
fn run_pages(paths: &[PathBuf]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    let mut ran = 0;
    for path in paths {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        let own = path.file_stem().and_then(|stem| Code::parse(&stem.to_string_lossy()));
        for (i, block) in blocks(&fs::read_to_string(path).unwrap()).iter().enumerate() {
            ran += 1;
            let known = KNOWN.iter().any(|(file, place, _)| *file == name && *place == i + 1);
            match (broken(block, own), known) {
                (Some(fault), false) => faults.push(format!("{name}:{}: {fault}", block.line)),
                (None, true) => {
                    faults.push(format!("{name}:{}: does as it says: take it off KNOWN", block.line))
                }
                _ => {}
            }
        }
    }
    assert!(ran > 0, "no blocks were found");
    assert!(faults.is_empty(), "{} of {ran} blocks:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn error_pages_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
    let mut pages: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    pages.retain(|p| p.file_stem().is_some_and(|s| Code::parse(&s.to_string_lossy()).is_some()));
    pages.sort();
    run_pages(&pages);
}

#[test]
fn pages_begin_with_the_mistake_and_then_its_cure() {
    for code in Code::ALL {
        let promises: Vec<Promise> = blocks(code.page()).iter().map(|b| b.promise).collect();
        let kind = if code.as_str().starts_with('E') { Promise::Fails } else { Promise::Warns };
        assert!(
            promises.is_empty() || promises == [kind, Promise::Checks],
            "docs/errors/{code}.md has blocks {promises:?}"
        );
    }
}

#[test]
fn the_readme_and_the_specification_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    super::cases::pages(&root.join("tests/spec"), &mut pages);
    run_pages(&pages);
}

#[test]
fn the_prelude_checks() {
    let (codes, said) = findings("");
    assert!(codes.is_empty(), "{said}");
}
