//! `segue fmt`: scripts brought to their canonical layout, or told apart from it.

use super::arguments::Fmt;
use super::print::{Printer, out};
use crate::diagnostic::{Code, Diagnostic};
use crate::session::format::{Formatted, format_bytes, format_file, replace, scripts_below};
use crate::source::SourceMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What standard input is called in findings.
const STDIN: &str = "<stdin>";

pub fn fmt(fmt: &Fmt, printer: &Printer) -> u8 {
    let mut sources = SourceMap::default();
    let mut findings = Vec::new();
    let mut would_change = false;
    let mut seen = 0;
    for given in &fmt.files {
        if given == Path::new("-") {
            seen += 1;
            match standard_input(&mut sources) {
                Ok(formatted) if fmt.check => would_change |= named(&formatted),
                Ok(formatted) => out(&formatted.text),
                Err(found) => findings.extend(found),
            }
            continue;
        }
        let paths: Vec<PathBuf> = scripts_below(given).unwrap_or_else(|d| {
            findings.push(d);
            Vec::new()
        });
        for path in paths {
            seen += 1;
            match format_file(&path, &mut sources) {
                Ok(formatted) if fmt.check => would_change |= named(&formatted),
                Ok(formatted) if formatted.changed => match replace(&path, &formatted) {
                    Ok(()) => printer.note(&format!("formatted {}", formatted.name)),
                    Err(d) => findings.push(d),
                },
                Ok(_) => {}
                Err(found) => findings.extend(found),
            }
        }
    }
    if seen == 0 && findings.is_empty() {
        findings.push(Diagnostic::new(Code::BadCall, "there is no script (`.seg`) in what was named"));
    }
    let code = if findings.is_empty() { 0 } else { printer.findings(&findings, &sources) };
    code.max(u8::from(would_change))
}

fn standard_input(sources: &mut SourceMap) -> Result<Formatted, Vec<Diagnostic>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|e| vec![Diagnostic::new(Code::BadCall, format!("standard input cannot be read: {e}"))])?;
    format_bytes(STDIN, bytes, sources)
}

/// Names a script that would change.
fn named(formatted: &Formatted) -> bool {
    if formatted.changed {
        out(&format!("{}\n", formatted.name));
    }
    formatted.changed
}
