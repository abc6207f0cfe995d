//! Bounds of windows as literals in a time column's own type, so that the scan can skip row groups by them.

use crate::ir::{Moment, Zone};
use crate::types::{Frame, Type};
use chrono::{NaiveDate, NaiveDateTime};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// Days since 1970-01-01.
pub fn epoch_days(day: NaiveDate) -> i32 {
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX })
}

/// Microseconds since 1970-01-01T00:00 on the same clock.
pub fn epoch_micros(t: NaiveDateTime) -> i64 {
    t.and_utc().timestamp_micros()
}

/// The offset under which exact moments are stored in the portrait.
pub fn utc_zone() -> Arc<str> {
    "+00:00".into()
}

/// The wall clock that a column of this type shows at `moment`.
fn clock(moment: Moment, ty: &Type, zone: &Zone) -> NaiveDateTime {
    match ty {
        Type::Instant(Frame::Utc) => moment.utc(zone).naive_utc(),
        _ => moment.local(zone),
    }
}

/// `moment` as a literal in the portrait's form of `ty` (a date or an instant).
///
/// For a date the bound is a whole day; an instant within a day counts that day as begun, so that a half-open end
/// lies after it.
pub fn canonical(moment: Moment, ty: &Type, zone: &Zone, end: bool) -> Expr {
    match ty {
        Type::Date => lit(ScalarValue::Date32(Some(day_bound(moment, zone, end)))),
        Type::Instant(Frame::Utc) => lit(ScalarValue::TimestampMicrosecond(
            Some(epoch_micros(clock(moment, ty, zone))),
            Some(utc_zone()),
        )),
        _ => lit(ScalarValue::TimestampMicrosecond(Some(epoch_micros(clock(moment, ty, zone))), None)),
    }
}

/// [`canonical`] as a number: days, or microseconds.
pub fn number(moment: Moment, ty: &Type, zone: &Zone, end: bool) -> i64 {
    match ty {
        Type::Date => day_bound(moment, zone, end).into(),
        _ => epoch_micros(clock(moment, ty, zone)),
    }
}

fn day_bound(moment: Moment, zone: &Zone, end: bool) -> i32 {
    let local = moment.local(zone);
    let whole = local.time() == chrono::NaiveTime::MIN;
    epoch_days(local.date()) + i32::from(end && !whole)
}

/// `moment` as a literal of the file's own type; `None` where the column is not stored as a time.
pub fn stored(moment: Moment, stored: &DataType, ty: &Type, zone: &Zone, end: bool) -> Option<Expr> {
    let at = clock(moment, ty, zone).and_utc();
    let value = match stored {
        DataType::Date32 if *ty == Type::Date => ScalarValue::Date32(Some(day_bound(moment, zone, end))),
        DataType::Timestamp(unit, tz) if matches!(ty, Type::Instant(_)) => {
            // A column with a zone stores moments whatever the zone's name.
            let at = if tz.is_some() { moment.utc(zone) } else { at };
            first_stored(*unit, at.timestamp_micros(), tz.clone())?
        }
        _ => return None,
    };
    Some(lit(value))
}

/// The first time of a unit that is not before this microsecond, as it is read: nanoseconds are cut off towards 1970.
pub(super) fn first_stored(unit: TimeUnit, micros: i64, zone: Option<Arc<str>>) -> Option<ScalarValue> {
    let up = |size: i64| micros.div_euclid(size) + i64::from(micros.rem_euclid(size) > 0);
    Some(match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(Some(up(1_000_000)), zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(up(1_000)), zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(micros), zone),
        TimeUnit::Nanosecond => {
            let nanos = micros.checked_mul(1_000)?;
            let first = if micros > 0 { nanos } else { nanos.checked_sub(999)? };
            ScalarValue::TimestampNanosecond(Some(first), zone)
        }
    })
}
