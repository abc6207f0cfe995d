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
        let mut text = String::new();
        // A string takes everything.
        let _ = self.write_plain(&mut text);
        text
    }

    /// [`Value::plain`] behind what is there.
    pub fn write_plain(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Value::Missing => Ok(()),
            Value::Bool(b) => out.write_str(if *b { "true" } else { "false" }),
            Value::Int(n) => write!(out, "{n}"),
            Value::Decimal(d, s) => write_decimal(out, *d, *s, false),
            Value::Float(x) => write!(out, "{x}"),
            Value::Text(t) => out.write_str(t),
            Value::Date(d) => write!(out, "{d}"),
            Value::Instant(t) => write!(out, "{}", t.format("%Y-%m-%dT%H:%M:%S%.f")),
            Value::Masked => out.write_str("•••"),
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
            Value::Int(n) => {
                f.write_str(if *n < 0 { "-" } else { "" })?;
                write_grouped(f, Digits::of(n.unsigned_abs().into()).text())
            }
            Value::Decimal(d, s) => write_decimal(f, *d, *s, true),
            Value::Float(x) => f.write_str(&float(*x)),
            Value::Instant(t) => write!(f, "{}", t.format("%Y-%m-%d %H:%M:%S")),
            other => other.write_plain(f),
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

/// A list has millions of these: nothing is allocated.
fn write_decimal(out: &mut impl fmt::Write, digits: i128, scale: i8, grouped: bool) -> fmt::Result {
    let whole = |out: &mut _, whole: &str| match grouped {
        true => write_grouped(out, whole),
        false => fmt::Write::write_str(out, whole),
    };
    if digits < 0 {
        out.write_char('-')?;
    }
    let digits = Digits::of(digits.unsigned_abs());
    let text = digits.text();
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        return match (places, text) {
            (0, text) => whole(out, text),
            (_, text) => whole(out, &format!("{text}{}", "0".repeat(places))),
        };
    }
    let (before, after) = text.split_at(text.len().saturating_sub(places));
    whole(out, if before.is_empty() { "0" } else { before })?;
    if grouped && after.bytes().all(|b| b == b'0') {
        return Ok(());
    }
    out.write_char('.')?;
    (after.len()..places).try_for_each(|_| out.write_char('0'))?;
    out.write_str(after)
}

/// The digits of a number.
struct Digits {
    bytes: [u8; 39],
    start: usize,
}

impl Digits {
    fn of(number: u128) -> Digits {
        let mut digits = Digits { bytes: [b'0'; 39], start: 39 };
        let mut rest = number;
        for byte in digits.bytes.iter_mut().rev() {
            // Numbers of 64 bits are divided in a fraction of the time.
            let digit = match u64::try_from(rest) {
                Ok(small) => {
                    rest = u128::from(small / 10);
                    small % 10
                }
                Err(_) => {
                    let digit = rest % 10;
                    rest /= 10;
                    digit as u64
                }
            };
            *byte += digit as u8;
            digits.start -= 1;
            if rest == 0 {
                break;
            }
        }
        digits
    }

    fn text(&self) -> &str {
        let digits = self.bytes.get(self.start..).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
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
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    // A string takes everything.
    let _ = write_grouped(&mut out, digits);
    out
}

fn write_grouped(out: &mut impl fmt::Write, digits: &str) -> fmt::Result {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    out.write_str(sign)?;
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.write_char(',')?;
        }
        out.write_char(c)?;
    }
    Ok(())
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
