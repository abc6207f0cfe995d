//! `segue fmt`: one canonical layout. Tokens stay what they are and (but for a `where` before its window) where they
//! are; only blanks and line breaks change, so the meaning cannot.
//!
//! What stands where is decided on the grammar's own tree, which holds every token: the syntax tree forgets
//! parentheses and comments.

mod align;
mod expression;
mod layout;
mod spelling;
mod statement;
mod tree;

use super::ast::Statement;
use super::depth::MAX_NESTING;
use super::grammar::{Grammar, Rule};
use super::lexeme::{LexemeKind, lexemes};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::FileId;
use expression::{INDENT, Writer};
use layout::Line;
use pest::Parser as _;
use tree::{Comments, Tree};

/// The canonical text of a script; what is wrong with it where it cannot be read.
pub fn format(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let script = super::parse(file, text, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics.into_sorted());
    }
    let need = 512 * 1024 + MAX_NESTING * 192 * 1024;
    let formatted = stacker::maybe_grow(need, need, || written(text, &script.statements));
    formatted.filter(|new| same_tokens(text, new)).ok_or_else(|| {
        let message = "the formatted text would not be the same script; the file is left as it is";
        vec![Diagnostic::new(Code::Internal, message)]
    })
}

/// A statement or a comment between two.
struct Block {
    start: usize,
    end: usize,
    lines: Vec<Line>,
}

fn written(text: &str, statements: &[Statement]) -> Option<String> {
    let bare = super::parser::bare(text);
    let trees: Vec<Tree<'_>> = statements.iter().map(|s| tree_of(&bare, s)).collect::<Option<_>>()?;
    let tokens: Vec<Vec<(usize, usize)>> = trees
        .iter()
        .map(|t| {
            let mut leaves = Vec::new();
            t.leaves(&mut leaves);
            leaves
        })
        .collect();
    let comments = Comments::of(text, &tokens);
    let writer = Writer { comments: &comments };
    let ends: Vec<usize> = tokens.iter().map(|t| last_end(t, &comments)).collect();
    // Whether a blank line stands before each statement.
    let begins: Vec<bool> = (0..trees.len())
        .map(|i| {
            let before = i.checked_sub(1).and_then(|i| ends.get(i)).copied().unwrap_or(0);
            trees.get(i).is_none_or(|t| has_blank_line(text, before, t.start))
        })
        .collect();
    let columns = align::columns(&writer, &trees, &begins);
    let mut blocks: Vec<Block> = Vec::new();
    for ((tree, columns), end) in trees.iter().zip(columns).zip(&ends) {
        let lines = layout::print(writer.statement(tree, columns));
        blocks.push(Block { start: tree.start, end: *end, lines });
    }
    let places: Vec<(usize, usize)> = blocks.iter().map(|b| (b.start, b.end)).collect();
    for comment in &comments.between {
        let indent = if belongs_inside(text, &places, comment.start) { INDENT } else { 0 };
        let line = Line { code: format!("{}{}", " ".repeat(indent), comment.text), comment: None };
        blocks.push(Block { start: comment.start, end: comment.end, lines: vec![line] });
    }
    blocks.sort_by_key(|b| b.start);
    let mut lines: Vec<Line> = Vec::new();
    let mut before = None;
    for block in blocks {
        if before.is_some_and(|end| has_blank_line(text, end, block.start)) {
            lines.push(Line { code: String::new(), comment: None });
        }
        before = Some(block.end);
        lines.extend(block.lines);
    }
    Some(align::with_comments(&lines))
}

/// The grammar's tree of a statement with its metadata.
fn tree_of<'t>(bare: &'t str, statement: &Statement) -> Option<Tree<'t>> {
    let start = statement.meta.first().map_or(statement.span.start, |m| m.span.start) as usize;
    let piece = bare.get(start..statement.span.end as usize)?;
    let one = Grammar::parse(Rule::one, piece).ok()?.next()?;
    Some(Tree::of(one, start))
}

/// Where a statement ends, with the comment at the end of its last line.
fn last_end(tokens: &[(usize, usize)], comments: &Comments) -> usize {
    tokens.iter().map(|(start, end)| comments.ends.get(start).copied().unwrap_or(*end)).max().unwrap_or(0)
}

fn has_blank_line(text: &str, from: usize, to: usize) -> bool {
    let between = text.get(from..to).unwrap_or("");
    let mut lines = between.split('\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_some() && line.trim().is_empty() {
            return true;
        }
    }
    false
}

/// Whether a comment under a statement is one of its lines: further in than it, and not behind a blank line.
fn belongs_inside(text: &str, statements: &[(usize, usize)], at: usize) -> bool {
    let before = statements.partition_point(|(start, _)| *start < at).checked_sub(1);
    let Some((start, end)) = before.and_then(|i| statements.get(i)).copied() else { return false };
    let column = |at: usize| {
        let line = text.get(..at).map_or("", |t| t.rsplit('\n').next().unwrap_or(t));
        line.chars().take_while(|c| super::scan::is_blank(*c)).count()
    };
    column(at) > column(start) && !has_blank_line(text, end, at)
}

/// Whether two texts have the same tokens and comments, however often and in whatever order: the last look before a
/// file is replaced.
fn same_tokens(old: &str, new: &str) -> bool {
    let bag = |text: &str| {
        let mut all: Vec<String> = lexemes(text)
            .iter()
            .filter(|l| !l.is_sign(";") && !l.is_sign("；"))
            .filter(|l| !matches!(l.kind, LexemeKind::Sign | LexemeKind::Number))
            .map(|l| match l.kind {
                LexemeKind::Comment => l.text.trim_end().to_string(),
                LexemeKind::Word => l.text.to_lowercase(),
                // The quotes may have become plain ones.
                LexemeKind::Text => l.text.trim_matches(['"', '\'', '“', '”', '‘', '’']).to_string(),
                _ => l.text.to_string(),
            })
            .collect();
        all.sort_unstable();
        all
    };
    let mut diagnostics = Diagnostics::default();
    super::parse(FileId(0), new, &mut diagnostics);
    !diagnostics.has_errors() && bag(old) == bag(new)
}
