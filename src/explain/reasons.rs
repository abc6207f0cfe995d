//! One customer's way through a formula: which atoms decided, and the fewest that would have to change.

use super::portrait::{Result, internal};
use crate::ir::{ExprId, Formula, Node, Program};

/// What an atom is for the customer at hand: yes, no, or unknown.
pub type Outcomes<'a> = dyn Fn(ExprId) -> Result<Option<bool>> + 'a;

/// The formula for one customer, names of segments by their members' rule (two-valued).
pub fn outcome(program: &Program, formula: &Formula, of: &Outcomes<'_>) -> Result<Option<bool>> {
    Ok(match formula {
        Formula::Atom(atom) => of(*atom)?,
        Formula::And(list) => kleene(program, list, of, true)?,
        Formula::Or(list) => kleene(program, list, of, false)?,
        Formula::Not(inner) => outcome(program, inner, of)?.map(|b| !b),
        Formula::Member(def) => Some(member(program, *def, of)?),
        Formula::Outside(def) => Some(!member(program, *def, of)?),
    })
}

fn member(program: &Program, def: crate::ir::DefId, of: &Outcomes<'_>) -> Result<bool> {
    let body = program.definition(def).map(|d| d.body).ok_or_else(|| internal("an unknown segment"))?;
    Ok(outcome(program, &Formula::of(program, body), of)? == Some(true))
}

fn kleene(program: &Program, list: &[Formula], of: &Outcomes<'_>, and: bool) -> Result<Option<bool>> {
    let mut result = Some(and);
    for f in list {
        match outcome(program, f, of)? {
            Some(b) if b != and => return Ok(Some(!and)),
            None => result = None,
            Some(_) => {}
        }
    }
    Ok(result)
}

/// A condition as it must be read: the atom, or its negation where it stands under `not`.
pub type Wanted = (ExprId, bool);

/// The fewest atoms that would have to change for the formula to be as wanted; of equally few, the first written.
pub fn flips(program: &Program, formula: &Formula, want: bool, of: &Outcomes<'_>) -> Result<Vec<Wanted>> {
    match formula {
        Formula::Atom(atom) => Ok(if of(*atom)? == Some(want) { Vec::new() } else { vec![(*atom, want)] }),
        Formula::Not(inner) => flips(program, inner, !want, of),
        Formula::And(list) if want => every(program, list, want, of),
        Formula::Or(list) if !want => every(program, list, want, of),
        Formula::And(list) | Formula::Or(list) => {
            let mut fewest: Option<Vec<Wanted>> = None;
            for f in list {
                let found = flips(program, f, want, of)?;
                if fewest.as_ref().is_none_or(|best| found.len() < best.len()) {
                    fewest = Some(found);
                }
            }
            Ok(fewest.unwrap_or_default())
        }
        Formula::Member(def) | Formula::Outside(def) => {
            let want = if matches!(formula, Formula::Outside(_)) { !want } else { want };
            let body =
                program.definition(*def).map(|d| d.body).ok_or_else(|| internal("an unknown segment"))?;
            // Not being a member is already so where the condition is unknown.
            if !want && outcome(program, &Formula::of(program, body), of)? != Some(true) {
                return Ok(Vec::new());
            }
            flips(program, &Formula::of(program, body), want, of)
        }
    }
}

fn every(program: &Program, list: &[Formula], want: bool, of: &Outcomes<'_>) -> Result<Vec<Wanted>> {
    let mut all: Vec<Wanted> = Vec::new();
    for f in list {
        for flip in flips(program, f, want, of)? {
            if !all.contains(&flip) {
                all.push(flip);
            }
        }
    }
    Ok(all)
}

/// The expression that reads as wanted: the atom itself, or `not atom`.
pub fn as_wanted(program: &Program, (atom, want): Wanted) -> (ExprId, bool) {
    match want {
        true => (atom, false),
        false => match program.graph.find(&Node::Not(atom)) {
            Some(not) => (not, false),
            None => (atom, true),
        },
    }
}
