//! From the node of the logical plan to the operator.

use super::super::operator::column_at;
use super::exec::CompareExec;
use super::node::CompareNode;
use super::values::Peers;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::aggregate::AggregateExprBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::Expr;
use std::sync::Arc;

/// Plans the operator that compares rows.
pub struct Comparisons;

#[async_trait]
impl ExtensionPlanner for Comparisons {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<CompareNode>() else { return Ok(None) };
        let [rows] = inputs else { return internal_err!("nobody to compare") };
        let schema = node.rows.schema();
        let lower = |expr: &Expr| planner.create_physical_expr(expr, schema, session, context);
        let key = column_at(&lower(&node.key)?)?;
        let mut peers = Vec::new();
        for among in &node.among {
            let value = lower(&among.value)?;
            let mut parts = Vec::new();
            for (name, part) in &among.parts {
                let function = match part.function() {
                    Some(function) => {
                        let call = AggregateExprBuilder::new(function, vec![Arc::clone(&value)])
                            .schema(Arc::clone(schema.inner()))
                            .alias(name);
                        Some(Arc::new(call.build()?))
                    }
                    None => None,
                };
                parts.push((*part, function));
            }
            peers.push(Arc::new(Peers {
                label: among.value.to_string(),
                value,
                within: among.within.iter().map(lower).collect::<Result<Vec<_>>>()?,
                base: among.base.as_ref().map(lower).transpose()?,
                parts,
            }));
        }
        Ok(Some(Arc::new(CompareExec::new(
            Arc::clone(rows),
            key,
            peers,
            Arc::clone(node.schema().inner()),
            session.config().target_partitions(),
        ))))
    }
}
