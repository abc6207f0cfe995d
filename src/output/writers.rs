//! Rows into files, by arrow's own writers.
//!
//! The same rows give the same bytes, however they come in batches. What each format does with a value:
//!
//! | | parquet, arrow | csv | ndjson |
//! |---|---|---|---|
//! | decimal | decimal | all digits | text of all digits: most JSON readers make floats of numbers |
//! | date, instant | date, timestamp | ISO 8601 | ISO 8601 |
//! | missing | null | empty | `null` |
//! | list, struct (`why`) | as they are | left out | array, object |

use super::csv::{self, BYTE_ORDER_MARK};
use super::plain::{plain_batch, plain_schema};
use crate::ir::LIST_ENDINGS;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::arrow::json::WriterBuilder as JsonBuilder;
use datafusion::arrow::json::writer::LineDelimited;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What kind of file a list is written as.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    Parquet,
    Csv,
    Ndjson,
    Arrow,
}

impl Format {
    /// By the ending of a path; the error lists those that are known.
    pub fn of(path: &Path) -> Result<Format, UnknownFormat> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "parquet" => Ok(Format::Parquet),
            "csv" => Ok(Format::Csv),
            "ndjson" | "jsonl" => Ok(Format::Ndjson),
            "arrow" | "feather" => Ok(Format::Arrow),
            _ => Err(UnknownFormat { ending }),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Arrow => "arrow",
        }
    }
}

/// An ending that says no format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownFormat {
    /// Without its point; empty where there is none.
    pub ending: String,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ending.as_str() {
            "" => f.write_str("the file name has no ending")?,
            ending => write!(f, "the ending .{ending} says no known format")?,
        }
        write!(f, "; known are .{}", LIST_ENDINGS.join(", ."))
    }
}

impl std::error::Error for UnknownFormat {}

/// What was written.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contents {
    pub rows: u64,
    /// Text cells that were led by an apostrophe (CSV).
    pub guarded: u64,
    /// Columns that the format cannot hold (CSV: lists and structs).
    pub dropped: Vec<String>,
}

/// Rows to a cut, and groups of a Parquet file; fixed, so that the file does not depend on how rows arrive.
const BATCH_ROWS: usize = 8_192;
const GROUP_ROWS: usize = 131_072;

/// Bytes of a column's different values up to which they are looked up, and rows say which: beyond, values hardly repeat
/// (keys, amounts, reasons).
const DICTIONARY: usize = 1 << 16;

/// Columns that nobody looks for by the smallest and the largest.
const REASONS: [&str; 4] =
    ["why", "why_data.list.item.tag", "why_data.list.item.value", "why_data.list.item.test"];

/// How Parquet files are written. The lowest level of zstd makes reasons no larger than its usual one, in half the time.
fn properties() -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_page_size_limit(DICTIONARY)
        .set_max_row_group_row_count(Some(GROUP_ROWS));
    for leaf in REASONS {
        let path = ColumnPath::new(leaf.split('.').map(String::from).collect());
        properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    Ok(properties.build())
}

/// Writes batches as they come.
pub struct BatchWriter<W: Write + Send> {
    sink: Sink<W>,
    schema: SchemaRef,
    cut: BatchCoalescer,
    contents: Contents,
    failed: Failure,
}

enum Sink<W: Write + Send> {
    Parquet(Box<ArrowWriter<Watched<W>>>),
    Arrow(Box<FileWriter<Watched<W>>>),
    Csv { out: Watched<W>, header: bool },
    Ndjson(Watched<W>),
}

impl<W: Write + Send> BatchWriter<W> {
    pub fn new(format: Format, schema: &Schema, out: W) -> io::Result<BatchWriter<W>> {
        let failed = Failure::default();
        let mut out = Watched { out, failed: failed.clone() };
        let mut contents = Contents::default();
        let mut schema = plain_schema(schema, format == Format::Ndjson);
        if format == Format::Csv {
            (schema, contents.dropped) = csv::flat_schema(&schema);
        }
        let sink = match format {
            Format::Parquet => {
                let properties = properties().map_err(|e| failed.or(e))?;
                let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
                Sink::Parquet(Box::new(writer.map_err(|e| failed.or(e))?))
            }
            Format::Arrow => {
                Sink::Arrow(Box::new(FileWriter::try_new(out, &schema).map_err(|e| failed.or(e))?))
            }
            Format::Csv => {
                out.write_all(BYTE_ORDER_MARK)?;
                Sink::Csv { out, header: true }
            }
            Format::Ndjson => Sink::Ndjson(out),
        };
        let cut = BatchCoalescer::new(Arc::clone(&schema), BATCH_ROWS);
        Ok(BatchWriter { sink, schema, cut, contents, failed })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let plain = match self.sink {
            Sink::Csv { .. } => csv::flat_batch(batch, &self.schema),
            _ => plain_batch(batch, &self.schema),
        };
        let plain = plain.map_err(|e| self.failed.or(e))?;
        self.contents.rows += plain.num_rows() as u64;
        self.cut.push_batch(plain).map_err(|e| self.failed.or(e))?;
        self.write_cut()
    }

    /// Writes what is left and the format's end; `out` is given back, unflushed.
    pub fn finish(mut self) -> io::Result<(W, Contents)> {
        self.cut.finish_buffered_batch().map_err(|e| self.failed.or(e))?;
        self.write_cut()?;
        let failed = self.failed;
        let out = match self.sink {
            Sink::Parquet(writer) => writer.into_inner().map_err(|e| failed.or(e))?,
            Sink::Arrow(writer) => writer.into_inner().map_err(|e| failed.or(e))?,
            Sink::Csv { mut out, header } => {
                if header {
                    // No rows: the names of the columns are still said.
                    let empty = RecordBatch::new_empty(self.schema);
                    csv::write_batch(&empty, true, &mut out).map_err(|e| failed.or(e))?;
                }
                out
            }
            Sink::Ndjson(out) => out,
        };
        Ok((out.out, self.contents))
    }

    fn write_cut(&mut self) -> io::Result<()> {
        while let Some(batch) = self.cut.next_completed_batch() {
            match &mut self.sink {
                Sink::Parquet(writer) => writer.write(&batch).map_err(|e| self.failed.or(e))?,
                Sink::Arrow(writer) => writer.write(&batch).map_err(|e| self.failed.or(e))?,
                Sink::Csv { out, header } => {
                    let guarded = csv::write_batch(&batch, std::mem::take(header), out);
                    self.contents.guarded += guarded.map_err(|e| self.failed.or(e))?;
                }
                Sink::Ndjson(out) => {
                    let builder = JsonBuilder::new().with_explicit_nulls(true);
                    let mut writer = builder.build::<_, LineDelimited>(out);
                    writer.write(&batch).map_err(|e| self.failed.or(e))?;
                }
            }
        }
        Ok(())
    }
}

/// The first error of the writer below. Arrow's writers pass it on as text, in which a full disk is not known
/// from a refused one.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    fn keep(&self, error: &io::Error) {
        if let Ok(mut kept) = self.0.lock() {
            kept.get_or_insert_with(|| match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            });
        }
    }

    /// What was kept, or else `error`.
    fn or(&self, error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
        self.0.lock().ok().and_then(|mut kept| kept.take()).unwrap_or_else(|| io::Error::other(error))
    }
}

struct Watched<W> {
    out: W,
    failed: Failure,
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.out.write(buffer).inspect_err(|e| self.failed.keep(e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|e| self.failed.keep(e))
    }
}

#[cfg(test)]
mod tests;
