//! Who may be in an answer, told by the entity's own columns: of others no event need be looked at.

use super::attrition::Attrition;
use crate::ir::{DefId, ExprId, Formula, Node, Program};

/// A condition of more nodes is not worth asking twice.
const MOST_NODES: usize = 200;

/// Conditions that every member meets, and everybody for whom it is undecided does not fail; none where there are none,
/// or where the answer is about others, too.
pub(super) fn of(program: &Program, attrition: &Attrition) -> Option<Vec<Formula>> {
    own(attrition, || {
        let body = program.definition(attrition.segment())?.body;
        Some(conjuncts(Formula::expanded(program, body)).into_iter().filter(|f| is_own(program, f)).collect())
    })
}

/// The same where each condition's losses are told, in the order written: only what stands before the first condition on
/// events can be asked first.
pub(super) fn in_order(program: &Program, attrition: &Attrition) -> Option<Vec<Formula>> {
    own(attrition, || {
        let conditions = Formula::conditions(program, attrition.segment());
        Some(conditions.into_iter().map(|c| c.formula).take_while(|f| is_own(program, f)).collect())
    })
}

/// The conditions, where they can be asked at all and are any.
fn own(attrition: &Attrition, conditions: impl FnOnce() -> Option<Vec<Formula>>) -> Option<Vec<Formula>> {
    if attrition.has_complements() {
        return None;
    }
    conditions().filter(|own| !own.is_empty())
}

fn conjuncts(formula: Formula) -> Vec<Formula> {
    match formula {
        Formula::And(list) => list.into_iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

fn is_own(program: &Program, formula: &Formula) -> bool {
    let own = |f: &Formula| is_own(program, f);
    match formula {
        Formula::Atom(atom) => reads_own_columns(program, *atom, &mut 0),
        Formula::And(list) | Formula::Or(list) => list.iter().all(own),
        Formula::Not(inner) => own(inner),
        Formula::Member(_) | Formula::Outside(_) => false,
    }
}

fn reads_own_columns(program: &Program, expr: ExprId, nodes: &mut usize) -> bool {
    let mut inner = Vec::new();
    let mut own = true;
    program.graph.walk(expr, &mut |_, node| {
        *nodes += 1;
        match node {
            Node::Aggregate(_)
            | Node::Sequence(_)
            | Node::SequencePart { .. }
            | Node::Top(_)
            | Node::Population(_)
            | Node::InSource(_)
            | Node::Outside(_) => own = false,
            Node::Definition(def) => inner.push(*def),
            _ => {}
        }
    });
    own && inner.into_iter().all(|def: DefId| {
        *nodes <= MOST_NODES
            && program.definition(def).is_some_and(|d| reads_own_columns(program, d.body, nodes))
    }) && *nodes <= MOST_NODES
}
