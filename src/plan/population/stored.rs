//! Rows that wait until all are there: in memory, and on disk from where memory does not suffice.

use super::super::operator::{bytes, compact, joined, width};
use super::super::shelf::{Place, Shelf, Shelving};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryReservation};
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use std::sync::Arc;

/// Of the memory, one part in so many may be held by the rows; comparing them needs the rest.
const HELD: usize = 8;

/// A batch that waits.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    Here(RecordBatch),
    Away { shelf: Arc<Shelf>, place: Place, rows: usize },
}

impl Stored {
    pub fn rows(&self) -> usize {
        match self {
            Stored::Here(batch) => batch.num_rows(),
            Stored::Away { rows, .. } => *rows,
        }
    }

    pub fn read(&self) -> Result<RecordBatch> {
        match self {
            Stored::Here(batch) => Ok(batch.clone()),
            Stored::Away { shelf, place, .. } => shelf.open()?.read(*place),
        }
    }
}

/// All rows of a plan.
pub(super) struct Rows {
    pub batches: Vec<Stored>,
    /// Of each batch; they stay in memory.
    pub keys: Vec<ArrayRef>,
    /// What the keys take of it where their rows do not.
    pub bytes: usize,
}

/// Collects the rows of a plan.
pub(super) async fn store(
    plan: &Arc<dyn ExecutionPlan>,
    key: usize,
    memory: &Arc<MemoryReservation>,
    context: &Arc<TaskContext>,
) -> Result<Rows> {
    let most = match context.memory_pool().memory_limit() {
        MemoryLimit::Finite(limit) => limit / HELD,
        _ => usize::MAX,
    };
    let mut tasks = Vec::new();
    for partition in 0..plan.properties().partitioning.partition_count() {
        let mut stream = plan.execute(partition, Arc::clone(context))?;
        let (memory, context) = (Arc::clone(memory), Arc::clone(context));
        tasks.push(SpawnedTask::spawn(async move {
            let (mut here, mut away, mut keys) = (Vec::new(), Vec::new(), Vec::new());
            let mut shelving: Option<Shelving> = None;
            let mut of_keys = 0;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                let rows = batch.num_rows();
                if rows == 0 {
                    continue;
                }
                let width = rows * width(&batch.schema());
                let fits = shelving.is_none() && memory.size() + width <= most;
                let column = batch.columns().get(key);
                let column = column.ok_or_else(|| internal_datafusion_err!("rows without their key"))?;
                if fits && memory.try_grow(width).is_ok() {
                    keys.push(Arc::clone(column));
                    here.push(Stored::Here(batch));
                    continue;
                }
                // The rows go, their keys stay.
                let column = compact(column);
                memory.try_grow(bytes(&column))?;
                of_keys += bytes(&column);
                keys.push(column);
                let shelving = match &mut shelving {
                    Some(open) => open,
                    None => {
                        let disk = &context.runtime_env().disk_manager;
                        shelving.insert(Shelving::new(disk, "comparing rows")?)
                    }
                };
                away.push((shelving.put(&batch)?, rows));
            }
            if let Some(shelving) = shelving {
                let shelf = Arc::new(shelving.close()?);
                let put = |(place, rows)| Stored::Away { shelf: Arc::clone(&shelf), place, rows };
                here.extend(away.into_iter().map(put));
            }
            Ok::<_, DataFusionError>((here, keys, of_keys))
        }));
    }
    let mut all = Rows { batches: Vec::new(), keys: Vec::new(), bytes: 0 };
    for task in tasks {
        let (batches, keys, bytes) = joined(task).await?;
        all.batches.extend(batches);
        all.keys.extend(keys);
        all.bytes += bytes;
    }
    Ok(all)
}
