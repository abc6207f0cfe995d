//! The scan of the formats that are read from start to end: CSV, NDJSON, Arrow. Parquet has DataFusion's.
//!
//! DataFusion's own scans of these take a file's columns by position and name no file when one cannot be read;
//! these take them by name, fill in what a file does not have, and say file and row.

use super::error::FileError;
use super::files::Format;
use super::stores::Store;
use super::{csv, ipc, ndjson};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::apply_expression_roots;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::StreamExt;
use object_store::ObjectStore;
use std::io::{Read, Seek};
use std::sync::Arc;

const BATCH_SIZE: usize = 8192;

/// What a file is read from.
pub(super) trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The name of a file as the script would write it; carried by the `PartitionedFile`.
pub(super) struct ShownName(pub String);

#[derive(Clone)]
pub(super) struct PlainSource {
    format: Format,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl PlainSource {
    pub fn new(format: Format, table_schema: TableSchema) -> PlainSource {
        PlainSource {
            format,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            batch_size: BATCH_SIZE,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl FileSource for PlainSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let file_schema = self.table_schema.file_schema();
        let opener = Arc::new(PlainOpener {
            format: self.format,
            schema: Arc::new(file_schema.project(&self.projection.file_indices)?),
            batch_size: self.batch_size,
            store: Store { url: config.object_store_url.clone(), objects: store },
            bytes: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
        });
        ProjectionOpener::try_new(self.projection.clone(), opener, file_schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(PlainSource { batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(PlainSource { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.format.name()
    }

    /// A line break within quotes cannot be told from one between rows in the middle of a file.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct PlainOpener {
    format: Format,
    schema: SchemaRef,
    batch_size: usize,
    store: Store,
    bytes: Count,
}

impl FileOpener for PlainOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (format, schema, batch_size) = (self.format, Arc::clone(&self.schema), self.batch_size);
        let (store, bytes) = (self.store.clone(), self.bytes.clone());
        Ok(Box::pin(async move {
            let name = match file.extension::<ShownName>() {
                Some(name) => name.0.clone(),
                None => file.object_meta.location.to_string(),
            };
            let size = usize::try_from(file.object_meta.size).unwrap_or(usize::MAX);
            let input = store.input(&file.object_meta, &name)?;
            let batches = rows(format, input, name, schema, batch_size)?;
            bytes.add(size);
            Ok(futures::stream::iter(batches).boxed())
        }))
    }
}

fn rows(
    format: Format,
    input: Box<dyn Input>,
    name: String,
    schema: SchemaRef,
    batch_size: usize,
) -> Result<Batches> {
    let batches: Result<Batches, FileError> = match format {
        Format::Csv => csv::rows(input, name, schema, batch_size),
        Format::Ndjson => ndjson::rows(input, name, schema, batch_size),
        Format::Arrow => ipc::rows(input, name, schema),
        Format::Parquet => return Err(internal_datafusion_err!("Parquet is not read from start to end")),
    };
    Ok(batches?)
}
