//! What values leave out, as expressions that count it: events of which a `where` is unknown, divisions by zero.

use super::Checker;
use crate::functions::AggregateFn;
use crate::ir::{Aggregate, CompareOp, ExprId, Literal, Lost, Node};
use crate::syntax::ast::Number;
use crate::types::Type;
use std::collections::{BTreeMap, BTreeSet};

impl Checker<'_> {
    /// For each aggregate of `bodies`, and for each body that divides, how what it leaves out is counted.
    pub(super) fn lost(&mut self, bodies: &[ExprId]) -> BTreeMap<ExprId, Lost> {
        let mut aggregates: BTreeMap<ExprId, Aggregate> = BTreeMap::new();
        for body in bodies {
            self.graph.walk(*body, &mut |id, node| {
                if let Node::Aggregate(a) = node {
                    aggregates.insert(id, a.clone());
                }
            });
        }
        let mut lost = BTreeMap::new();
        for (id, a) in aggregates {
            let undecided = a.filter.map(|f| {
                let unknown = self.graph.add(Node::IsMissing(f), Type::Bool);
                self.counted(&a, unknown)
            });
            let mut divisors = BTreeSet::new();
            for expr in a.on_events() {
                divisors.extend(self.divisors(expr));
            }
            let zeros: Vec<ExprId> = divisors.into_iter().map(|d| self.is_zero(d)).collect();
            let by_zero = match zeros.as_slice() {
                [] => None,
                [one] => Some(*one),
                _ => Some(self.graph.add(Node::Or(zeros), Type::Bool)),
            };
            let by_zero = by_zero.map(|zero| {
                let both = match a.filter {
                    Some(filter) if self.divisors(filter).is_empty() => {
                        self.graph.add(Node::And(vec![filter, zero]), Type::Bool)
                    }
                    _ => zero,
                };
                self.counted(&a, both)
            });
            if undecided.is_some() || by_zero.is_some() {
                lost.insert(id, Lost { undecided, by_zero });
            }
        }
        lost
    }

    /// The events of the same window for which `filter` is true.
    fn counted(&mut self, a: &Aggregate, filter: ExprId) -> ExprId {
        let count =
            Aggregate { function: AggregateFn::Count, argument: None, filter: Some(filter), ..a.clone() };
        self.graph.add(Node::Aggregate(count), Type::Int)
    }

    fn divisors(&self, expr: ExprId) -> Vec<ExprId> {
        crate::ir::divisors(&self.graph, expr)
    }

    fn is_zero(&mut self, divisor: ExprId) -> ExprId {
        let zero = Literal::Number(Number { digits: 0, scale: 0, has_point: false });
        let right = self.graph.add(Node::Literal(zero), Type::Int);
        self.graph.add(Node::Compare { op: CompareOp::Equal, left: divisor, right }, Type::Bool)
    }
}
