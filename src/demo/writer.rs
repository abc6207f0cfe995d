//! One Parquet file: written beside under another name and renamed when whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal64Array, DictionaryArray, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::ArrowWriterOptions;
use datafusion::parquet::basic::{Compression, Encoding, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;

use super::DemoError;

/// Rows of a row group, and of the batches that fill it.
const GROUP_ROWS: usize = 1 << 20;
pub const BATCH_ROWS: usize = 1 << 16;

/// What a column holds. Each may have missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mostly different whole numbers: keys.
    Key,
    Int,
    Bool,
    Float,
    /// Yuan with two decimals: decimal(18,2).
    Money,
    Day,
    /// Microseconds without a zone: the bank's local time.
    LocalTime,
    /// Microseconds in UTC.
    UtcTime,
    /// Mostly different texts.
    Text,
    /// Text from a short list, held in memory as a code.
    Word,
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Kind::Key => DataType::Int64,
            Kind::Int => DataType::Int32,
            Kind::Bool => DataType::Boolean,
            Kind::Float => DataType::Float64,
            Kind::Money => DataType::Decimal64(18, 2),
            Kind::Day => DataType::Date32,
            Kind::LocalTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::UtcTime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Text => DataType::Utf8,
            Kind::Word => DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8)),
        }
    }

    /// Whether the column is better packed as differences than through a dictionary.
    fn packs(self) -> bool {
        matches!(self, Kind::Key | Kind::Money | Kind::LocalTime | Kind::UtcTime)
    }
}

/// A table's columns in order.
pub type Columns = &'static [(&'static str, Kind)];

/// A Parquet file that is being written.
pub struct TableFile {
    schema: Arc<Schema>,
    writer: Option<ArrowWriter<File>>,
    unfinished: Unfinished,
    rows: u64,
}

impl TableFile {
    /// Begins the file `path`; its folder is made.
    pub fn create(path: &Path, columns: Columns) -> Result<Self, DemoError> {
        let (unfinished, file) = Unfinished::create(path)?;
        let fields: Vec<Field> =
            columns.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let level = ZstdLevel::try_new(3).unwrap_or_default();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by("segue demo".to_owned());
        for (name, _) in columns.iter().filter(|(_, kind)| kind.packs()) {
            properties = properties
                .set_column_dictionary_enabled(ColumnPath::from(*name), false)
                .set_column_encoding(ColumnPath::from(*name), Encoding::DELTA_BINARY_PACKED);
        }
        // Without the Arrow schema inside, readers see plain text where this program held codes.
        let options =
            ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options)
            .map_err(|source| DemoError::parquet(path, source))?;
        Ok(TableFile { schema, writer: Some(writer), unfinished, rows: 0 })
    }

    /// Writes one batch; `columns` are in the table's order.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), DemoError> {
        let path = &self.unfinished.path;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|source| DemoError::parquet(path, source.into()))?;
        if let Some(writer) = &mut self.writer {
            writer.write(&batch).map_err(|source| DemoError::parquet(path, source))?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// A [`Kind::Word`] column from codes into `list`; a code past its end is a missing value.
    pub fn words(&self, codes: &[u8], list: &[&str]) -> Result<ArrayRef, DemoError> {
        let codes: UInt8Array =
            codes.iter().map(|code| (usize::from(*code) < list.len()).then_some(*code)).collect();
        let list: ArrayRef = Arc::new(StringArray::from(list.to_vec()));
        DictionaryArray::try_new(codes, list)
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|source| DemoError::parquet(&self.unfinished.path, source.into()))
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the file and gives it its name; how many rows it has.
    pub fn finish(mut self) -> Result<u64, DemoError> {
        if let Some(writer) = self.writer.take() {
            let path = &self.unfinished.path;
            let file = writer.into_inner().map_err(|source| DemoError::parquet(path, source))?;
            self.unfinished.finish(&file)?;
        }
        Ok(self.rows)
    }
}

/// Writes a small text file whole or not at all.
pub fn write_text(path: &Path, text: &str) -> Result<(), DemoError> {
    let (mut unfinished, mut file) = Unfinished::create(path)?;
    file.write_all(text.as_bytes()).map_err(|source| DemoError::io(path, source))?;
    unfinished.finish(&file)
}

/// The name under which a file waits until it is whole; removed when it never becomes so.
struct Unfinished {
    path: PathBuf,
    beside: PathBuf,
    finished: bool,
}

impl Unfinished {
    fn create(path: &Path) -> Result<(Self, File), DemoError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".part");
        let beside = path.with_file_name(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| DemoError::io(folder, source))?;
        }
        let file = File::create(&beside).map_err(|source| DemoError::io(path, source))?;
        Ok((Unfinished { path: path.to_owned(), beside, finished: false }, file))
    }

    fn finish(&mut self, file: &File) -> Result<(), DemoError> {
        file.sync_all()
            .and_then(|()| fs::rename(&self.beside, &self.path))
            .map_err(|source| DemoError::io(&self.path, source))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            // The error that kept the file from being whole is the one worth reporting.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

pub fn keys(values: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

pub fn maybe_keys(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

pub fn ints(values: Vec<i32>) -> ArrayRef {
    Arc::new(Int32Array::from(values))
}

pub fn maybe_ints(values: Vec<Option<i32>>) -> ArrayRef {
    Arc::new(Int32Array::from(values))
}

pub fn maybe_bools(values: Vec<Option<bool>>) -> ArrayRef {
    Arc::new(BooleanArray::from(values))
}

pub fn days(values: Vec<i32>) -> ArrayRef {
    Arc::new(Date32Array::from(values))
}

pub fn maybe_days(values: Vec<Option<i32>>) -> ArrayRef {
    Arc::new(Date32Array::from(values))
}

/// Amounts in fen.
pub fn money(values: Vec<i64>) -> ArrayRef {
    Arc::new(Decimal64Array::from(values).with_data_type(DataType::Decimal64(18, 2)))
}

pub fn maybe_money(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(Decimal64Array::from(values).with_data_type(DataType::Decimal64(18, 2)))
}

/// Microseconds of the local clock.
pub fn local_times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values))
}

pub fn utc_times(values: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

/// The code of a missing value in [`TableFile::words`].
pub const MISSING: u8 = u8::MAX;
