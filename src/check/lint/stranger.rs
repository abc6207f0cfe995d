//! What expressions are for a customer of whom nothing is known.

use super::super::{Checker, literal_value};
use crate::functions::AggregateFn;
use crate::ir::{ArithmeticOp, CompareOp, ExprId, Literal, Node, Score, SequencePart};
use hashbrown::HashMap;
use std::cmp::Ordering;

/// Every column missing, no events. What was worked out is kept: expressions are shared.
pub(super) struct Stranger<'c, 's> {
    checker: &'c Checker<'s>,
    known: HashMap<ExprId, Known>,
}

impl<'c, 's> Stranger<'c, 's> {
    pub(super) fn new(checker: &'c Checker<'s>) -> Self {
        Stranger { checker, known: HashMap::new() }
    }

    /// What is known of the value.
    pub(super) fn of(&mut self, id: ExprId) -> Known {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let known = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.work_out(id));
        self.known.insert(id, known.clone());
        known
    }

    fn work_out(&mut self, id: ExprId) -> Known {
        let checker = self.checker;
        match checker.graph.node(id) {
            Node::Literal(Literal::Bool(b)) => Known::Bool(*b),
            Node::Literal(Literal::Number(n)) => {
                literal_value(&Literal::Number(*n)).as_f64().map_or(Known::Nothing, Known::Number)
            }
            Node::Literal(Literal::Text(t)) => Known::Text(t.clone()),
            // Without a date of one's own there is no window.
            Node::Aggregate(a) if a.own.is_some_and(|own| self.of(own.anchor) == Known::Nothing) => {
                Known::Nothing
            }
            Node::Aggregate(a) => match a.function {
                AggregateFn::Any => Known::Bool(false),
                f if f.over_nothing_is_zero() => Known::Number(0.0),
                _ => Known::Nothing,
            },
            Node::Sequence(_) => Known::Bool(false),
            Node::SequencePart { part: SequencePart::Steps, .. } => Known::Number(0.0),
            Node::Definition(def) => match checker.body_of(*def).map(|body| self.of(body)) {
                // An entity's own name says nothing about what is known.
                Some(Known::Nothing) if checker.is_segment(*def) => Known::Bool(false),
                known => known.unwrap_or(Known::Nothing),
            },
            Node::Outside(def) => match checker.body_of(*def) {
                Some(body) => Known::Bool(self.of(body) != Known::Bool(true)),
                None => Known::Nothing,
            },
            Node::IsMissing(inner) => Known::Bool(self.of(*inner) == Known::Nothing),
            Node::Coalesce(a, b) => match self.of(*a) {
                Known::Nothing => self.of(*b),
                known => known,
            },
            Node::Not(inner) => match self.of(*inner) {
                Known::Bool(b) => Known::Bool(!b),
                _ => Known::Nothing,
            },
            Node::And(list) => self.all(list, true),
            Node::Or(list) => self.all(list, false),
            Node::Case { branches, otherwise } => {
                for (when, then) in branches {
                    if self.of(*when) == Known::Bool(true) {
                        return self.of(*then);
                    }
                }
                otherwise.map_or(Known::Nothing, |e| self.of(e))
            }
            Node::Compare { op, left, right } => compared(self.of(*left).order(&self.of(*right)), *op),
            Node::Between { value, low, high } => {
                let v = self.of(*value);
                let above = compared(v.order(&self.of(*low)), CompareOp::GreaterEqual);
                let below = compared(v.order(&self.of(*high)), CompareOp::LessEqual);
                match (above, below) {
                    (Known::Bool(a), Known::Bool(b)) => Known::Bool(a && b),
                    _ => Known::Nothing,
                }
            }
            Node::InList { value, list } => {
                let v = self.of(*value);
                if v == Known::Nothing {
                    return if list.is_empty() { Known::Bool(false) } else { Known::Nothing };
                }
                let items: Vec<Known> = list.iter().map(|item| self.of(*item)).collect();
                if items.iter().any(|item| v.order(item) == Some(Ordering::Equal)) {
                    return Known::Bool(true);
                }
                // Where one of them is not known, whether it is among them is not known either.
                if items.contains(&Known::Nothing) { Known::Nothing } else { Known::Bool(false) }
            }
            Node::Negate(x) => match self.of(*x) {
                Known::Number(n) => Known::Number(-n),
                _ => Known::Nothing,
            },
            Node::Arithmetic { op, left, right } => match (self.of(*left), self.of(*right)) {
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

    fn score_of_stranger(&mut self, score: &Score) -> Known {
        let mut points = vec![(score.base, 1.0)];
        let holds = score.rules.iter().filter(|r| self.of(r.when) == Known::Bool(true));
        points.extend(holds.map(|r| (r.points, if r.take { -1.0 } else { 1.0 })));
        let mut sum = 0.0;
        for (id, sign) in points {
            let Known::Number(n) = self.of(id) else { return Known::Nothing };
            sum += sign * n;
        }
        if let Some((low, high)) = score.clamp
            && let (Known::Number(low), Known::Number(high)) = (self.of(low), self.of(high))
        {
            sum = sum.max(low).min(high);
        }
        Known::Number(sum)
    }

    /// Kleene `and` (`or` for `false`).
    fn all(&mut self, list: &[ExprId], and: bool) -> Known {
        let known: Vec<Known> = list.iter().map(|e| self.of(*e)).collect();
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
pub(super) enum Known {
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
