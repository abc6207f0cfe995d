//! Warnings that a script allows: `@allow W0331` before a definition.

use super::{Code, Diagnostic};
use crate::source::Span;

/// Which warnings are allowed where.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// A statement with its metadata, in the order of the text, and what it allows.
    places: Vec<(Span, Vec<Code>)>,
}

impl Allowed {
    /// Adds what a statement allows, to what it allows already.
    pub fn add(&mut self, statement: Span, codes: Vec<Code>) {
        if let Some((_, known)) = self.place(statement).and_then(|i| self.places.get_mut(i)) {
            known.extend(codes);
            return;
        }
        let at = self.places.partition_point(|(s, _)| (s.file, s.start) <= (statement.file, statement.start));
        self.places.insert(at, (statement, codes));
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the finding stands in a statement that allows its code.
    pub fn silences(&self, diagnostic: &Diagnostic) -> bool {
        let Some(at) = diagnostic.at.as_ref().map(|l| l.span).filter(|_| !diagnostic.is_error()) else {
            return false;
        };
        self.place(at)
            .and_then(|i| self.places.get(i))
            .is_some_and(|(_, codes)| codes.contains(&diagnostic.code))
    }

    /// The statement that holds a place, of those that allow something.
    pub fn place(&self, at: Span) -> Option<usize> {
        let after = self.places.partition_point(|(s, _)| (s.file, s.start) <= (at.file, at.start));
        let last = after.checked_sub(1)?;
        let (statement, _) = self.places.get(last)?;
        (statement.file == at.file && at.start <= statement.end).then_some(last)
    }
}
