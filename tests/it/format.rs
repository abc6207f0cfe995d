//! A script means the same in every layout: the checked program of the examples is equal, however they are written.

// A test may fall over: helpers are outside of what clippy takes for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::pages::bank;
use segue::check::AsOfOption;
use segue::demo::DemoOptions;
use segue::ir::print::{Lang, program};
use segue::session::{Session, Settings};
use segue::source::FileId;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The checked program as text.
fn checked(text: &str) -> String {
    let settings = Settings {
        strict: false,
        engine: Default::default(),
        as_of: Some(AsOfOption::Day(DemoOptions::default().as_of)),
        now: chrono::DateTime::UNIX_EPOCH,
        set: Vec::new(),
        lang: Lang::En,
    };
    let mut session = Session::new(settings).unwrap();
    session.load_text("script.seg", bank(), text);
    let checked = session.check();
    program(&checked.program.unwrap_or_else(|| panic!("{text}\n{:#?}", checked.diagnostics)))
}

#[test]
fn a_layout_changes_no_meaning() {
    for name in ["retail.seg", "retail_zh.seg"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/retail").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        // All on one line, keywords large, a `where` before its window.
        let words: Vec<&str> =
            text.lines().filter(|l| !l.starts_with("--")).flat_map(str::split_whitespace).collect();
        let squeezed = words.join(" ").replace(" where ", " WHERE ").replace(
            "in last 90 days WHERE category = \"travel\"",
            "WHERE category = \"travel\" in last 90 days",
        );
        let formatted = segue::syntax::format(FileId(0), &squeezed).unwrap();
        assert!(formatted.lines().count() > 25, "{formatted}");
        let wanted = checked(&text);
        assert_eq!(wanted, checked(&squeezed), "{name} on one line");
        assert_eq!(wanted, checked(&formatted), "{name} formatted:\n{formatted}");
    }
}

#[test]
fn standard_input_comes_back_formatted() {
    let fmt = |text: &str, arguments: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_segue"))
            .args(["fmt", "-"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    assert_eq!(fmt("TAG x=1;", &[]), (Some(0), "tag x = 1\n".into(), String::new()));
    assert_eq!(fmt("TAG x=1", &["--check"]), (Some(1), "<stdin>\n".into(), String::new()));
    assert_eq!(fmt("tag x = 1\n", &["--check"]), (Some(0), String::new(), String::new()));
    let (status, out, err) = fmt("tag x = = 1", &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.contains("E0101") && err.contains("<stdin>:1:9"), "{err}");
}
