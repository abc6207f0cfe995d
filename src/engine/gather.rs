//! A plan's rows as a table for the next plan: kept in memory, and on disk from where memory does not suffice.

use super::error::{EngineError, from_datafusion};
use super::{Away, Engine};
use crate::plan::row_width;
use crate::plan::shelf::Place;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::MemTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use std::fmt;
use std::sync::Arc;

/// The part of the rows that is in memory.
#[derive(Debug)]
struct Held {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

/// The part of the rows that is on disk. Keeps the memory of the other part, too.
struct PutAway {
    schema: SchemaRef,
    away: Arc<Away>,
    places: Vec<Place>,
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
        if self.memory.is_none() {
            return Engine::memory_table(schema, self.collect(plan)?);
        }
        let schema = lenient(schema);
        let room = self.room("rows of a level");
        let (mut batches, mut places) = (Vec::new(), Vec::new());
        self.run(plan, &mut |batch| {
            let batch = fitted(batch, &schema)?;
            if places.is_empty() && room.takes(batch.num_rows() * row_width(&schema)) {
                batches.push(batch);
            } else {
                places.push(room.put(&batch)?);
            }
            Ok(())
        })?;
        let held = Held { schema: Arc::clone(&schema), batches };
        let away = PutAway { schema: Arc::clone(&schema), away: Arc::new(room.close()?), places };
        let table = StreamingTable::try_new(schema, vec![Arc::new(held), Arc::new(away)]);
        Ok(Arc::new(table.map_err(|e| from_datafusion(&e, self.memory))?))
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
        let (away, places) = (Arc::clone(&self.away), self.places.clone());
        let batches = futures::stream::iter(places.into_iter().map(move |place| away.find(place)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

impl fmt::Debug for PutAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batches on disk", self.places.len())
    }
}
