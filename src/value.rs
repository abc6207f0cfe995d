//! One value as plain data: what answers are made of, and how a person reads it.

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Serialize, Serializer};
use std::fmt;

/// A value or its absence.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Missing,
    Bool(bool),
    Int(i64),
    /// `digits × 10^-scale`
    Decimal(i128, i8),
    Float(f64),
    Text(String),
    Date(NaiveDate),
    /// Wall clock in the script's zone.
    Instant(NaiveDateTime),
    /// A value that is not shown (pii).
    Masked,
}

impl Value {
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Missing)
    }

    /// As a number, for comparing and drawing; `None` for what is none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Decimal(d, s) => Some(*d as f64 / 10f64.powi(i32::from(*s))),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// As it stands in a data file or behind `why`: no grouping, full precision, missing is empty.
    pub fn plain(&self) -> String {
        match self {
            Value::Missing => String::new(),
            Value::Bool(b) => if *b { "true" } else { "false" }.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Decimal(d, s) => decimal(*d, *s, false),
            Value::Float(x) => x.to_string(),
            Value::Text(t) => t.clone(),
            Value::Date(d) => d.to_string(),
            Value::Instant(t) => t.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            Value::Masked => "•••".to_string(),
        }
    }
}

/// As a person reads it: numbers with thousands, floats to six places, missing said.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Missing => f.write_str("missing"),
            Value::Bool(true) => f.write_str("yes"),
            Value::Bool(false) => f.write_str("no"),
            Value::Int(n) => f.write_str(&group(&n.to_string())),
            Value::Decimal(d, s) => f.write_str(&decimal(*d, *s, true)),
            Value::Float(x) => f.write_str(&float(*x)),
            Value::Instant(t) => write!(f, "{}", t.format("%Y-%m-%d %H:%M:%S")),
            other => f.write_str(&other.plain()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Missing => serializer.serialize_none(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(n) => serializer.serialize_i64(*n),
            Value::Float(x) if x.is_finite() => serializer.serialize_f64(*x),
            // A decimal stays exact: as text, since many JSON readers make floats of numbers.
            other => serializer.serialize_str(&other.plain()),
        }
    }
}

fn decimal(digits: i128, scale: i8, grouped: bool) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let text = digits.unsigned_abs().to_string();
    let grouping = |whole: &str| if grouped { group(whole) } else { whole.to_string() };
    if scale <= 0 {
        let zeros = "0".repeat(usize::from(scale.unsigned_abs()));
        return format!("{sign}{}", grouping(&format!("{text}{zeros}")));
    }
    let scale = usize::from(scale.unsigned_abs());
    let padded = format!("{text:0>width$}", width = scale + 1);
    let (whole, part) = padded.split_at(padded.len() - scale);
    if grouped && part.bytes().all(|b| b == b'0') {
        return format!("{sign}{}", group(whole));
    }
    format!("{sign}{}.{part}", grouping(whole))
}

fn float(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "missing".into()
        } else if x > 0.0 {
            "∞".into()
        } else {
            "-∞".into()
        };
    }
    if x != 0.0 && (x.abs() >= 1e15 || x.abs() < 1e-6) {
        return format!("{x:e}");
    }
    let text = format!("{x:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.split_once('.') {
        Some((whole, part)) => format!("{}.{part}", group(whole)),
        None => group(if text == "-0" { "0" } else { text }),
    }
}

/// `1234567` as `1,234,567`.
pub fn group(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    out.push_str(sign);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(Value::Int(1_250_000).to_string(), "1,250,000");
        assert_eq!(Value::Int(-1_000).to_string(), "-1,000");
        assert_eq!(Value::Decimal(125_000_050, 2).to_string(), "1,250,000.50");
        assert_eq!(Value::Decimal(-5, 2).to_string(), "-0.05");
        assert_eq!(Value::Decimal(125_000_000, 2).to_string(), "1,250,000");
        assert_eq!(Value::Decimal(125_000_000, 2).plain(), "1250000.00");
        assert_eq!(Value::Float(0.3).to_string(), "0.3");
        assert_eq!(Value::Float(1234.5).to_string(), "1,234.5");
        assert_eq!(Value::Float(-0.0).to_string(), "0");
        assert_eq!(Value::Missing.to_string(), "missing");
    }
}
