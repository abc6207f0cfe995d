//! A segment's condition as a tree over atoms.
//!
//! An atom is a yes/no expression that `and`, `or` and `not` do not take apart. The portrait has one nullable
//! column per atom; membership, attrition, undecided counts and `why` are all made from those columns, so an
//! explanation cannot disagree with the result.

use super::{DefId, DefinitionKind, ExprId, Node, Program};

/// The tree.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Formula {
    Atom(ExprId),
    And(Vec<Formula>),
    Or(Vec<Formula>),
    Not(Box<Formula>),
    /// Membership of a segment: two-valued.
    Member(DefId),
    /// `outside S`: two-valued.
    Outside(DefId),
}

impl Formula {
    /// The condition of `expr`; names of segments stay names.
    pub fn of(program: &Program, expr: ExprId) -> Formula {
        match program.node(expr) {
            Node::And(list) => Formula::And(list.iter().map(|e| Formula::of(program, *e)).collect()),
            Node::Or(list) => Formula::Or(list.iter().map(|e| Formula::of(program, *e)).collect()),
            Node::Not(inner) => Formula::Not(Box::new(Formula::of(program, *inner))),
            Node::Definition(def) if is_segment(program, *def) => Formula::Member(*def),
            Node::Outside(def) => Formula::Outside(*def),
            _ => Formula::Atom(expr),
        }
    }

    /// The three-valued condition with the names of segments replaced by what they say: what “undecided” is
    /// counted on. `not S` and `outside S` become the negation of S's condition.
    pub fn expanded(program: &Program, expr: ExprId) -> Formula {
        Formula::of(program, expr).expand(program)
    }

    fn expand(self, program: &Program) -> Formula {
        let all = |list: Vec<Formula>| list.into_iter().map(|f| f.expand(program)).collect();
        match self {
            Formula::Atom(_) => self,
            Formula::And(list) => Formula::And(all(list)),
            Formula::Or(list) => Formula::Or(all(list)),
            Formula::Not(inner) => Formula::Not(Box::new(inner.expand(program))),
            Formula::Member(def) => match program.definition(def) {
                Some(d) => Formula::expanded(program, d.body),
                None => self,
            },
            Formula::Outside(def) => Formula::Not(Box::new(Formula::Member(def).expand(program))),
        }
    }

    /// The conditions that must all hold, in the order written; segments that stand in an `and` are opened.
    pub fn conditions(program: &Program, segment: DefId) -> Vec<Condition> {
        let mut found = Vec::new();
        if let Some(d) = program.definition(segment) {
            collect(program, Formula::of(program, d.body), &[], &mut found);
        }
        found
    }

    /// Every atom, in the order written, each once.
    pub fn atoms(&self) -> Vec<ExprId> {
        let mut atoms = Vec::new();
        self.visit(&mut |f| {
            if let Formula::Atom(a) = f
                && !atoms.contains(a)
            {
                atoms.push(*a);
            }
        });
        atoms
    }

    /// Whether a complement (`outside S`, `not S`) stands in it.
    pub fn complements(&self) -> Vec<DefId> {
        let mut found = Vec::new();
        self.visit(&mut |f| match f {
            Formula::Outside(def) => found.push(*def),
            Formula::Not(inner) => {
                if let Formula::Member(def) = **inner {
                    found.push(def);
                }
            }
            _ => {}
        });
        found
    }

    /// Segments that stand in it by name.
    pub fn segments(&self) -> Vec<DefId> {
        let mut found = Vec::new();
        self.visit(&mut |f| {
            if let Formula::Member(def) | Formula::Outside(def) = f {
                found.push(*def);
            }
        });
        found
    }

    fn visit(&self, f: &mut dyn FnMut(&Formula)) {
        f(self);
        match self {
            Formula::And(list) | Formula::Or(list) => list.iter().for_each(|g| g.visit(f)),
            Formula::Not(inner) => inner.visit(f),
            Formula::Atom(_) | Formula::Member(_) | Formula::Outside(_) => {}
        }
    }
}

/// One condition of a segment, with the segments through whose `and` it came.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    pub formula: Formula,
    /// Outermost first; empty for a condition that the segment itself says.
    pub from: Vec<DefId>,
}

fn collect(program: &Program, formula: Formula, from: &[DefId], found: &mut Vec<Condition>) {
    match formula {
        Formula::And(list) => list.into_iter().for_each(|f| collect(program, f, from, found)),
        Formula::Member(def) => match program.definition(def) {
            Some(d) if !d.is_entity => {
                let mut inner = from.to_vec();
                inner.push(def);
                collect(program, Formula::of(program, d.body), &inner, found);
            }
            _ => {}
        },
        formula => {
            let condition = Condition { formula, from: from.to_vec() };
            if !found.iter().any(|c| c.formula == condition.formula) {
                found.push(condition);
            }
        }
    }
}

fn is_segment(program: &Program, def: DefId) -> bool {
    program.definition(def).is_some_and(|d| d.kind == DefinitionKind::Segment)
}
