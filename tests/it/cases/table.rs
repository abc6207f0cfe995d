//! Tables as the pages write them, as files.

use super::page::Block;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;

/// Writes a block below `folder`. `reversed`: rows in the opposite order, two to a row group.
pub fn write(folder: &Path, block: &Block, reversed: bool) {
    let path = folder.join(&block.info);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if block.kind == "table" && path.extension().is_some_and(|e| e == "parquet") {
        parquet(&path, block, reversed);
    } else {
        let text: String = block.lines.iter().map(|l| format!("{l}\n")).collect();
        std::fs::write(path, text).unwrap();
    }
}

fn parquet(path: &Path, block: &Block, reversed: bool) {
    let mut lines = block.lines.iter();
    let header = columns(lines.next().expect("a table needs a header"));
    let mut rows: Vec<Vec<Option<String>>> = lines.map(|l| cells(l)).collect();
    if reversed {
        rows.reverse();
    }
    for row in &rows {
        assert_eq!(row.len(), header.len(), "{}, line {}: {row:?}", block.info, block.line);
    }
    let fields: Vec<Field> = header.iter().map(|(name, ty)| Field::new(name, data_type(ty), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let texts = StringArray::from_iter(rows.iter().map(|row| row[i].clone()));
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(&texts, field.data_type(), &strict)
                .unwrap_or_else(|e| panic!("{}, line {}: {}: {e}", block.info, block.line, field.name()))
        })
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
    let group = if reversed { 2 } else { 1024 };
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// `amount:decimal(18,2), city:text`: commas inside parentheses belong to the type.
fn columns(header: &str) -> Vec<(String, String)> {
    let mut depth = 0;
    header
        .split(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        })
        .map(|cell| {
            let (name, ty) = cell.trim().split_once(':').unwrap_or_else(|| panic!("no type: {cell}"));
            (name.to_string(), ty.trim().to_string())
        })
        .collect()
}

/// The cells of a line; an empty one is missing, `""` is the empty text.
pub fn cells(line: &str) -> Vec<Option<String>> {
    let mut found = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        let (mut cell, mut quoted) = (String::new(), false);
        while let Some(c) = chars.next_if(|c| *c != ',') {
            if c != '"' {
                cell.push(c);
                continue;
            }
            quoted = true;
            while let Some(c) = chars.next() {
                if c != '"' {
                    cell.push(c);
                } else if chars.next_if_eq(&'"').is_some() {
                    cell.push('"');
                } else {
                    break;
                }
            }
        }
        let text = if quoted { cell } else { cell.trim().to_string() };
        found.push((quoted || !text.is_empty()).then_some(text));
        if chars.next().is_none() {
            return found;
        }
    }
}

fn data_type(name: &str) -> DataType {
    let (word, arguments) = match name.split_once('(') {
        Some((word, rest)) => {
            (word, rest.trim_end_matches(')').split(',').map(|a| a.trim().to_string()).collect())
        }
        None => (name, Vec::new()),
    };
    let argument = |i: usize| arguments.get(i).map(String::as_str);
    match word {
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "decimal" => {
            let number = |i: usize| argument(i).unwrap().parse::<u8>().unwrap();
            DataType::Decimal128(number(0), number(1) as i8)
        }
        "text" => DataType::Utf8,
        "large_string" => DataType::LargeUtf8,
        "string_view" => DataType::Utf8View,
        "dictionary" => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        "bool" => DataType::Boolean,
        "date32" => DataType::Date32,
        "date64" => DataType::Date64,
        "timestamp" => {
            let unit = match argument(0) {
                Some("s") => TimeUnit::Second,
                Some("ms") => TimeUnit::Millisecond,
                Some("us") => TimeUnit::Microsecond,
                Some("ns") => TimeUnit::Nanosecond,
                other => panic!("no unit of a timestamp: {other:?}"),
            };
            DataType::Timestamp(unit, argument(1).map(Into::into))
        }
        other => panic!("no type of a column: {other}"),
    }
}
