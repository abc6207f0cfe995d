//! An audience's rows into its file, hidden until the group that it belongs to is put in place.

use super::Format;
use super::atomic::{AtomicFile, AtomicGroup, OutputError};
use super::manifest::{Column, ListFile};
use super::writers::BatchWriter;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A list that was written.
#[derive(Clone, Debug)]
pub struct List {
    pub file: ListFile,
    /// The columns that the file has: a format may leave some out.
    pub columns: Vec<Column>,
    pub rows: u64,
    /// Text cells that were led by an apostrophe, so that no spreadsheet takes them for formulas.
    pub guarded: u64,
}

/// Writes a list batch by batch, in the format that the target's ending says.
pub struct ListWriter {
    target: PathBuf,
    format: Format,
    schema: SchemaRef,
    writer: BatchWriter<AtomicFile>,
}

impl ListWriter {
    pub fn create(target: &Path, schema: &SchemaRef) -> Result<ListWriter, OutputError> {
        let failed = |reason: String| OutputError { path: target.to_path_buf(), reason };
        let format = Format::of(target).map_err(|e| failed(e.to_string()))?;
        let writer = BatchWriter::new(format, schema, AtomicFile::create(target)?)
            .map_err(|e| OutputError::new(target, &e))?;
        Ok(ListWriter { target: target.to_path_buf(), format, schema: Arc::clone(schema), writer })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        self.writer.write(batch).map_err(|e| OutputError::new(&self.target, &e))
    }

    /// Brings the file to the disk, still hidden.
    pub fn finish(self, together: &mut AtomicGroup) -> Result<List, OutputError> {
        let (file, contents) = self.writer.finish().map_err(|e| OutputError::new(&self.target, &e))?;
        let finished = together.add(file)?;
        let written = self.schema.fields().iter().filter(|f| !contents.dropped.contains(f.name()));
        let column = |f: &FieldRef| Column { name: f.name().clone(), ty: f.data_type().to_string() };
        Ok(List {
            file: ListFile::of(&finished, self.format),
            columns: written.map(column).collect(),
            rows: contents.rows,
            guarded: contents.guarded,
        })
    }
}
