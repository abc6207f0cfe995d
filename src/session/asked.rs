//! Which findings belong to a question: those of what it asks about, and of what that is made of.

use super::Session;
use crate::diagnostic::Diagnostic;
use crate::ir::{DefId, Node, Program};
use crate::source::Span;
use std::collections::BTreeSet;

impl Session {
    /// The findings that a question should show, and how many warnings stand elsewhere in the script: in definitions
    /// that the question does not reach, and in audiences.
    pub fn about_question(&self, program: &Program, all: Vec<Diagnostic>) -> (Vec<Diagnostic>, usize) {
        let Some((_, asked)) = program.commands.last() else { return (all, 0) };
        let reached = reached(program, self.loaded.map.text(*asked));
        let holds = |outer: Span, inner: Span| {
            outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
        };
        let elsewhere = |d: &Diagnostic| {
            let Some(at) = &d.at else { return false };
            let of = program.definition_ids().find(|(_, d)| d.is_written() && holds(d.span, at.span));
            match of {
                Some((id, _)) => !reached.contains(&id),
                None => program.audiences.iter().any(|a| holds(a.span, at.span)),
            }
        };
        let before = all.len();
        let shown: Vec<Diagnostic> = all.into_iter().filter(|d| d.is_error() || !elsewhere(d)).collect();
        let hidden = before - shown.len();
        (shown, hidden)
    }
}

/// The definitions whose names stand in the question, with all that they are made of.
fn reached(program: &Program, question: &str) -> BTreeSet<DefId> {
    let words: BTreeSet<&str> = question.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let named = |name: &str| words.contains(name) || question.contains(&format!("`{name}`"));
    let mut next: Vec<DefId> =
        program.definition_ids().filter(|(_, d)| named(&d.name)).map(|(id, _)| id).collect();
    let mut found = BTreeSet::new();
    while let Some(def) = next.pop() {
        if !found.insert(def) {
            continue;
        }
        let mut exprs: Vec<_> = program.definition(def).map(|d| d.body).into_iter().collect();
        while let Some(expr) = exprs.pop() {
            program.graph.walk(expr, &mut |_, node| match node {
                Node::Definition(inner) | Node::Outside(inner) => next.push(*inner),
                Node::Aggregate(a) => exprs.extend(a.on_events()),
                Node::Top(top) => next.extend(top.base),
                _ => {}
            });
        }
    }
    found
}
