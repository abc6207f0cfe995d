//! Scripts as loaded: files read once, `use` followed, syntax errors kept.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap, Span, tidy};
use crate::syntax::{self, ast};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A file of a script, for the manifest.
#[derive(Clone, PartialEq, Debug)]
pub struct ScriptFile {
    pub name: String,
    pub sha256: String,
}

#[derive(Clone, Default)]
pub struct Loaded {
    pub map: SourceMap,
    pub scripts: Vec<ast::Script>,
    pub files: Vec<ScriptFile>,
    pub findings: Vec<Diagnostic>,
    /// Canonical paths of what was read: each file once.
    seen: Vec<PathBuf>,
}

impl Loaded {
    pub fn load(&mut self, path: &Path) {
        self.read(path, None);
    }

    fn read(&mut self, path: &Path, from: Option<Span>) {
        let shown = tidy(path).display().to_string();
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if self.seen.contains(&canonical) {
            return;
        }
        self.seen.push(canonical);
        let text = match read_text(path) {
            Ok(text) => text,
            Err(diagnostic) => {
                // In a script it is a finding; on the command line the call is wrong.
                self.findings.push(match (from, diagnostic.code) {
                    (Some(span), Code::BadCall) => {
                        Diagnostic { code: Code::SourceMissing, ..diagnostic }.at(span)
                    }
                    (Some(span), _) => diagnostic.at(span),
                    (None, _) => diagnostic,
                });
                return;
            }
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        self.add(&shown, &folder, &text);
    }

    pub fn load_text(&mut self, name: &str, folder: &Path, text: &str) -> FileId {
        self.add(name, folder, text)
    }

    fn add(&mut self, name: &str, folder: &Path, text: &str) -> FileId {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file = self.map.add(name, folder, text);
        self.files.push(ScriptFile {
            name: name.to_string(),
            sha256: crate::output::atomic::hex(&Sha256::digest(text.as_bytes())),
        });
        let mut diagnostics = Diagnostics::default();
        let script = syntax::parse(file, text, &mut diagnostics);
        self.findings.extend(diagnostics.into_sorted());
        let uses: Vec<ast::Text> = script
            .statements
            .iter()
            .filter_map(|s| match &s.kind {
                ast::StatementKind::Use(path) => Some(path.clone()),
                _ => None,
            })
            .collect();
        self.scripts.push(script);
        for path in uses {
            self.read(&folder.join(&path.value), Some(path.span));
        }
        file
    }

    /// Drops earlier definitions of the names that the last script defines.
    pub fn replace_with_last(&mut self) {
        let Some((last, earlier)) = self.scripts.split_last_mut() else { return };
        let names: Vec<&str> = last.statements.iter().filter_map(defined).collect();
        for script in earlier {
            script.statements.retain(|s| defined(s).is_none_or(|name| !names.contains(&name)));
        }
    }

    pub fn drop_commands(&mut self) {
        for script in &mut self.scripts {
            script.statements.retain(|s| !matches!(s.kind, ast::StatementKind::Command(_)));
        }
    }
}

/// The text of a script.
pub(super) fn read_text(path: &Path) -> Result<String, Diagnostic> {
    let shown = tidy(path);
    let shown = shown.display();
    let bytes = std::fs::read(path).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => format!("no script is at {shown}"),
            std::io::ErrorKind::PermissionDenied => format!("{shown} may not be read: permission denied"),
            _ if path.is_dir() => format!("{shown} is a folder, not a script"),
            _ => format!("{shown} cannot be read: {error}"),
        };
        Diagnostic::new(Code::BadCall, why)
    })?;
    utf8(&shown.to_string(), bytes)
}

/// The bytes of a script as text.
pub(super) fn utf8(shown: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
        let message = format!("{shown} is not UTF-8: byte {at} (line {line}) belongs to no character");
        Diagnostic::new(Code::NotUtf8, message).help("save the file as UTF-8")
    })
}

/// The name that a statement defines; the zone is replaced like one.
fn defined(statement: &ast::Statement) -> Option<&str> {
    match &statement.kind {
        ast::StatementKind::Timezone(_) => Some("timezone"),
        kind => kind.name(),
    }
}
