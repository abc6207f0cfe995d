//! Row groups of Parquet files decoded straight into the fold, with arrow's reader and nothing between.
//!
//! What it gains over DataFusion's scan: text that is stored as codes stays codes, so that a condition on it is worked
//! out once for each text; threads take row groups as they come to them, however few are left after skipping; and a row
//! group that lies within one interval of all windows has its times left out. Where a scan asks for more than columns and
//! casts of them (values from folders), it is left as it is.

use super::error::FileError;
use super::source::ShownName;
use crate::plan::fold::FoldExec;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::datasource::physical_plan::parquet::{
    ParquetAccessPlan, ParquetFileMetrics, RowGroupAccessPlanFilter,
};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::basic::{Encoding, PageType, Type as PhysicalType};
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, PlanProperties, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How many times larger batches are of which little is left.
const CHOOSY: usize = 4;

/// Lets folds read Parquet themselves, where they can.
#[derive(Debug)]
pub(super) struct DirectReads;

impl PhysicalOptimizerRule for DirectReads {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let direct = plan.transform_up(|plan| {
            let Some(fold) = plan.downcast_ref::<FoldExec>() else { return Ok(Transformed::no(plan)) };
            let mut events = Vec::new();
            for (scan, times) in fold.scans() {
                events
                    .push(RowGroups::of(scan, times, fold.is_choosy())?.unwrap_or_else(|| Arc::clone(scan)));
            }
            Ok(Transformed::yes(fold.reading(events)?))
        });
        Ok(direct?.data)
    }

    fn name(&self) -> &str {
        "direct_reads"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// One file, as far as its name.
#[derive(Clone, Debug)]
struct Part {
    /// As the script would write it.
    name: String,
    path: PathBuf,
}

/// One column, as it is read.
#[derive(Clone, Debug)]
struct Read {
    /// In the files.
    name: String,
    /// Its type in the table, and how it is cast from there; none where it is taken as it is.
    cast: Option<(DataType, CastOptions<'static>)>,
}

/// The column whose values matter only as far as which of these they lie between.
#[derive(Clone, Debug)]
struct Times {
    column: usize,
    bounds: Vec<i64>,
}

#[derive(Debug)]
pub(super) struct RowGroups {
    parts: Vec<Part>,
    /// What is behind each of `schema`'s columns.
    columns: Vec<Read>,
    /// As delivered; texts may be codes.
    schema: SchemaRef,
    times: Option<Times>,
    predicate: Option<Arc<PruningPredicate>>,
    /// Most rows are dropped at once, so that they come in larger batches.
    choosy: bool,
    file_schema: SchemaRef,
    properties: Arc<PlanProperties>,
    work: Arc<Queue>,
    metrics: ExecutionPlanMetricsSet,
}

/// What is left to be read; made when the first thread asks.
type Queue = OnceLock<Result<Mutex<VecDeque<Work>>, Arc<DataFusionError>>>;

/// One row group to be read.
struct Work {
    part: Part,
    metadata: ArrowReaderMetadata,
    group: usize,
    /// What the times of the whole group may be taken for.
    time: Option<ScalarValue>,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.part.name, self.group)
    }
}

impl RowGroups {
    /// The same rows as `scan` gives, where it is a plain scan of Parquet files.
    pub fn of(
        scan: &Arc<dyn ExecutionPlan>,
        times: Option<(usize, &[i64])>,
        choosy: bool,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(config) = scan
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
        else {
            return Ok(None);
        };
        let source = config.file_source();
        let (Some(parquet), Some(projection)) = (source.downcast_ref::<ParquetSource>(), source.projection())
        else {
            return Ok(None);
        };
        if config.limit.is_some() {
            return Ok(None);
        }
        let file_schema = Arc::clone(source.table_schema().file_schema());
        let mut columns = Vec::new();
        for projected in projection.iter() {
            let (expr, options) = match projected.expr.downcast_ref::<CastExpr>() {
                Some(cast) => (cast.expr(), Some(cast.cast_options().clone())),
                None => (&projected.expr, None),
            };
            let Some(column) = expr.downcast_ref::<Column>() else { return Ok(None) };
            let Some(field) = file_schema.fields().get(column.index()) else { return Ok(None) };
            let cast = options.map(|options| (field.data_type().clone(), options));
            columns.push(Read { name: column.name().to_string(), cast });
        }
        let mut parts = Vec::new();
        for file in config.file_groups.iter().flat_map(|group| group.iter()) {
            // The groups cut files into ranges of bytes; here each file is whole, once.
            let path = Path::new("/").join(file.object_meta.location.as_ref());
            let Some(name) = file.extension::<ShownName>() else { return Ok(None) };
            if parts.iter().all(|known: &Part| known.path != path) {
                parts.push(Part { name: name.0.clone(), path });
            }
        }
        let predicate = match parquet.filter() {
            Some(predicate) => {
                let table = Arc::clone(source.table_schema().table_schema());
                let built = PruningPredicateBuilder::new().with_file_schema(table).try_build(predicate);
                built.ok().map(Arc::new)
            }
            None => None,
        };
        let schema = scan.schema();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(scan.properties().partitioning.partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Some(Arc::new(RowGroups {
            parts,
            columns,
            schema,
            times: times.map(|(column, bounds)| Times { column, bounds: bounds.to_vec() }),
            predicate,
            choosy,
            file_schema,
            properties: Arc::new(properties),
            work: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
        })))
    }

    /// The row groups that are left after skipping.
    fn plan(&self) -> Result<VecDeque<Work>> {
        let mut all = VecDeque::new();
        for part in &self.parts {
            let file = File::open(&part.path).map_err(|e| FileError::new(&part.name, e.to_string()))?;
            let options = ArrowReaderOptions::new();
            let metadata = ArrowReaderMetadata::load(&file, options).map_err(|e| damaged(part, &e))?;
            let groups = metadata.metadata().row_groups();
            let mut filter = RowGroupAccessPlanFilter::new(ParquetAccessPlan::new_all(groups.len()));
            if let Some(predicate) = &self.predicate {
                let metrics = ParquetFileMetrics::new(0, &part.name, &self.metrics);
                filter.prune_by_statistics(
                    &self.file_schema,
                    metadata.parquet_schema(),
                    groups,
                    predicate,
                    &metrics,
                );
            }
            let metadata = self.coded(metadata).map_err(|e| damaged(part, &e))?;
            for group in filter.row_group_indexes() {
                let time = self.times.as_ref().and_then(|times| self.one_time(times, &metadata, group));
                all.push_back(Work { part: part.clone(), metadata: metadata.clone(), group, time });
            }
        }
        Ok(all)
    }

    /// The file's columns in the types that they are read in: texts as codes where all their pages are coded.
    fn coded(
        &self,
        metadata: ArrowReaderMetadata,
    ) -> std::result::Result<ArrowReaderMetadata, datafusion::parquet::errors::ParquetError> {
        let mut changed = false;
        let fields: Vec<Field> = metadata
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| {
                let field = field.as_ref().clone();
                if !self.columns.iter().any(|c| c.name == *field.name()) {
                    return field;
                }
                let read_as = match field.data_type() {
                    text if is_text(text) && is_coded(metadata.metadata(), at) => {
                        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
                    }
                    text if is_text(text) => DataType::Utf8View,
                    // Nanoseconds cannot say 9999-12-31, which banks write for “no end”.
                    DataType::Timestamp(_, zone) if is_int96(metadata.metadata(), at) => {
                        DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
                    }
                    other => other.clone(),
                };
                changed |= read_as != *field.data_type();
                field.with_data_type(read_as)
            })
            .collect();
        if !changed {
            return Ok(metadata);
        }
        let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
    }

    /// A time that stands for all of a row group's, where they are all known and in one interval.
    fn one_time(&self, times: &Times, metadata: &ArrowReaderMetadata, group: usize) -> Option<ScalarValue> {
        let name = &self.columns.get(times.column)?.name;
        let wanted = self.schema.fields().get(times.column)?.data_type();
        let (_, stored) = metadata.schema().column_with_name(name)?;
        // The same moments, whatever their zone is called.
        let are_moments = |t: &DataType| matches!(t, DataType::Timestamp(TimeUnit::Microsecond, Some(_)));
        if stored.data_type() != wanted && !(are_moments(stored.data_type()) && are_moments(wanted)) {
            return None;
        }
        let converter =
            StatisticsConverter::try_new(name, metadata.schema(), metadata.parquet_schema()).ok()?;
        let group = metadata.metadata().row_groups().get(group)?;
        let one = || std::iter::once(group);
        let least = ScalarValue::try_from_array(&converter.row_group_mins(one()).ok()?, 0).ok()?;
        let most = ScalarValue::try_from_array(&converter.row_group_maxes(one()).ok()?, 0).ok()?;
        let missing = converter.row_group_null_counts(one()).ok()?;
        if missing.is_null(0) || missing.value(0) > 0 {
            return None;
        }
        let number = |value: &ScalarValue| match value {
            ScalarValue::TimestampMicrosecond(Some(t), _) => Some(*t),
            ScalarValue::Date32(Some(t)) => Some(i64::from(*t)),
            _ => None,
        };
        let interval = |t: i64| times.bounds.partition_point(|bound| *bound <= t);
        let is_one = interval(number(&least)?) == interval(number(&most)?);
        is_one.then(|| least.cast_to(wanted).ok()).flatten()
    }
}

fn leaf_of(metadata: &ParquetMetaData, root: usize) -> Option<usize> {
    let descriptor = metadata.file_metadata().schema_descr();
    (0..descriptor.num_columns()).find(|leaf| descriptor.get_column_root_idx(*leaf) == root)
}

fn is_int96(metadata: &ParquetMetaData, root: usize) -> bool {
    let descriptor = metadata.file_metadata().schema_descr();
    leaf_of(metadata, root).is_some_and(|leaf| descriptor.column(leaf).physical_type() == PhysicalType::INT96)
}

/// Whether every page of a column is coded. A column that ran out of codes goes on with its values, and would have to be
/// coded anew.
fn is_coded(metadata: &ParquetMetaData, root: usize) -> bool {
    let Some(leaf) = leaf_of(metadata, root) else { return false };
    let coded = |encoding: Encoding| {
        let old = Encoding::PLAIN_DICTIONARY;
        encoding == Encoding::RLE_DICTIONARY || encoding == old
    };
    let all_coded =
        |chunk: &ColumnChunkMetaData| match (chunk.page_encoding_stats(), chunk.page_encoding_stats_mask()) {
            (Some(pages), _) => {
                pages.iter().all(|page| page.page_type == PageType::DICTIONARY_PAGE || coded(page.encoding))
            }
            (None, Some(mask)) => mask.encodings().all(coded),
            (None, None) => false,
        };
    metadata.row_groups().iter().filter_map(|g| g.columns().get(leaf)).all(all_coded)
}

fn damaged(part: &Part, error: &datafusion::parquet::errors::ParquetError) -> DataFusionError {
    FileError::new(&part.name, format!("damaged Parquet data ({error})")).into()
}

impl DisplayAs for RowGroups {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let columns: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        write!(f, "RowGroups: files={}, columns=[{}]", self.parts.len(), columns.join(", "))
    }
}

impl ExecutionPlan for RowGroups {
    fn name(&self) -> &str {
        "RowGroups"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let work = self.work.get_or_init(|| self.plan().map(Mutex::new).map_err(Arc::new));
        if let Err(e) = work {
            return Err(DataFusionError::Shared(Arc::clone(e)));
        }
        let reader = Reader {
            columns: self.columns.clone(),
            schema: Arc::clone(&self.schema),
            times: self.times.as_ref().map(|t| t.column),
            batch_size: context.session_config().batch_size() * if self.choosy { CHOOSY } else { 1 },
            work: Arc::clone(&self.work),
            open: None,
            rows: BaselineMetrics::new(&self.metrics, partition),
            bytes: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(reader))))
    }
}

/// One thread's reading.
struct Reader {
    columns: Vec<Read>,
    schema: SchemaRef,
    times: Option<usize>,
    batch_size: usize,
    work: Arc<Queue>,
    open: Option<(Work, ParquetRecordBatchReader)>,
    rows: BaselineMetrics,
    bytes: Count,
}

impl Iterator for Reader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((work, reader)) = &mut self.open {
                match reader.next() {
                    Some(batch) => {
                        let batch = batch.map_err(|e| {
                            FileError::new(&work.part.name, format!("damaged Parquet data ({e})")).into()
                        });
                        let batch =
                            batch.and_then(|b| delivered(&b, &self.columns, &self.schema, self.times, work));
                        if let Ok(batch) = &batch {
                            self.rows.record_output(batch.num_rows());
                        }
                        return Some(batch);
                    }
                    None => self.open = None,
                }
            }
            let Some(Ok(work)) = self.work.get() else {
                return Some(internal_err!("row groups without a plan"));
            };
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
            match self.opened(&work) {
                Ok(reader) => self.open = Some((work, reader)),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

impl Reader {
    fn opened(&self, work: &Work) -> Result<ParquetRecordBatchReader> {
        let part = &work.part;
        let file = File::open(&part.path).map_err(|e| FileError::new(&part.name, e.to_string()))?;
        let metadata = &work.metadata;
        let wanted =
            self.columns.iter().enumerate().filter(|(at, _)| self.times != Some(*at) || work.time.is_none());
        let roots: Vec<usize> =
            wanted.filter_map(|(_, c)| metadata.schema().index_of(&c.name).ok()).collect();
        let descriptor = metadata.parquet_schema();
        if let Some(group) = metadata.metadata().row_groups().get(work.group) {
            let bytes = group
                .columns()
                .iter()
                .enumerate()
                .filter(|(leaf, _)| roots.contains(&descriptor.get_column_root_idx(*leaf)));
            self.bytes.add(bytes.map(|(_, c)| usize::try_from(c.compressed_size()).unwrap_or(0)).sum());
        }
        let mask = ProjectionMask::roots(descriptor, roots);
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_projection(mask)
            .with_row_groups(vec![work.group])
            .with_batch_size(self.batch_size)
            .build()
            .map_err(|e| damaged(part, &e))
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The columns of the plan from those of the file: in order, in type, and there.
fn delivered(
    batch: &RecordBatch,
    columns: &[Read],
    schema: &SchemaRef,
    times: Option<usize>,
    work: &Work,
) -> Result<RecordBatch> {
    let rows = batch.num_rows();
    let mut fields: Vec<Arc<Field>> = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for ((at, column), field) in columns.iter().enumerate().zip(schema.fields()) {
        let wanted = field.data_type();
        let array = match (batch.column_by_name(&column.name), &work.time) {
            (_, Some(time)) if times == Some(at) => time.to_array_of_size(rows)?,
            (None, _) => new_null_array(wanted, rows),
            (Some(array), _) if array.data_type() == wanted => Arc::clone(array),
            (Some(array), _) if is_text(wanted) && matches!(array.data_type(), DataType::Dictionary(..)) => {
                Arc::clone(array)
            }
            (Some(array), _) => match &column.cast {
                None => cast(array, wanted)?,
                // What differs from the table's type in this file is made equal first, as a scan would do.
                Some((table, options)) if array.data_type() != table => {
                    cast_with_options(&cast(array, table)?, wanted, options)?
                }
                Some((_, options)) => cast_with_options(array, wanted, options)?,
            },
        };
        fields.push(Arc::new(
            field.as_ref().clone().with_data_type(array.data_type().clone()).with_nullable(true),
        ));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}
