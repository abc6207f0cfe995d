//! What a portrait must compute, and in which order: the nodes that become columns, each at its level.

use super::fold::inputs;
use super::sequence;
use crate::ir::{DefinitionKind, ExprId, Node, Program, SourceId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The nodes that become columns of the portrait, with their levels.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// A node's level: the level of the rows on which its value is known.
    pub levels: BTreeMap<ExprId, u32>,
    /// For each of them, the columns that it is made of directly.
    pub needs: HashMap<ExprId, BTreeSet<ExprId>>,
    asked: BTreeSet<ExprId>,
    /// What the entity's rows hold from the start: columns that are made of nothing.
    given: BTreeSet<ExprId>,
    /// Definitions that stay expressions: tags that one place alone uses. A long chain of them is one expression
    /// and not as many projections on top of each other.
    inline: BTreeSet<ExprId>,
}

impl Stages {
    /// All that `asked` needs. Every atom of a segment that is asked for becomes a column, so that membership and
    /// explanation are made of the same values.
    pub fn of(program: &Program, asked: &[ExprId], given: BTreeSet<ExprId>) -> Stages {
        let mut stages = Stages { asked: asked.iter().copied().collect(), given, ..Stages::default() };
        stages.inline = inline(program, &stages.asked);
        for id in asked {
            stages.visit(program, *id);
        }
        stages
    }

    /// Whether a node becomes a column of its own.
    fn is_column(&self, program: &Program, id: ExprId) -> bool {
        if self.given.contains(&id) {
            return true;
        }
        match program.node(id) {
            Node::Definition(_) => !self.inline.contains(&id),
            Node::Aggregate(_)
            | Node::Top(_)
            | Node::Population(_)
            | Node::Sequence(_)
            | Node::SequencePart { .. }
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
        if self.given.contains(&id) {
            self.levels.insert(id, 0);
            return 0;
        }
        let needs = self.direct(program, id);
        let level = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || {
            needs.iter().map(|n| self.visit(program, *n)).max()
        });
        let level = match (program.node(id), level) {
            (Node::Aggregate(_) | Node::Sequence(_), Some(level)) => level + 1,
            // Customers are compared when the rows of all of them are there.
            (Node::Top(_) | Node::Population(_), level) => level.unwrap_or(0) + 1,
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
            Node::Sequence(s) => {
                for input in sequence::inputs(program, s) {
                    self.nearest(program, input, &mut found);
                }
            }
            Node::SequencePart { sequence, .. } => {
                found.insert(*sequence);
            }
            node => {
                for operand in node.operands() {
                    self.nearest(program, operand, &mut found);
                }
                found.extend(node.base().and_then(|b| program.definition_node(b)));
                // `outside S` reads the membership's column.
                if let Node::Outside(def) = node {
                    found.extend(program.definition_node(*def));
                }
            }
        }
        found
    }

    /// The columns that expressions on the row are made of.
    pub fn made_of(&self, program: &Program, exprs: impl Iterator<Item = ExprId>) -> BTreeSet<ExprId> {
        let mut found = BTreeSet::new();
        exprs.for_each(|id| self.nearest(program, id, &mut found));
        found
    }

    fn nearest(&self, program: &Program, id: ExprId, found: &mut BTreeSet<ExprId>) {
        if self.is_column(program, id) {
            found.insert(id);
            return;
        }
        match program.node(id) {
            Node::Outside(def) => found.extend(program.definition_node(*def)),
            Node::Definition(def) => {
                if let Some(d) = program.definition(*def) {
                    stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.nearest(program, d.body, found));
                }
            }
            node => {
                for operand in node.operands() {
                    self.nearest(program, operand, found);
                }
            }
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

/// Where what is asked for meets what is known already.
#[derive(Debug, Default)]
pub struct Frontier {
    /// Known: what lies below them need not be worked out.
    pub known: BTreeSet<ExprId>,
    /// Columns of the entity's own that are read and not known.
    pub columns: BTreeSet<ExprId>,
    /// Whether more is needed than the same row: events, lists, other customers.
    pub others: bool,
}

/// Walks down from `asked` to what `is_known`, which is asked of definitions, aggregates, comparisons of customers, and
/// the entity's columns.
pub fn frontier(
    program: &Program,
    entity: SourceId,
    asked: &[ExprId],
    is_known: &mut dyn FnMut(ExprId) -> bool,
) -> Frontier {
    let mut found = Frontier::default();
    let mut seen: BTreeSet<ExprId> = BTreeSet::new();
    let mut next: Vec<ExprId> = asked.to_vec();
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = program.node(id);
        let own = matches!(node, Node::Column { source, .. } if *source == entity);
        let may_be_known = own
            || matches!(node, Node::Definition(_) | Node::Aggregate(_) | Node::Top(_) | Node::Population(_));
        if may_be_known && is_known(id) {
            found.known.insert(id);
            continue;
        }
        found.others |= matches!(
            node,
            Node::Aggregate(_) | Node::Sequence(_) | Node::InSource(_) | Node::Top(_) | Node::Population(_)
        );
        match node {
            Node::Column { .. } if own => {
                found.columns.insert(id);
            }
            Node::Definition(def) => next.extend(program.definition(*def).map(|d| d.body)),
            Node::Outside(def) => next.extend(program.definition_node(*def)),
            Node::Aggregate(a) => next.extend(inputs(program, a)),
            Node::Sequence(s) => next.extend(sequence::inputs(program, s)),
            Node::SequencePart { sequence, .. } => next.push(*sequence),
            node => {
                next.extend(node.operands());
                next.extend(node.base().and_then(|b| program.definition_node(b)));
            }
        }
    }
    found
}

/// Tags that nothing asks for, that one expression alone names, and that no event's filter needs as a column.
fn inline(program: &Program, asked: &BTreeSet<ExprId>) -> BTreeSet<ExprId> {
    let mut uses: BTreeMap<ExprId, u32> = BTreeMap::new();
    let mut seen: BTreeSet<ExprId> = BTreeSet::new();
    let mut next: Vec<ExprId> = asked.iter().copied().collect();
    while let Some(expr) = next.pop() {
        if !seen.insert(expr) {
            continue;
        }
        if let Node::Definition(def) = program.node(expr) {
            next.extend(program.definition(*def).map(|d| d.body));
            continue;
        }
        program.graph.walk(expr, &mut |id, node| match node {
            Node::Definition(_) => {
                *uses.entry(id).or_default() += 1;
                next.push(id);
            }
            Node::Outside(def) => next.extend(program.definition_node(*def)),
            Node::Top(_) | Node::Population(_) => {
                next.extend(node.base().and_then(|b| program.definition_node(b)));
            }
            Node::Aggregate(a) => {
                for input in inputs(program, a) {
                    *uses.entry(input).or_default() += 2;
                    next.push(input);
                }
            }
            Node::Sequence(s) => {
                for input in sequence::inputs(program, s) {
                    *uses.entry(input).or_default() += 2;
                    next.push(input);
                }
            }
            Node::SequencePart { sequence, .. } => next.push(*sequence),
            _ => {}
        });
    }
    let is_tag = |id: &ExprId| match program.node(*id) {
        Node::Definition(def) => program.definition(*def).is_some_and(|d| d.kind == DefinitionKind::Tag),
        _ => false,
    };
    uses.into_iter()
        .filter(|(id, n)| *n == 1 && is_tag(id) && !asked.contains(id))
        .map(|(id, _)| id)
        .collect()
}
