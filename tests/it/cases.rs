//! Golden cases: the pages of `tests/spec/` and `tests/cases/`, each case a script with small tables and the rows that
//! must come out.
//!
//! `tests/cases/README.md` says how a case is written. Every case runs twice: on one thread with tiny batches, and
//! on two threads with the tables' rows in the opposite order. Both must give the expected answer.

// Helpers of tests may fail like tests; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod control;
mod expect;
pub mod page;
mod run;
pub mod table;

use page::{Case, Page};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `SEGUE_CASES=windows:` runs the pages and cases whose `page: name` holds the text.
fn wanted(page: &Page, case: &Case) -> bool {
    std::env::var("SEGUE_CASES").map_or(true, |part| format!("{}: {}", page.name, case.name).contains(&part))
}

/// The folders of pages, and what leads the names of their pages.
const FOLDERS: [(&str, &str); 2] = [("tests/spec", "spec/"), ("tests/cases", "")];

/// The pages below a folder, by name.
pub fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") && !path.ends_with("README.md") {
            found.push(path);
        }
    }
}

#[test]
fn every_case_gives_its_expected_answer() {
    let mut found: Vec<Page> = Vec::new();
    for (folder, mark) in FOLDERS {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = Vec::new();
        pages(&root, &mut files);
        found.extend(files.iter().map(|path| {
            let name = path.strip_prefix(&root).unwrap().with_extension("").display().to_string();
            page::read(&format!("{mark}{name}"), &std::fs::read_to_string(path).unwrap())
        }));
    }
    let cases: Vec<(&Page, &Case)> = found
        .iter()
        .flat_map(|p| p.cases.iter().map(move |c| (p, c)))
        .filter(|(p, c)| wanted(p, c))
        .collect();
    assert!(!cases.is_empty(), "no case was found");
    let (next, failures, known) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((page, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = run::case(page, case);
                    let title = format!("{}: {} (line {})", page.name, case.name, case.line);
                    match (&case.known_bug, wrong.is_empty()) {
                        (None, true) => {}
                        (None, false) => {
                            failures.lock().unwrap().push(format!("{title}\n{}", wrong.join("\n")));
                        }
                        (Some(_), false) => {
                            known.fetch_add(1, Ordering::Relaxed);
                        }
                        (Some(bug), true) => failures.lock().unwrap().push(format!(
                            "{title}\n  passes now: take the line `known bug: {bug}` out of the page"
                        )),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let known = known.into_inner();
    println!("{} cases, {} failed, {known} known bugs", cases.len(), failures.len());
    assert!(failures.is_empty(), "{} cases failed\n\n{}\n", failures.len(), failures.join("\n\n"));
}
