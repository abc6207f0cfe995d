//! What is left to be read of some files, row group by row group or in pieces of them.

use super::super::error::{FileError, reason};
use super::super::files::local;
use super::super::parquet::{AT_ONCE, metadata, metadata_beside};
use super::super::stores::told;
use super::columns::Columns;
use super::skipping::Skipping;
use crate::plan::fold::ByTime;
use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::DecodeResult;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderBuilder, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use datafusion::parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy};
use datafusion::physical_plan::metrics::Count;
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
    /// The columns that its folders give, with the value of all its rows. No file has a column of such a name.
    pub folders: Vec<(String, ScalarValue)>,
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

/// Finds what is to be read.
pub(super) async fn plan(
    url: &ObjectStoreUrl,
    parts: &[Part],
    columns: &Columns,
    skipping: &Skipping,
    context: &TaskContext,
) -> Result<Queue> {
    let environment = context.runtime_env();
    let store = environment.object_store(url)?;
    let unreadable = |part: &Part, e| FileError::new(&part.name, reason(&e));
    // The footers were read when the source was opened; where pages begin is asked of those files that are read.
    let read = parts.iter().map(async |part| {
        let footer = metadata(environment.as_ref(), &store, &part.meta, PageIndexPolicy::Skip).await;
        let footer = footer.map_err(|e| unreadable(part, e))?;
        let groups = skipping.groups(part, &footer);
        if groups.is_empty() {
            return Ok(None);
        }
        let known = metadata_beside(&environment, &store, &part.meta, PageIndexPolicy::Optional).await;
        Ok::<_, FileError>(Some((part, groups, known.map_err(|e| unreadable(part, e))?)))
    });
    let read: Vec<_> = read.map(FutureExt::boxed).collect();
    let mut read = futures::stream::iter(read).buffered(AT_ONCE);
    let mut work = Vec::new();
    let mut rows = 0;
    while let Some(read) = read.try_next().await? {
        let Some((part, groups, metadata)) = read else { continue };
        let stored = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new());
        let stored = stored.map_err(|e| part.damaged(&e))?;
        let pages: Vec<_> =
            groups.into_iter().map(|group| (group, skipping.pages(part, &stored, group))).collect();
        let metadata = columns.read_as(stored).map_err(|e| part.damaged(&e))?;
        for (group, some) in pages {
            if some.as_ref().is_some_and(|some| !some.selects_any()) {
                continue;
            }
            let all = metadata.metadata().row_groups().get(group).map_or(0, |group| group.num_rows());
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
    /// The value of a column that its folders give.
    pub fn folder(&self, column: &str) -> Option<&ScalarValue> {
        self.folders.iter().find(|(name, _)| name == column).map(|(_, value)| value)
    }

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
    let converter = converter.with_missing_null_counts_as_zero(false);
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
