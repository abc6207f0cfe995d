//! The fold as an operator: the entity's rows are collected and numbered, then the events of each pass stream by and
//! are folded into what is known of each row so far. No event is moved, sorted or hashed but by its key.
//!
//! All threads fold into one table, stripe by stripe; what calls keep is each thread's own, and merged when a pass has
//! ended. All that is added commutes, so the result depends neither on the threads nor on the order of the events. Where memory is too short for that, the rows are
//! [divided](super::divided), and each part is folded for itself.

use super::super::operator::{Once, batches, collect, joined, properties, visit, width, with_larger_batches};
use super::divided::{Divided, Division};
use super::folding::{Calls, Folding, Tallied};
use super::pass::{ByTime, Pass};
use super::rows::{Arrived, Rows, Who};
use super::stripes::Stripes;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::take_arrays;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::StreamExt;
use std::fmt;
use std::iter::once;
use std::sync::Arc;

/// How many times larger batches of the entity's rows are than usual: for each, every condition and segment of a script is
/// worked out, which takes a while before it begins.
const LARGER: usize = 2;

/// The entity's rows, folded.
#[derive(Debug)]
struct Folded {
    rows: Rows,
    /// One for each pass.
    tallies: Vec<Tallied>,
    _memory: MemoryReservation,
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// What is done once for all partitions.
#[derive(Debug)]
enum Work {
    /// Everything but the last step.
    Folded(Folded),
    /// Each part is folded when it is asked for.
    Divided(Divided),
}

/// What is folded.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub entity: Arc<dyn ExecutionPlan>,
    pub who: Who,
    /// The passes, each with the events that it reads.
    pub passes: Vec<(Arc<dyn ExecutionPlan>, Arc<Pass>)>,
}

#[derive(Debug)]
pub struct FoldExec {
    fold: Fold,
    /// Whether the rows are divided even if memory is not short.
    divided: bool,
    properties: Arc<PlanProperties>,
    work: Once<Work>,
    metrics: ExecutionPlanMetricsSet,
}

impl FoldExec {
    pub(super) fn new(fold: Fold, divided: bool, schema: SchemaRef, partitions: usize) -> FoldExec {
        FoldExec {
            fold,
            divided,
            properties: properties(schema, partitions),
            work: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Whether the events of few rows alone are folded.
    pub fn is_choosy(&self) -> bool {
        self.fold.who.candidates.is_some()
    }

    /// The events of each pass, and what is read of them.
    pub fn scans(&self) -> impl Iterator<Item = (&Arc<dyn ExecutionPlan>, Option<&Arc<ByTime>>)> {
        self.fold.passes.iter().map(|(events, pass)| (events, pass.by_time.as_ref()))
    }

    /// The same over other readers of the same events. Text columns of theirs may be dictionaries.
    pub fn reading(&self, events: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let children = std::iter::once(Arc::clone(&self.fold.entity)).chain(events).collect();
        Ok(Arc::new(self.again(children)?))
    }

    fn again(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<FoldExec> {
        if children.len() != self.fold.passes.len() + 1 {
            return internal_err!("a fold with {} children", children.len());
        }
        let events = children.split_off(1);
        let entity = children.pop().ok_or_else(|| internal_datafusion_err!("a fold without an entity"))?;
        let passes = self.fold.passes.iter().map(|(_, pass)| Arc::clone(pass));
        Ok(FoldExec {
            fold: Fold {
                entity,
                who: self.fold.who.clone(),
                passes: events.into_iter().zip(passes).collect(),
            },
            divided: self.divided,
            properties: Arc::clone(&self.properties),
            work: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DisplayAs for FoldExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FoldExec:")?;
        for (i, (_, pass)) in self.fold.passes.iter().enumerate() {
            write!(f, "{} {pass}", if i == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

impl ExecutionPlan for FoldExec {
    fn name(&self) -> &str {
        "FoldExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.fold.entity).chain(self.fold.passes.iter().map(|(events, _)| events)).collect()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.again(children)?))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.again(children)?))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        visit(self.fold.passes.iter().flat_map(|(_, pass)| pass.expressions()), f)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (fold, schema) = (self.fold.clone(), self.schema());
        let at_once = LARGER.saturating_mul(context.session_config().batch_size());
        let work = work(self.fold.clone(), self.divided, Arc::clone(&context), self.metrics.clone());
        let batch = move |work: &Work, at| {
            Ok(match work {
                Work::Folded(folded) => Box::new(once(folded.finish(at, &fold, &schema))) as Batches,
                Work::Divided(divided) => {
                    let timer = divided.time.timer();
                    let folded = part(divided, at, at_once, &fold, &context)?;
                    timer.done();
                    divided.folded.add(1);
                    let (fold, schema) = (fold.clone(), Arc::clone(&schema));
                    let batches = 0..folded.rows.batches.len();
                    Box::new(batches.map(move |at| folded.finish(at, &fold, &schema)))
                }
            })
        };
        Ok(batches((self, partition), &self.work, work, Work::count, batch))
    }
}

impl Work {
    /// How many batches or parts it has.
    fn count(&self) -> usize {
        match self {
            Work::Folded(folded) => folded.rows.batches.len(),
            Work::Divided(divided) => divided.parts(),
        }
    }
}

/// What all partitions of the operator have in common.
async fn work(
    fold: Fold,
    divided: bool,
    context: Arc<TaskContext>,
    metrics: ExecutionPlanMetricsSet,
) -> Result<Arc<Work>> {
    let threads = context.session_config().target_partitions();
    let division =
        if divided { Some(Division::smallest()) } else { Division::needed(&fold, threads, &context) };
    let division = match division {
        Some(division) => division,
        None => match whole(&fold, &context).await {
            // It was thought to fit. Reading once more is better than giving up.
            Err(e) if matches!(e.find_root(), DataFusionError::ResourcesExhausted(_)) => {
                Division::finest(&context)
            }
            folded => return Ok(Arc::new(Work::Folded(folded?))),
        },
    };
    Ok(Arc::new(Work::Divided(Divided::new(division, &fold, &context, &metrics).await?)))
}

/// The whole fold in memory.
async fn whole(fold: &Fold, context: &Arc<TaskContext>) -> Result<Folded> {
    let who = fold.who.clone();
    let larger = with_larger_batches(context, LARGER);
    let arrived = collect(&fold.entity, &larger, move |batch| Arrived::new(batch, &who)).await?;
    let rows = Rows::new(arrived, &fold.who)?;
    let memory = memory(&rows, fold, context)?;
    let mut tallies = Vec::new();
    for (events, pass) in &fold.passes {
        let inputs = rows.inputs(pass, &fold.entity.schema())?;
        tallies.push(pass_over(events, pass, &rows, inputs, context).await?);
    }
    Ok(Folded { rows, tallies, _memory: memory })
}

/// One part of a divided fold, folded. Its batches have so many rows.
fn part(
    divided: &Divided,
    part: usize,
    at_once: usize,
    fold: &Fold,
    context: &TaskContext,
) -> Result<Folded> {
    let rows = divided.rows(part)?;
    let starts = (0..rows.num_rows()).step_by(at_once);
    let batches = starts.map(|at| rows.slice(at, at_once.min(rows.num_rows() - at)));
    let arrived = batches.map(|batch| Arrived::new(batch, &fold.who)).collect::<Result<_>>()?;
    let rows = Rows::new(arrived, &fold.who)?;
    let memory = memory(&rows, fold, context)?;
    let mut tallies = Vec::new();
    for (at, (_, pass)) in fold.passes.iter().enumerate() {
        let inputs = rows.inputs(pass, &fold.entity.schema())?;
        let known = Arc::new(Stripes::new(&pass.slots, rows.chosen.count(), 1)?);
        let mut folding = Folding::new(pass, rows.chosen.count(), &inputs, &known, context)?;
        for batch in divided.events(at, part)? {
            folding.add(&batch?, &rows.keys)?;
        }
        tallies.push(tallied(known, folding.end())?);
    }
    Ok(Folded { rows, tallies, _memory: memory })
}

/// What rows and what is known of them take.
fn memory(rows: &Rows, fold: &Fold, context: &TaskContext) -> Result<MemoryReservation> {
    let memory = MemoryConsumer::new("FoldExec").register(context.memory_pool());
    let own = rows.batches.iter().map(|(_, batch)| batch.num_rows() * width(&batch.schema())).sum::<usize>();
    let known: usize = fold.passes.iter().map(|(_, pass)| pass.bytes_of_cells()).sum();
    memory.try_grow(own + rows.bytes_of_keys() + rows.chosen.count() * known)?;
    Ok(memory)
}

/// One pass over all partitions of the events.
async fn pass_over(
    events: &Arc<dyn ExecutionPlan>,
    pass: &Arc<Pass>,
    rows: &Rows,
    inputs: Arc<Vec<ArrayRef>>,
    context: &Arc<TaskContext>,
) -> Result<Tallied> {
    let partitions = events.properties().partitioning.partition_count();
    let count = rows.chosen.count();
    let known = Arc::new(Stripes::new(&pass.slots, count, partitions)?);
    let mut tasks = Vec::new();
    for partition in 0..partitions {
        let mut stream = events.execute(partition, Arc::clone(context))?;
        let (pass, keys, inputs) = (Arc::clone(pass), Arc::clone(&rows.keys), Arc::clone(&inputs));
        let (known, context) = (Arc::clone(&known), Arc::clone(context));
        tasks.push(SpawnedTask::spawn(async move {
            let mut folding = Folding::new(&pass, count, &inputs, &known, &context)?;
            while let Some(batch) = stream.next().await {
                folding.add(&batch?, &keys)?;
            }
            Ok::<_, DataFusionError>(folding.end())
        }));
    }
    let mut calls: Option<Calls> = None;
    for task in tasks {
        let part = joined(task).await?;
        calls = Some(match calls {
            None => part,
            Some(mut calls) => {
                calls.merge(part, count)?;
                calls
            }
        });
    }
    let calls = match calls {
        Some(calls) => calls,
        None => Folding::new(pass, count, &inputs, &known, context)?.end(),
    };
    tallied(known, calls)
}

/// What is known when all who added to it are gone.
fn tallied(known: Arc<Stripes>, calls: Calls) -> Result<Tallied> {
    let known =
        Arc::into_inner(known).ok_or_else(|| internal_datafusion_err!("a pass that has not ended"))?;
    Tallied::new(known, calls)
}

impl Folded {
    /// A batch of the entity's rows with the aggregates' values.
    fn finish(&self, at: usize, fold: &Fold, schema: &SchemaRef) -> Result<RecordBatch> {
        let batch = self.rows.batches.get(at);
        let (start, batch) = batch.ok_or_else(|| internal_datafusion_err!("a fold lost its batch {at}"))?;
        let mut columns = batch.columns().to_vec();
        let (numbers, own) = self.rows.chosen.numbers(*start..*start + batch.num_rows());
        for ((_, pass), tallies) in fold.passes.iter().zip(&self.tallies) {
            let values = tallies.values(pass, &numbers)?;
            match &own {
                Some(own) => columns.extend(take_arrays(&values, own, None)?),
                None => columns.extend(values),
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}
