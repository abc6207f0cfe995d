//! The rows of an answer, as a table for people or as data for programs.

use super::csv;
use super::table::{Align, Cell, TableOptions, table};
use crate::value::Value;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::io::{self, Write};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum RowFormat {
    #[default]
    Table,
    /// One array of objects, a row to a line.
    Json,
    Ndjson,
    /// As in a file, without the byte order mark: this goes into pipes.
    Csv,
}

impl RowFormat {
    pub const ALL: &[RowFormat] = &[RowFormat::Table, RowFormat::Json, RowFormat::Ndjson, RowFormat::Csv];

    pub fn name(self) -> &'static str {
        match self {
            RowFormat::Table => "table",
            RowFormat::Json => "json",
            RowFormat::Ndjson => "ndjson",
            RowFormat::Csv => "csv",
        }
    }
}

/// Writes rows, whose values stand in the order of the headers. Only the table groups digits and rounds.
pub fn write_rows(
    headers: &[String],
    rows: &[Vec<Value>],
    format: RowFormat,
    options: &TableOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        RowFormat::Table => {
            let titles: Vec<_> = headers.iter().map(Cell::new).collect();
            let cells: Vec<Vec<_>> = rows.iter().map(|r| r.iter().map(Cell::from).collect()).collect();
            out.write_all(table(&titles, &cells, &alignments(headers.len(), rows), options).as_bytes())
        }
        RowFormat::Ndjson => rows.iter().try_for_each(|row| {
            serde_json::to_writer(&mut *out, &Object { headers, row })?;
            out.write_all(b"\n")
        }),
        RowFormat::Json => {
            out.write_all(b"[")?;
            for (i, row) in rows.iter().enumerate() {
                out.write_all(if i == 0 { b"\n  " } else { b",\n  " })?;
                serde_json::to_writer(&mut *out, &Object { headers, row })?;
            }
            out.write_all(if rows.is_empty() { b"]\n" } else { b"\n]\n" })
        }
        RowFormat::Csv => {
            let batch = as_text(headers, rows).map_err(io::Error::other)?;
            // Through a buffer, since the arrow writer hides why a pipe was closed.
            let mut text = Vec::new();
            datafusion::arrow::csv::WriterBuilder::new()
                .build(&mut text)
                .write(&batch)
                .map_err(io::Error::other)?;
            out.write_all(&text)
        }
    }
}

/// On the right where every known value is a number.
fn alignments(columns: usize, rows: &[Vec<Value>]) -> Vec<Align> {
    let right = |i: usize| {
        let known =
            rows.iter().filter_map(|r| r.get(i)).filter(|v| !matches!(v, Value::Missing | Value::Masked));
        let mut any = false;
        known.inspect(|_| any = true).all(|v| v.as_f64().is_some()) && any
    };
    (0..columns).map(|i| if right(i) { Align::Right } else { Align::Left }).collect()
}

struct Object<'a> {
    headers: &'a [String],
    row: &'a [Value],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.headers.len()))?;
        for (header, value) in self.headers.iter().zip(self.row) {
            map.serialize_entry(header, value)?;
        }
        map.end()
    }
}

/// Every value as the text that stands in a data file; text alone is guarded.
fn as_text(
    headers: &[String],
    rows: &[Vec<Value>],
) -> Result<RecordBatch, datafusion::arrow::error::ArrowError> {
    let text = |value: &Value| match value {
        Value::Missing => None,
        Value::Text(t) => Some(csv::guarded(t).into_owned()),
        other => Some(other.plain()),
    };
    let columns: Vec<ArrayRef> = (0..headers.len())
        .map(|i| Arc::new(rows.iter().map(|r| r.get(i).and_then(text)).collect::<StringArray>()) as ArrayRef)
        .collect();
    let fields: Vec<_> =
        headers.iter().map(|h| Field::new(csv::guarded(h).into_owned(), DataType::Utf8, true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: RowFormat) -> String {
        let headers = ["customer_id", "资产", "city"].map(String::from);
        let rows = vec![
            vec![Value::Int(-7), Value::Decimal(125_000_050, 2), Value::Text("上海, \"A\"".into())],
            vec![Value::Int(8), Value::Missing, Value::Text("=1+1".into())],
        ];
        let mut out = Vec::new();
        write_rows(&headers, &rows, format, &TableOptions::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_aligns_numbers_and_says_what_is_missing() {
        let expected = "\
customer_id          资产  city
────────────────────────────────────
         -7  1,250,000.50  上海, \"A\"
          8       missing  =1+1
";
        let lines = |t: &str| t.lines().filter(|l| !l.starts_with('─')).map(String::from).collect::<Vec<_>>();
        assert_eq!(lines(&text(RowFormat::Table)), lines(expected));
    }

    #[test]
    fn json_is_exact() {
        let object = r#"{"customer_id":-7,"资产":"1250000.50","city":"上海, \"A\""}"#;
        assert_eq!(text(RowFormat::Ndjson).lines().next(), Some(object));
        assert!(text(RowFormat::Json).starts_with(&format!("[\n  {object},\n  ")));
        let parsed: serde_json::Value = serde_json::from_str(&text(RowFormat::Json)).unwrap();
        assert_eq!(parsed[1]["资产"], serde_json::Value::Null);
    }

    #[test]
    fn csv_quotes_and_guards_text_only() {
        assert_eq!(
            text(RowFormat::Csv),
            "customer_id,资产,city\n-7,1250000.50,\"上海, \"\"A\"\"\"\n8,,'=1+1\n"
        );
    }
}
