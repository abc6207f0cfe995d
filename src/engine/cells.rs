//! Text of a CSV cell as a value: what kind it looks like, and how it is read.
//!
//! One set of parsers judges the sample and reads the rows, so that a value is read only as what the sample
//! would have called it: `0012` after ten thousand plain numbers is an error, not a 12.

use super::schema::UTC;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder, PrimitiveArray, PrimitiveBuilder,
    StringViewArray,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use std::sync::Arc;

/// What a cell looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Missing,
    Int,
    Float,
    Bool,
    Date,
    /// A time without a zone.
    Local,
    /// A time with `Z` or an offset.
    Utc,
    Text,
    /// A list or an object (NDJSON only).
    Nested,
}

impl Kind {
    pub fn of(text: &str) -> Kind {
        if text.is_empty() {
            Kind::Missing
        } else if int(text).is_some() {
            Kind::Int
        } else if float(text).is_some() {
            Kind::Float
        } else if date(text).is_some() {
            Kind::Date
        } else if yes_no(text).is_some() {
            Kind::Bool
        } else {
            match instant(text) {
                Some((_, true)) => Kind::Utc,
                Some((_, false)) => Kind::Local,
                None => Kind::Text,
            }
        }
    }

    /// The kind of a column that has both.
    pub fn and(self, other: Kind) -> Kind {
        match (self, other) {
            (a, b) if a == b => a,
            (Kind::Missing, other) | (other, Kind::Missing) => other,
            (Kind::Nested, _) | (_, Kind::Nested) => Kind::Nested,
            (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => Kind::Float,
            (Kind::Date, Kind::Local) | (Kind::Local, Kind::Date) => Kind::Local,
            _ => Kind::Text,
        }
    }

    pub fn data_type(self) -> DataType {
        match self {
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Date => DataType::Date32,
            Kind::Local => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Utc => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
            Kind::Missing | Kind::Text => DataType::Utf8View,
            Kind::Nested => DataType::Struct(Default::default()),
        }
    }
}

/// A whole number that is written as one: not `0012`, not `+86`, and within 64 bits.
pub(super) fn int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [] | [b'0', _, ..] => None,
        _ if digits.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

/// A number with a point, or a whole one in a column of them. `1E5` may be a code, `1.5E5` and `1e-05` are not.
pub(super) fn float(text: &str) -> Option<f64> {
    if text == "NaN" {
        return Some(f64::NAN);
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    let plain = digits(whole) && !leading_zero && (!whole.is_empty() || fraction.is_some());
    let fraction_fits = fraction.is_none_or(|f| !f.is_empty() && digits(f));
    let exponent_fits = exponent.is_none_or(|e| {
        let power = e.strip_prefix(['-', '+']).unwrap_or(e);
        !power.is_empty() && digits(power) && (fraction.is_some() || e.starts_with('-'))
    });
    // A long run of digits without a point is a number on a card, not a quantity.
    let fits = fraction.is_some() || exponent.is_some() || int(text).is_some();
    (plain && fraction_fits && exponent_fits && fits)
        .then(|| text.parse().ok())?
        .filter(|value: &f64| value.is_finite())
}

fn yes_no(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `2026-10-31`, as days since 1970.
pub(super) fn date(text: &str) -> Option<i32> {
    let days = calendar_day(text)?.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

fn calendar_day(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
    NaiveDate::from_ymd_opt(number(year, 4)? as i32, number(month, 2)?, number(day, 2)?)
}

fn number(text: &str, width: usize) -> Option<u32> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `2026-10-31 08:00:00` in microseconds since 1970, and whether a zone was said.
fn instant(text: &str) -> Option<(i64, bool)> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = calendar_day(day)?;
    let rest = rest.strip_prefix([' ', 'T'])?;
    let (clock, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => {
            let (clock, offset) = rest.split_at_checked(at)?;
            (clock.trim_end_matches(' '), Some(offset_seconds(offset)?))
        }
        None => (rest, None),
    };
    let (seconds, micros) = clock_time(clock)?;
    let time: NaiveDateTime =
        day.and_time(chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, micros * 1000)?);
    let utc = DateTime::timestamp_micros(&time.and_utc());
    Some((utc - i64::from(offset.unwrap_or(0)) * 1_000_000, offset.is_some()))
}

/// `08:00`, `08:00:00`, `08:00:00.123456`: seconds of the day, microseconds.
fn clock_time(text: &str) -> Option<(u32, u32)> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (text, "0"),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let second = match parts.next() {
        Some(second) => number(second, 2)?,
        None if text.contains('.') => return None,
        None => 0,
    };
    let good = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    let digits = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    if !good || !digits {
        return None;
    }
    let micros = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = micros.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((hour * 3600 + minute * 60 + second, micros))
}

/// `Z`, `+08:00`, `+0800`, `+08`.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let minutes = if rest.len() == 2 { 0 } else { number(minutes, 2)? };
    let hours = number(hours, 2)?;
    (hours <= 18 && minutes < 60).then(|| sign * (hours * 3600 + minutes * 60) as i32)
}

/// A row whose text is not of the column's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Misfit {
    pub row: usize,
}

/// Texts as values of a delivered type. NDJSON's numbers are numbers however they are written.
pub(super) fn convert(texts: &StringViewArray, to: &DataType, json: bool) -> Result<ArrayRef, Misfit> {
    Ok(match to {
        DataType::Int64 => Arc::new(typed::<Int64Type>(texts, int)?),
        DataType::Float64 if json => {
            Arc::new(typed::<Float64Type>(texts, |s| s.parse().ok().filter(|v: &f64| v.is_finite()))?)
        }
        DataType::Float64 => Arc::new(typed::<Float64Type>(texts, float)?),
        DataType::Date32 => Arc::new(typed::<Date32Type>(texts, date)?),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let midnight = |s: &str| Some(i64::from(date(s)?) * 86_400_000_000);
            let local = |s: &str| match instant(s) {
                Some((micros, false)) => Some(micros),
                Some(_) => None,
                None => midnight(s),
            };
            Arc::new(typed::<TimestampMicrosecondType>(texts, local)?)
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            let utc = |s: &str| instant(s).filter(|(_, zoned)| *zoned).map(|(micros, _)| micros);
            Arc::new(typed::<TimestampMicrosecondType>(texts, utc)?.with_timezone(zone.clone()))
        }
        DataType::Boolean => {
            let mut values = BooleanBuilder::with_capacity(texts.len());
            for (row, text) in texts.iter().enumerate() {
                match text {
                    None | Some("") => values.append_null(),
                    Some(text) => values.append_value(yes_no(text).ok_or(Misfit { row })?),
                }
            }
            Arc::new(values.finish())
        }
        _ => Arc::new(texts.clone()),
    })
}

fn typed<T: ArrowPrimitiveType>(
    texts: &StringViewArray,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, Misfit> {
    let mut values = PrimitiveBuilder::<T>::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        match text {
            None | Some("") => values.append_null(),
            Some(text) => values.append_value(parse(text).ok_or(Misfit { row })?),
        }
    }
    Ok(values.finish())
}

/// The column as the texts that a reader of this module gives; none where it is not of text.
pub(super) fn texts(column: &ArrayRef) -> Option<&StringViewArray> {
    column.as_string_view_opt()
}
