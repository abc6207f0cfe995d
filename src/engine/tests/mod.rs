//! The engine over real files in temporary folders.

mod formats;
mod patterns;
mod runs;
mod samples;
mod stores;
mod types;

use super::{Engine, EngineOptions};
use crate::catalog::{Catalog, CatalogError, Location, TableSchema};
use crate::types::Type;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::ident;
use std::fs::{self, File};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder of files and an engine that reads them.
struct World {
    folder: TempDir,
    engine: Engine,
}

impl World {
    fn new() -> World {
        World::with(EngineOptions { threads: Some(2), ..EngineOptions::default() })
    }

    fn with(options: EngineOptions) -> World {
        World { folder: TempDir::new().unwrap(), engine: Engine::new(options).unwrap() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn parquet(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)));
        let batch = batch.unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(self.path(name)).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn arrow(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)));
        let batch = batch.unwrap();
        let mut writer =
            FileWriter::try_new(File::create(self.path(name)).unwrap(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    }

    fn at(&self, pattern: &str) -> Location {
        Location { pattern: pattern.to_string(), folder: self.folder.path().to_path_buf() }
    }

    fn table(&self, pattern: &str) -> Result<TableSchema, CatalogError> {
        self.engine.table(&self.at(pattern), &[])
    }

    /// `name: type (stored)` for each column.
    fn columns(&self, pattern: &str) -> Vec<String> {
        let described = |column: &crate::catalog::TableColumn| {
            let ty = match &column.ty {
                Type::Instant(frame) => format!("instant {frame:?}"),
                other => other.to_string(),
            };
            format!("{}: {ty} ({})", column.name, column.stored)
        };
        self.table(pattern).unwrap().columns.iter().map(described).collect()
    }

    fn provider(&self, pattern: &str) -> Arc<dyn TableProvider> {
        self.engine.provider(&self.at(pattern)).unwrap()
    }

    /// The rows in the order of all columns, as text.
    fn rows(&self, pattern: &str) -> Vec<String> {
        self.rows_of(self.provider(pattern)).unwrap()
    }

    fn rows_of(&self, provider: Arc<dyn TableProvider>) -> Result<Vec<String>, super::EngineError> {
        let keys: Vec<Expr> = provider.schema().fields().iter().map(|f| ident(f.name())).collect();
        let keys = keys.into_iter().map(|key| key.sort(true, true));
        let plan = scan(provider).sort(keys).unwrap().build().unwrap();
        self.engine.collect(plan).map(|batches| printed(&batches))
    }
}

fn scan(provider: Arc<dyn TableProvider>) -> LogicalPlanBuilder {
    LogicalPlanBuilder::scan("t", provider_as_source(provider), None).unwrap()
}

fn all(provider: Arc<dyn TableProvider>) -> LogicalPlan {
    scan(provider).build().unwrap()
}

/// `a|b` for each row; missing values are empty.
fn printed(batches: &[RecordBatch]) -> Vec<String> {
    let text = pretty_format_batches(batches).unwrap().to_string();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.join("|")
    };
    text.lines().filter(|line| line.starts_with('|')).skip(1).map(row).collect()
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
