//! Where things are printed and how: findings and notes to stderr, answers to stdout.

use super::arguments::{Common, Findings, LangName, OutputFormat, When};
use super::progress::Meter;
use crate::diagnostic::{Diagnostic, render};
use crate::explain::Answer;
use crate::ir::print::Lang;
use crate::output::answers::{self, Drawing};
use crate::output::rows::write_rows;
use crate::output::style::Palette;
use crate::output::table::TableOptions;
use crate::source::SourceMap;
use std::io::{IsTerminal, Write};

/// How this process prints.
#[derive(Clone, Copy)]
pub struct Printer {
    pub lang: Lang,
    pub color_out: bool,
    color_err: bool,
    findings: Findings,
    /// The findings are what was asked for (`segue check`).
    answering: bool,
    quiet: bool,
}

impl Printer {
    pub fn new(common: &Common) -> Printer {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let color = |terminal: bool| match common.color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !plain,
        };
        Printer {
            lang: language(common.lang),
            color_out: color(std::io::stdout().is_terminal()),
            color_err: color(std::io::stderr().is_terminal()),
            findings: common.findings,
            answering: false,
            quiet: common.quiet,
        }
    }

    pub fn with_findings(&self, findings: Option<Findings>) -> Printer {
        Printer { findings: findings.unwrap_or(self.findings), ..*self }
    }

    /// Findings as JSON are the answer itself.
    pub fn answering(self) -> Printer {
        Printer { answering: true, ..self }
    }

    pub fn meter(&self) -> Meter {
        Meter::new(!self.quiet && std::io::stderr().is_terminal())
    }

    pub fn drawing(&self) -> Drawing {
        let width = std::io::stdout().is_terminal().then(terminal_width);
        Drawing { lang: self.lang, palette: Palette::new(self.color_out), width }
    }

    /// Findings to stderr, whatever their form; to stdout as JSON where they are the answer. The exit code that they call for.
    pub fn findings(&self, list: &[Diagnostic], sources: &SourceMap) -> u8 {
        match self.findings {
            Findings::Json => {
                let all: Vec<serde_json::Value> = list.iter().map(|d| render::json(d, sources)).collect();
                let text = serde_json::to_string_pretty(&all).unwrap_or_else(|_| "[]".to_string());
                let say = if self.answering { out } else { err };
                say(&format!("{text}\n"));
            }
            Findings::Human => {
                for d in list {
                    err(&format!("{}\n\n", render::human(d, sources, self.color_err)));
                }
            }
            Findings::Short => {
                for d in list {
                    err(&format!("{}\n", render::short(d, sources)));
                }
            }
        }
        crate::session::exit_code(list)
    }

    /// A word on the side.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            err(&format!("{text}\n"));
        }
    }

    pub fn answer(&self, answer: &Answer, format: OutputFormat) {
        match (format, answers::rows(answer)) {
            (OutputFormat::Table, _) | (_, None) if format != OutputFormat::Json => {
                let text = answers::answer(answer, &self.drawing());
                out(&format!("{}\n", text.trim_end_matches('\n')));
            }
            (OutputFormat::Json, _) | (_, None) => {
                let text = serde_json::to_string_pretty(&answers::json(answer)).unwrap_or_default();
                out(&format!("{text}\n"));
            }
            (_, Some((headers, rows))) => {
                let options = TableOptions { color: self.color_out, max_width: None };
                let mut stdout = std::io::stdout().lock();
                // A reader who has gone (`| head`) is no fault.
                let _ = write_rows(&headers, &rows, format.into(), &options, &mut stdout);
            }
        }
    }
}

/// The terminal's width as the shell says it; a width that reads well where it does not.
fn terminal_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(110)
}

/// The language of explanations: as said, or the locale's.
fn language(said: Option<LangName>) -> Lang {
    match said {
        Some(LangName::En) => Lang::En,
        Some(LangName::Zh) => Lang::Zh,
        None => match sys_locale::get_locale() {
            Some(locale) if locale.to_lowercase().starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        },
    }
}

/// To stdout; a reader who has gone is no fault.
pub fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

pub fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
