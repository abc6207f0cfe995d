//! What is left to be read of some files: row groups and pages that their statistics exclude are not in it.

use super::super::error::{FileError, reason};
use super::super::files::local;
use super::super::parquet::{AT_ONCE, metadata, metadata_beside};
use super::super::stores::told;
use super::columns::Columns;
use crate::plan::fold::ByTime;
use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::physical_plan::parquet::{
    PagePruningAccessPlanFilter, ParquetAccessPlan, ParquetFileMetrics, RowGroupAccess,
    RowGroupAccessPlanFilter,
};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::DecodeResult;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderBuilder, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use datafusion::parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use datafusion::parquet::arrow::{ProjectionMask, parquet_to_arrow_schema};
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_adapter::{DefaultPhysicalExprAdapterFactory, PhysicalExprAdapterFactory};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A piece is about one part in so many, for each thread, of what is left: large ones first, since each begins with making its
/// readers, and small ones at the end, so that no thread has long to wait for the others.
const PARTS: usize = 2;
/// Smaller pieces do not pay.
const LEAST: usize = 1 << 16;

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// As the script would write it.
    pub name: String,
    pub meta: ObjectMeta,
}

/// What need not be read.
#[derive(Clone, Debug)]
pub(super) struct Skipping {
    /// What must be true of rows that are read, as it is asked of files whose columns stand as the table's.
    condition: Option<Arc<Condition>>,
    /// The columns of the files as the table has them.
    table: SchemaRef,
    /// Which columns are read of which times; none where all are.
    by_time: Option<Arc<ByTime>>,
}

/// What must be true of rows that are read, as it is asked of statistics.
#[derive(Debug)]
struct Condition {
    expr: Arc<dyn PhysicalExpr>,
    groups: PruningPredicate,
    pages: PagePruningAccessPlanFilter,
    /// The columns that it asks about.
    columns: Vec<String>,
}

/// One row group to be read, or a piece of it.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub part: Part,
    pub metadata: ArrowReaderMetadata,
    pub group: usize,
    /// Of its rows, these; all where it is none.
    pub rows: Option<RowSelection>,
    /// The columns of the plan that are read; all where it is none.
    pub columns: Option<Arc<BTreeSet<usize>>>,
    /// The column of the plan that is not read though something is done with it, and what its values may be taken for.
    pub time: Option<(usize, ScalarValue)>,
}

#[derive(Debug)]
pub(super) struct Queue {
    work: Mutex<VecDeque<Work>>,
    rows: usize,
}

impl Skipping {
    /// Of what a condition excludes. `schema`: the table's columns, those of the files first; `table`: those of the files.
    pub fn new(condition: Option<Arc<dyn PhysicalExpr>>, schema: &SchemaRef, table: &SchemaRef) -> Skipping {
        let condition = condition.and_then(|condition| Condition::new(condition, schema)).map(Arc::new);
        Skipping { condition, table: Arc::clone(table), by_time: None }
    }

    /// And of what is not read of some times.
    pub fn by_time(self, by_time: Option<&Arc<ByTime>>) -> Skipping {
        Skipping { by_time: by_time.cloned(), ..self }
    }

    /// Which row groups are read; none where none is.
    fn groups(
        &self,
        part: &Part,
        footer: &ParquetMetaData,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Option<ParquetAccessPlan> {
        let groups = footer.row_groups();
        let mut filter = RowGroupAccessPlanFilter::new(ParquetAccessPlan::new_all(groups.len()));
        if let Some(condition) = &self.condition
            && let file = footer.file_metadata()
            && let Ok(stored) = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())
        {
            let (metrics, stored) = (ParquetFileMetrics::new(0, &part.name, metrics), Arc::new(stored));
            if let Some(condition) = condition.fitted(&self.table, &stored) {
                filter.prune_by_statistics(&stored, file.schema_descr(), groups, &condition.groups, &metrics);
            }
        }
        Some(filter.build()).filter(|access| access.row_group_index_iter().next().is_some())
    }

    /// What is read of each row group.
    fn pages(
        &self,
        access: ParquetAccessPlan,
        metadata: &ArrowReaderMetadata,
        part: &Part,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Vec<RowGroupAccess> {
        let stored = metadata.schema();
        let fitted = self.condition.as_ref().and_then(|condition| condition.fitted(&self.table, stored));
        let Some(condition) = fitted else { return access.into_inner() };
        let metrics = ParquetFileMetrics::new(0, &part.name, metrics);
        let (descriptor, known) = (metadata.parquet_schema(), metadata.metadata());
        condition.pages.prune_plan_with_page_index(access, stored, descriptor, known, &metrics).into_inner()
    }
}

impl Condition {
    /// `schema`: the columns that it is about, among others.
    fn new(expr: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Option<Condition> {
        let groups = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema));
        Some(Condition {
            pages: PagePruningAccessPlanFilter::new(&expr, Arc::clone(schema)),
            columns: collect_columns(&expr).iter().map(|c| c.name().to_string()).collect(),
            groups: groups.try_build(Arc::clone(&expr)).ok()?,
            expr,
        })
    }

    /// The same for a file. Statistics are found by where a column stands in it, and are of its type there: moments of
    /// another unit are other numbers. None where it is about what no file holds, such as a folder's name.
    fn fitted(self: &Arc<Condition>, table: &SchemaRef, stored: &SchemaRef) -> Option<Arc<Condition>> {
        let in_table = self.columns.iter().map(|name| table.column_with_name(name));
        let in_table = in_table.collect::<Option<Vec<_>>>()?;
        let is_there = |(at, field): &(usize, &Field)| {
            let stored = stored.fields().get(*at);
            stored.is_some_and(|s| s.name() == field.name() && s.data_type() == field.data_type())
        };
        if in_table.iter().all(is_there) {
            return Some(Arc::clone(self));
        }
        let adapter = DefaultPhysicalExprAdapterFactory.create(Arc::clone(table), Arc::clone(stored)).ok()?;
        let expr = adapter.rewrite(Arc::clone(&self.expr)).ok()?;
        Condition::new(PhysicalExprSimplifier::new(stored).simplify(expr).ok()?, stored).map(Arc::new)
    }
}

/// Finds what is to be read.
pub(super) async fn plan(
    url: &ObjectStoreUrl,
    parts: &[Part],
    columns: &Columns,
    skipping: &Skipping,
    context: &TaskContext,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<Queue> {
    let environment = context.runtime_env();
    let store = environment.object_store(url)?;
    let unreadable = |part: &Part, e| FileError::new(&part.name, reason(&e));
    // The footers were read when the source was opened; where pages begin is asked of those files that are read.
    let read = parts.iter().map(async |part| {
        let footer = metadata(environment.as_ref(), &store, &part.meta, PageIndexPolicy::Skip).await;
        let footer = footer.map_err(|e| unreadable(part, e))?;
        let Some(access) = skipping.groups(part, &footer, metrics) else { return Ok(None) };
        let known = metadata_beside(&environment, &store, &part.meta, PageIndexPolicy::Optional).await;
        Ok::<_, FileError>(Some((part, access, known.map_err(|e| unreadable(part, e))?)))
    });
    let read: Vec<_> = read.map(FutureExt::boxed).collect();
    let mut read = futures::stream::iter(read).buffered(AT_ONCE);
    let mut work = Vec::new();
    let mut rows = 0;
    while let Some(read) = read.try_next().await? {
        let Some((part, access, metadata)) = read else { continue };
        let stored = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new());
        let stored = stored.map_err(|e| part.damaged(&e))?;
        let access = skipping.pages(access, &stored, part, metrics);
        let metadata = columns.read_as(stored).map_err(|e| part.damaged(&e))?;
        for (group, access) in access.into_iter().enumerate() {
            let all = metadata.metadata().row_groups().get(group).map_or(0, |group| group.num_rows());
            let some = match access {
                RowGroupAccess::Skip => continue,
                RowGroupAccess::Scan => None,
                RowGroupAccess::Selection(some) => Some(some),
            };
            let (mut read, mut time) = (None, None);
            if let Some(by_time) = &skipping.by_time
                && let Some((interval, one)) = one_interval(by_time, columns, &metadata, group)
            {
                let Some(some) = by_time.reads.get(interval).and_then(Option::as_ref) else { continue };
                time = (!some.contains(&by_time.column)).then_some((by_time.column, one));
                read = Some(Arc::clone(some));
            }
            rows += some.as_ref().map_or(usize::try_from(all).unwrap_or(0), RowSelection::row_count);
            let (part, metadata) = (part.clone(), metadata.clone());
            work.push(Work { part, metadata, group, rows: some, columns: read, time });
        }
    }
    let threads = context.session_config().target_partitions();
    let mut left = rows;
    let mut pieces = VecDeque::new();
    for work in work {
        work.cut(&mut left, threads, columns, &mut pieces);
    }
    Ok(Queue { work: Mutex::new(pieces), rows })
}

impl Queue {
    /// How many rows were to be read when it was made.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn next(&self) -> Option<Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Part {
    pub fn damaged(&self, error: &dyn std::fmt::Display) -> FileError {
        FileError::new(&self.name, format!("damaged Parquet data ({error})"))
    }
}

impl Work {
    /// Adds the same in pieces, where it is large and the pages of the row group are known: cut between pages of the largest
    /// column, since a page that is cut is decoded twice. `left`: how many rows are to be read, from its own on.
    pub fn cut(self, left: &mut usize, threads: usize, columns: &Columns, pieces: &mut VecDeque<Work>) {
        let metadata = self.metadata.metadata();
        let group = metadata.row_groups().get(self.group);
        let rows = group.map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0));
        let own = self.rows.as_ref().map_or(rows, RowSelection::row_count);
        let wanted = |left: usize| (left / (threads * PARTS)).max(LEAST);
        let offsets = metadata.offset_index().and_then(|groups| groups.get(self.group));
        let (Some(group), Some(offsets), true) = (group, offsets, wanted(*left) < own) else {
            *left = left.saturating_sub(own);
            return pieces.push_back(self);
        };
        let size = |leaf: &usize| group.columns().get(*leaf).map_or(0, ColumnChunkMetaData::compressed_size);
        let largest = self.leaves(&self.roots(columns)).into_iter().max_by_key(size);
        let pages = largest.and_then(|leaf| offsets.get(leaf)).map_or(&[][..], |o| o.page_locations());
        let starts = pages.iter().filter_map(|page| usize::try_from(page.first_row_index).ok());
        // Among so many rows of the row group are so many that are read.
        let among = |read: usize| read * rows / own;
        let mut start = 0;
        for end in starts.filter(|start| *start < rows).chain([rows]) {
            if end < rows && (end < start + among(wanted(*left)) || end + among(LEAST) > rows) {
                continue;
            }
            let some = match &self.rows {
                all if start == 0 && end == rows => all.clone(),
                None => Some(only(start..end, rows)),
                Some(all) => Some(all.intersection(&only(start..end, rows))),
            };
            start = end;
            *left = left.saturating_sub(some.as_ref().map_or(rows, RowSelection::row_count));
            if some.as_ref().is_none_or(RowSelection::selects_any) {
                pieces.push_back(Work { rows: some, ..self.clone() });
            }
        }
    }

    /// The columns of some fields of the file.
    fn leaves(&self, roots: &[usize]) -> Vec<usize> {
        let descriptor = self.metadata.parquet_schema();
        let leaves = 0..descriptor.num_columns();
        leaves.filter(|leaf| roots.contains(&descriptor.get_column_root_idx(*leaf))).collect()
    }

    /// The fields of the file that are read.
    fn roots(&self, columns: &Columns) -> Vec<usize> {
        let schema = self.metadata.schema();
        let names = columns.names(|at| self.columns.as_ref().is_none_or(|read| read.contains(&at)));
        names.into_iter().filter_map(|name| schema.index_of(name).ok()).collect()
    }

    /// Of a local file. Counts the bytes that it will read, about.
    pub fn open(
        &self,
        columns: &Columns,
        batch_size: usize,
        bytes: &Count,
    ) -> Result<ParquetRecordBatchReader> {
        let file = File::open(local(&self.part.meta.location, &self.part.name)?);
        let file = file.map_err(|e| FileError::new(&self.part.name, e.to_string()))?;
        let roots = self.roots(columns);
        if let Some(group) = self.metadata.metadata().row_groups().get(self.group) {
            let read = self.leaves(&roots).into_iter().filter_map(|leaf| group.columns().get(leaf));
            let all: i64 = read.map(ColumnChunkMetaData::compressed_size).sum();
            let some =
                self.rows.as_ref().map_or(1.0, |some| some.row_count() as f64 / group.num_rows() as f64);
            bytes.add((all as f64 * some) as usize);
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        Ok(self.asked(builder, roots, batch_size).build().map_err(|e| self.part.damaged(&e))?)
    }

    /// Of an object in a store: what will be read of it is fetched, all at once. None where nothing is. `held`: grows by what
    /// is in memory then; where that is too much, others put away more.
    pub async fn fetch(
        &self,
        store: &dyn ObjectStore,
        columns: &Columns,
        batch_size: usize,
        bytes: &Count,
        held: &MemoryReservation,
    ) -> Result<Option<ParquetRecordBatchReader>> {
        let damaged = |e| self.part.damaged(&e);
        let builder = ParquetPushDecoderBuilder::new_with_metadata(self.metadata.clone());
        let mut decoder = self.asked(builder, self.roots(columns), batch_size).build().map_err(damaged)?;
        loop {
            match decoder.try_next_reader().map_err(damaged)? {
                DecodeResult::NeedsData(ranges) => {
                    let all = ranges.iter().map(|range| (range.end - range.start) as usize).sum();
                    held.grow(all);
                    let data = store.get_ranges(&self.part.meta.location, &ranges).await;
                    let data = data.map_err(|e| told(&self.part.name, &e))?;
                    bytes.add(all);
                    decoder.push_ranges(ranges, data).map_err(damaged)?;
                }
                DecodeResult::Data(reader) => return Ok(Some(reader)),
                DecodeResult::Finished => return Ok(None),
            }
        }
    }

    /// Has a reader read what this is of.
    fn asked<T>(
        &self,
        builder: ArrowReaderBuilder<T>,
        roots: Vec<usize>,
        batch_size: usize,
    ) -> ArrowReaderBuilder<T> {
        let builder = builder
            .with_projection(ProjectionMask::roots(self.metadata.parquet_schema(), roots))
            .with_row_groups(vec![self.group])
            .with_batch_size(batch_size);
        match &self.rows {
            Some(rows) => builder.with_row_selection(rows.clone()),
            None => builder,
        }
    }
}

/// A range of so many rows.
fn only(range: Range<usize>, rows: usize) -> RowSelection {
    let (before, after) = (RowSelector::skip(range.start), RowSelector::skip(rows.saturating_sub(range.end)));
    vec![before, RowSelector::select(range.len()), after].into()
}

/// The interval that all times of a row group are in, where they are known, and one of them.
fn one_interval(
    by_time: &ByTime,
    columns: &Columns,
    metadata: &ArrowReaderMetadata,
    group: usize,
) -> Option<(usize, ScalarValue)> {
    let (name, wanted) = columns.behind(by_time.column)?;
    let (_, stored) = metadata.schema().column_with_name(name)?;
    // The same moments, whatever their zone is called.
    let are_moments = |t: &DataType| matches!(t, DataType::Timestamp(TimeUnit::Microsecond, Some(_)));
    if stored.data_type() != wanted && !(are_moments(stored.data_type()) && are_moments(wanted)) {
        return None;
    }
    let converter = StatisticsConverter::try_new(name, metadata.schema(), metadata.parquet_schema()).ok()?;
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
    let interval = |t: i64| by_time.bounds.partition_point(|bound| *bound <= t);
    let one = interval(number(&least)?);
    (one == interval(number(&most)?)).then(|| Some((one, least.cast_to(wanted).ok()?))).flatten()
}
