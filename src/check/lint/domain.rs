//! Which values an expression can have at all, as far as its form tells.

use super::super::Checker;
use super::range::{Point, Set};
use crate::functions::{AggregateFn, Function, PopulationFn};
use crate::ir::{CompareOp, ExprId, Node, SequencePart};
use crate::types::Type;

/// How many definitions deep it is looked.
const DEEP: usize = 6;
/// The most branches of a `case` that are looked at.
const BRANCHES: usize = 64;

impl Checker<'_> {
    /// The values that it can have where it has one; `None` where nothing is known of them.
    pub(super) fn domain(&self, id: ExprId) -> Option<Set> {
        self.domain_within(id, DEEP)
    }

    fn domain_within(&self, id: ExprId, deep: usize) -> Option<Set> {
        let deep = deep.checked_sub(1)?;
        let from = |low| Some(Set::where_compared(CompareOp::GreaterEqual, Point::whole(low)));
        let within = |low, high| Some(Set::between(Point::whole(low), Point::whole(high)));
        if let Type::Label(labels) = self.graph.ty(id) {
            return Some(Set::points(labels.iter().cloned().map(Point::Text)));
        }
        match self.graph.node(id) {
            Node::Literal(literal) => Point::of(literal, self.graph.ty(id)).map(Set::only),
            Node::Definition(def) => self.domain_within(self.body_of(*def)?, deep),
            Node::Aggregate(a) => match a.function {
                AggregateFn::Count | AggregateFn::Distinct => from(0),
                AggregateFn::Share => within(0, 1),
                _ => None,
            },
            Node::Call { function, .. } => match function {
                Function::Hour => within(0, 23),
                Function::Weekday => within(1, 7),
                Function::Day => within(1, 31),
                Function::Month => within(1, 12),
                Function::Quarter => within(1, 4),
                Function::Length | Function::Abs | Function::Sqrt => from(0),
                _ => None,
            },
            Node::Population(p) => match (p.function, p.tiles) {
                (PopulationFn::Percentile, _) => within(0, 1),
                (PopulationFn::Ntile, Some(n)) => within(1, i64::try_from(n).ok()?),
                (PopulationFn::Rank, _) => from(1),
                _ => None,
            },
            Node::SequencePart { part: SequencePart::Steps, .. } => from(0),
            Node::Coalesce(a, b) => Some(self.domain_within(*a, deep)?.or(&self.domain_within(*b, deep)?)),
            Node::Case { branches, otherwise } if branches.len() <= BRANCHES => {
                let values = branches.iter().map(|(_, value)| *value).chain(*otherwise);
                let mut all = Set::points([]);
                for value in values {
                    all = all.or(&self.domain_within(value, deep)?);
                }
                Some(all)
            }
            _ => None,
        }
    }
}
