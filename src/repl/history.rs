//! The history file: what was typed, but nothing about a person.

use super::entry::{Piece, pieces};
use super::meta;
use crate::diagnostic::Diagnostics;
use crate::source::FileId;
use crate::syntax::ast::{Command, StatementKind};
use crate::syntax::{LexemeKind, lexemes, parse};
use rustyline::history::{DefaultHistory, History as _};
use rustyline::{Config, Editor, Helper};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const MOST: usize = 2000;

/// What of this session is kept, and where.
pub struct History {
    path: Option<PathBuf>,
    kept: DefaultHistory,
}

impl History {
    /// Without a state directory nothing is kept; the prompt works all the same.
    pub fn open() -> History {
        let path = path(|name| std::env::var_os(name)).filter(|p| p.parent().is_some_and(private_folder));
        let config =
            Config::builder().max_history_size(MOST).map_or_else(|_| Config::default(), |b| b.build());
        let mut kept = DefaultHistory::with_config(&config);
        if let Some(path) = &path {
            let _ = kept.load(path);
        }
        History { path, kept }
    }

    /// Gives the editor what earlier sessions kept.
    pub fn recall<H: Helper>(&self, editor: &mut Editor<H, DefaultHistory>) {
        let _ = editor.history_mut().set_max_len(MOST);
        for entry in self.kept.iter() {
            let _ = editor.add_history_entry(entry.as_str());
        }
    }

    /// Writes an entry, if it may be written. A disk that is full costs the history, not the session.
    pub fn keep(&mut self, entry: &str, personal: &[String], names: &[String]) {
        let Some(path) = &self.path else { return };
        if may_be_kept(entry, personal, names) && self.kept.add(entry).unwrap_or(false) {
            let _ = self.kept.append(path);
        }
    }
}

/// `$SEGUE_STATE_DIR/history`, or below the state directory of the desktop.
pub fn path(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| env(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    folder("SEGUE_STATE_DIR")
        .or_else(|| folder("XDG_STATE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("segue")))
        .or_else(|| folder("HOME").map(|p| p.join(".local/state/segue")))
        .map(|p| p.join("history"))
}

/// Makes the folder, for its owner alone.
fn private_folder(folder: &Path) -> bool {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).is_ok()
}

/// Whether an entry holds nothing about a person: no question about one customer, no comparison with a key or with a
/// personal column. What does not read as Segue is not kept, since it may be such a question, mistyped.
pub fn may_be_kept(entry: &str, personal: &[String], names: &[String]) -> bool {
    pieces(entry).iter().all(|piece| match piece {
        Piece::Meta(line) => meta::is_known(line),
        Piece::Text(text) => names.iter().any(|n| n == text.trim()) || text_may_be_kept(text, personal),
    })
}

fn text_may_be_kept(text: &str, personal: &[String]) -> bool {
    let mut diagnostics = Diagnostics::default();
    let script = parse(FileId(u32::MAX), text, &mut diagnostics);
    let asks_one = |kind: &StatementKind| {
        matches!(kind, StatementKind::Command(Command::Why { .. } | Command::Portrait(_)))
    };
    if diagnostics.has_errors() || script.statements.iter().any(|s| asks_one(&s.kind)) {
        return false;
    }
    let tokens: Vec<_> = lexemes(text);
    if tokens.iter().any(|t| t.kind == LexemeKind::Comment) {
        return false;
    }
    let words = ["in", "not", "like", "between", "contains", "starts", "ends", "matches"];
    let compares = |l: Option<&crate::syntax::Lexeme<'_>>| {
        l.is_some_and(|l| {
            (l.kind == LexemeKind::Sign && "=!<>＝≥≤≠".contains(l.text)) || words.iter().any(|w| l.is_word(w))
        })
    };
    !tokens.iter().enumerate().any(|(i, token)| {
        let name = token.text.trim_matches('`');
        let named = matches!(token.kind, LexemeKind::Word | LexemeKind::QuotedName)
            && personal.iter().any(|p| p == name);
        // Also inside a call: `lower(name) = "…"`.
        let near = tokens.get(i.saturating_sub(3)..(i + 4).min(tokens.len())).unwrap_or(&[]);
        named && near.iter().any(|l| compares(Some(l)))
    })
}
