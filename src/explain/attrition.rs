//! From everyone to the members: what each condition takes, and who is undecided because of which tag.

use super::answer::{Step, Undecided};
use super::evaluate::{both, columns, constant, count, evaluate, is_true, is_unknown};
use super::portrait::{Result, View, internal};
use crate::ir::formula::Condition;
use crate::ir::print::{self, Lang};
use crate::ir::{DefId, ExprId, Formula, Node, Program};
use datafusion::arrow::array::{Array, BooleanArray};
use std::collections::BTreeMap;

/// Counts one segment's conditions while a portrait streams by.
#[derive(Clone)]
pub struct Attrition {
    segment: DefId,
    /// The members' column; none where they are those for whom `expanded` is true.
    membership: Option<ExprId>,
    conditions: Vec<(Condition, Counts)>,
    expanded: Formula,
    atoms: Vec<Atom>,
    complements: Vec<(DefId, Formula, u64)>,
    total: u64,
    members: u64,
    undecided: u64,
    by: BTreeMap<ExprId, u64>,
}

#[derive(Clone)]
struct Atom {
    expr: ExprId,
    /// What it reads.
    inputs: Vec<ExprId>,
    /// Whether it is unknown exactly where its one input is missing, or never, so that no input need be looked at.
    is_plain: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    remaining: u64,
    lost: u64,
    undecided: u64,
    alone: u64,
}

impl Attrition {
    pub fn new(program: &Program, segment: DefId) -> Result<Attrition> {
        let body =
            program.definition(segment).map(|d| d.body).ok_or_else(|| internal("an unknown segment"))?;
        let expanded = Formula::expanded(program, body);
        let atom = |expr| {
            let inputs = inputs(program, expr);
            let is_known = matches!(program.node(expr), Node::IsMissing(_));
            let is_plain = is_known || inputs == [expr] || plain_input(program, expr).is_some();
            Atom { expr, inputs, is_plain }
        };
        let atoms = expanded.atoms().into_iter().map(atom).collect();
        let complements = every_complement(program, segment)
            .into_iter()
            .filter_map(|def| Some((def, Formula::expanded(program, program.definition(def)?.body), 0)))
            .collect();
        Ok(Attrition {
            segment,
            membership: Some(
                program.definition_node(segment).ok_or_else(|| internal("a segment without a column"))?,
            ),
            conditions: Formula::conditions(program, segment)
                .into_iter()
                .map(|c| (c, Counts::default()))
                .collect(),
            expanded,
            atoms,
            complements,
            total: 0,
            members: 0,
            undecided: 0,
            by: BTreeMap::new(),
        })
    }

    /// The same without what each condition takes: members and undecided alone.
    pub fn counting(program: &Program, segment: DefId) -> Result<Attrition> {
        Ok(Attrition { conditions: Vec::new(), ..Attrition::new(program, segment)? })
    }

    /// The same without the members' column: the condition, which is worked out all the same to know who is undecided,
    /// tells them, too. Unless segments are named in it: to be in one of them is yes or no, and what it says may be unknown.
    pub fn without_membership(mut self, program: &Program) -> Attrition {
        let body = program.definition(self.segment).map(|d| d.body);
        if body.is_some_and(|body| Formula::of(program, body).segments().is_empty()) {
            self.membership = None;
        }
        self
    }

    /// The columns that it reads.
    pub fn needs(&self, program: &Program) -> Vec<ExprId> {
        let mut needs = Vec::from_iter(self.membership);
        needs.extend(columns(program, &self.expanded));
        for (condition, _) in &self.conditions {
            needs.extend(columns(program, &condition.formula));
        }
        needs.extend(self.atoms.iter().filter(|atom| !atom.is_plain).flat_map(|atom| &atom.inputs));
        needs.extend(self.complements.iter().flat_map(|(_, f, _)| columns(program, f)));
        needs
    }

    /// What its conditions are about: tags and columns, in the order written, each once.
    pub fn inputs(&self) -> Vec<ExprId> {
        let mut found = Vec::new();
        for input in self.atoms.iter().flat_map(|atom| &atom.inputs) {
            if !found.contains(input) {
                found.push(*input);
            }
        }
        found
    }

    pub fn add(&mut self, program: &Program, view: &View<'_>) -> Result<()> {
        self.total += view.rows() as u64;
        let outcome = evaluate(program, view, &self.expanded)?;
        self.members += match self.membership {
            Some(column) => count(&is_true(&view.booleans(column)?)?),
            None => count(&is_true(&outcome)?),
        };
        let mut alive = constant(true, view.rows());
        for (condition, counts) in &mut self.conditions {
            let outcome = evaluate(program, view, &condition.formula)?;
            let (yes, unknown) = (is_true(&outcome)?, is_unknown(&outcome)?);
            let before = count(&alive);
            let stay = both(&alive, &yes)?;
            let open = count(&both(&alive, &unknown)?);
            counts.remaining += count(&stay);
            counts.undecided += open;
            counts.lost += before - count(&stay) - open;
            counts.alone += count(&yes);
            alive = stay;
        }
        self.add_undecided(view, &is_unknown(&outcome)?)?;
        for (_, formula, n) in &mut self.complements {
            *n += count(&is_unknown(&evaluate(program, view, formula)?)?);
        }
        Ok(())
    }

    fn add_undecided(&mut self, view: &View<'_>, unknown: &BooleanArray) -> Result<()> {
        let here = count(unknown);
        if here == 0 {
            return Ok(());
        }
        self.undecided += here;
        let mut missing: BTreeMap<ExprId, BooleanArray> = BTreeMap::new();
        for Atom { expr, inputs, is_plain } in &self.atoms {
            let outcome = view.booleans(*expr)?;
            if outcome.null_count() == 0 {
                continue;
            }
            let open = both(unknown, &is_unknown(&outcome)?)?;
            for input in inputs {
                let lacks = match is_plain {
                    true => open.clone(),
                    false => both(&open, &is_unknown(view.array(*input)?.as_ref())?)?,
                };
                let all = match missing.get(input) {
                    Some(before) => {
                        datafusion::arrow::compute::or(before, &lacks).map_err(|e| internal(e.to_string()))?
                    }
                    None => lacks,
                };
                missing.insert(*input, all);
            }
        }
        for (input, mask) in missing {
            *self.by.entry(input).or_default() += count(&mask);
        }
        Ok(())
    }

    /// Adds what another one counted, on other rows.
    pub fn merge(&mut self, other: &Attrition) {
        self.total += other.total;
        self.members += other.members;
        self.undecided += other.undecided;
        for ((_, mine), (_, theirs)) in self.conditions.iter_mut().zip(&other.conditions) {
            mine.remaining += theirs.remaining;
            mine.lost += theirs.lost;
            mine.undecided += theirs.undecided;
            mine.alone += theirs.alone;
        }
        for ((_, _, mine), (_, _, theirs)) in self.complements.iter_mut().zip(&other.complements) {
            *mine += theirs;
        }
        for (input, n) in &other.by {
            *self.by.entry(*input).or_default() += n;
        }
    }

    /// Whether the answer tells of complements, which are counted among all.
    pub fn has_complements(&self) -> bool {
        !self.complements.is_empty()
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn members(&self) -> u64 {
        self.members
    }

    pub fn segment(&self) -> DefId {
        self.segment
    }

    pub fn steps(&self, program: &Program, lang: Lang) -> Vec<Step> {
        self.conditions
            .iter()
            .map(|(c, n)| Step {
                condition: print::formula(program, &c.formula, lang),
                from: names(program, &c.from),
                remaining: n.remaining,
                lost: n.lost,
                undecided: n.undecided,
                alone: n.alone,
            })
            .collect()
    }

    pub fn undecided(&self, program: &Program) -> Undecided {
        let mut by: Vec<(String, u64)> =
            self.by.iter().filter(|(_, n)| **n > 0).map(|(e, n)| (print::label(program, *e), *n)).collect();
        by.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Undecided {
            count: self.undecided,
            by,
            complements: self
                .complements
                .iter()
                .map(|(def, _, n)| (program.definition(*def).map_or(String::new(), |d| d.name.clone()), *n))
                .collect(),
        }
    }
}

pub(super) fn names(program: &Program, defs: &[DefId]) -> Vec<String> {
    defs.iter().filter_map(|d| program.definition(*d)).map(|d| d.name.clone()).collect()
}

/// What an atom is about: its inputs that are columns of the portrait, a segment's name excepted.
pub(super) fn inputs(program: &Program, atom: ExprId) -> Vec<ExprId> {
    print::atom_inputs(program, atom)
        .into_iter()
        .filter(|e| !matches!(program.node(*e), Node::Outside(_)))
        .collect()
}

/// The one input that a condition compares with constants, where it does nothing else with it.
pub(super) fn plain_input(program: &Program, atom: ExprId) -> Option<ExprId> {
    let [input] = inputs(program, atom)[..] else { return None };
    let node = program.node(atom);
    let compares = matches!(
        node,
        Node::Compare { .. } | Node::Between { .. } | Node::InList { .. } | Node::TextTest { .. }
    );
    let is_it = |operand: ExprId| operand == input || matches!(program.node(operand), Node::Literal(_));
    (compares && node.operands().into_iter().all(is_it)).then_some(input)
}

/// What the atoms of a formula read, in turn.
pub(super) fn inputs_of(program: &Program, formula: &Formula) -> Vec<ExprId> {
    formula.atoms().into_iter().flat_map(|atom| inputs(program, atom)).collect()
}

/// Complements in the segment's condition, and in those of the segments that it names.
fn every_complement(program: &Program, segment: DefId) -> Vec<DefId> {
    let (mut found, mut seen, mut next) = (Vec::new(), vec![segment], vec![segment]);
    while let Some(def) = next.pop() {
        let Some(d) = program.definition(def) else { continue };
        let formula = Formula::of(program, d.body);
        for complement in formula.complements() {
            if !found.contains(&complement) {
                found.push(complement);
            }
        }
        for inner in formula.segments() {
            if !seen.contains(&inner) {
                seen.push(inner);
                next.push(inner);
            }
        }
    }
    found
}
