//! Arrow IPC, as a file or as a stream.

use super::error::FileError;
use super::source::{Batches, Input};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::common::Result;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

const MAGIC: &[u8] = b"ARROW1";
/// What a message of a stream starts with.
const MESSAGE: &[u8] = &[0xFF; 4];

pub(super) fn schema(input: Box<dyn Input>, file: &str) -> Result<SchemaRef, FileError> {
    Ok(Reader::open(input, file, None)?.schema())
}

/// The rows, in the columns of `schema`; a column that this file does not have is missing.
pub(super) fn rows(mut input: Box<dyn Input>, file: String, schema: SchemaRef) -> Result<Batches, FileError> {
    let stored = Reader::open(&mut input, &file, None)?.schema();
    input.seek(SeekFrom::Start(0)).map_err(|e| FileError::new(&file, e.to_string()))?;
    let wanted = schema.fields().iter().filter_map(|field| stored.index_of(field.name()).ok());
    let reader = Reader::open(input, &file, Some(wanted.collect()))?;
    Ok(Box::new(reader.map(move |batch| {
        let batch = batch.map_err(|e| match e {
            ArrowError::IoError(_, e) => FileError::new(&file, e.to_string()),
            e => FileError::new(&file, format!("damaged Arrow data ({e})")),
        })?;
        fitted(&batch, &schema).map_err(|e| FileError::new(&file, e.to_string()).into())
    })))
}

/// The batch's columns by name, in the types of `schema`.
fn fitted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => cast_with_options(column, field.data_type(), &strict),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

enum Reader<R: Read + Seek> {
    File(FileReader<BufReader<R>>),
    Stream(StreamReader<BufReader<R>>),
}

impl<R: Read + Seek> Reader<R> {
    fn open(mut input: R, file: &str, columns: Option<Vec<usize>>) -> Result<Reader<R>, FileError> {
        let failed = |e: &dyn std::fmt::Display| {
            FileError::new(file, format!("is not an Arrow file, or a damaged one ({e})"))
        };
        let mut start = Vec::new();
        input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start).map_err(|e| failed(&e))?;
        input.seek(SeekFrom::Start(0)).map_err(|e| failed(&e))?;
        let input = BufReader::new(input);
        if start == MAGIC {
            FileReader::try_new(input, columns).map(Reader::File).map_err(|e| failed(&e))
        } else if start.starts_with(MESSAGE) {
            StreamReader::try_new(input, columns).map(Reader::Stream).map_err(|e| failed(&e))
        } else {
            // The reader would take any four bytes for a length, and ask for gigabytes.
            Err(failed(&"it starts with neither a file's mark nor a stream's"))
        }
    }

    fn schema(&self) -> Arc<Schema> {
        match self {
            Reader::File(reader) => reader.schema(),
            Reader::Stream(reader) => reader.schema(),
        }
    }
}

impl<R: Read + Seek> Iterator for Reader<R> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Reader::File(reader) => reader.next(),
            Reader::Stream(reader) => reader.next(),
        }
    }
}
