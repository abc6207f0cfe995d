//! What our own physical operators have in common: they collect their input whole, work once for all partitions, and give
//! batches of what they found.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ExecutionPlan, PlanProperties};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
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

/// What is made of each batch of all partitions, in their order; those without rows are left out.
pub(super) async fn collect<T: Send + 'static>(
    plan: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
    make: impl Fn(RecordBatch) -> Result<T> + Clone + Send + 'static,
) -> Result<Vec<T>> {
    let partitions = plan.properties().partitioning.partition_count();
    let mut tasks = Vec::new();
    for partition in 0..partitions {
        let (mut stream, make) = (plan.execute(partition, Arc::clone(context))?, make.clone());
        tasks.push(SpawnedTask::spawn(async move {
            let mut made = Vec::new();
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                if batch.num_rows() > 0 {
                    made.push(make(batch)?);
                }
            }
            Ok::<_, DataFusionError>(made)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(joined(task).await?);
    }
    Ok(all)
}

/// The same context for an input that is to come in batches so many times as large.
pub(super) fn with_larger_batches(context: &TaskContext, times: usize) -> Arc<TaskContext> {
    let config = context.session_config().clone();
    let batch_size = config.batch_size().saturating_mul(times);
    Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        config.with_batch_size(batch_size),
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        context.runtime_env(),
    ))
}

/// What a task has found; a panic in it is one here.
pub(super) async fn joined<T: Send + 'static>(task: SpawnedTask<Result<T>>) -> Result<T> {
    task.join_unwind().await.map_err(|e| internal_datafusion_err!("an operator's task was stopped: {e}"))?
}

/// The context of an error in making a temporary file.
pub(crate) const TEMPORARY: &str = "temporary files";

/// Lets others of this thread go first, and any thread go on from here. Tokio's own way keeps a task on this thread, out of
/// sight of idle ones, until nothing else is left to do on it.
pub(crate) fn give_way() -> impl Future<Output = ()> {
    let mut gave_way = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// What is found once for all partitions: that it failed, too, since some inputs can be run only once.
pub(super) type Once<T> = Arc<OnceCell<Result<Arc<T>, Arc<DataFusionError>>>>;

/// One partition's batches of what is found once for all of them.
///
/// `work`: finds it, if no other partition has; `count`: how many things it has; `each`: the batches of one of them.
pub(super) fn batches<T: Send + Sync + 'static, I>(
    (plan, partition): (&dyn ExecutionPlan, usize),
    known: &Once<T>,
    work: impl Future<Output = Result<Arc<T>>> + Send + 'static,
    count: fn(&T) -> usize,
    each: impl Fn(&T, usize) -> Result<I> + Send + 'static,
) -> SendableRecordBatchStream
where
    I: Iterator<Item = Result<RecordBatch>> + Send + 'static,
{
    let partitions = plan.properties().partitioning.partition_count();
    let known = Arc::clone(known);
    let stream = futures::stream::once(async move {
        let found = known.get_or_init(async || work.await.map_err(Arc::new)).await;
        let found = Arc::clone(found.as_ref().map_err(|e| DataFusionError::Shared(Arc::clone(e)))?);
        // The partitions that waited are next on the thread of the one who worked, which need not let go before its end.
        give_way().await;
        let count = count(&found);
        // Neighbours stay together, so that rows come in as much order as they have.
        let (from, to) = (count * partition / partitions, count * (partition + 1) / partitions);
        let each = (from..to).map(move |at| each(&found, at).map(futures::stream::iter));
        Ok::<_, DataFusionError>(futures::stream::iter(each))
    });
    Box::pin(RecordBatchStreamAdapter::new(plan.schema(), stream.try_flatten().try_flatten()))
}

/// Bytes of a text, about.
const TEXT: usize = 24;

/// Bytes of a row, about: what batches that share their buffers would say of themselves is too much.
pub(crate) fn width(schema: &Schema) -> usize {
    let of = |data_type: &DataType| match data_type {
        DataType::Dictionary(..) => size_of::<i32>(),
        DataType::Boolean => 1,
        other => other.primitive_width().unwrap_or(TEXT),
    };
    schema.fields().iter().map(|field| of(field.data_type())).sum()
}

/// What an array takes; of a slice, what the slice itself takes.
pub(crate) fn bytes(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or(0).max(match array.data_type() {
        // Its letters are beside it.
        DataType::Utf8View => array.get_array_memory_size(),
        _ => 0,
    })
}

/// The same values, holding on to no more letters than their own: a batch's texts may share the buffers of a whole file.
pub(crate) fn compact(array: &ArrayRef) -> ArrayRef {
    match array.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()),
        None => Arc::clone(array),
    }
}

/// Columns of so many rows, of which there may be none.
pub(super) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Texts and decimals in their types, whatever they are stored as.
pub(super) fn typed(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Dictionary(..) | DataType::Utf8 | DataType::LargeUtf8 | DataType::Decimal64(..) => {
            cast(array, data_type)?
        }
        _ => Arc::clone(array),
    })
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
