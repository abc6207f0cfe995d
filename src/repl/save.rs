//! `\save`: what was defined in the session, as a script.

use super::core::TYPED;
use super::words::Msg;
use crate::output::atomic::AtomicFile;
use crate::session::Session;
use crate::syntax::ast::{AudienceClause, SourceFrom, StatementKind};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

/// What was saved, and what to say about it.
#[derive(Debug)]
pub struct Saved {
    pub definitions: usize,
    /// It begins with `use` of loaded scripts.
    pub uses: bool,
    /// Definitions that took the place of a loaded script's.
    pub overrides: Vec<String>,
    /// It has relative paths, and is not in the folder of the session.
    pub moved_paths: bool,
}

/// Writes the definitions typed in this session; the message that says why not, with its reason.
pub fn save(
    session: &Session,
    files: &[PathBuf],
    target: &Path,
    replace: bool,
) -> Result<Saved, (Msg, String)> {
    if target.extension().is_none_or(|e| e != "seg") {
        return Err((Msg::SaveName, String::new()));
    }
    let written = session.written_as(TYPED);
    if written.is_empty() {
        return Err((Msg::NothingToSave, String::new()));
    }
    if !replace && target.symlink_metadata().is_ok() {
        return Err((Msg::Exists, String::new()));
    }
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut text = String::new();
    for file in files {
        let path = relative(file, folder).display().to_string().replace('\\', "/").replace('"', "\\\"");
        text.push_str(&format!("use \"{path}\"\n"));
    }
    if !files.is_empty() {
        text.push('\n');
    }
    for (_, definition) in &written {
        text.push_str(definition.trim_end());
        text.push_str(if definition.contains('\n') { "\n\n" } else { "\n" });
    }
    let failed = |reason: String| (Msg::CannotSave, reason);
    let mut file = AtomicFile::create(target).map_err(|e| failed(e.reason))?;
    file.write_all(text.trim_end().as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|e| failed(e.to_string()))?;
    file.finish().map_err(|e| failed(e.reason))?;
    let here = |path: &Path| path.canonicalize().ok();
    Ok(Saved {
        definitions: written.len(),
        uses: !files.is_empty(),
        overrides: overrides(files, &written.iter().filter_map(|(s, _)| s.kind.name()).collect::<Vec<_>>()),
        moved_paths: here(folder) != here(Path::new(".")) && written.iter().any(|(s, _)| has_path(&s.kind)),
    })
}

/// The names that a loaded file defines, too: read anew, since the session dropped what was replaced.
fn overrides(files: &[PathBuf], names: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let mut diagnostics = crate::diagnostic::Diagnostics::default();
        let script = crate::syntax::parse(crate::source::FileId(u32::MAX), &text, &mut diagnostics);
        let defined = script.statements.iter().filter_map(|s| s.kind.name());
        found.extend(defined.filter(|n| names.contains(n)).map(str::to_string));
    }
    found
}

fn has_path(kind: &StatementKind) -> bool {
    let relative = |text: &str| !Path::new(text).is_absolute() && !text.contains("://");
    match kind {
        StatementKind::Source(d) => matches!(&d.from, SourceFrom::Location(t) if relative(&t.value)),
        StatementKind::Audience(d) => {
            d.clauses.iter().any(|c| matches!(c, AudienceClause::To(t, _) if relative(&t.value)))
        }
        StatementKind::Use(t) => relative(&t.value),
        _ => false,
    }
}

/// The way from a folder to a file; as it was given where there is none.
pub fn relative(file: &Path, folder: &Path) -> PathBuf {
    let (Ok(file_at), Ok(folder_at)) = (file.canonicalize(), folder.canonicalize()) else {
        return file.to_path_buf();
    };
    let common = file_at.components().zip(folder_at.components()).take_while(|(a, b)| a == b).count();
    // Nothing in common but the root: the whole path says it better.
    if common <= 1 {
        return file_at;
    }
    let up = folder_at.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file_at.components().skip(common)).collect()
}
