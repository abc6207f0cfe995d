//! Parquet: footers, statistics, and which file is the damaged one.

use super::error::reason;
use super::files::Found;
use crate::catalog::CatalogError;
use datafusion::arrow::datatypes::{Fields, Schema, SchemaRef, TimeUnit};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics, exec_datafusion_err};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::{SortOrder, Type as PhysicalType};
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};
use std::collections::HashMap;
use std::sync::Arc;

/// Footers that are read at a time.
pub(super) const AT_ONCE: usize = 32;

/// What is read first of a file, from its end: as a rule the footer is within it. A local file is soon asked again, so that
/// DataFusion's half a megabyte would be mostly in vain.
const TAIL: usize = 32 << 10;

/// What is said of a file whose reader panics.
pub(super) const GAVE_UP: &str = "it is damaged: its reader gave up";

/// Spark's INT96 timestamps are read in microseconds: nanoseconds cannot say 9999-12-31, which banks write for
/// “no end”.
const INT96: TimeUnit = TimeUnit::Microsecond;

/// What a footer says.
pub(super) struct Footer {
    pub schema: SchemaRef,
    /// By the file's own columns and types.
    pub statistics: Statistics,
}

/// The same for DataFusion's own reader. `pruning`: whether it may skip what statistics exclude.
pub(super) fn format(pruning: bool) -> ParquetFormat {
    let mut options = TableParquetOptions::default();
    options.global.pruning = pruning;
    options.global.enable_page_index = pruning;
    options.global.bloom_filter_on_read = pruning;
    // In its words.
    options.global.coerce_int96 = Some("us".to_string());
    options.global.schema_force_view_types = false;
    ParquetFormat::default().with_options(options)
}

/// Of some files, in their order.
pub(super) async fn footers(
    environment: &Arc<RuntimeEnv>,
    store: &Arc<dyn ObjectStore>,
    files: &[Found],
) -> Result<Vec<Footer>, CatalogError> {
    let footers = files.iter().map(|found| {
        let footer = metadata_beside(environment, store, &found.meta, PageIndexPolicy::Skip);
        async move {
            footer.await.and_then(|metadata| Footer::of(&metadata)).map_err(|error| {
                CatalogError::Unreadable { file: found.info.path.clone(), reason: reason(&error) }
            })
        }
        .boxed()
    });
    let footers: Vec<_> = footers.collect();
    futures::stream::iter(footers).buffered(AT_ONCE).try_collect().await
}

/// What is said of a file at its end; known where it was read before. `pages`: whether its page index is wanted, which is
/// large.
pub(super) async fn metadata(
    environment: &RuntimeEnv,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    pages: PageIndexPolicy,
) -> Result<Arc<ParquetMetaData>> {
    let metadata = DFParquetMetadata::new(store.as_ref(), meta)
        .with_metadata_size_hint(Some(TAIL))
        .with_file_metadata_cache(Some(environment.cache_manager.get_file_metadata_cache()))
        .with_page_index_policy(Some(pages));
    metadata.fetch_metadata().await
}

/// The same in a task of its own, for several files at a time.
pub(super) fn metadata_beside(
    environment: &Arc<RuntimeEnv>,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
    pages: PageIndexPolicy,
) -> BoxFuture<'static, Result<Arc<ParquetMetaData>>> {
    let (environment, store, meta) = (Arc::clone(environment), Arc::clone(store), meta.clone());
    let read = async move { metadata(&environment, &store, &meta, pages).await };
    let task = async {
        // A reader that panics over a damaged file is that file's fault.
        SpawnedTask::spawn(read).join().await.map_err(|_| exec_datafusion_err!("{GAVE_UP}"))?
    };
    task.boxed()
}

impl Footer {
    fn of(metadata: &ParquetMetaData) -> Result<Footer> {
        let file = metadata.file_metadata();
        let stored = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        let schema = Int96Coercer::new(file.schema_descr(), &stored, &INT96).coerce().unwrap_or(stored);
        // What else the file says of its fields makes none of them another.
        let fields = schema.fields.iter().map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
        let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
        let mut statistics = DFParquetMetadata::statistics_from_parquet_metadata(metadata, &schema)?;
        let descriptor = file.schema_descr();
        for leaf in 0..descriptor.num_columns() {
            let column = descriptor.get_column_root_idx(leaf);
            let Some(known) = statistics.column_statistics.get_mut(column) else { continue };
            let groups = metadata.row_groups();
            if !groups.iter().all(|group| counts_nulls(group.column(leaf))) {
                known.null_count = Precision::Absent;
            }
            if !groups.iter().all(|group| is_ordered(group.column(leaf))) {
                (known.min_value, known.max_value) = (Precision::Absent, Precision::Absent);
            }
        }
        Ok(Footer { schema, statistics })
    }
}

/// Whether it is said how many values of a column are missing. DataFusion takes silence for none.
fn counts_nulls(column: &ColumnChunkMetaData) -> bool {
    column.statistics().is_some_and(|known| known.null_count_opt().is_some())
}

/// Whether a column's bounds, where it has some, are by the order of its values. Parquet's first kind of bounds was not for
/// texts, decimals of bytes and unsigned numbers.
pub(super) fn is_ordered(column: &ColumnChunkMetaData) -> bool {
    let is_old = column.statistics().is_some_and(|known| known.is_min_max_deprecated());
    let is_bytes = matches!(
        column.column_type(),
        PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY | PhysicalType::INT96
    );
    !is_old || (!is_bytes && column.column_descr().sort_order() == SortOrder::SIGNED)
}

impl Footer {
    /// The statistics by the columns that the source delivers.
    pub fn delivered(&self, columns: &Schema) -> Statistics {
        let column_statistics = columns
            .fields()
            .iter()
            .map(|field| {
                let known = self.schema.index_of(field.name()).ok();
                match known.and_then(|i| self.statistics.column_statistics.get(i)) {
                    Some(stored) => ColumnStatistics {
                        null_count: stored.null_count,
                        min_value: bound(&stored.min_value, field.data_type()),
                        max_value: bound(&stored.max_value, field.data_type()),
                        sum_value: Precision::Absent,
                        distinct_count: Precision::Absent,
                        byte_size: stored.byte_size,
                    },
                    None => ColumnStatistics {
                        null_count: self.statistics.num_rows,
                        ..ColumnStatistics::new_unknown()
                    },
                }
            })
            .collect();
        Statistics {
            num_rows: self.statistics.num_rows,
            total_byte_size: self.statistics.total_byte_size,
            column_statistics,
        }
    }
}

/// A bound of what is delivered. Statistics leave NaN out, and the engine takes a column whose exact bounds are equal
/// for a constant: so the bounds of floats are never exact.
fn bound(
    stored: &Precision<ScalarValue>,
    to: &datafusion::arrow::datatypes::DataType,
) -> Precision<ScalarValue> {
    let cast = recast(stored, to);
    if to.is_floating() { cast.to_inexact() } else { cast }
}

/// Every widening keeps the order, so a cast bound is a bound.
fn recast(
    bound: &Precision<ScalarValue>,
    to: &datafusion::arrow::datatypes::DataType,
) -> Precision<ScalarValue> {
    let cast = |value: &ScalarValue| value.cast_to(to).ok().filter(|value| !value.is_null());
    match bound {
        Precision::Exact(value) => cast(value).map_or(Precision::Absent, Precision::Exact),
        Precision::Inexact(value) => cast(value).map_or(Precision::Absent, Precision::Inexact),
        Precision::Absent => Precision::Absent,
    }
}
