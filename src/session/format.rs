//! `segue fmt`: scripts in their canonical layout. A file is replaced as a whole or stays as it is.

use super::fault::output_fault;
use super::script::{read_text, utf8};
use crate::diagnostic::{Code, Diagnostic};
use crate::output::atomic::{AtomicFile, OutputError};
use crate::source::SourceMap;
use crate::syntax;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A script with its canonical text.
pub struct Formatted {
    /// As it was given.
    pub name: String,
    pub text: String,
    /// Whether that is another text.
    pub changed: bool,
}

/// The canonical text of a file; what is wrong with it lies in a text of `sources`.
pub fn format_file(path: &Path, sources: &mut SourceMap) -> Result<Formatted, Vec<Diagnostic>> {
    let text = read_text(path).map_err(|d| vec![d])?;
    format_text(&path.display().to_string(), &text, sources)
}

/// The canonical text of bytes that came from nowhere: standard input.
pub fn format_bytes(
    name: &str,
    bytes: Vec<u8>,
    sources: &mut SourceMap,
) -> Result<Formatted, Vec<Diagnostic>> {
    let text = utf8(name, bytes).map_err(|d| vec![d])?;
    format_text(name, &text, sources)
}

fn format_text(name: &str, text: &str, sources: &mut SourceMap) -> Result<Formatted, Vec<Diagnostic>> {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file = sources.add(name, Path::new(""), bare);
    let formatted = syntax::format(file, bare)?;
    Ok(Formatted { name: name.to_string(), changed: formatted != text, text: formatted })
}

/// Puts the canonical text in the file's place.
pub fn replace(path: &Path, formatted: &Formatted) -> Result<(), Diagnostic> {
    let mut file = AtomicFile::create(path).map_err(|e| output_fault(&e))?;
    file.write_all(formatted.text.as_bytes()).map_err(|e| output_fault(&OutputError::new(path, &e)))?;
    file.finish().map(|_| ()).map_err(|e| output_fault(&e))
}

/// The scripts below a folder, sorted; a file is itself.
pub fn scripts_below(path: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let fail = |e: std::io::Error| {
            Diagnostic::new(Code::BadCall, format!("{} cannot be read: {e}", folder.display()))
        };
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            // What a link leads to is not below: links may go round in circles.
            let kind = entry.file_type().map_err(fail)?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "seg") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
