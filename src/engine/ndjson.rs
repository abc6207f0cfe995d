//! NDJSON: one object per line.

use super::cells::Kind;
use super::csv::{Sample, skip_mark, typed};
use super::error::FileError;
use super::source::{Batches, Input};
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use serde_json::{Deserializer, Value};
use std::collections::HashMap;
use std::io::BufReader;
use std::sync::Arc;

const BUFFER: usize = 256 * 1024;
/// From here on a float no longer holds every whole number of 64 bits.
const WHOLE_LIMIT: f64 = 9_223_372_036_854_775_808.0;

pub(super) fn sample(mut input: Box<dyn Input>, file: &str, rows: usize) -> Result<Sample, FileError> {
    skip_mark(&mut input, file)?;
    let mut names: Vec<String> = Vec::new();
    let mut kinds: Vec<Kind> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let values = Deserializer::from_reader(BufReader::with_capacity(BUFFER, input)).into_iter::<Value>();
    let mut seen = 0;
    for (row, value) in values.take(rows).enumerate() {
        let value = value.map_err(|e| FileError::new(file, format!("is not NDJSON: {e}")))?;
        let object = match value {
            Value::Object(object) => object,
            Value::Array(_) if row == 0 => {
                return Err(FileError::new(file, "is one JSON list; one object per line is needed"));
            }
            _ => return Err(FileError::new(file, format!("record {} is no object", row + 1))),
        };
        seen = row + 1;
        for (name, value) in object {
            let place = *places.entry(name).or_insert_with_key(|name| {
                names.push(name.clone());
                kinds.push(Kind::Missing);
                names.len() - 1
            });
            if let Some(kind) = kinds.get_mut(place) {
                *kind = kind.and(kind_of(&value));
            }
        }
    }
    Ok(Sample { names, kinds, rows: seen })
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Null => Kind::Missing,
        Value::Bool(_) => Kind::Bool,
        Value::Number(number) if number.is_i64() => Kind::Int,
        // A whole number that 64 bits do not hold is a name, as in CSV.
        Value::Number(number) => match number.as_f64() {
            Some(value) if value.abs() < WHOLE_LIMIT => Kind::Float,
            _ => Kind::Text,
        },
        // What is in quotes is no number; but JSON has no other way to write a date.
        Value::String(text) => match Kind::of(text) {
            kind @ (Kind::Missing | Kind::Date | Kind::Local | Kind::Utc) => kind,
            _ => Kind::Text,
        },
        Value::Array(_) | Value::Object(_) => Kind::Nested,
    }
}

/// The objects, in the columns of `schema`.
pub(super) fn rows(
    mut input: Box<dyn Input>,
    file: String,
    schema: SchemaRef,
    batch_size: usize,
) -> Result<Batches, FileError> {
    skip_mark(&mut input, &file)?;
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| as_written(field)).collect();
    if fields.is_empty() {
        // arrow's reader counts no rows where it reads no column.
        fields.push(Field::new("\u{0}", DataType::Utf8View, true));
    }
    let batches = ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_coerce_primitive(true)
        .with_batch_size(batch_size)
        .build(BufReader::with_capacity(BUFFER, input))
        .map_err(|e| unreadable(&file, &e, 0))?;
    let mut before = 0;
    Ok(Box::new(batches.map(move |batch| {
        let batch = batch.map_err(|e| unreadable(&file, &e, before))?;
        let columns = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| typed(column, field, &file, before, true));
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, FileError>>()?;
        before += batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
    })))
}

/// Numbers, too, are taken as the text that stands there: a decimal must not pass through a float.
fn as_written(field: &Field) -> Field {
    match field.data_type() {
        DataType::Struct(_) => field.clone(),
        _ => Field::new(field.name(), DataType::Utf8View, true),
    }
}

/// arrow quotes the value that it stumbles over; a customer's data is no part of a message.
fn unreadable(file: &str, error: &ArrowError, before: usize) -> FileError {
    let message = match error {
        ArrowError::IoError(_, error) => error.to_string(),
        ArrowError::JsonError(message) if message.contains("whilst parsing") => message.clone(),
        ArrowError::JsonError(message) if message.contains("Truncated record") => {
            "ends within a record".to_string()
        }
        _ => "a value has another shape than in the first rows".to_string(),
    };
    FileError::new(file, format!("after row {before}: {message}"))
}
