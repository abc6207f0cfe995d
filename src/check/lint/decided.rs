//! Conditions that are decided before any customer is looked at: contradictions, and what is always true.
//!
//! What must hold is taken apart into claims about single subjects. An `and` is never true where its claims cannot
//! hold together; an `or` is never false where what would make all of it false cannot. Nothing is said of what may
//! be satisfied.

use super::super::{Checker, Item};
use super::claims::Claims;
use super::range::Point;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{CompareOp, ExprId, Literal, Node, print};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, LogicOp, UnaryOp};
use crate::types::Type;

/// A condition longer than this is not repeated in a message.
const QUOTED: usize = 60;

impl Checker<'_> {
    /// An `and` or an `or`, its operands checked.
    pub(in super::super) fn lint_logic(&mut self, op: LogicOp, ids: &[ExprId], operands: &[Expr]) {
        if self.other_day().is_some() {
            return;
        }
        // A yes/no constant is a switch, thrown on purpose.
        if ids.iter().any(|id| matches!(self.graph.node(*id), Node::Literal(_))) {
            return;
        }
        let mut claims = Claims::new(self);
        for (operand, id) in ids.iter().enumerate() {
            claims.collect(*id, op == LogicOp::And, operand);
        }
        // What one operand says alone was reported with it.
        let Some(clash) = claims.clash() else { return };
        let (Some(one), Some(other)) = (operands.get(clash.first), operands.get(clash.second)) else {
            return;
        };
        // A run may give a parameter another value.
        if self.differs_by_run(one) || self.differs_by_run(other) {
            return;
        }
        let (first, second) = (one.span, other.span);
        let pair = |a: Option<&ExprId>| a.is_some_and(|id| self.is_inequality(*id));
        let both_differ = pair(ids.get(clash.first)) && pair(ids.get(clash.second));
        let (a, b) = (self.quoted(first, "the first"), self.quoted(second, "the second"));
        let diagnostic = match op {
            LogicOp::And => Diagnostic::new(Code::NeverTrue, format!("{a} and {b} are never both true"))
                .label(second, "with this, nobody is left")
                .related(first, "the other")
                .help("for customers of either kind, write `or`; several values of one thing are `x in (…)`"),
            LogicOp::Or => {
                let known = if clash.with_missing { "" } else { " where the value is known" };
                let help = if both_differ {
                    "for none of several values, write `x not in (…)`"
                } else {
                    "it leaves nobody out: take it out, or say what is meant, such as `… is known`"
                };
                Diagnostic::new(Code::AlwaysTrue, format!("one of {a} and {b} is always true{known}"))
                    .label(second, "with this, everybody is in")
                    .related(first, "the other")
                    .help(help)
            }
        };
        self.error(diagnostic);
    }

    /// Whether a value is asked to be above a number, or below it, and can be either.
    fn is_open(&self, id: ExprId) -> bool {
        let Node::Compare { op, left, right } = self.graph.node(id) else { return false };
        if matches!(op, CompareOp::Equal | CompareOp::NotEqual) {
            return false;
        }
        let (subject, number) = match (self.graph.node(*left), self.graph.node(*right)) {
            (Node::Literal(_), Node::Literal(_)) => return false,
            (_, Node::Literal(number @ Literal::Number(_))) => (*left, number),
            (Node::Literal(number @ Literal::Number(_)), _) => (*right, number),
            _ => return false,
        };
        match self.domain(subject) {
            Some(domain) => {
                Point::of(number, self.graph.ty(subject)).is_some_and(|point| domain.surrounds(&point))
            }
            None => true,
        }
    }

    /// A condition that is no `and`, `or` or `not`: decided by the values that its subject can have.
    pub(in super::super) fn lint_atom(&mut self, id: ExprId, expr: &Expr) {
        let taken_apart =
            matches!(*expr.kind, ExprKind::Logic { .. } | ExprKind::Unary { op: UnaryOp::Not, .. });
        if taken_apart || self.other_day().is_some() {
            return;
        }
        let inner = match self.graph.node(id) {
            Node::Not(inner) => *inner,
            _ => id,
        };
        if !matches!(
            self.graph.node(inner),
            Node::Compare { .. } | Node::Between { .. } | Node::InList { .. }
        ) {
            return;
        }
        if self.is_open(inner) {
            return;
        }
        let decided = |wanted: bool| {
            let mut claims = Claims::new(self);
            claims.collect(id, wanted, 0);
            claims.are_void()
        };
        let (never, always) = (decided(true), decided(false));
        if (!never && !always) || self.differs_by_run(expr) {
            return;
        }
        let said = self.subject(inner).and_then(|s| Some((s, self.said_values(s)?)));
        let help = match said {
            Some((subject, values)) => {
                format!("{} {values}", self.subject_name(subject).unwrap_or_else(|| "its value".to_string()))
            }
            None => "look at the two sides: they decide it before anybody is looked at".to_string(),
        };
        let text = self.quoted(expr.span, "this");
        let diagnostic = if never {
            Diagnostic::new(Code::NeverTrue, format!("{text} is never true"))
        } else {
            Diagnostic::new(Code::AlwaysTrue, format!("{text} is always true where the value is known"))
        };
        self.error(diagnostic.at(expr.span).help(help));
    }

    /// Whether another run may decide it otherwise: a parameter's name stands in it, or `today`.
    pub(super) fn differs_by_run(&self, expr: &Expr) -> bool {
        let words = self.map.text(expr.span).split(|c: char| !c.is_alphanumeric() && c != '_');
        words
            .into_iter()
            .any(|word| word.eq_ignore_ascii_case("today") || matches!(self.item(word), Some(Item::Param(_))))
    }

    fn is_inequality(&self, id: ExprId) -> bool {
        match self.graph.node(id) {
            Node::Compare { op, .. } => *op == CompareOp::NotEqual,
            Node::Not(inner) => matches!(self.graph.node(*inner), Node::InList { .. }),
            _ => false,
        }
    }

    /// What a comparison with constants is about.
    fn subject(&self, id: ExprId) -> Option<ExprId> {
        let constant = |id: ExprId| matches!(self.graph.node(id), Node::Literal(_));
        match self.graph.node(id) {
            Node::Compare { left, right, .. } if constant(*right) => Some(*left),
            Node::Compare { left, right, .. } if constant(*left) => Some(*right),
            Node::Between { value, .. } | Node::InList { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// “is one of …”, the labels of a `case` in its order.
    fn said_values(&self, subject: ExprId) -> Option<String> {
        match self.graph.ty(subject) {
            Type::Label(labels) => {
                let labels: Vec<String> = labels.iter().map(|l| print::quoted(l)).collect();
                Some(format!("is one of {}", labels.join(", ")))
            }
            _ => self.domain(subject)?.said(),
        }
    }

    fn subject_name(&self, id: ExprId) -> Option<String> {
        match self.graph.node(id) {
            Node::Definition(def) => Some(format!("`{}`", self.called(*def))),
            Node::Call { function, .. } => {
                crate::functions::row_of(*function).map(|row| format!("`{}(…)`", row.name))
            }
            Node::Aggregate(a) => {
                crate::functions::row_of_aggregate(a.function).map(|row| format!("`{}(…)`", row.name))
            }
            Node::Population(p) => {
                crate::functions::row_of_population(p.function).map(|row| format!("`{}(…)`", row.name))
            }
            _ => None,
        }
    }

    /// A piece of the script in a message, or a word for it.
    pub(super) fn quoted(&self, span: Span, word: &str) -> String {
        let text: Vec<&str> = self.map.text(span).split_whitespace().collect();
        let text = text.join(" ");
        if text.chars().count() > QUOTED || text.contains('`') {
            word.to_string()
        } else {
            format!("`{text}`")
        }
    }
}
