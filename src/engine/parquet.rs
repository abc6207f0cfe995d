//! Parquet: footers, statistics, and which file is the damaged one.

use super::error::reason;
use super::files::Found;
use crate::catalog::CatalogError;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};
use std::sync::Arc;

/// Footers that are read at a time.
const AT_ONCE: usize = 32;

/// What is read first of a file, from its end: as a rule the footer and the page index are within it. A local file is soon
/// asked again, so that DataFusion's half a megabyte would be mostly in vain.
const TAIL: usize = 128 << 10;

/// What a footer says.
pub(super) struct Footer {
    pub schema: SchemaRef,
    /// By the file's own columns and types.
    pub statistics: Statistics,
}

/// Spark's INT96 timestamps are read in microseconds: nanoseconds cannot say 9999-12-31, which banks write for
/// “no end”.
pub(super) fn format() -> ParquetFormat {
    let mut options = TableParquetOptions::default();
    options.global.coerce_int96 = Some("us".to_string());
    options.global.schema_force_view_types = false;
    options.global.metadata_size_hint = Some(TAIL);
    ParquetFormat::default().with_options(options)
}

pub(super) async fn footers(
    session: &dyn Session,
    store: &Arc<dyn ObjectStore>,
    files: &[(Found, ObjectMeta)],
) -> Result<Vec<Footer>, CatalogError> {
    let footers = files.iter().map(|(found, meta)| {
        let footer = footer(session, store, meta).map_err(|error| CatalogError::Unreadable {
            file: found.info.path.clone(),
            reason: reason(&error),
        });
        footer.boxed()
    });
    let footers: Vec<_> = footers.collect();
    futures::stream::iter(footers).buffered(AT_ONCE).try_collect().await
}

async fn footer(session: &dyn Session, store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Footer> {
    let schema = format().infer_schema(session, store, std::slice::from_ref(meta)).await?;
    let cache = session.runtime_env().cache_manager.get_file_metadata_cache();
    let metadata = DFParquetMetadata::new(store.as_ref(), meta)
        .with_file_metadata_cache(Some(cache))
        .fetch_metadata()
        .await?;
    let statistics = DFParquetMetadata::statistics_from_parquet_metadata(&metadata, &schema)?;
    Ok(Footer { schema, statistics })
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
