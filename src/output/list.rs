//! An audience's rows into its file, hidden until the group that it belongs to is put in place.

use super::atomic::{AtomicFile, AtomicGroup, OutputError};
use super::manifest::{Column, ListFile};
use super::{Format, writers};
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema};
use std::path::Path;
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

/// Writes named columns, in the format that the target's ending says.
pub fn write_list(
    target: &Path,
    columns: &[(String, ArrayRef)],
    together: &mut AtomicGroup,
) -> Result<List, OutputError> {
    let failed = |reason: String| OutputError { path: target.to_path_buf(), reason };
    let format = Format::of(target).map_err(|e| failed(e.to_string()))?;
    let fields: Vec<Field> =
        columns.iter().map(|(name, a)| Field::new(name, a.data_type().clone(), true)).collect();
    let schema = Schema::new(fields);
    let arrays: Vec<ArrayRef> = columns.iter().map(|(_, a)| Arc::clone(a)).collect();
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), arrays).map_err(|e| failed(e.to_string()))?;
    let rows = batch.num_rows() as u64;
    let file = AtomicFile::create(target)?;
    let (file, contents) =
        writers::write(format, &schema, [batch], file).map_err(|e| OutputError::new(target, &e))?;
    let finished = together.add(file)?;
    let written = schema.fields().iter().filter(|f| !contents.dropped.contains(f.name()));
    Ok(List {
        file: ListFile::of(&finished, format),
        columns: written.map(|f| Column { name: f.name().clone(), ty: f.data_type().to_string() }).collect(),
        rows,
        guarded: contents.guarded,
    })
}
