//! The import rule, and what the documents promise about the code: read out of the files, so that no review has to.

// A test may fall over: helpers are outside of what clippy takes for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module imports only what stands above it.
const ORDER: &[&str] = &[
    "parallel",
    "source",
    "diagnostic",
    "syntax",
    "types",
    "value",
    "catalog",
    "functions",
    "ir",
    "check",
    "plan",
    "engine",
    "explain",
    "output",
    "session",
    "ide",
    "demo",
    "repl",
    "cli",
];

/// Crates that only some modules may name.
const CRATES: &[(&str, &[&str])] = &[
    ("datafusion", &["plan", "engine", "explain", "output", "demo"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("rustyline", &["repl"]),
    ("pest", &["syntax"]),
];

const PRINTERS: &[&str] = &["output", "repl", "cli"];

/// What breaks a rule today: `module: what`. The list may only shrink.
const KNOWN: &[&str] = &[];

struct SourceFile {
    path: String,
    module: String,
    /// Without comments.
    code: String,
    test: bool,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        if path.is_dir() {
            if !matches!(name.as_str(), ".git" | "target" | "node_modules") {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

fn source_files() -> Vec<SourceFile> {
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    let comment = Regex::new(r"(?m)^\s*//.*$|\s//[ /!].*$").unwrap();
    paths
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .map(|path| {
            let path_text = relative(&path);
            let parts: Vec<&str> = path_text.split('/').collect();
            let module = parts[1].trim_end_matches(".rs").to_string();
            let test = parts.iter().any(|p| matches!(*p, "tests" | "tests.rs"));
            let text = fs::read_to_string(&path).unwrap();
            SourceFile { path: path_text, module, code: comment.replace_all(&text, "").to_string(), test }
        })
        .filter(|f| !matches!(f.module.as_str(), "lib" | "main"))
        .collect()
}

/// The modules that a file names as `crate::…`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let one = Regex::new(r"\bcrate::([a-z_][a-z0-9_]*)").unwrap();
    found.extend(one.captures_iter(code).map(|c| c[1].to_string()));
    let many = Regex::new(r"\bcrate::\{").unwrap();
    for start in many.find_iter(code) {
        let mut depth = 1;
        let mut item = String::new();
        for c in code[start.end()..].chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                let first = item.trim().split("::").next().unwrap_or("").trim().to_string();
                if !first.is_empty() {
                    found.insert(first);
                }
                item.clear();
            } else {
                item.push(c);
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// Fails for what is new, and for what is known and no longer there.
fn judge(broken: BTreeSet<(String, String)>, known: impl Fn(&str) -> bool) {
    let rules: BTreeSet<&str> = broken.iter().map(|(rule, _)| rule.as_str()).collect();
    let new: Vec<String> = broken
        .iter()
        .filter(|(rule, _)| !KNOWN.contains(&rule.as_str()))
        .map(|(r, p)| format!("{r} ({p})"))
        .collect();
    assert!(new.is_empty(), "against the rule:\n{}", new.join("\n"));
    for rule in KNOWN.iter().filter(|r| known(r)) {
        assert!(rules.contains(rule), "`{rule}` is mended: take it off KNOWN");
    }
}

#[test]
fn a_module_imports_only_what_stands_above_it() {
    let place = |module: &str| ORDER.iter().position(|m| *m == module);
    let mut broken = BTreeSet::new();
    for file in source_files() {
        let here = place(&file.module).unwrap_or_else(|| panic!("src/{} is not in ORDER", file.module));
        for import in imports(&file.code) {
            match place(&import) {
                Some(there) if there <= here => {}
                Some(_) => {
                    broken.insert((format!("{}: crate::{import}", file.module), file.path.clone()));
                }
                None => panic!("{} imports crate::{import}, which is not in ORDER", file.path),
            }
        }
    }
    judge(broken, |rule| rule.contains("crate::"));
}

#[test]
fn the_order_and_the_tree_name_the_same_modules() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared = Regex::new(r"(?m)^\s*(?:pub )?mod ([a-z_]+);").unwrap();
    let declared: BTreeSet<&str> = declared.captures_iter(&lib).map(|c| c.get(1).unwrap().as_str()).collect();
    assert_eq!(declared, ORDER.iter().copied().collect(), "src/lib.rs and ORDER disagree");
}

#[test]
fn the_architecture_page_gives_the_same_order() {
    let Ok(page) = fs::read_to_string(root().join("docs/architecture.md")) else { return };
    let row = Regex::new(r"(?m)^\| `([a-z_]+)` \|").unwrap();
    let rows: Vec<String> = row.captures_iter(&page).map(|c| c[1].to_string()).collect();
    assert_eq!(rows, ORDER, "the table of docs/architecture.md and ORDER disagree");
}

#[test]
fn crates_stay_where_they_belong() {
    let mut broken = BTreeSet::new();
    for file in source_files().iter().filter(|f| !f.test) {
        for (name, allowed) in CRATES {
            let used = Regex::new(&format!(r"(?:\buse {name}\b|\b{name}::)")).unwrap();
            if !allowed.contains(&file.module.as_str()) && used.is_match(&file.code) {
                broken.insert((format!("{}: {name}", file.module), file.path.clone()));
            }
        }
    }
    judge(broken, |rule| CRATES.iter().any(|(name, _)| rule.ends_with(&format!(": {name}"))));
}

#[test]
fn only_front_ends_print() {
    let print = Regex::new(r"\b(?:e?println?!|io::(?:stdout|stderr)\b|dbg!)").unwrap();
    let mut broken = BTreeSet::new();
    for file in source_files().iter().filter(|f| !f.test) {
        if !PRINTERS.contains(&file.module.as_str()) && print.is_match(&file.code) {
            broken.insert((format!("{}: prints", file.module), file.path.clone()));
        }
    }
    judge(broken, |rule| rule.ends_with(": prints"));
}

#[test]
fn no_module_reads_the_clock() {
    // Time is a parameter: the command line reads the clock once and hands it on.
    let clock = Regex::new(r"\b(?:Utc|Local)::now\(|\bSystemTime::now\(").unwrap();
    let may = ["cli", "repl", "session"];
    for file in source_files().iter().filter(|f| !f.test && !may.contains(&f.module.as_str())) {
        assert!(!clock.is_match(&file.code), "{} reads the clock", file.path);
    }
}

#[test]
fn language_page_names_every_function() {
    let Ok(page) = fs::read_to_string(root().join("docs/language.md")) else { return };
    let missing: Vec<&str> = segue::functions::TABLE
        .iter()
        .map(|row| row.name)
        .filter(|name| !page.contains(&format!("{name}(")) && !page.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/language.md does not name: {}", missing.join(", "));
}

#[test]
fn no_file_names_a_place_on_a_machine() {
    // Put together here, so that this file does not find itself.
    let folders = ["root", "work", "tmp", "home", "Users", "var/folders"].join("|");
    let place = Regex::new(&format!(r#"(?:^|[\s"'`(=:])/(?:{folders})/[A-Za-z0-9_.]"#)).unwrap();
    let mut paths = Vec::new();
    walk(root(), &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = relative(&path);
        // In a worktree `.git` is a file, and not one of the repository's.
        if name == ".git" {
            continue;
        }
        for (i, line) in text.lines().enumerate().filter(|(_, l)| place.is_match(l)) {
            found.push(format!("{name}:{}: {line}", i + 1));
        }
    }
    assert!(found.is_empty(), "paths of a machine:\n{}", found.join("\n"));
}
