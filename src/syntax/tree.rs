//! What the grammar matched, as syntax tree: the builder and its small tools. `definition.rs`, `clause.rs`,
//! `command.rs`, `expr.rs` and `call.rs` hold one method per rule.
//!
//! A method returns `None` only where the grammar and the builder disagree, which is an error of Segue itself.

use super::ast::*;
use super::grammar::Rule;
use super::literal;
use super::moment::{self, Moment};
use super::scan::is_blank;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use pest::iterators::{Pair, Pairs};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

pub(super) type Node<'t> = Pair<'t, Rule>;

/// The children of a node, taken in order.
pub(super) struct Kids<'t>(std::iter::Peekable<Pairs<'t, Rule>>);

impl<'t> Kids<'t> {
    pub fn of(node: Node<'t>) -> Self {
        Kids(node.into_inner().peekable())
    }

    pub fn next(&mut self) -> Option<Node<'t>> {
        self.0.next()
    }

    /// The next child where it is of this rule.
    pub fn take(&mut self, rule: Rule) -> Option<Node<'t>> {
        self.0.next_if(|n| n.as_rule() == rule)
    }

    /// Steps over words and signs until a child of this rule, and takes it.
    pub fn find(&mut self, rule: Rule) -> Option<Node<'t>> {
        self.0.find(|n| n.as_rule() == rule)
    }

    /// The remaining children of this rule.
    pub fn all(self, rule: Rule) -> impl Iterator<Item = Node<'t>> {
        self.0.filter(move |n| n.as_rule() == rule)
    }
}

pub(super) struct Builder<'t, 'd> {
    pub file: FileId,
    /// The whole text.
    pub text: &'t str,
    /// Where the piece that the grammar saw begins in the whole text.
    pub offset: usize,
    pub diagnostics: &'d mut Diagnostics,
    /// A `case` around what is being built has no `end` yet.
    pub inside_case: bool,
    /// The statement has a `case` without its `end`: more branches could follow.
    pub open_case: bool,
}

impl<'t> Builder<'t, '_> {
    /// The span of a node. Optional parts at a rule's end leave blanks in it (and comments, which are blanks to the
    /// grammar): it ends with its last token.
    pub fn span(&self, node: &Node<'_>) -> Span {
        let start = self.offset + node.as_span().start();
        Span::new(self.file, start, start + node.as_str().trim_end_matches(is_blank).len())
    }

    pub fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.range()).unwrap_or("")
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Diagnostic::new(code, message).at(span).help(help));
    }

    // ---- names and literals ----

    pub fn ident(&self, node: &Node<'_>) -> Ident {
        let written = node.as_str();
        let bare = written.strip_prefix('`').and_then(|w| w.strip_suffix('`')).unwrap_or(written);
        Ident { text: normal(bare), span: self.span(node) }
    }

    /// A keyword as a name: in small letters.
    pub fn word(&self, node: &Node<'_>) -> Ident {
        Ident { text: node.as_str().to_ascii_lowercase(), span: self.span(node) }
    }

    pub fn names(&self, node: Node<'t>) -> Vec<Ident> {
        Kids::of(node).all(Rule::NAME).map(|n| self.ident(&n)).collect()
    }

    pub fn path(&self, node: Node<'t>) -> Path {
        let span = self.span(&node);
        let parts = node
            .into_inner()
            .filter(|n| matches!(n.as_rule(), Rule::NAME | Rule::PART))
            .map(|n| self.ident(&n))
            .collect();
        Path { parts, span }
    }

    pub fn text_literal(&self, node: &Node<'_>) -> Text {
        Text { value: literal::text_value(node.as_str()), span: self.span(node) }
    }

    pub fn number(&self, node: &Node<'_>) -> Option<Number> {
        literal::number_value(node.as_str())
    }

    /// A whole number that fits; others are reported and read as 1.
    pub fn whole(&mut self, node: &Node<'_>, what: &str) -> u32 {
        let value = self.number(node).filter(|n| n.scale == 0).and_then(|n| u32::try_from(n.digits).ok());
        if value.is_none() {
            let message = format!("{what} is a whole number, not `{}`", node.as_str());
            let span = self.span(node);
            self.report(Diagnostic::new(Code::BadNumber, message).at(span));
        }
        value.unwrap_or(1)
    }

    /// `90 days`
    pub fn duration(&mut self, node: Node<'t>) -> Option<Duration> {
        let mut kids = Kids::of(node);
        let number = kids.next()?;
        let unit = unit(&kids.next()?)?;
        Some(Duration { amount: self.whole(&number, "a length of time"), unit })
    }

    /// `meta` and plain clauses: a word, a text, a date or a number.
    pub fn value(&mut self, node: Node<'t>) -> Option<MetaValue> {
        let node = Kids::of(node).next()?;
        let span = self.span(&node);
        Some(match node.as_rule() {
            Rule::TEXT => MetaValue::Text(self.text_literal(&node)),
            Rule::NUMBER => MetaValue::Number(self.number(&node)?, span),
            Rule::MOMENT => match moment::moment_value(node.as_str())? {
                Moment::Date(date) => MetaValue::Date(date, span),
                Moment::Instant(instant) => {
                    self.error(
                        Code::BadDate,
                        span,
                        "a date is wanted here, without a time",
                        "write the day alone",
                    );
                    MetaValue::Date(day(&instant), span)
                }
            },
            _ => MetaValue::Word(self.ident(&node)),
        })
    }

    pub fn meta(&mut self, node: Node<'t>) -> Option<Meta> {
        let span = self.span(&node);
        let mut kids = Kids::of(node);
        let name = self.ident(&kids.find(Rule::NAME)?);
        let value = self.value(kids.find(Rule::value)?)?;
        let mut more = Vec::new();
        while let Some(node) = kids.find(Rule::value) {
            more.push(self.value(node)?);
        }
        Some(Meta { name, value, more, span })
    }
}

fn day(instant: &InstantLiteral) -> chrono::NaiveDate {
    match instant {
        InstantLiteral::Local(local) => local.date(),
        InstantLiteral::WithOffset(moment) => moment.date_naive(),
    }
}

/// The form in which names are compared.
fn normal(name: &str) -> String {
    match is_nfkc_quick(name.chars()) {
        IsNormalized::Yes => name.to_string(),
        _ => name.nfkc().collect(),
    }
}

pub(super) fn unit(node: &Node<'_>) -> Option<TimeUnit> {
    let word = node.as_str().to_ascii_lowercase();
    Some(match word.strip_suffix('s').unwrap_or(&word) {
        "second" => TimeUnit::Second,
        "minute" => TimeUnit::Minute,
        "hour" => TimeUnit::Hour,
        "day" => TimeUnit::Day,
        "week" => TimeUnit::Week,
        "month" => TimeUnit::Month,
        "quarter" => TimeUnit::Quarter,
        "year" => TimeUnit::Year,
        _ => return None,
    })
}
