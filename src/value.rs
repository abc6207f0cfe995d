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
            Value::Int(n) => write_int(out, *n, false),
            Value::Decimal(d, s) => write_decimal(out, *d, *s, false),
            Value::Float(x) => write!(out, "{x}"),
            Value::Text(t) => out.write_str(t),
            Value::Date(d) => write!(out, "{d}"),
            Value::Instant(t) => write!(out, "{}", t.format("%Y-%m-%dT%H:%M:%S%.f")),
            Value::Masked => out.write_str("•••"),
        }
    }

    /// As a person reads it: numbers with thousands, floats to six places, missing said.
    pub fn write_shown(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Value::Missing => out.write_str("missing"),
            Value::Bool(true) => out.write_str("yes"),
            Value::Bool(false) => out.write_str("no"),
            Value::Int(n) => write_int(out, *n, true),
            Value::Decimal(d, s) => write_decimal(out, *d, *s, true),
            Value::Float(x) => out.write_str(&float(*x)),
            Value::Instant(t) => write!(out, "{}", t.format("%Y-%m-%d %H:%M:%S")),
            other => other.write_plain(out),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_shown(f)
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

/// A whole number, with thousands where `grouped`. A list has millions of these: nothing is allocated.
pub fn write_int(out: &mut impl fmt::Write, number: i64, grouped: bool) -> fmt::Result {
    if number < 0 {
        out.write_char('-')?;
    }
    write_whole(out, number.unsigned_abs().into(), grouped)
}

/// `digits × 10^-scale`, with thousands and without a part of zeros where `grouped`.
pub fn write_decimal(out: &mut impl fmt::Write, digits: i128, scale: i8, grouped: bool) -> fmt::Result {
    if digits < 0 {
        out.write_char('-')?;
    }
    let number = digits.unsigned_abs();
    let places = u32::from(scale.unsigned_abs());
    if scale == 0 {
        return write_whole(out, number, grouped);
    }
    if scale < 0 {
        let whole = format!("{number}{}", "0".repeat(places as usize));
        return if grouped { write_grouped(out, &whole) } else { out.write_str(&whole) };
    }
    // 38 digits are the most that a decimal has.
    let power = 10u128.checked_pow(places).unwrap_or(u128::MAX);
    let (whole, part) = match (u64::try_from(number), u64::try_from(power)) {
        // Numbers of 64 bits are divided in a fraction of the time.
        (Ok(number), Ok(power)) => (u128::from(number / power), u128::from(number % power)),
        _ => (number / power, number % power),
    };
    write_whole(out, whole, grouped)?;
    if grouped && part == 0 {
        return Ok(());
    }
    out.write_char('.')?;
    let length = part.checked_ilog10().map_or(1, |log| log + 1);
    (length..places).try_for_each(|_| out.write_char('0'))?;
    write_whole(out, part, false)
}

/// A number without its sign.
fn write_whole(out: &mut impl fmt::Write, number: u128, grouped: bool) -> fmt::Result {
    let mut buffer = itoa::Buffer::new();
    // Numbers of 64 bits take a fraction of the time.
    let digits = match u64::try_from(number) {
        Ok(number) => buffer.format(number),
        Err(_) => buffer.format(number),
    };
    if grouped { write_grouped(out, digits) } else { out.write_str(digits) }
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
    // One digit to three, then threes.
    let first = digits.len().min((digits.len() + 2) % 3 + 1);
    let (first, mut rest) = digits.split_at(first);
    out.write_str(first)?;
    while let Some((three, next)) = rest.split_at_checked(3) {
        out.write_char(',')?;
        out.write_str(three)?;
        rest = next;
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
        assert_eq!(Value::Int(i64::MIN).to_string(), "-9,223,372,036,854,775,808");
        assert_eq!(Value::Int(0).to_string(), "0");
        for (n, text) in [(7, "7"), (42, "42"), (999, "999"), (1_000, "1,000"), (10_070, "10,070")] {
            assert_eq!(Value::Int(n).to_string(), text);
            assert_eq!(Value::Int(n).plain(), text.replace(',', ""));
        }
        assert_eq!(Value::Decimal(0, 2).plain(), "0.00");
        assert_eq!(Value::Decimal(1_007, 3).to_string(), "1.007");
        assert_eq!(Value::Decimal(125, -2).to_string(), "12,500");
        assert_eq!(Value::Decimal(125, -2).plain(), "12500");
        let longest = 10i128.pow(38) - 1;
        assert_eq!(Value::Decimal(-longest, 38).plain(), format!("-0.{}", "9".repeat(38)));
        assert_eq!(Value::Decimal(longest, 0).plain(), "9".repeat(38));
        assert_eq!(Value::Decimal(longest, 0).to_string(), format!("99{}", ",999".repeat(12)));
        assert_eq!(Value::Decimal(longest, -2).plain(), format!("{}00", "9".repeat(38)));
        assert_eq!(Value::Float(0.3).to_string(), "0.3");
        assert_eq!(Value::Float(1234.5).to_string(), "1,234.5");
        assert_eq!(Value::Float(-0.0).to_string(), "0");
        assert_eq!(Value::Missing.to_string(), "missing");
    }
}
