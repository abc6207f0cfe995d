//! Arrow types and the language's: what a column is, what it is delivered as, and how files' types widen.
//!
//! Columns are delivered in few types, so that a plan has few cases: whole numbers as `Int64` (`UInt64` as
//! `Decimal128(20,0)`), floats as `Float64`, decimals as `Decimal128`, text as `Utf8View`, dates as `Date32`,
//! timestamps in their unit without a zone or in `UTC`. Dictionaries are unpacked.

use crate::catalog::CatalogError;
use crate::types::{Frame, MAX_PRECISION, Type};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};

/// The digits of a decimal that holds any unsigned 64-bit number, and any signed one.
const UNSIGNED_DIGITS: u8 = 20;
const SIGNED_DIGITS: u8 = 19;
pub(super) const UTC: &str = "UTC";

/// The type that a column of this stored type is delivered as.
pub(super) fn delivered(stored: &DataType) -> DataType {
    use DataType::*;
    match stored {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => Int64,
        UInt64 => Decimal128(UNSIGNED_DIGITS, 0),
        Float16 | Float32 | Float64 => Float64,
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) => Decimal128(*p, *s),
        Decimal256(p, s) if *p <= MAX_PRECISION => Decimal128(*p, *s),
        // A column of missing values only, as pandas writes it.
        Utf8 | LargeUtf8 | Utf8View | Null => Utf8View,
        Date32 | Date64 => Date32,
        Timestamp(unit, Some(_)) => Timestamp(*unit, Some(UTC.into())),
        Dictionary(_, value) => delivered(value),
        RunEndEncoded(_, values) => delivered(values.data_type()),
        other => other.clone(),
    }
}

/// The language's type of a column.
pub(super) fn language_type(stored: &DataType) -> Type {
    match delivered(stored) {
        DataType::Int64 => Type::Int,
        DataType::Float64 => Type::Float,
        DataType::Decimal128(precision, scale) => Type::Decimal { precision, scale },
        DataType::Utf8View => Type::Text,
        DataType::Boolean => Type::Bool,
        DataType::Date32 => Type::Date,
        DataType::Timestamp(_, None) => Type::Instant(Frame::Local),
        DataType::Timestamp(_, Some(_)) => Type::Instant(Frame::Utc),
        other => Type::Unsupported(stored_name(&other).into()),
    }
}

/// The stored type as a person says it.
pub(super) fn stored_name(stored: &DataType) -> String {
    use DataType::*;
    match stored {
        Null => "nothing but missing values".to_string(),
        Utf8 | Utf8View => "text".to_string(),
        LargeUtf8 => "large text".to_string(),
        Date32 => "date".to_string(),
        Date64 => "date (ms)".to_string(),
        Boolean => "boolean".to_string(),
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => {
            format!("decimal({p},{s})")
        }
        Timestamp(unit, None) => format!("timestamp({})", unit_name(*unit)),
        Timestamp(unit, Some(zone)) => format!("timestamp({}, {zone})", unit_name(*unit)),
        Time32(unit) | Time64(unit) => format!("time({})", unit_name(*unit)),
        Duration(unit) => format!("duration({})", unit_name(*unit)),
        Interval(_) => "interval".to_string(),
        Dictionary(_, value) => format!("dictionary of {}", stored_name(value)),
        RunEndEncoded(_, values) => format!("runs of {}", stored_name(values.data_type())),
        Binary | LargeBinary | BinaryView => "binary".to_string(),
        FixedSizeBinary(width) => format!("binary({width})"),
        List(_) | LargeList(_) | ListView(_) | LargeListView(_) | FixedSizeList(..) => "list".to_string(),
        Struct(fields) if fields.is_empty() => "list or object".to_string(),
        Struct(_) => "struct".to_string(),
        Map(..) => "map".to_string(),
        Union(..) => "union".to_string(),
        other => other.to_string().to_lowercase(),
    }
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "µs",
        TimeUnit::Nanosecond => "ns",
    }
}

/// The delivered type that holds the values of both, where there is one.
fn widened(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::*;
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Int64, Decimal128(p, s)) | (Decimal128(p, s), Int64) => decimal((SIGNED_DIGITS, 0), (*p, *s))?,
        (Decimal128(p, s), Decimal128(q, t)) => decimal((*p, *s), (*q, *t))?,
        // Whole numbers with missing values are floats to pandas.
        (Int64, Float64) | (Float64, Int64) => Float64,
        (Timestamp(u, z), Timestamp(v, y)) if z == y => Timestamp(common_unit(*u, *v), z.clone()),
        _ => return None,
    })
}

fn decimal((p, s): (u8, i8), (q, t): (u8, i8)) -> Option<DataType> {
    let whole = (i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(t));
    let precision = u8::try_from(whole + i16::from(s.max(t))).ok()?;
    (precision <= MAX_PRECISION).then_some(DataType::Decimal128(precision, s.max(t)))
}

/// Nanoseconds hold no year beyond 2262, so where they meet a coarser unit, microseconds are taken.
fn common_unit(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    match a.max(b) {
        TimeUnit::Nanosecond if a != b => TimeUnit::Microsecond,
        finest => finest,
    }
}

/// A column of a source, over all of its files.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub name: String,
    pub delivered: DataType,
    pub stored: String,
    /// Nothing tells its type: the files have no value of it.
    pub blank: bool,
    /// The first file that has the column, and the type there.
    first: (String, DataType),
}

/// The columns of all files, in the order in which they first appear.
pub(super) fn merge(files: &[(String, SchemaRef)]) -> Result<Vec<Merged>, CatalogError> {
    let mut columns: Vec<Merged> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (file, schema) in files {
        for (i, field) in schema.fields().iter().enumerate() {
            if schema.fields().iter().take(i).any(|f| f.name() == field.name()) {
                return Err(CatalogError::Unreadable {
                    file: file.clone(),
                    reason: format!("has two columns called `{}`", field.name()),
                });
            }
            let place = *places.entry(field.name().clone()).or_insert(columns.len());
            match columns.get_mut(place) {
                Some(column) => column.take(file, field.data_type())?,
                None => columns.push(Merged {
                    name: field.name().clone(),
                    delivered: delivered(field.data_type()),
                    stored: stored_name(field.data_type()),
                    blank: *field.data_type() == DataType::Null,
                    first: (file.clone(), field.data_type().clone()),
                }),
            }
        }
    }
    Ok(columns)
}

impl Merged {
    /// A column whose type is not the file's own.
    pub fn new(name: String, delivered: DataType, stored: String) -> Merged {
        Merged { name, first: (String::new(), delivered.clone()), delivered, stored, blank: false }
    }

    fn take(&mut self, file: &str, stored: &DataType) -> Result<(), CatalogError> {
        if *stored == DataType::Null || *stored == self.first.1 {
            return Ok(());
        }
        if self.first.1 == DataType::Null {
            self.delivered = delivered(stored);
            self.blank = false;
            self.stored = stored_name(stored);
            self.first = (file.to_string(), stored.clone());
            return Ok(());
        }
        let other = delivered(stored);
        match widened(&self.delivered, &other) {
            Some(both) => self.delivered = both,
            // A column that is never read may differ as it likes.
            None if is_unsupported(&self.delivered) && is_unsupported(&other) => {}
            None => {
                return Err(CatalogError::FilesDiffer {
                    column: self.name.clone(),
                    first: (self.first.0.clone(), self.stored.clone()),
                    second: (file.to_string(), stored_name(stored)),
                });
            }
        }
        let name = stored_name(stored);
        if !self.stored.split(" or ").any(|known| known == name) {
            self.stored = format!("{} or {name}", self.stored);
        }
        Ok(())
    }
}

fn is_unsupported(delivered: &DataType) -> bool {
    matches!(language_type(delivered), Type::Unsupported(_))
}
