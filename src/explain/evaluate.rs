//! Three-valued logic over atoms' columns.

use super::portrait::{Result, View, internal};
use crate::ir::{DefId, ExprId, Formula, Program};
use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{and_kleene, is_null, not, or_kleene};

/// The formula on every row of a view: yes, no, or null for unknown.
pub fn evaluate(program: &Program, view: &View<'_>, formula: &Formula) -> Result<BooleanArray> {
    let member = |def| {
        let column = program.definition_node(def).ok_or_else(|| internal("a segment without a column"))?;
        view.booleans(column)
    };
    kleene(formula, view.rows(), &|atom| view.booleans(atom), &member)
}

/// Where a formula holds: yes, no, or null for unknown. `atom`: where a condition holds; `member`: who is in a segment.
pub fn kleene(
    formula: &Formula,
    rows: usize,
    atom: &dyn Fn(ExprId) -> Result<BooleanArray>,
    member: &dyn Fn(DefId) -> Result<BooleanArray>,
) -> Result<BooleanArray> {
    let kernel = |r: std::result::Result<BooleanArray, datafusion::arrow::error::ArrowError>| {
        r.map_err(|e| internal(e.to_string()))
    };
    let joined = |list: &[Formula], and: bool| {
        let Some((first, rest)) = list.split_first() else { return Ok(constant(and, rows)) };
        rest.iter().try_fold(kleene(first, rows, atom, member)?, |all, f| {
            let next = kleene(f, rows, atom, member)?;
            kernel(if and { and_kleene(&all, &next) } else { or_kleene(&all, &next) })
        })
    };
    match formula {
        Formula::Atom(expr) => atom(*expr),
        Formula::And(list) => joined(list, true),
        Formula::Or(list) => joined(list, false),
        Formula::Not(inner) => kernel(not(&kleene(inner, rows, atom, member)?)),
        Formula::Member(def) => member(*def),
        Formula::Outside(def) => kernel(not(&member(*def)?)),
    }
}

/// The same answer for all.
pub fn constant(answer: bool, rows: usize) -> BooleanArray {
    let bits = if answer { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) };
    BooleanArray::new(bits, None)
}

/// The columns that evaluating a formula reads.
pub fn columns(program: &Program, formula: &Formula) -> Vec<ExprId> {
    let mut found = Vec::new();
    collect(program, formula, &mut found);
    found
}

fn collect(program: &Program, formula: &Formula, found: &mut Vec<ExprId>) {
    match formula {
        Formula::Atom(atom) => found.push(*atom),
        Formula::And(list) | Formula::Or(list) => list.iter().for_each(|f| collect(program, f, found)),
        Formula::Not(inner) => collect(program, inner, found),
        Formula::Member(def) | Formula::Outside(def) => found.extend(program.definition_node(*def)),
    }
}

/// Rows where it is true; unknown is not.
pub fn is_true(mask: &BooleanArray) -> Result<BooleanArray> {
    let yes = match mask.nulls() {
        Some(known) => mask.values() & known.inner(),
        None => mask.values().clone(),
    };
    Ok(BooleanArray::new(yes, None))
}

/// Rows where it is unknown.
pub fn is_unknown(mask: &dyn Array) -> Result<BooleanArray> {
    is_null(mask).map_err(|e| internal(e.to_string()))
}

/// Both.
pub fn both(a: &BooleanArray, b: &BooleanArray) -> Result<BooleanArray> {
    datafusion::arrow::compute::and(a, b).map_err(|e| internal(e.to_string()))
}

/// How many rows are true.
pub fn count(mask: &BooleanArray) -> u64 {
    mask.true_count() as u64
}
