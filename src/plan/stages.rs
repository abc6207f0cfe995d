//! What a portrait must compute, and in which order: the nodes that become columns, each at its level.

use super::fold::inputs;
use crate::ir::{DefId, DefinitionKind, ExprId, Formula, Node, Program};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The nodes that become columns of the portrait, with their levels.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// A node's level: the level of the rows on which its value is known.
    pub levels: BTreeMap<ExprId, u32>,
    /// For each of them, the columns that it is made of directly.
    pub needs: HashMap<ExprId, BTreeSet<ExprId>>,
    /// Uses of a segment's complement, by the node of the segment's membership.
    memberships: HashMap<DefId, ExprId>,
    asked: BTreeSet<ExprId>,
}

impl Stages {
    /// All that `asked` needs. Every atom of a segment that is asked for becomes a column, so that membership and
    /// explanation are made of the same values.
    pub fn of(program: &mut Program, asked: &[ExprId]) -> Stages {
        let mut stages = Stages { asked: asked.iter().copied().collect(), ..Stages::default() };
        // `outside S` reads the membership's column: make sure that the node is there.
        let outside: Vec<DefId> = (0..program.graph.len())
            .filter_map(|i| match program.node(ExprId(u32::try_from(i).ok()?)) {
                Node::Outside(def) => Some(*def),
                Node::Top(top) => top.base,
                _ => None,
            })
            .collect();
        for def in outside {
            let id = membership(program, def);
            stages.memberships.insert(def, id);
        }
        for id in asked {
            stages.visit(program, *id);
        }
        stages
    }

    /// Whether a node becomes a column of its own.
    fn is_column(&self, program: &Program, id: ExprId) -> bool {
        match program.node(id) {
            Node::Aggregate(_) | Node::Definition(_) | Node::Top(_) | Node::Column { .. } | Node::InSource(_) => true,
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
                    Node::Top(top) => found.extend(top.base.and_then(|b| self.memberships.get(&b))),
                    Node::Outside(def) => found.extend(self.memberships.get(def)),
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
            found.extend(self.memberships.get(def));
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
        let later = self.levels.iter().filter(|(_, l)| **l > level).flat_map(|(id, _)| self.needs.get(id)).flatten();
        later.chain(&self.asked).copied().filter(below).collect()
    }
}

/// The node of a definition's column.
pub fn membership(program: &mut Program, def: DefId) -> ExprId {
    let ty = program.definition(def).map_or(crate::types::Type::Error, |d| d.ty.clone());
    program.graph.add(Node::Definition(def), ty)
}

/// The atoms of a definition's condition, with segments' names expanded; none for a tag.
pub fn atoms(program: &Program, def: DefId) -> Vec<ExprId> {
    match program.definition(def) {
        Some(d) if d.kind == DefinitionKind::Segment => Formula::expanded(program, d.body).atoms(),
        _ => Vec::new(),
    }
}
