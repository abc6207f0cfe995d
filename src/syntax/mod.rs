//! Text to syntax tree. The only place that knows the grammar's rules.

pub mod ast;
mod call;
mod definition;
mod depth;
mod error;
mod expr;
mod format;
mod grammar;
pub mod keywords;
pub mod lexeme;
mod literal;
mod moment;
mod parser;
mod scan;
mod statement;
#[cfg(test)]
mod tests;
mod tree;

pub use format::format;
pub use keywords::{KEYWORDS, Keyword, RESERVED, is_reserved, statement_words};
pub use lexeme::{Lexeme, LexemeKind, lexemes};

use crate::diagnostic::Diagnostics;
use crate::source::FileId;
use parser::Ending;

/// Reads a script. What cannot be read is reported, once, and skipped up to the next line that starts with a
/// statement's word (or `;`), so that one mistake does not hide the others.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> ast::Script {
    parser::parse(file, text, diagnostics).0
}

/// Whether what was typed at the prompt can run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// It can run, or it is wrong however it goes on.
    Complete,
    /// It stops in the middle, or more clauses could follow.
    Incomplete,
    /// There is nothing but blanks and comments.
    Blank,
}

/// Judges an entry at the prompt. A blank line at its end, or `;`, ends any entry.
pub fn entry_state(text: &str) -> Entry {
    let blank_line = text.rsplit_once('\n').is_some_and(|(_, last)| last.chars().all(scan::is_blank));
    match parser::parse(FileId(0), text, &mut Diagnostics::default()).1 {
        Ending::Nothing => Entry::Blank,
        Ending::Whole => Entry::Complete,
        Ending::MayGoOn | Ending::Unfinished if blank_line => Entry::Complete,
        Ending::MayGoOn | Ending::Unfinished => Entry::Incomplete,
    }
}
