//! A plan's rows as a table for the next plan: kept in memory, and on disk from where memory does not suffice.

use super::Engine;
use super::error::{EngineError, from_datafusion};
use crate::plan::{TEMPORARY, row_width};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::Result as PlanResult;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use std::fmt;
use std::sync::Arc;

/// Of the memory, one part in so many may be held by the rows of a level; the next level needs the rest.
const HELD: usize = 4;

/// The part of the rows that is in memory.
#[derive(Debug)]
struct Held {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
}

/// The part of the rows that is on disk.
struct PutAway {
    schema: SchemaRef,
    spill: SpillManager,
    file: Arc<dyn SpillFile>,
}

impl Engine {
    /// A table of batches at hand.
    pub fn memory_table(
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<Arc<dyn TableProvider>, EngineError> {
        let schema = lenient(schema);
        let batches = batches.into_iter().map(|batch| fitted(batch, &schema));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let table = MemTable::try_new(schema, vec![batches]);
        Ok(Arc::new(table.map_err(|e| from_datafusion(&e, None))?))
    }

    /// The plan's rows. `schema`: theirs.
    pub fn gather(
        &self,
        plan: LogicalPlan,
        schema: &SchemaRef,
    ) -> Result<Arc<dyn TableProvider>, EngineError> {
        let Some(limit) = self.memory else {
            return Engine::memory_table(schema, self.collect(plan)?);
        };
        let schema = lenient(schema);
        let failed = |e| from_datafusion(&e, self.memory);
        let environment = self.context.runtime_env();
        let memory = MemoryConsumer::new("rows of a level").register(&environment.memory_pool);
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let spill = SpillManager::new(environment, metrics, Arc::clone(&schema));
        let mut batches = Vec::new();
        let mut file = None;
        self.run(plan, &mut |batch| {
            let batch = fitted(batch, &schema)?;
            let bytes = batch.num_rows() * row_width(&schema);
            let has_room = file.is_none() && memory.size() + bytes <= limit / HELD;
            if has_room && memory.try_grow(bytes).is_ok() {
                batches.push(batch);
                return Ok(());
            }
            if file.is_none() {
                let made = spill.create_in_progress_file("gathering rows");
                file = Some(made.map_err(|e| failed(e.context(TEMPORARY)))?);
            }
            if let Some(file) = &mut file {
                file.append_batch(&batch).map_err(failed)?;
            }
            Ok(())
        })?;
        let held = Held { schema: Arc::clone(&schema), batches, _memory: memory };
        let mut parts: Vec<Arc<dyn PartitionStream>> = vec![Arc::new(held)];
        if let Some(file) = file.map(|mut file| file.finish()).transpose().map_err(failed)?.flatten() {
            parts.push(Arc::new(PutAway { schema: Arc::clone(&schema), spill, file }));
        }
        Ok(Arc::new(StreamingTable::try_new(schema, parts).map_err(failed)?))
    }
}

/// A plan and its batches may differ in what they say can be missing; here everything can.
fn lenient(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn fitted(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, EngineError> {
    let fitted = RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec());
    fitted.map_err(|e| EngineError::Internal(e.to_string()))
}

impl PartitionStream for Held {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = futures::stream::iter(self.batches.clone().into_iter().map(Ok));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

impl PartitionStream for PutAway {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        match self.spill.read_spill_as_stream(Arc::clone(&self.file), None) {
            Ok(rows) => rows,
            Err(e) => {
                let failed: PlanResult<RecordBatch> = Err(e);
                let failed = futures::stream::iter([failed]);
                Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), failed))
            }
        }
    }
}

impl fmt::Debug for PutAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows in {:?}", self.file.path())
    }
}
