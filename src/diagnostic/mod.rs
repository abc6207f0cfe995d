//! Errors and warnings: structure here, one row per code in [`codes`], drawing in [`render`].
//!
//! Whoever finds a problem builds a [`Diagnostic`] with the span, the message and the hint together.

mod allow;
pub mod codes;
pub mod render;
pub mod suggest;

pub use allow::Allowed;
pub use codes::{Code, Severity};

use crate::source::Span;
use std::collections::HashSet;

/// One finding: what is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub code: Code,
    pub message: String,
    /// Where to point; findings about data have none.
    pub at: Option<Label>,
    /// Other places that matter (the first definition, the other entity).
    pub related: Vec<Label>,
    /// What would be right, one sentence each.
    pub help: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub span: Span,
    /// Beside the caret; may be empty.
    pub text: String,
}

impl Diagnostic {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), at: None, related: Vec::new(), help: Vec::new() }
    }

    pub fn at(self, span: Span) -> Self {
        self.label(span, "")
    }

    /// Points at `span` with a few words beside the caret.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.at = Some(Label { span, text: text.into() });
        self
    }

    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label { span, text: text.into() });
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    pub fn help_if(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }

    /// The same finding with more in its message.
    pub fn says_more_than(&self, other: &Diagnostic) -> bool {
        (self.code, &self.at) == (other.code, &other.at) && self.message.starts_with(&other.message)
    }

    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// Collects findings while a stage goes on to find more.
#[derive(Default, Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// What was pushed, by code and place: only then may a finding be there already.
    seen: HashSet<(Code, Option<Span>)>,
}

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let place = (diagnostic.code, diagnostic.at.as_ref().map(|l| l.span));
        if self.seen.insert(place) || !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        for d in other {
            self.push(d);
        }
    }

    /// Takes out the findings for which this is not true.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// In the order of the text, findings without a place last.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list
            .sort_by_key(|d| d.at.as_ref().map_or((u32::MAX, u32::MAX), |l| (l.span.file.0, l.span.start)));
        self.list
    }
}
