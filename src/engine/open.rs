//! Opening a source: its files, their columns, one table over them.

use super::cells::Kind;
use super::csv::Sample;
use super::error::FileError;
use super::files::{Format, Found, Listing, list};
use super::parquet::AT_ONCE;
use super::partitions::partitions;
use super::schema::{Merged, delivered, language_type, merge, stored_name};
use super::stores::{Address, Lake, Store};
use super::table::{FilesTable, Part};
use super::{csv, ipc, ndjson, parquet};
use crate::catalog::{CatalogError, Location, TableColumn, TableSchema};
use crate::types::Type;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use std::sync::Arc;

/// Rows that are looked at for types, over all files; and of each file at least.
const SAMPLE: usize = 10_000;
const SAMPLE_OF_FILE: usize = 100;

pub(super) async fn open(
    session: &dyn Session,
    lake: &Lake,
    location: &Location,
    as_text: &[String],
) -> Result<FilesTable, CatalogError> {
    let Listing { store: url, format, files } = match Address::of(&location.pattern) {
        Some(address) => address.list(lake).await?,
        None => list(location)?,
    };
    let store = Store::of(session.runtime_env(), &url);
    let store = store.map_err(|e| unreadable(&location.pattern, e.to_string()))?;
    let (columns, statistics) = match format {
        Format::Parquet => {
            let footers = parquet::footers(session.runtime_env(), &store.objects, &files).await?;
            let schemas = footers.iter().map(|footer| Arc::clone(&footer.schema));
            let columns = merge(&named(&files, schemas))?;
            let schema = schema_of(&columns);
            let statistics = footers.iter().map(|footer| footer.delivered(&schema)).collect();
            (columns, Some(statistics))
        }
        Format::Arrow => {
            let mut schemas = Vec::with_capacity(files.len());
            for some in files.chunks(AT_ONCE) {
                for (found, input) in some.iter().zip(store.inputs(some).await?) {
                    schemas.push(ipc::schema(input, &found.info.path)?);
                }
            }
            (merge(&named(&files, schemas.into_iter()))?, None)
        }
        Format::Csv | Format::Ndjson => (sampled(format, &store, &files, as_text).await?, None),
    };
    // A text file may be empty altogether: no row, and nothing that names a column.
    if columns.is_empty() && !matches!(format, Format::Csv | Format::Ndjson) {
        return Err(unreadable(&location.pattern, "has no columns".to_string()));
    }
    Ok(table(store, format, files, &columns, statistics))
}

fn named(files: &[Found], schemas: impl Iterator<Item = SchemaRef>) -> Vec<(String, SchemaRef)> {
    files.iter().map(|found| found.info.path.clone()).zip(schemas).collect()
}

/// The columns of text files: what all their samples look like together.
async fn sampled(
    format: Format,
    store: &Store,
    files: &[Found],
    as_text: &[String],
) -> Result<Vec<Merged>, CatalogError> {
    let rows = (SAMPLE / files.len().max(1)).max(SAMPLE_OF_FILE);
    let mut columns: Vec<(String, Kind)> = Vec::new();
    let mut any = false;
    for some in files.chunks(AT_ONCE) {
        for (found, input) in some.iter().zip(store.inputs(some).await?) {
            let name = found.info.path.as_str();
            let Sample { names, kinds, rows: seen } = match format {
                Format::Csv => csv::sample(input, name, rows)?,
                _ => ndjson::sample(input, name, rows)?,
            };
            any |= seen > 0;
            for (i, (column, kind)) in names.iter().zip(kinds).enumerate() {
                if names.iter().take(i).any(|other| other == column) {
                    return Err(unreadable(name, format!("has two columns called `{column}`")));
                }
                match columns.iter_mut().find(|(known, _)| known == column) {
                    Some((_, seen)) => *seen = seen.and(kind),
                    None => columns.push((column.clone(), kind)),
                }
            }
        }
    }
    let merged = columns.into_iter().map(|(name, kind)| {
        let kind = match kind {
            // What is a list cannot be written as text.
            Kind::Nested => Kind::Nested,
            _ if as_text.contains(&name) => Kind::Text,
            kind => kind,
        };
        let blank = !any && kind == Kind::Missing;
        let mut merged = Merged::sampled(name, kind);
        merged.blank = blank;
        merged
    });
    Ok(merged.collect())
}

impl Merged {
    fn sampled(name: String, kind: Kind) -> Merged {
        let stored = match kind {
            Kind::Missing => "nothing but missing values".to_string(),
            Kind::Nested => "list or object".to_string(),
            Kind::Int => "whole number".to_string(),
            Kind::Float => "number".to_string(),
            Kind::Bool => "true/false".to_string(),
            Kind::Date => "date".to_string(),
            Kind::Local => "time without a zone".to_string(),
            Kind::Utc => "time with a zone".to_string(),
            Kind::Text => "text".to_string(),
        };
        Merged::new(name, kind.data_type(), stored)
    }
}

fn schema_of(columns: &[Merged]) -> SchemaRef {
    let field = |column: &Merged| Field::new(&column.name, column.delivered.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn table(
    store: Store,
    format: Format,
    files: Vec<Found>,
    columns: &[Merged],
    statistics: Option<Vec<Statistics>>,
) -> FilesTable {
    let file_schema = schema_of(columns);
    let folders = partitions(&files, &|name| columns.iter().any(|column| column.name == name));
    let fields: Vec<_> = file_schema.fields().iter().chain(&folders.fields).map(Arc::clone).collect();
    let from_files = columns.iter().map(|column| TableColumn {
        name: column.name.clone(),
        ty: if column.blank { Type::Blank } else { language_type(&column.delivered) },
        stored: column.stored.clone(),
    });
    let from_folders = folders.fields.iter().map(|field| TableColumn {
        name: field.name().clone(),
        ty: language_type(field.data_type()),
        stored: format!("{} (from the folder's name)", partition_name(field.data_type())),
    });
    let columns = TableSchema { columns: from_files.chain(from_folders).collect() };
    let mut statistics = statistics.map(Vec::into_iter);
    let parts = files.into_iter().zip(folders.values).map(|(found, folder_values)| {
        let known = statistics.as_mut().and_then(Iterator::next);
        let statistics = known.map(|known| Arc::new(with_folders(known, &folder_values)));
        Part { found, folder_values, statistics }
    });
    FilesTable {
        store,
        format,
        file_schema,
        parts: parts.collect(),
        folder_fields: folders.fields,
        schema: Arc::new(Schema::new(fields)),
        columns,
    }
}

fn partition_name(kind: &DataType) -> String {
    match kind {
        DataType::Int64 => "whole number".to_string(),
        other => stored_name(&delivered(other)),
    }
}

/// A folder's value holds for every row of the file.
fn with_folders(mut statistics: Statistics, values: &[ScalarValue]) -> Statistics {
    for value in values {
        let column = if value.is_null() {
            ColumnStatistics { null_count: statistics.num_rows, ..ColumnStatistics::new_unknown() }
        } else {
            ColumnStatistics {
                null_count: Precision::Exact(0),
                min_value: Precision::Exact(value.clone()),
                max_value: Precision::Exact(value.clone()),
                ..ColumnStatistics::new_unknown()
            }
        };
        statistics.column_statistics.push(column);
    }
    statistics
}

fn unreadable(file: &str, reason: String) -> CatalogError {
    CatalogError::Unreadable { file: file.to_string(), reason }
}

impl From<FileError> for CatalogError {
    fn from(error: FileError) -> Self {
        CatalogError::Unreadable { file: error.file, reason: error.message }
    }
}
