//! CSV and TSV: the header, the sample, the rows.

use super::cells::{self, Kind};
use super::error::FileError;
use super::source::{Batches, Input};
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format as CsvFormat;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

const BUFFER: usize = 256 * 1024;
const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A file's columns and what its first rows look like.
pub(super) struct Sample {
    pub names: Vec<String>,
    pub kinds: Vec<Kind>,
    /// Rows that were looked at.
    pub rows: usize,
}

pub(super) fn sample(mut input: Box<dyn Input>, file: &str, rows: usize) -> Result<Sample, FileError> {
    let names = header(&mut input, file)?;
    if names.is_empty() {
        return Ok(Sample { names, kinds: Vec::new(), rows: 0 });
    }
    let every = (0..names.len()).collect();
    let mut kinds = vec![Kind::Missing; names.len()];
    let mut left = rows;
    for batch in reader(input, file, &names, every, rows.clamp(1, 1024))? {
        let batch = batch.map_err(|e| unreadable(file, &e))?;
        let taken = batch.num_rows().min(left);
        for (kind, column) in kinds.iter_mut().zip(batch.slice(0, taken).columns()) {
            let texts = cells::texts(column).into_iter().flatten().flatten();
            // A column that is text already stays so.
            *kind = texts.fold(*kind, |seen, text| match seen {
                Kind::Text => Kind::Text,
                seen => seen.and(Kind::of(text)),
            });
        }
        left -= taken;
        if left == 0 {
            break;
        }
    }
    Ok(Sample { names, kinds, rows: rows - left })
}

/// The rows, in the columns of `schema`; a column that this file does not have is missing.
pub(super) fn rows(
    mut input: Box<dyn Input>,
    file: String,
    schema: SchemaRef,
    batch_size: usize,
) -> Result<Batches, FileError> {
    let names = header(&mut input, &file)?;
    if names.is_empty() {
        return Ok(Box::new(std::iter::empty()));
    }
    let mut read = Vec::new();
    let places: Vec<Option<usize>> = schema
        .fields()
        .iter()
        .map(|field| {
            read.push(names.iter().position(|name| name == field.name())?);
            Some(read.len() - 1)
        })
        .collect();
    let mut before = 0;
    let batches = reader(input, &file, &names, read, batch_size)?;
    Ok(Box::new(batches.map(move |batch| {
        let batch = batch.map_err(|e| unreadable(&file, &e))?;
        let columns = schema.fields().iter().zip(&places).map(|(field, place)| {
            let Some(column) = place.and_then(|place| batch.columns().get(place)) else {
                return Ok(new_null_array(field.data_type(), batch.num_rows()));
            };
            typed(column, field, &file, before, false)
        });
        let columns = columns.collect::<Result<Vec<_>, FileError>>()?;
        before += batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
    })))
}

/// A column of texts in the type that the sample gave it; `before` rows stand before the batch.
pub(super) fn typed(
    column: &ArrayRef,
    field: &Field,
    file: &str,
    before: usize,
    json: bool,
) -> Result<ArrayRef, FileError> {
    let Some(texts) = cells::texts(column) else {
        return Ok(Arc::clone(column));
    };
    cells::convert(texts, field.data_type(), json).map_err(|misfit| {
        let name = field.name();
        FileError::new(
            file,
            format!(
                "row {} has a value of `{name}` that is not {}, as the first rows are; `column {name} as text` overrules",
                before + misfit.row + 1,
                described(field.data_type()),
            ),
        )
    })
}

fn described(kind: &DataType) -> &'static str {
    match kind {
        DataType::Int64 => "a whole number",
        DataType::Float64 => "a number",
        DataType::Date32 => "a date",
        DataType::Boolean => "true or false",
        DataType::Timestamp(_, None) => "a time without a zone",
        DataType::Timestamp(_, Some(_)) => "a time with a zone",
        _ => "text",
    }
}

/// The names of the columns, none for a file without a byte; the input stands at its start again.
fn header(input: &mut Box<dyn Input>, file: &str) -> Result<Vec<String>, FileError> {
    skip_mark(input, file)?;
    let start = input.stream_position().map_err(|e| FileError::new(file, e.to_string()))?;
    let end = input.seek(SeekFrom::End(0)).map_err(|e| FileError::new(file, e.to_string()))?;
    if start == end {
        return Ok(Vec::new());
    }
    input.seek(SeekFrom::Start(start)).map_err(|e| FileError::new(file, e.to_string()))?;
    let format = CsvFormat::default().with_header(true).with_delimiter(delimiter(file));
    let (schema, _) = format.infer_schema(input.as_mut(), Some(0)).map_err(|e| unreadable(file, &e))?;
    input.seek(SeekFrom::Start(0)).map_err(|e| FileError::new(file, e.to_string()))?;
    if schema.fields().is_empty() {
        return Err(FileError::new(file, "is empty: not even a header"));
    }
    let name = |(i, field): (usize, &Arc<Field>)| match field.name().as_str() {
        "" => format!("column_{}", i + 1),
        name => name.to_string(),
    };
    Ok(schema.fields().iter().enumerate().map(name).collect())
}

/// Passes over a byte order mark.
pub(super) fn skip_mark(input: &mut Box<dyn Input>, file: &str) -> Result<(), FileError> {
    let failed = |e: std::io::Error| FileError::new(file, e.to_string());
    let mut start = Vec::new();
    input.as_mut().take(MARK.len() as u64).read_to_end(&mut start).map_err(failed)?;
    if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
        return Err(FileError::new(file, "is written in UTF-16; save it as UTF-8"));
    }
    let at = if start == MARK { MARK.len() as u64 } else { 0 };
    input.seek(SeekFrom::Start(at)).map_err(failed)?;
    Ok(())
}

fn reader(
    mut input: Box<dyn Input>,
    file: &str,
    names: &[String],
    read: Vec<usize>,
    batch_size: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + use<>, FileError> {
    skip_mark(&mut input, file)?;
    let fields: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Utf8View, true)).collect();
    ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_header(true)
        .with_delimiter(delimiter(file))
        .with_batch_size(batch_size)
        .with_projection(read)
        .build_buffered(BufReader::with_capacity(BUFFER, Quotes::new(input, delimiter(file))))
        .map_err(|e| unreadable(file, &e))
}

fn delimiter(file: &str) -> u8 {
    if file.to_lowercase().ends_with(".tsv") { b'\t' } else { b',' }
}

/// arrow's words carry line numbers and counts, never values, where all columns are read as text.
fn unreadable(file: &str, error: &ArrowError) -> FileError {
    let message = match error {
        ArrowError::CsvError(message) => message.clone(),
        ArrowError::IoError(_, error) => error.to_string(),
        other => other.to_string(),
    };
    let message = match message.split_once("incorrect number of fields for ") {
        Some((_, counts)) => format!("a row has more or fewer values than the header ({counts})"),
        None if message.to_lowercase().contains("utf-8") => {
            format!("is not UTF-8 text; save it as UTF-8 ({message})")
        }
        None => message,
    };
    FileError::new(file, message)
}

/// Passes bytes on and follows the quotes: one that is never closed would swallow the rest of the file without
/// a word.
struct Quotes<R> {
    inner: R,
    delimiter: u8,
    place: Place,
    line: usize,
    opened: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a value.
    Start,
    Bare,
    Quoted,
    /// After a quote within quotes: the end, or the first of two.
    Closing,
}

impl<R> Quotes<R> {
    fn new(inner: R, delimiter: u8) -> Quotes<R> {
        Quotes { inner, delimiter, place: Place::Start, line: 1, opened: 0 }
    }

    fn follow(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Closing,
                (Place::Quoted, _) | (Place::Closing, b'"') => Place::Quoted,
                (Place::Start, b'"') => {
                    self.opened = self.line;
                    Place::Quoted
                }
                (_, b'\n' | b'\r') => Place::Start,
                (_, byte) if byte == self.delimiter => Place::Start,
                _ => Place::Bare,
            };
            self.line += usize::from(byte == b'\n');
        }
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.follow(buffer.get(..count).unwrap_or_default());
        if count == 0 && !buffer.is_empty() && self.place == Place::Quoted {
            let message = format!("a quote that opens on line {} is never closed", self.opened);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}
