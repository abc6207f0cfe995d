//! What a portrait must compute, and in which order: the nodes that become columns, each at its level.

use super::fold::inputs;
use crate::ir::{ExprId, Node, Program};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The nodes that become columns of the portrait, with their levels.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// A node's level: the level of the rows on which its value is known.
    pub levels: BTreeMap<ExprId, u32>,
    /// For each of them, the columns that it is made of directly.
    pub needs: HashMap<ExprId, BTreeSet<ExprId>>,
    asked: BTreeSet<ExprId>,
}

impl Stages {
    /// All that `asked` needs. Every atom of a segment that is asked for becomes a column, so that membership and
    /// explanation are made of the same values.
    pub fn of(program: &Program, asked: &[ExprId]) -> Stages {
        let mut stages = Stages { asked: asked.iter().copied().collect(), ..Stages::default() };
        for id in asked {
            stages.visit(program, *id);
        }
        stages
    }

    /// Whether a node becomes a column of its own.
    fn is_column(&self, program: &Program, id: ExprId) -> bool {
        match program.node(id) {
            Node::Aggregate(_)
            | Node::Definition(_)
            | Node::Top(_)
            | Node::Column { .. }
            | Node::InSource(_) => true,
            Node::Literal(_) => false,
            _ => self.asked.contains(&id),
        }
    }

    /// The level of an expression; adds every column that it needs.
    fn visit(&mut self, program: &Program, id: ExprId) -> u32 {
        if let Some(level) = self.levels.get(&id) {
            return *level;
        }
        let needs = self.direct(program, id);
        let level = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || {
            needs.iter().map(|n| self.visit(program, *n)).max()
        });
        let level = match (program.node(id), level) {
            (Node::Aggregate(_), Some(level)) => level + 1,
            (_, level) => level.unwrap_or(0),
        };
        if self.is_column(program, id) {
            self.levels.insert(id, level);
            self.needs.insert(id, needs);
        }
        level
    }

    /// The columns that an expression is made of: the nearest ones below it on the same row.
    fn direct(&self, program: &Program, id: ExprId) -> BTreeSet<ExprId> {
        let mut found = BTreeSet::new();
        match program.node(id) {
            Node::Definition(def) => {
                if let Some(d) = program.definition(*def) {
                    self.nearest(program, d.body, &mut found);
                }
            }
            Node::Aggregate(a) => {
                for input in inputs(program, a) {
                    self.nearest(program, input, &mut found);
                }
            }
            node => {
                for operand in node.operands() {
                    self.nearest(program, operand, &mut found);
                }
                match node {
                    Node::Top(top) => found.extend(top.base.and_then(|b| program.definition_node(b))),
                    // `outside S` reads the membership's column.
                    Node::Outside(def) => found.extend(program.definition_node(*def)),
                    _ => {}
                }
            }
        }
        found
    }

    fn nearest(&self, program: &Program, id: ExprId, found: &mut BTreeSet<ExprId>) {
        if self.is_column(program, id) {
            found.insert(id);
            return;
        }
        if let Node::Outside(def) = program.node(id) {
            found.extend(program.definition_node(*def));
        }
        for operand in program.node(id).operands() {
            self.nearest(program, operand, found);
        }
    }

    pub fn highest(&self) -> u32 {
        self.levels.values().copied().max().unwrap_or(0)
    }

    /// Columns of `level` or below that a later level or the answer reads.
    pub fn live_after(&self, level: u32) -> BTreeSet<ExprId> {
        let below = |id: &ExprId| self.levels.get(id).is_some_and(|l| *l <= level);
        let later =
            self.levels.iter().filter(|(_, l)| **l > level).flat_map(|(id, _)| self.needs.get(id)).flatten();
        later.chain(&self.asked).copied().filter(below).collect()
    }
}
