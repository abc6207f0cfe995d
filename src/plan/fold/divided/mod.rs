//! The fold where memory is short: the entity's rows and all events are put away on disk by ranges of their keys'
//! hashes, and then folded range by range. Each source is read once; what is held at a time is one range of the entity for
//! each thread.

mod drawers;

use super::exec::Fold;
use super::keys::Keys;
use super::sieve::Sieve;
use crate::plan::operator::{joined, truth, typed, width};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{cast, concat_batches, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Int32Type, SchemaRef};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, SpillMetrics, Time};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use drawers::{Drawers, Filing};
use futures::StreamExt;
use std::sync::Arc;

/// Of the memory, one part in so many is for what is folded at once, by all threads.
const FOLDED: usize = 4;
/// What a thread folds at once is better no more than this: it stays near the processor.
const NEAR: usize = 8 << 20;
/// And one in so many for rows on their way to disk, by each thread.
const UNDER_WAY: usize = 24;
/// More than this would not make blocks better.
const ROOM: usize = 4 << 20;
/// And one in so many to know whose events matter.
const KNOWN: usize = 32;
/// Rows are held, then sorted beside that, then written.
const COPIES: usize = 3;

/// The names of metrics that say how far a divided fold is: how many parts there are, how many of them are folded, and how
/// long that took, by all partitions together.
pub const PARTS: &str = "parts";
pub const PARTS_FOLDED: &str = "parts_folded";
pub const FOLDING_TIME: &str = "folding_time";

const FEWEST_PARTS: usize = 8;
const MOST_PARTS: usize = 1024;
/// Where nothing says how many rows there are.
const SOME_PARTS: usize = 256;

/// How the work is divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Division {
    /// A power of two.
    parts: usize,
    /// Bytes of rows that a thread may hold before they are written.
    room: usize,
    /// Bits that tell whose events matter; a power of two.
    known: usize,
}

impl Division {
    /// That of a fold that does not fit into memory; none of one that does.
    pub fn needed(
        Fold { entity, passes, who, .. }: &Fold,
        threads: usize,
        context: &TaskContext,
    ) -> Option<Division> {
        let limit = limit_of(context)?;
        let rows = rows_at_most(entity);
        let schema = entity.schema();
        let keys = schema.fields().get(who.key).map_or(&DataType::Null, |field| field.data_type());
        let bytes_of_row = |copies: usize| {
            let tables =
                passes.iter().map(|(_, pass)| pass.bytes_of_cells() + pass.bytes_of_calls() * copies);
            width(&schema) + Keys::bytes_of_row(keys) + tables.sum::<usize>()
        };
        let mut of_events = Some(0usize);
        for (events, pass) in passes.iter().filter(|(_, pass)| pass.bytes_of_event() > 0) {
            let bytes = rows_at_most(events).map(|rows| rows.saturating_mul(pass.bytes_of_event()));
            of_events = of_events.zip(bytes).map(|(all, more)| all.saturating_add(more));
        }
        let needed =
            |copies: usize| Some(rows?.saturating_mul(bytes_of_row(copies)).saturating_add(of_events?));
        if needed(threads).is_some_and(|bytes| bytes <= limit / 5 * 4) {
            return None;
        }
        let at_once = (limit / (FOLDED * threads.max(1))).clamp(1, NEAR);
        let parts = needed(1).map_or(SOME_PARTS, |bytes| bytes.div_ceil(at_once));
        Some(Division::new(parts, limit, rows))
    }

    /// That of a fold that fits least.
    pub fn finest(context: &TaskContext) -> Division {
        Division::new(MOST_PARTS, limit_of(context).unwrap_or(usize::MAX), None)
    }

    /// That of any fold, for tests: the smallest there is.
    pub fn smallest() -> Division {
        Division::new(0, 0, Some(0))
    }

    fn new(parts: usize, limit: usize, rows: Option<usize>) -> Division {
        let most = limit / KNOWN * 8;
        let wanted = rows.map_or(most, |rows| rows.saturating_mul(16).min(most));
        Division {
            parts: parts.clamp(FEWEST_PARTS, MOST_PARTS).next_power_of_two(),
            room: (limit / UNDER_WAY).min(ROOM),
            known: wanted.clamp(1 << 12, 1 << 40).next_power_of_two(),
        }
    }

    fn part(&self, hash: u64) -> u16 {
        (hash >> 48) as u16 >> (16 - self.parts.trailing_zeros())
    }
}

/// What all may take together, in bytes.
fn limit_of(context: &TaskContext) -> Option<usize> {
    match context.memory_pool().memory_limit() {
        MemoryLimit::Finite(limit) => Some(limit),
        _ => None,
    }
}

/// How many rows a plan's sources have: no more come out of it.
fn rows_at_most(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let children = plan.children();
    if children.is_empty() {
        let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok()?;
        return match known.num_rows {
            Precision::Exact(rows) | Precision::Inexact(rows) => Some(rows),
            Precision::Absent => None,
        };
    }
    children.into_iter().map(rows_at_most).sum()
}

/// The entity's rows and the events, part by part.
#[derive(Debug)]
pub(super) struct Divided {
    division: Division,
    entity: Vec<Drawers>,
    schema: SchemaRef,
    /// Of each pass.
    events: Vec<Vec<Drawers>>,
    /// How many parts are folded, and how long that took.
    pub folded: Count,
    pub time: Time,
}

impl Divided {
    /// Reads everything once.
    pub async fn new(
        division: Division,
        Fold { entity, who, passes }: &Fold,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Divided> {
        let metric = || MetricBuilder::new(metrics);
        metric().global_counter(PARTS).add(division.parts);
        let (folded, time) = (metric().global_counter(PARTS_FOLDED), metric().subset_time(FOLDING_TIME, 0));
        let memory = MemoryConsumer::new("FoldExec (dividing)").register(context.memory_pool());
        let threads = context.session_config().target_partitions();
        memory.try_grow(division.known / 8 + threads * division.room * COPIES)?;
        let known = Arc::new(Sieve::new(division.known));
        let rows = {
            let (known, who) = (Arc::clone(&known), who.clone());
            move |batch: RecordBatch| {
                let keys = batch.columns().get(who.key).ok_or_else(|| internal_datafusion_err!("no key"))?;
                let hashes = hashes(keys)?;
                let chosen = match &who.candidates {
                    None => BooleanBuffer::new_set(batch.num_rows()),
                    Some(candidates) => truth(&candidates.evaluate(&batch)?.into_array(batch.num_rows())?)?,
                };
                chosen.set_indices().filter_map(|row| hashes.get(row)).for_each(|hash| known.note(*hash));
                Ok((batch, hashes))
            }
        };
        let filed = |plan, rows| file(plan, division, rows, context, metrics);
        let rows: Rows = Arc::new(rows);
        let entity_rows = filed(Arc::clone(entity), rows).await?;
        let mut events = Vec::new();
        for (plan, pass) in passes {
            let (known, pass) = (Arc::clone(&known), Arc::clone(pass));
            let rows: Rows = Arc::new(move |batch: RecordBatch| {
                let keys = pass.key.evaluate(&batch)?.into_array(batch.num_rows())?;
                let mut hashes = hashes(&keys)?;
                let nulls = keys.logical_nulls();
                let is_somebody = |row: usize, hash: &u64| {
                    nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) && known.may_have(*hash)
                };
                let kept: BooleanBuffer =
                    hashes.iter().enumerate().map(|(row, hash)| is_somebody(row, hash)).collect();
                if kept.count_set_bits() == batch.num_rows() {
                    return Ok((batch, hashes));
                }
                let mut row = 0;
                hashes.retain(|_| {
                    row += 1;
                    kept.value(row - 1)
                });
                Ok((filter_record_batch(&batch, &BooleanArray::new(kept, None))?, hashes))
            });
            events.push(filed(Arc::clone(plan), rows).await?);
        }
        Ok(Divided { division, entity: entity_rows, schema: entity.schema(), events, folded, time })
    }

    pub fn parts(&self) -> usize {
        self.division.parts
    }

    /// The entity's rows of a part.
    pub fn rows(&self, part: usize) -> Result<RecordBatch> {
        let mut batches = Vec::new();
        for drawers in &self.entity {
            for batch in drawers.read(part)? {
                let batch = batch?;
                let columns = batch.columns().iter().zip(self.schema.fields());
                let columns = columns.map(|(column, field)| cast(column, field.data_type()));
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                batches.push(RecordBatch::try_new(Arc::clone(&self.schema), columns)?);
            }
        }
        Ok(concat_batches(&self.schema, &batches)?)
    }

    /// The events of a part.
    pub fn events(&self, pass: usize, part: usize) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let drawers = self.events.get(pass).ok_or_else(|| internal_datafusion_err!("no pass {pass}"))?;
        let files = drawers.iter().map(|drawers| drawers.read(part)).collect::<Result<Vec<_>>>()?;
        Ok(files.into_iter().flatten())
    }
}

/// What is kept of a batch, and the hashes of its rows' keys.
type Rows = Arc<dyn Fn(RecordBatch) -> Result<(RecordBatch, Vec<u64>)> + Send + Sync>;

/// Puts a plan's rows away: a file for each of its partitions.
async fn file(
    plan: Arc<dyn ExecutionPlan>,
    division: Division,
    rows: Rows,
    context: &Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<Vec<Drawers>> {
    let disk = &context.runtime_env().disk_manager;
    let mut tasks = Vec::new();
    for partition in 0..plan.properties().partitioning.partition_count() {
        let mut stream = plan.execute(partition, Arc::clone(context))?;
        let metrics = SpillMetrics::new(metrics, partition);
        let mut filing = Filing::new(disk, division.parts, division.room, metrics)?;
        let rows = Arc::clone(&rows);
        tasks.push(SpawnedTask::spawn(async move {
            while let Some(batch) = stream.next().await {
                let (batch, hashes) = rows(batch?)?;
                filing.add(batch, hashes.into_iter().map(|hash| division.part(hash)))?;
            }
            filing.close()
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.push(joined(task).await?);
    }
    Ok(all)
}

/// Of keys; a key has the same hash however it is stored.
fn hashes(keys: &ArrayRef) -> Result<Vec<u64>> {
    let of = |keys: &ArrayRef| {
        let mut hashes = vec![0; keys.len()];
        create_hashes([keys], &RandomState::with_seed(0), &mut hashes)?;
        Ok::<_, datafusion::error::DataFusionError>(hashes)
    };
    let Some(codes) = keys.as_dictionary_opt::<Int32Type>() else {
        return of(&typed(keys, &DataType::Utf8View)?);
    };
    let each = of(&typed(codes.values(), &DataType::Utf8View)?)?;
    let hash = |code: &i32| usize::try_from(*code).ok().and_then(|code| each.get(code)).copied();
    Ok(codes.keys().values().iter().map(|code| hash(code).unwrap_or(0)).collect())
}
