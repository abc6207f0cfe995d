//! What our own physical operators have in common: they collect their input whole, work once for all partitions, and give
//! batches of what they found.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ExecutionPlan, PlanProperties};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Those of an operator that gives nothing before it has seen everything.
pub(super) fn properties(schema: SchemaRef, partitions: usize) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(partitions.max(1)),
        EmissionType::Final,
        Boundedness::Bounded,
    ))
}

/// Visits expressions until it is told to stop.
pub(super) fn visit<'a>(
    exprs: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
) -> Result<TreeNodeRecursion> {
    for expr in exprs {
        if f(expr)? == TreeNodeRecursion::Stop {
            return Ok(TreeNodeRecursion::Stop);
        }
    }
    Ok(TreeNodeRecursion::Continue)
}

/// The batches of all partitions, in their order; those without rows are left out.
pub(super) async fn collect(
    plan: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
) -> Result<Vec<RecordBatch>> {
    let partitions = plan.properties().partitioning.partition_count();
    let mut tasks = Vec::new();
    for partition in 0..partitions {
        let mut stream = plan.execute(partition, Arc::clone(context))?;
        tasks.push(SpawnedTask::spawn(async move {
            let mut batches = Vec::new();
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                if batch.num_rows() > 0 {
                    batches.push(batch);
                }
            }
            Ok::<_, DataFusionError>(batches)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(joined(task).await?);
    }
    Ok(all)
}

/// What a task has found; a panic in it is one here.
pub(super) async fn joined<T: Send + 'static>(task: SpawnedTask<Result<T>>) -> Result<T> {
    task.join_unwind().await.map_err(|e| internal_datafusion_err!("an operator's task was stopped: {e}"))?
}

/// One partition's batches of what is found once for all of them.
///
/// `work`: finds it, if no other partition has; `count`: how many batches there are; `batch`: one of them.
pub(super) fn batches<T: Send + Sync + 'static>(
    (plan, partition): (&dyn ExecutionPlan, usize),
    known: &Arc<OnceCell<Arc<T>>>,
    work: impl Future<Output = Result<Arc<T>>> + Send + 'static,
    count: fn(&T) -> usize,
    batch: impl Fn(&T, usize) -> Result<RecordBatch> + Send + 'static,
) -> SendableRecordBatchStream {
    let partitions = plan.properties().partitioning.partition_count();
    let known = Arc::clone(known);
    let stream = futures::stream::once(async move {
        let found = Arc::clone(known.get_or_try_init(|| work).await?);
        let count = count(&found);
        // Neighbours stay together, so that rows come in as much order as they have.
        let (from, to) = (count * partition / partitions, count * (partition + 1) / partitions);
        Ok::<_, DataFusionError>(futures::stream::iter((from..to).map(move |at| batch(&found, at))))
    });
    let stream = stream.flat_map(|found| match found {
        Ok(batches) => batches.left_stream(),
        Err(e) => futures::stream::iter([Err(e)]).right_stream(),
    });
    Box::pin(RecordBatchStreamAdapter::new(plan.schema(), stream))
}

/// The place of the column that an expression is.
pub(super) fn column_at(expr: &Arc<dyn PhysicalExpr>) -> Result<usize> {
    match expr.downcast_ref::<Column>() {
        Some(column) => Ok(column.index()),
        None => internal_err!("{expr} is no column"),
    }
}

/// Where a condition is true: not false, not unknown.
pub(super) fn truth(outcome: &ArrayRef) -> Result<BooleanBuffer> {
    let Some(outcome) = outcome.as_boolean_opt() else {
        return internal_err!("a condition of the type {}", outcome.data_type());
    };
    Ok(match outcome.nulls() {
        Some(known) => outcome.values() & known.inner(),
        None => outcome.values().clone(),
    })
}
