//! `@allow W0331`: what a definition may do although a lint warns of it.

use super::super::Checker;
use crate::diagnostic::{Code, Diagnostic, Severity, suggest};
use crate::source::Span;
use crate::syntax::ast::{Meta, MetaValue, Statement};
use hashbrown::HashSet;

/// About a run or the call as a whole: no definition can allow them.
const OF_THE_RUN: [Code; 2] = [Code::NoEventsOnDay, Code::AsOfToday];

/// Found from the text of a definition alone, whatever the run, the data and whoever uses the file: an `@allow` of
/// one that is not found is of no use.
const OF_THE_TEXT: [Code; 3] = [Code::NotSegment, Code::NeverTrue, Code::AlwaysTrue];

impl Checker<'_> {
    /// The codes that an `@allow` names; what is no warning's code is an error.
    pub(in super::super) fn allow(&mut self, statement: &Statement, meta: &Meta) {
        let mut codes = Vec::new();
        for value in std::iter::once(&meta.value).chain(&meta.more) {
            let (text, span) = match value {
                MetaValue::Word(word) => (word.text.as_str(), word.span),
                MetaValue::Text(text) => (text.value.as_str(), text.span),
                MetaValue::Date(_, span) | MetaValue::Number(_, span) => (self.map.text(*span), *span),
            };
            let words = text.split([',', '，', ' ']).filter(|w| !w.is_empty()).map(str::to_string);
            for word in words.collect::<Vec<_>>() {
                codes.extend(self.allowed_code(&word, span));
            }
        }
        let start = statement.meta.first().map_or(statement.span, |m| m.span);
        self.allowances.extend(codes.iter().map(|(code, span)| (*code, *span)));
        self.allowed.add(start.to(statement.span), codes.into_iter().map(|(code, _)| code).collect());
    }

    fn allowed_code(&mut self, word: &str, span: Span) -> Option<(Code, Span)> {
        let diagnostic = match Code::parse(word) {
            Some(code) if OF_THE_RUN.contains(&code) => {
                Diagnostic::new(Code::BadAllow, format!("{code} is about the run, not about a definition"))
            }
            Some(code) if code.severity() == Severity::Warning => return Some((code, span)),
            Some(code) => {
                Diagnostic::new(Code::BadAllow, format!("{code} is an error: it cannot be allowed"))
                    .help("only warnings can be allowed: their codes begin with W")
            }
            None => {
                let known =
                    Code::ALL.iter().filter(|c| c.severity() == Severity::Warning).map(|c| c.as_str());
                let near = suggest::nearest(word, known).and_then(Code::parse);
                let help = match near {
                    Some(code) => format!("did you mean {code}, “{}”?", code.title()),
                    None => {
                        "write the code of a warning, as `segue check` shows it: `@allow W0301`".to_string()
                    }
                };
                Diagnostic::new(Code::BadAllow, format!("no warning has the code `{word}`")).help(help)
            }
        };
        self.error(diagnostic.at(span));
        None
    }

    /// Takes out what is allowed, and warns of allowances that nothing needs.
    pub(in super::super) fn silence(&mut self) {
        if self.allowed.is_empty() {
            return;
        }
        let idle = if self.diagnostics.has_errors() { Vec::new() } else { self.idle_allowances() };
        let allowed = &self.allowed;
        self.diagnostics.retain(|d| !allowed.silences(d));
        for (code, span) in idle {
            let diagnostic = Diagnostic::new(Code::AllowsNothing, format!("nothing here raises {code}"))
                .at(span)
                .help("take it out: it would hide the next one");
            if !self.allowed.silences(&diagnostic) {
                self.error(diagnostic);
            }
        }
    }

    fn idle_allowances(&self) -> Vec<(Code, Span)> {
        let found = self.diagnostics.iter().filter_map(|d| {
            let place = self.allowed.place(d.at.as_ref()?.span)?;
            Some((d.code, place))
        });
        let found: HashSet<(Code, usize)> = found.collect();
        let fired = |code: Code, span: Span| {
            self.allowed.place(span).is_some_and(|place| found.contains(&(code, place)))
        };
        let of_text = self.allowances.iter().filter(|(code, _)| OF_THE_TEXT.contains(code));
        of_text.filter(|(code, span)| !fired(*code, *span)).copied().collect()
    }
}
