//! From the node of the logical plan to the operator.

use super::super::operator::column_at;
use super::super::population::Comparisons;
use super::exec::{Fold, FoldExec};
use super::node::FoldNode;
use super::pass::Pass;
use super::rows::Who;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, Result, ScalarValue, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::Expr;
use std::sync::Arc;

/// DataFusion's planner, which knows the fold and the comparison of rows, too.
#[derive(Debug)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner =
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Folds), Arc::new(Comparisons)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct Folds;

#[async_trait]
impl ExtensionPlanner for Folds {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(fold) = node.as_any().downcast_ref::<FoldNode>() else { return Ok(None) };
        let Some((entity, events)) = inputs.split_first() else {
            return internal_err!("a fold without an entity");
        };
        let lower = |expr: &Expr, row: &DFSchema| planner.create_physical_expr(expr, row, session, context);
        let key = column_at(&lower(&fold.key, fold.entity.schema())?)?;
        let candidates = fold.candidates.as_ref().map(|c| lower(c, fold.entity.schema())).transpose()?;
        let passes = fold
            .passes
            .iter()
            .zip(events)
            .map(|(pass, events)| {
                let pass = Pass::new(pass, &fold.entity, &ranges(events.as_ref()), &lower)?;
                Ok((Arc::clone(events), Arc::new(pass)))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Some(Arc::new(FoldExec::new(
            Fold { entity: Arc::clone(entity), who: Who { key, candidates }, passes },
            fold.divided,
            Arc::clone(fold.schema().inner()),
            session.config().target_partitions(),
        ))))
    }
}

/// Between which numbers each column's values lie, as far as the files say. It need not be right: it is only for how much
/// room is made.
fn ranges(plan: &dyn ExecutionPlan) -> Vec<Option<(i64, i64)>> {
    let Ok(known) = StatisticsContext::new().compute(plan, &StatisticsArgs::new()) else { return Vec::new() };
    let number = |value: &Precision<ScalarValue>| match value.get_value()? {
        ScalarValue::Int64(n) => *n,
        ScalarValue::Decimal128(Some(n), _, _) => i64::try_from(*n).ok(),
        ScalarValue::Date32(Some(n)) => Some(i64::from(*n)),
        _ => None,
    };
    let range = |c: &ColumnStatistics| Some((number(&c.min_value)?, number(&c.max_value)?));
    known.column_statistics.iter().map(range).collect()
}
