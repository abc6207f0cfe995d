//! Hive partitions: `year=2026/month=10/` gives each row of the files below a `year` and a `month`.

use super::cells;
use super::files::Found;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// What Hive and Spark write where the value is missing.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns that the folders give, and each file's values of them.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    pub fields: Vec<FieldRef>,
    pub values: Vec<Vec<ScalarValue>>,
}

/// A column that the files themselves have (`taken`) is not a partition column.
pub(super) fn partitions(files: &[Found], taken: &dyn Fn(&str) -> bool) -> Partitions {
    let rows: Vec<Vec<(String, Option<String>)>> = files.iter().map(|file| pairs(&file.folders)).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) && !taken(name) {
            names.push(name);
        }
    }
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut values: Vec<Vec<ScalarValue>> = vec![Vec::new(); files.len()];
    for name in names {
        let texts: Vec<Option<&str>> = rows
            .iter()
            .map(|row| row.iter().find(|(n, _)| n == name).and_then(|(_, value)| value.as_deref()))
            .collect();
        let known = || texts.iter().flatten();
        let kind = if known().next().is_none() {
            DataType::Utf8View
        } else if known().all(|text| whole(text).is_some()) {
            DataType::Int64
        } else if known().all(|text| cells::date(text).is_some()) {
            DataType::Date32
        } else {
            DataType::Utf8View
        };
        for (row, text) in values.iter_mut().zip(&texts) {
            row.push(match kind {
                DataType::Int64 => ScalarValue::Int64(text.and_then(whole)),
                DataType::Date32 => ScalarValue::Date32(text.and_then(cells::date)),
                _ => ScalarValue::Utf8View(text.map(str::to_string)),
            });
        }
        fields.push(Arc::new(Field::new(name, kind, true)));
    }
    Partitions { fields, values }
}

fn pairs(folders: &[String]) -> Vec<(String, Option<String>)> {
    let pair = |folder: &String| {
        let (name, value) = folder.split_once('=')?;
        let value = (value != MISSING).then(|| unescaped(value));
        (!name.is_empty()).then(|| (unescaped(name), value))
    };
    folders.iter().filter_map(pair).collect()
}

/// `01` is a whole number here: it is a month.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `%3A` as Hive and Spark write a colon.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_string())
}
