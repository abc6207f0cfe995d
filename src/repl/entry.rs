//! Where one entry ends and the next begins.

use crate::diagnostic::Diagnostics;
use crate::source::FileId;
use crate::syntax::{Entry, KEYWORDS, LexemeKind, entry_state, lexemes, parse, statement_words};

/// One thing to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// A command of the prompt, without its backslash.
    Meta(String),
    /// Text of the language: one statement or several.
    Text(String),
}

/// A line's text after the backslash that leads it. A Chinese keyboard gives `、` or `＼` for it.
pub fn meta(line: &str) -> Option<&str> {
    let line = line.trim();
    ['\\', '、', '＼'].iter().find_map(|sign| line.strip_prefix(*sign))
}

/// Whether what was typed can run.
pub fn state(text: &str) -> Entry {
    match text.rsplit('\n').next().and_then(meta) {
        Some(_) => Entry::Complete,
        None => entry_state(text),
    }
}

/// What was typed, or pasted, at once: definitions stay together, so that they may stand in any order.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        match meta(line) {
            Some(command) => {
                flush(&mut current, &mut pieces);
                pieces.push(Piece::Meta(command.to_string()));
            }
            None => push(&mut current, line),
        }
    }
    flush(&mut current, &mut pieces);
    pieces
}

/// The entries of a text that comes through a pipe. As the next lines are known, an entry goes on over lines that
/// are indented or begin with an operator, and ends where a statement begins.
pub fn entries(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut current = String::new();
    let mut gap = false;
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
        if let Some(command) = meta(line) {
            flush(&mut current, &mut pieces);
            pieces.push(Piece::Meta(command.to_string()));
            continue;
        }
        if blank(line) {
            gap = true;
        } else {
            if begins(line, &current, gap) {
                flush(&mut current, &mut pieces);
            }
            gap = false;
        }
        push(&mut current, line);
    }
    flush(&mut current, &mut pieces);
    pieces
}

fn push(current: &mut String, line: &str) {
    if !current.is_empty() {
        current.push('\n');
    }
    current.push_str(line);
}

fn flush(current: &mut String, pieces: &mut Vec<Piece>) {
    let text = std::mem::take(current);
    if entry_state(&text) != Entry::Blank {
        pieces.push(Piece::Text(text));
    }
}

fn blank(line: &str) -> bool {
    lexemes(line).iter().all(|l| l.kind == LexemeKind::Comment)
}

/// Whether a line begins a new entry after what came before.
fn begins(line: &str, current: &str, gap: bool) -> bool {
    if line.starts_with(char::is_whitespace) || only_metadata(current) {
        return false;
    }
    let tokens = lexemes(line);
    let Some(first) = tokens.first() else { return false };
    let operator =
        ["and", "or", "not", "in", "is", "between", "like", "when", "then", "else", "end", "where"];
    match first.kind {
        LexemeKind::Word if operator.iter().any(|w| first.is_word(w)) => false,
        LexemeKind::Word if statement_words().any(|k| first.is_word(k.word)) => true,
        LexemeKind::Sign if first.is_sign("@") || first.is_sign("＠") => true,
        LexemeKind::Sign => false,
        LexemeKind::Word if KEYWORDS.iter().any(|k| first.is_word(k.word)) => {
            gap || entry_state(current) == Entry::Complete
        }
        _ => gap || entry_state(current) == Entry::Complete || is_whole(current),
    }
}

/// Whether it reads as it stands, even though clauses could follow.
fn is_whole(text: &str) -> bool {
    let mut diagnostics = Diagnostics::default();
    let script = parse(FileId(u32::MAX), text, &mut diagnostics);
    !diagnostics.has_errors() && !script.statements.is_empty()
}

/// `@owner "x"` belongs to what follows.
fn only_metadata(text: &str) -> bool {
    text.lines().filter(|l| !blank(l)).all(|l| l.trim_start().starts_with(['@', '＠']))
}
