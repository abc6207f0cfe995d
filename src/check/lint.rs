//! Lints: what is allowed and probably not meant.

use super::Checker;
use super::definition::Body;
use crate::diagnostic::{Code, Diagnostic};
use crate::functions::AggregateFn;
use crate::ir::{ArithmeticOp, CompareOp, DefId, ExprId, Literal, Node, Score};
use crate::types::Type;
use std::cmp::Ordering;
use std::collections::BTreeSet;

impl Checker<'_> {
    pub(super) fn lint(&mut self) {
        for id in self.definition_ids() {
            let Some(state) = self.state(id) else { continue };
            let super::Progress::Done(Some((body, _))) = &state.checked else { continue };
            if state.on.is_some() {
                continue;
            }
            let (body, is_segment) = (*body, matches!(state.body, Body::Segment(_)));
            if is_segment
                && !matches!(self.graph.node(body), Node::Literal(_))
                && self.of_stranger(body) == Known::Bool(true)
            {
                self.everyone_matches(id);
            }
            self.float_money(id, body);
        }
    }

    fn everyone_matches(&mut self, id: DefId) {
        let Some(state) = self.state(id) else { return };
        let (name, span) = (state.name().to_string(), state.span());
        let mut diagnostic = Diagnostic::new(
            Code::EveryoneMatches,
            format!("`{name}` would hold for a customer about whom nothing is known"),
        )
        .help("start from a base: `where high_value and …`, or add `… is known`");
        if let Some(span) = span {
            diagnostic = diagnostic.at(span);
        }
        self.error(diagnostic);
    }

    /// A sum of floats that meets a threshold: exact sums of binary fractions can still lie a hair under it.
    fn float_money(&mut self, id: DefId, body: ExprId) {
        let mut found: BTreeSet<ExprId> = BTreeSet::new();
        self.graph.walk(body, &mut |_, node| {
            if let Node::Compare { left, right, .. } = node {
                for (side, other) in [(left, right), (right, left)] {
                    if matches!(self.graph.node(*other), Node::Literal(Literal::Number(_))) {
                        found.insert(*side);
                    }
                }
            }
        });
        for side in found {
            let Some(column) = self.float_sum(side) else { continue };
            let mut diagnostic = Diagnostic::new(
                Code::FloatMoney,
                format!("a sum of floats is compared with a threshold: {column} is stored as float"),
            )
            .help(format!("money as floats can lie a hair under a limit: `column {column} as decimal(18,2)` in its source"));
            if let Some(span) = self.state(id).and_then(|s| s.span()) {
                diagnostic = diagnostic.at(span);
            }
            self.error(diagnostic);
        }
    }

    /// The column of a float sum, through tags' names.
    fn float_sum(&self, id: ExprId) -> Option<String> {
        match self.graph.node(id) {
            Node::Aggregate(a) if a.function == AggregateFn::Sum => {
                let argument = a.argument?;
                if *self.graph.ty(argument) != Type::Float {
                    return None;
                }
                match self.graph.node(argument) {
                    Node::Column { source, column, .. } => {
                        self.source(*source)?.column(*column).map(|c| c.name.clone())
                    }
                    _ => None,
                }
            }
            Node::Definition(def) => match &self.state(*def)?.checked {
                super::Progress::Done(Some((body, _))) => self.float_sum(*body),
                _ => None,
            },
            _ => None,
        }
    }

    /// What an expression is for a customer of whom nothing is known: every column missing, no events.
    fn of_stranger(&self, id: ExprId) -> Known {
        match self.graph.node(id) {
            Node::Literal(Literal::Bool(b)) => Known::Bool(*b),
            Node::Literal(Literal::Number(n)) => {
                super::literal_value(&Literal::Number(*n)).as_f64().map_or(Known::Nothing, Known::Number)
            }
            Node::Literal(Literal::Text(t)) => Known::Text(t.clone()),
            Node::Aggregate(a) => match a.function {
                AggregateFn::Any => Known::Bool(false),
                f if f.over_nothing_is_zero() => Known::Number(0.0),
                _ => Known::Nothing,
            },
            Node::Sequence(_) => Known::Bool(false),
            Node::SequencePart { part: crate::ir::SequencePart::Steps, .. } => Known::Number(0.0),
            Node::Definition(def) => match self.state(*def).map(|s| (&s.checked, self.is_segment(*def))) {
                Some((super::Progress::Done(Some((body, _))), segment)) => match self.of_stranger(*body) {
                    // An entity's own name says nothing about what is known.
                    Known::Nothing if segment => Known::Bool(false),
                    known => known,
                },
                _ => Known::Nothing,
            },
            Node::Outside(def) => match self.state(*def).map(|s| &s.checked) {
                Some(super::Progress::Done(Some((body, _)))) => {
                    Known::Bool(self.of_stranger(*body) != Known::Bool(true))
                }
                _ => Known::Nothing,
            },
            Node::IsMissing(inner) => Known::Bool(self.of_stranger(*inner) == Known::Nothing),
            Node::Coalesce(a, b) => match self.of_stranger(*a) {
                Known::Nothing => self.of_stranger(*b),
                known => known,
            },
            Node::Not(inner) => match self.of_stranger(*inner) {
                Known::Bool(b) => Known::Bool(!b),
                _ => Known::Nothing,
            },
            Node::And(list) => self.all(list, true),
            Node::Or(list) => self.all(list, false),
            Node::Case { branches, otherwise } => {
                for (when, then) in branches {
                    if self.of_stranger(*when) == Known::Bool(true) {
                        return self.of_stranger(*then);
                    }
                }
                otherwise.map_or(Known::Nothing, |e| self.of_stranger(e))
            }
            Node::Compare { op, left, right } => {
                compared(self.of_stranger(*left).order(&self.of_stranger(*right)), *op)
            }
            Node::Between { value, low, high } => {
                let v = self.of_stranger(*value);
                let above = compared(v.order(&self.of_stranger(*low)), CompareOp::GreaterEqual);
                let below = compared(v.order(&self.of_stranger(*high)), CompareOp::LessEqual);
                match (above, below) {
                    (Known::Bool(a), Known::Bool(b)) => Known::Bool(a && b),
                    _ => Known::Nothing,
                }
            }
            Node::InList { value, list } => {
                let v = self.of_stranger(*value);
                if v == Known::Nothing {
                    return if list.is_empty() { Known::Bool(false) } else { Known::Nothing };
                }
                let items: Vec<Known> = list.iter().map(|item| self.of_stranger(*item)).collect();
                if items.iter().any(|item| v.order(item) == Some(Ordering::Equal)) {
                    return Known::Bool(true);
                }
                // Where one of them is not known, whether it is among them is not known either.
                if items.contains(&Known::Nothing) { Known::Nothing } else { Known::Bool(false) }
            }
            Node::Negate(x) => match self.of_stranger(*x) {
                Known::Number(n) => Known::Number(-n),
                _ => Known::Nothing,
            },
            Node::Arithmetic { op, left, right } => match (self.of_stranger(*left), self.of_stranger(*right))
            {
                (Known::Number(a), Known::Number(b)) => match op {
                    ArithmeticOp::Add => Known::Number(a + b),
                    ArithmeticOp::Subtract => Known::Number(a - b),
                    ArithmeticOp::Multiply => Known::Number(a * b),
                    ArithmeticOp::Divide if b != 0.0 => Known::Number(a / b),
                    _ => Known::Nothing,
                },
                _ => Known::Nothing,
            },
            Node::Score(score) => self.score_of_stranger(score),
            Node::Literal(_)
            | Node::Column { .. }
            | Node::InSource(_)
            | Node::TextTest { .. }
            | Node::Call { .. }
            | Node::Elapsed { .. }
            | Node::SequencePart { .. }
            | Node::Top(_)
            | Node::Population(_)
            | Node::Cell { .. }
            | Node::Error => Known::Nothing,
        }
    }

    fn score_of_stranger(&self, score: &Score) -> Known {
        let mut points = vec![(score.base, 1.0)];
        let holds = score.rules.iter().filter(|r| self.of_stranger(r.when) == Known::Bool(true));
        points.extend(holds.map(|r| (r.points, if r.take { -1.0 } else { 1.0 })));
        let mut sum = 0.0;
        for (id, sign) in points {
            let Known::Number(n) = self.of_stranger(id) else { return Known::Nothing };
            sum += sign * n;
        }
        if let Some((low, high)) = score.clamp
            && let (Known::Number(low), Known::Number(high)) = (self.of_stranger(low), self.of_stranger(high))
        {
            sum = sum.max(low).min(high);
        }
        Known::Number(sum)
    }

    /// Kleene `and` (`or` for `false`).
    fn all(&self, list: &[ExprId], and: bool) -> Known {
        let known: Vec<Known> = list.iter().map(|e| self.of_stranger(*e)).collect();
        if known.contains(&Known::Bool(!and)) {
            Known::Bool(!and)
        } else if known.iter().all(|k| *k == Known::Bool(and)) {
            Known::Bool(and)
        } else {
            Known::Nothing
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Known {
    Nothing,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Known {
    fn order(&self, other: &Known) -> Option<Ordering> {
        match (self, other) {
            (Known::Number(a), Known::Number(b)) => a.partial_cmp(b),
            (Known::Text(a), Known::Text(b)) => Some(a.cmp(b)),
            (Known::Bool(a), Known::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

fn compared(order: Option<Ordering>, op: CompareOp) -> Known {
    let Some(order) = order else { return Known::Nothing };
    Known::Bool(match op {
        CompareOp::Equal => order.is_eq(),
        CompareOp::NotEqual => order.is_ne(),
        CompareOp::Less => order.is_lt(),
        CompareOp::LessEqual => order.is_le(),
        CompareOp::Greater => order.is_gt(),
        CompareOp::GreaterEqual => order.is_ge(),
    })
}
