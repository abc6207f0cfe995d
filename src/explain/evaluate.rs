//! Three-valued logic over atoms' columns.

use super::portrait::{Result, View, internal};
use crate::ir::{ExprId, Formula, Program};
use datafusion::arrow::array::{Array, BooleanArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{and_kleene, is_null, not, or_kleene};

/// The formula on every row of a view: yes, no, or null for unknown.
pub fn evaluate(program: &Program, view: &View<'_>, formula: &Formula) -> Result<BooleanArray> {
    let kernel = |r: std::result::Result<BooleanArray, datafusion::arrow::error::ArrowError>| {
        r.map_err(|e| internal(e.to_string()))
    };
    match formula {
        Formula::Atom(atom) => view.booleans(*atom),
        Formula::And(list) => {
            let Some((first, rest)) = list.split_first() else { return Ok(constant(true, view.rows())) };
            let mut all = evaluate(program, view, first)?;
            for f in rest {
                all = kernel(and_kleene(&all, &evaluate(program, view, f)?))?;
            }
            Ok(all)
        }
        Formula::Or(list) => {
            let Some((first, rest)) = list.split_first() else { return Ok(constant(false, view.rows())) };
            let mut any = evaluate(program, view, first)?;
            for f in rest {
                any = kernel(or_kleene(&any, &evaluate(program, view, f)?))?;
            }
            Ok(any)
        }
        Formula::Not(inner) => kernel(not(&evaluate(program, view, inner)?)),
        Formula::Member(def) => {
            let column =
                program.definition_node(*def).ok_or_else(|| internal("a segment without a column"))?;
            view.booleans(column)
        }
        Formula::Outside(def) => {
            let column =
                program.definition_node(*def).ok_or_else(|| internal("a segment without a column"))?;
            kernel(not(&view.booleans(column)?))
        }
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
