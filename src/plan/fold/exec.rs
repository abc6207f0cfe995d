//! The fold as an operator: the entity's rows are collected and numbered, then the events of each pass stream by and
//! are folded into what is known of each row so far. No event is moved, sorted or hashed but by its key.
//!
//! Each thread folds into tallies of its own; they are merged when a pass has ended. All that is added commutes, so the
//! result depends neither on the threads nor on the order of the events.

use super::super::operator::{batches, collect, joined, properties, visit};
use super::folding::{Folding, Tallied, Tallies};
use super::keys::{Chosen, Keys};
use super::pass::Pass;
use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{concat, filter};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ExecutionPlan, PlanProperties, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The entity's rows, folded.
#[derive(Debug)]
pub(super) struct Folded {
    /// Each batch with the number of its first row.
    batches: Vec<(usize, RecordBatch)>,
    /// Who of them was folded.
    chosen: Chosen,
    /// One for each pass.
    tallies: Vec<Tallied>,
}

/// The column of a pass's times, and the bounds that they are compared with.
pub type Times<'a> = (usize, &'a [i64]);

/// Whose events are folded.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The entity's column with its key.
    pub key: usize,
    /// A condition on its row; none where everybody counts.
    pub candidates: Option<Arc<dyn PhysicalExpr>>,
}

#[derive(Debug)]
pub struct FoldExec {
    entity: Arc<dyn ExecutionPlan>,
    who: Who,
    /// What is read of each pass, in the order of `passes`.
    events: Vec<Arc<dyn ExecutionPlan>>,
    passes: Vec<Arc<Pass>>,
    properties: Arc<PlanProperties>,
    folded: Arc<OnceCell<Arc<Folded>>>,
}

impl FoldExec {
    pub(super) fn new(
        entity: Arc<dyn ExecutionPlan>,
        who: Who,
        events: Vec<Arc<dyn ExecutionPlan>>,
        passes: Vec<Arc<Pass>>,
        schema: SchemaRef,
        partitions: usize,
    ) -> FoldExec {
        FoldExec {
            entity,
            who,
            events,
            passes,
            properties: properties(schema, partitions),
            folded: Arc::new(OnceCell::new()),
        }
    }

    /// Whether the events of few rows alone are folded.
    pub fn is_choosy(&self) -> bool {
        self.who.candidates.is_some()
    }

    /// What is read of each pass; and the column of the times with the bounds that they are compared with, where
    /// nothing else is done with them.
    pub fn scans(&self) -> impl Iterator<Item = (&Arc<dyn ExecutionPlan>, Option<Times<'_>>)> {
        self.events.iter().zip(&self.passes).map(|(events, pass)| (events, pass.times()))
    }

    /// The same over other readers of the same events. Text columns of theirs may be dictionaries.
    pub fn reading(&self, events: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let children = std::iter::once(Arc::clone(&self.entity)).chain(events).collect();
        Ok(Arc::new(self.again(children)?))
    }

    fn again(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<FoldExec> {
        if children.len() != self.events.len() + 1 {
            return internal_err!("a fold with {} children", children.len());
        }
        let events = children.split_off(1);
        let entity = children.pop().ok_or_else(|| internal_datafusion_err!("a fold without an entity"))?;
        Ok(FoldExec {
            entity,
            who: self.who.clone(),
            events,
            passes: self.passes.clone(),
            properties: Arc::clone(&self.properties),
            folded: Arc::new(OnceCell::new()),
        })
    }
}

impl DisplayAs for FoldExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FoldExec:")?;
        for (i, pass) in self.passes.iter().enumerate() {
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
        std::iter::once(&self.entity).chain(&self.events).collect()
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
        visit(self.passes.iter().flat_map(|p| p.expressions()), f)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (passes, schema) = (self.passes.clone(), self.schema());
        let count = |folded: &Folded| folded.batches.len();
        let batch = move |folded: &Folded, at| finish(folded, &passes, at, &schema);
        Ok(batches((self, partition), &self.folded, self.work(&context), count, batch))
    }
}

impl FoldExec {
    /// Everything but the last step, done once for all partitions.
    fn work(&self, context: &Arc<TaskContext>) -> impl Future<Output = Result<Arc<Folded>>> + use<> {
        let (entity, who, context) = (Arc::clone(&self.entity), self.who.clone(), Arc::clone(context));
        let sources: Vec<_> = self.events.iter().cloned().zip(self.passes.iter().cloned()).collect();
        async move {
            let rows = collect(&entity, &context).await?;
            let mut batches = Vec::new();
            let mut count = 0;
            for batch in rows {
                let rows = batch.num_rows();
                batches.push((count, batch));
                count += rows;
            }
            let column = |batch: &RecordBatch| batch.columns().get(who.key).cloned();
            let chosen = match &who.candidates {
                None => Chosen::all(count),
                Some(candidates) => Chosen::of(candidates, &batches, count)?,
            };
            let keys = Arc::new(Keys::new(batches.iter().filter_map(|(_, b)| column(b)).collect(), &chosen)?);
            let mut tallies = Vec::new();
            for (events, pass) in sources {
                let mask = chosen.mask(count);
                let inputs = Arc::new(inputs(&pass, &batches, &entity.schema(), mask.as_ref())?);
                tallies.push(fold(&events, pass, Arc::clone(&keys), inputs, chosen.count(), &context).await?);
            }
            Ok(Arc::new(Folded { batches, chosen, tallies }))
        }
    }
}

/// The whole columns of the entity that the events of a pass are tested against.
fn inputs(
    pass: &Pass,
    batches: &[(usize, RecordBatch)],
    schema: &SchemaRef,
    chosen: Option<&BooleanArray>,
) -> Result<Vec<ArrayRef>> {
    let whole = |at: &usize| {
        let parts: Vec<&dyn datafusion::arrow::array::Array> =
            batches.iter().filter_map(|(_, b)| b.columns().get(*at)).map(|c| c.as_ref()).collect();
        if parts.is_empty() {
            let data_type = schema.fields().get(*at).map_or(&DataType::Null, |f| f.data_type());
            return Ok(datafusion::arrow::array::new_empty_array(data_type));
        }
        let whole = concat(&parts)?;
        Ok(match chosen {
            Some(chosen) => filter(&whole, chosen)?,
            None => whole,
        })
    };
    pass.inputs().iter().map(whole).collect()
}

/// One pass over all partitions of the events.
async fn fold(
    events: &Arc<dyn ExecutionPlan>,
    pass: Arc<Pass>,
    keys: Arc<Keys>,
    inputs: Arc<Vec<ArrayRef>>,
    rows: usize,
    context: &Arc<TaskContext>,
) -> Result<Tallied> {
    let partitions = events.properties().partitioning.partition_count();
    let mut tasks = Vec::new();
    for partition in 0..partitions {
        let mut stream = events.execute(partition, Arc::clone(context))?;
        let (pass, keys, inputs) = (Arc::clone(&pass), Arc::clone(&keys), Arc::clone(&inputs));
        tasks.push(SpawnedTask::spawn(async move {
            let mut folding = Folding::new(&pass, rows, &inputs)?;
            while let Some(batch) = stream.next().await {
                folding.add(&batch?, &keys)?;
                // A reader that never waits would never let go.
                tokio::task::yield_now().await;
            }
            Ok::<_, DataFusionError>(folding.end())
        }));
    }
    let mut all: Option<Tallies> = None;
    for task in tasks {
        let tallies = joined(task).await?;
        all = Some(match all {
            None => tallies,
            Some(mut all) => {
                all.merge(tallies, rows)?;
                all
            }
        });
    }
    match all {
        Some(all) => all.close(),
        None => Folding::new(&pass, rows, &inputs)?.end().close(),
    }
}

/// A batch of the entity's rows with the aggregates' values.
fn finish(folded: &Folded, passes: &[Arc<Pass>], at: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let (start, batch) =
        folded.batches.get(at).ok_or_else(|| internal_datafusion_err!("a fold lost its batch {at}"))?;
    let mut columns = batch.columns().to_vec();
    let places = folded.chosen.places(*start..*start + batch.num_rows());
    for (pass, tallies) in passes.iter().zip(&folded.tallies) {
        columns.extend(tallies.values(pass, &places)?);
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
