//! The operator that compares rows: it collects them, finds everybody's place, and gives them back with it. No row is
//! moved, and of each only a number and a value are sorted, or parted where only the largest are asked for.
//!
//! All that is found depends on values and keys alone: neither on the threads nor on the order of the rows.

use super::super::aggregates::interner::MISSING;
use super::super::operator::{Once, batches, joined, properties, visit};
use super::node::Part;
use super::order::{Numbered, Rows};
use super::places::{Column, Places, places};
use super::stored::store;
use super::values::{Found, Peers, Words};
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::execution_plan::{ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use std::collections::VecDeque;
use std::fmt;
use std::iter::once;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a row while it is compared: what the threads found, and the same brought together.
const WORKING: usize = 2 * size_of::<super::values::Entry>();
/// So many comparisons are made at a time where there is memory: a part of each is one thread's work.
const AT_ONCE: usize = 2;
/// Bytes of a row and a part, at most.
const KEPT: usize = size_of::<u32>();

#[derive(Debug)]
struct Compared {
    rows: Rows,
    /// One for each set of peers.
    places: Vec<Places>,
    _memory: Arc<MemoryReservation>,
}

#[derive(Debug)]
pub(super) struct CompareExec {
    rows: Arc<dyn ExecutionPlan>,
    key: usize,
    peers: Vec<Arc<Peers>>,
    properties: Arc<PlanProperties>,
    compared: Once<Compared>,
}

impl CompareExec {
    pub fn new(
        rows: Arc<dyn ExecutionPlan>,
        key: usize,
        peers: Vec<Arc<Peers>>,
        schema: SchemaRef,
        partitions: usize,
    ) -> CompareExec {
        CompareExec { rows, key, peers, properties: properties(schema, partitions), compared: Arc::default() }
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<CompareExec> {
        let (Some(rows), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a comparison of none or of several tables");
        };
        Ok(CompareExec {
            rows,
            key: self.key,
            peers: self.peers.clone(),
            properties: Arc::clone(&self.properties),
            compared: Arc::default(),
        })
    }
}

impl DisplayAs for CompareExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CompareExec:")?;
        for (i, peers) in self.peers.iter().enumerate() {
            write!(f, "{} {} ({})", if i == 0 { "" } else { ";" }, peers.label, peers.parts.len())?;
        }
        Ok(())
    }
}

impl ExecutionPlan for CompareExec {
    fn name(&self) -> &str {
        "CompareExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows]
    }

    /// The threads take parts of what is collected.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.over(children)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.over(children)?))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        visit(self.peers.iter().flat_map(|p| p.expressions()), f)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (peers, schema) = (self.peers.clone(), self.schema());
        let work = compare(Arc::clone(&self.rows), self.key, self.peers.clone(), context);
        let count = |compared: &Compared| compared.rows.len();
        let batch = move |compared: &Compared, at| Ok(once(finish(compared, &peers, at, &schema)));
        Ok(batches((self, partition), &self.compared, work, count, batch))
    }
}

/// Everything but the last step, done once for all partitions.
async fn compare(
    plan: Arc<dyn ExecutionPlan>,
    key: usize,
    peers: Vec<Arc<Peers>>,
    context: Arc<TaskContext>,
) -> Result<Arc<Compared>> {
    let threads = context.session_config().target_partitions().max(1);
    let memory = Arc::new(MemoryConsumer::new("CompareExec").register(context.memory_pool()));
    let schema = plan.schema();
    let stored = store(&plan, key, &memory, &context).await?;
    let rows = Arc::new(Rows::new(stored.batches, &stored.keys)?);
    drop(stored.keys);
    memory.shrink(stored.bytes);
    let (mut all, mut running) = (Vec::new(), VecDeque::new());
    for peers in peers {
        if running.len() >= AT_ONCE.min(threads)
            && let Some(earlier) = running.pop_front()
        {
            all.push(joined(earlier).await?);
        }
        let needed = rows.count() * (WORKING + KEPT * (peers.parts.len() + 1));
        while let Err(e) = memory.try_grow(needed) {
            match running.pop_front() {
                Some(earlier) => all.push(joined(earlier).await?),
                None => return Err(e),
            }
        }
        let (rows, schema, memory) = (Arc::clone(&rows), Arc::clone(&schema), Arc::clone(&memory));
        running.push_back(SpawnedTask::spawn(async move {
            let places = among(peers, &rows, &schema, threads).await?;
            memory.shrink(rows.count() * WORKING);
            Ok(places)
        }));
    }
    for earlier in running {
        all.push(joined(earlier).await?);
    }
    let rows = Arc::into_inner(rows).ok_or_else(|| internal_datafusion_err!("rows are still compared"))?;
    Ok(Arc::new(Compared { rows, places: all, _memory: memory }))
}

/// Everybody's place among some peers.
async fn among(peers: Arc<Peers>, rows: &Arc<Rows>, schema: &SchemaRef, threads: usize) -> Result<Places> {
    let mut found = find(&peers, rows, schema, threads, None).await?;
    if found.is_none() {
        let of = (Arc::clone(&peers), Arc::clone(rows), Arc::clone(schema));
        let ranking = SpawnedTask::spawn_blocking(move || of.0.ranked(&of.1, &of.2));
        let ranked = Some(Arc::new(joined(ranking).await?));
        found = find(&peers, rows, schema, threads, ranked).await?;
    }
    let found = found.ok_or_else(|| internal_datafusion_err!("values without an order"))?;
    let (parts, count) = (peers.parts.iter().map(|(part, _)| *part).collect::<Vec<_>>(), rows.count());
    let sorting = SpawnedTask::spawn_blocking(move || places(&parts, found, count, threads));
    let mut places = joined(sorting).await?;
    if let Some(groups) = places.groups.take() {
        let groups = Arc::new(groups);
        for ((_, function), column) in peers.parts.iter().zip(&mut places.columns) {
            if let Some(function) = function {
                let of = (Arc::clone(&peers), Arc::clone(function));
                *column = Column::OfGroup(sums(of, rows, &groups, places.count, threads).await?);
            }
        }
        places.groups = Arc::into_inner(groups);
    }
    Ok(places)
}

/// What is worked out on the batches, each thread on a part of them.
async fn find(
    peers: &Arc<Peers>,
    rows: &Arc<Rows>,
    schema: &SchemaRef,
    threads: usize,
    ranked: Option<Arc<Vec<u32>>>,
) -> Result<Option<Vec<Found>>> {
    let find = |range: Range<usize>| {
        let (peers, rows, schema) = (Arc::clone(peers), Arc::clone(rows), Arc::clone(schema));
        let ranked = ranked.clone();
        SpawnedTask::spawn(async move {
            let words = ranked.as_ref().map_or(Words::Own, |ranked| Words::Ranked(ranked));
            peers.find(&rows, range, &schema, &words)
        })
    };
    let tasks: Vec<_> = rows.parts(threads).into_iter().map(find).collect();
    let mut found = Vec::with_capacity(tasks.len());
    for task in tasks {
        found.push(joined(task).await?);
    }
    Ok(found.into_iter().collect())
}

/// An aggregate of the values for each group, each thread over a part of the rows.
async fn sums(
    (peers, function): (Arc<Peers>, Arc<AggregateFunctionExpr>),
    rows: &Arc<Rows>,
    groups: &Arc<Vec<u32>>,
    count: usize,
    threads: usize,
) -> Result<ArrayRef> {
    let add = |range: Range<usize>| {
        let (peers, function) = (Arc::clone(&peers), Arc::clone(&function));
        let (rows, groups) = (Arc::clone(rows), Arc::clone(groups));
        SpawnedTask::spawn(async move {
            let mut state = function.create_groups_accumulator()?;
            for batch in rows.batches(range) {
                let (batch, numbers) = batch?;
                let of = |row: usize| groups.get(numbers.of(row) as usize).copied().unwrap_or(MISSING);
                let groups: Vec<u32> = (0..batch.num_rows()).map(of).collect();
                let taken: BooleanBuffer = groups.iter().map(|group| *group != MISSING).collect();
                let groups: Vec<usize> = groups
                    .into_iter()
                    .map(|group| if group == MISSING { 0 } else { group as usize })
                    .collect();
                let taken = BooleanArray::new(taken, None);
                state.update_batch(&[peers.values(&batch)?], &groups, Some(&taken), count)?;
            }
            state.state(EmitTo::All)
        })
    };
    let tasks: Vec<_> = rows.parts(threads).into_iter().map(add).collect();
    let mut all = function.create_groups_accumulator()?;
    let each: Vec<usize> = (0..count).collect();
    for task in tasks {
        let states = joined(task).await?;
        let known = states.first().map_or(0, |s| s.len());
        all.merge_batch(&states, each.get(..known).unwrap_or_default(), count)?;
    }
    all.evaluate(EmitTo::All)
}

/// A batch of the rows with the parts beside it.
fn finish(compared: &Compared, peers: &[Arc<Peers>], at: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let (batch, numbers) = compared.rows.batch(at)?;
    let mut columns = batch.columns().to_vec();
    for (peers, places) in peers.iter().zip(&compared.places) {
        for ((part, _), column) in peers.parts.iter().zip(&places.columns) {
            columns.push(shown(*part, column, places, at, &numbers, batch.num_rows())?);
        }
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// One part, for one batch.
fn shown(
    part: Part,
    column: &Column,
    places: &Places,
    at: usize,
    numbers: &Numbered<'_>,
    rows: usize,
) -> Result<ArrayRef> {
    let number = |row: usize| numbers.of(row) as usize;
    Ok(match column {
        Column::Places(places) => {
            let place = |row: usize| places.get(number(row)).copied().unwrap_or_default();
            let known: BooleanBuffer = (0..rows).map(|row| place(row) > 0).collect();
            let known = Some(NullBuffer::new(known)).filter(|known| known.null_count() > 0);
            let values: Vec<i64> = (0..rows).map(|row| place(row).into()).collect();
            Arc::new(Int64Array::new(values.into(), known))
        }
        Column::Taken(taken) => {
            let taken = match numbers {
                Numbered::From(start) => taken.slice(*start as usize, rows),
                Numbered::Each(_) => BooleanBuffer::collect_bool(rows, |row| taken.value(number(row))),
            };
            let open = places.open.get(at).and_then(|open| open.as_ref());
            Arc::new(BooleanArray::new(taken, open.map(|open| NullBuffer::new(!open))))
        }
        Column::OfGroup(of) => {
            let Some(groups) = &places.groups else {
                return internal_err!("{part:?} without groups");
            };
            let group = |row: usize| groups.get(number(row)).copied().filter(|group| *group != MISSING);
            take(of, &(0..rows).map(group).collect::<UInt32Array>(), None)?
        }
    })
}
