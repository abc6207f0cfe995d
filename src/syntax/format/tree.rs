//! The whole of what was written: every token that the grammar matched, with the comments that belong to it.

use crate::syntax::grammar::Rule;
use crate::syntax::lexeme::{LexemeKind, lexemes};
use crate::syntax::tree::Node;
use std::collections::HashMap;

/// A rule of the grammar with what it matched; a token has no kids.
pub(super) struct Tree<'t> {
    pub rule: Rule,
    /// Byte offset in the text.
    pub start: usize,
    pub text: &'t str,
    pub kids: Vec<Tree<'t>>,
}

impl<'t> Tree<'t> {
    /// `offset` is where the text that the grammar saw begins.
    pub fn of(node: Node<'t>, offset: usize) -> Tree<'t> {
        Tree {
            rule: node.as_rule(),
            start: offset + node.as_span().start(),
            text: node.as_str(),
            kids: node
                .into_inner()
                .filter(|n| !matches!(n.as_rule(), Rule::statement_end | Rule::EOI))
                .map(|n| Tree::of(n, offset))
                .collect(),
        }
    }

    pub fn is(&self, rule: Rule) -> bool {
        self.rule == rule
    }

    pub fn kid(&self, rule: Rule) -> Option<&Tree<'t>> {
        self.kids.iter().find(|k| k.rule == rule)
    }

    /// The only kid.
    pub fn only(&self) -> Option<&Tree<'t>> {
        match self.kids.as_slice() {
            [kid] => Some(kid),
            _ => None,
        }
    }

    /// Every token below, in order.
    pub fn leaves(&self, found: &mut Vec<(usize, usize)>) {
        if self.kids.is_empty() {
            found.push((self.start, self.start + self.text.len()));
        }
        self.kids.iter().for_each(|k| k.leaves(found));
    }
}

/// The comments of one token.
#[derive(Default)]
pub(super) struct Around {
    /// Each on its own line.
    pub before: Vec<String>,
    /// At the end of the token's line.
    pub after: Vec<String>,
}

/// A comment between two statements.
pub(super) struct Between {
    pub start: usize,
    pub end: usize,
    pub text: String,
}

/// Where every comment of a text belongs.
#[derive(Default)]
pub(super) struct Comments {
    /// By the token's offset.
    pub around: HashMap<usize, Around>,
    pub between: Vec<Between>,
    /// Where the comments at the ends of lines end, by the offset of their token.
    pub ends: HashMap<usize, usize>,
}

impl Comments {
    /// `statements` are the tokens of each statement, in order.
    pub fn of(text: &str, statements: &[Vec<(usize, usize)>]) -> Comments {
        let firsts: Vec<usize> = statements.iter().filter_map(|s| s.first()).map(|t| t.0).collect();
        let tokens: Vec<(usize, usize)> = statements.iter().flatten().copied().collect();
        let mut comments = Comments::default();
        for lexeme in lexemes(text).iter().filter(|l| l.kind == LexemeKind::Comment) {
            let said = lexeme.text.trim_end().to_string();
            let next = tokens.partition_point(|t| t.0 < lexeme.start);
            let token_before = next.checked_sub(1).and_then(|i| tokens.get(i));
            match (token_before, tokens.get(next)) {
                (Some((start, _)), _) if !lexeme.starts_line => {
                    comments.around.entry(*start).or_default().after.push(said);
                    comments.ends.insert(*start, lexeme.end());
                }
                (Some(_), Some((start, _))) if firsts.binary_search(start).is_err() => {
                    comments.around.entry(*start).or_default().before.push(said);
                }
                _ => comments.between.push(Between { start: lexeme.start, end: lexeme.end(), text: said }),
            }
        }
        comments
    }
}
