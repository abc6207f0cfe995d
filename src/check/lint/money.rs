//! Money as floats.

use super::super::Checker;
use crate::diagnostic::{Code, Diagnostic};
use crate::functions::AggregateFn;
use crate::ir::{DefId, ExprId, Literal, Node};
use crate::types::Type;
use std::collections::BTreeSet;

impl Checker<'_> {
    /// A sum of floats that meets a threshold: exact sums of binary fractions can still lie a hair under it.
    pub(super) fn float_money(&mut self, id: DefId, body: ExprId) {
        let mut found: BTreeSet<ExprId> = BTreeSet::new();
        self.graph.walk(body, &mut |_, node| {
            if let Node::Compare { left, right, .. } = node {
                for (side, other) in [(left, right), (right, left)] {
                    let is_threshold = matches!(self.graph.node(*other), Node::Literal(Literal::Number(_)));
                    if is_threshold && self.float_sum(*side).is_some() {
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
            Node::Definition(def) => self.float_sum(self.body_of(*def)?),
            _ => None,
        }
    }
}
