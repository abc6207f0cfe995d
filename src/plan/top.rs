//! `top N by x within g in S`: ranked among the base's customers whose x is known.

use super::expr::Lowering;
use super::lookup::Columns;
use super::scan::column;
use super::{Result, internal};
use crate::ir::{ExprId, Program, Top, TopSize};
use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{ExprFunctionExt, LogicalPlanBuilder, WindowFunctionDefinition, cast, when};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;

/// Adds the memberships of `tops` to the plan: largest first, the lower key wins a tie, a share is rounded up.
pub(super) fn add(
    program: &Program,
    plan: LogicalPlanBuilder,
    tops: &[(ExprId, Top)],
    key: &str,
    columns: &Columns,
) -> Result<(LogicalPlanBuilder, Vec<(ExprId, Expr)>)> {
    let lowering = Lowering::new(program, columns);
    let mut eligible = Vec::new();
    for (id, top) in tops {
        eligible.push(eligibility(program, &lowering, top)?.alias(format!("t{}_in", id.0)));
    }
    let keep: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let mut plan = plan.project(keep.into_iter().chain(eligible))?;
    let mut values = Vec::new();
    for (id, top) in tops {
        let inside = column(format!("t{}_in", id.0));
        let mut groups = top.within.iter().map(|w| lowering.expr(*w)).collect::<Result<Vec<_>>>()?;
        groups.push(inside.clone());
        let order = vec![lowering.expr(top.by)?.sort(false, false), column(key).sort(true, false)];
        let (place, size) = (format!("t{}_place", id.0), format!("t{}_size", id.0));
        let ranked = row_number().partition_by(groups.clone()).order_by(order).build()?.alias(&place);
        plan = plan.window(vec![ranked])?;
        // `row_number` counts without a sign.
        let place = cast(column(&place), DataType::Int64);
        let chosen = match top.size {
            TopSize::Count(n) => place.lt_eq(lit(i64::try_from(n).unwrap_or(i64::MAX))),
            TopSize::Share(share) => {
                let all = WindowFunction::new(
                    WindowFunctionDefinition::AggregateUDF(count_udaf()),
                    vec![lit(1i64)],
                );
                plan = plan.window(vec![Expr::from(all).partition_by(groups).build()?.alias(&size)])?;
                // place ≤ ⌈size · d / s⌉  ⟺  (place − 1) · s < size · d, in whole numbers.
                let digits = i64::try_from(share.digits).map_err(|_| internal("a share"))?;
                let scale = 10i64.checked_pow(u32::from(share.scale)).ok_or_else(|| internal("a share"))?;
                ((place - lit(1i64)) * lit(scale)).lt(column(&size) * lit(digits))
            }
        };
        // Who is in the base and could not be ranked is undecided.
        let ranked = known(&lowering, top)?;
        let based = based(program, &lowering, top)?;
        let outcome = when(based.clone().and(Expr::Not(Box::new(ranked))), lit(ScalarValue::Boolean(None)))
            .otherwise(inside.and(chosen))?;
        values.push((*id, outcome));
    }
    Ok((plan, values))
}

/// In the base, with a known value, in a known group: two-valued.
fn eligibility(program: &Program, lowering: &Lowering<'_>, top: &Top) -> Result<Expr> {
    Ok(known(lowering, top)?.and(based(program, lowering, top)?))
}

/// The value and the groups are known.
fn known(lowering: &Lowering<'_>, top: &Top) -> Result<Expr> {
    let mut all = lowering.expr(top.by)?.is_not_null();
    for w in &top.within {
        all = all.and(lowering.expr(*w)?.is_not_null());
    }
    Ok(all)
}

fn based(program: &Program, lowering: &Lowering<'_>, top: &Top) -> Result<Expr> {
    let Some(base) = top.base else { return Ok(lit(true)) };
    let node = program.definition_node(base).ok_or_else(|| internal("a base without a column"))?;
    Ok(lowering.expr(node)?.is_true())
}
