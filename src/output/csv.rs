//! CSV that spreadsheets open without harm.
//!
//! A text cell that a spreadsheet would run as a formula is led by an apostrophe; numbers are not text and stay.
//! Files begin with the byte order mark, without which Excel misreads Chinese; DuckDB and pandas skip it.

use super::plain::plain_batch;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Text with an apostrophe before what a spreadsheet would take for the beginning of a formula.
pub fn guarded(text: &str) -> Cow<'_, str> {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            Cow::Owned(format!("'{text}"))
        }
        _ => Cow::Borrowed(text),
    }
}

/// The columns that CSV can hold, their names guarded, and the names of those that it cannot (lists, structs).
pub fn flat_schema(schema: &Schema) -> (SchemaRef, Vec<String>) {
    let (flat, dropped): (Vec<_>, Vec<_>) = schema.fields().iter().partition(|f| !f.data_type().is_nested());
    let fields: Vec<Field> =
        flat.iter().map(|f| f.as_ref().clone().with_name(guarded(f.name()).into_owned())).collect();
    (Arc::new(Schema::new(fields)), dropped.iter().map(|f| f.name().clone()).collect())
}

/// Writes a batch whose schema is flat; says how many cells were guarded.
pub fn write_batch(batch: &RecordBatch, header: bool, out: &mut impl Write) -> Result<u64, ArrowError> {
    let mut changed = 0;
    let columns: Vec<ArrayRef> = batch.columns().iter().map(|c| guard_column(c, &mut changed)).collect();
    let batch = RecordBatch::try_new(batch.schema(), columns)?;
    WriterBuilder::new().with_header(header).build(out).write(&batch)?;
    Ok(changed)
}

/// The flat columns of a batch.
pub fn flat_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let flat: Vec<usize> = batch
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, f)| !f.data_type().is_nested())
        .map(|(i, _)| i)
        .collect();
    plain_batch(&batch.project(&flat)?, schema)
}

fn guard_column(column: &ArrayRef, changed: &mut u64) -> ArrayRef {
    if column.data_type() != &DataType::Utf8 {
        return Arc::clone(column);
    }
    let text = column.as_string::<i32>();
    let needed = text.iter().flatten().filter(|t| matches!(guarded(t), Cow::Owned(_))).count();
    if needed == 0 {
        return Arc::clone(column);
    }
    *changed += needed as u64;
    Arc::new(text.iter().map(|t| t.map(guarded)).collect::<StringArray>())
}
