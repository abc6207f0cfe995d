//! How the prompt prints: answers to stdout, everything else to stderr.

use super::core::Repl;
use super::words::{Msg, say};
use crate::diagnostic::{Diagnostic, Severity, render};
use crate::explain::{Answer, Selection};
use crate::output::answers::{self, Drawing};
use crate::output::rows::{RowFormat, write_rows};
use crate::output::style::Palette;
use crate::output::table::TableOptions;
use crate::session::WrittenFile;
use crate::value::Value;
use std::io::Write;

/// Rows of an audience that are shown.
pub(super) const SAMPLE: usize = 5;

impl Repl {
    pub fn drawing(&self) -> Drawing {
        Drawing { lang: self.session.lang(), palette: Palette::new(self.color), width: self.width }
    }

    /// To stdout. A reader who has gone ends the prompt.
    pub fn out(&mut self, text: &str) {
        let text = format!("{}\n", text.trim_end_matches('\n'));
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        self.closed |= written.is_err();
    }

    /// A localized word on the side.
    pub fn note(&self, msg: Msg, blanks: &[&str]) {
        self.err(&say(self.session.lang(), msg, blanks));
    }

    pub fn err(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Prints findings: errors each time, warnings once in a session.
    pub fn report(&mut self, findings: &[Diagnostic]) {
        for d in findings {
            if d.code.severity() == Severity::Warning
                && !self.told.insert(format!("{} {}", d.code, d.message))
            {
                continue;
            }
            if d.is_error() {
                self.faults.push(d.clone());
            }
            self.err(&format!("{}\n", render::human(d, self.session.sources(), self.color)));
        }
    }

    pub fn answer(&mut self, answer: &Answer) {
        match self.format {
            RowFormat::Table => self.out(&format!("{}\n", answers::answer(answer, &self.drawing()))),
            RowFormat::Json => {
                let text = serde_json::to_string_pretty(&answers::json(answer)).unwrap_or_default();
                self.out(&text);
            }
            RowFormat::Ndjson | RowFormat::Csv => match answers::rows(answer) {
                Some((headers, rows)) => self.rows(&headers, &rows),
                None => self.out(&answers::answer(answer, &self.drawing())),
            },
        }
        if self.format == RowFormat::Table && self.interactive {
            self.gap();
        }
    }

    /// An audience: the waterfall, the files that were written, a few rows.
    pub fn audience(&mut self, selection: &Selection, files: &[WrittenFile]) {
        let listed: Vec<(String, String, u64)> =
            files.iter().map(|f| (f.what.to_string(), f.path.display().to_string(), f.rows)).collect();
        match self.format {
            RowFormat::Table => {
                let text = answers::audience(selection, &listed, SAMPLE, &self.drawing());
                self.out(&text);
                if self.interactive {
                    self.gap();
                }
            }
            RowFormat::Json => {
                let files: Vec<serde_json::Value> = listed
                    .iter()
                    .map(|(what, path, rows)| serde_json::json!({"what": what, "path": path, "rows": rows}))
                    .collect();
                let json = serde_json::json!({
                    "answer": "audience",
                    "audience": selection.audience.name,
                    "rows": selection.rows,
                    "waterfall": selection.waterfall,
                    "files": files,
                });
                self.out(&serde_json::to_string_pretty(&json).unwrap_or_default());
            }
            RowFormat::Ndjson | RowFormat::Csv => {
                let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
                let headers = ["step", "rule", "remaining", "lost", "undecided"].map(String::from);
                let rows: Vec<Vec<Value>> = selection
                    .waterfall
                    .iter()
                    .map(|s| {
                        let (step, rule) = (Value::Text(s.step.to_string()), Value::Text(s.rule.clone()));
                        vec![step, rule, number(s.remaining), number(s.lost), number(s.undecided)]
                    })
                    .collect();
                self.rows(&headers, &rows);
            }
        }
    }

    fn rows(&mut self, headers: &[String], rows: &[Vec<Value>]) {
        let options = TableOptions { color: self.color, max_width: None };
        let mut stdout = std::io::stdout().lock();
        let written =
            write_rows(headers, rows, self.format, &options, &mut stdout).and_then(|()| stdout.flush());
        self.closed |= written.is_err();
    }

    /// A blank line after an answer, so that the eye finds the next prompt.
    fn gap(&mut self) {
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(b"\n").and_then(|()| stdout.flush());
        self.closed |= written.is_err();
    }
}
