//! How a column's values lie among all customers: coverage, least, middle, largest, most frequent.

use super::answer::Spread;
use super::portrait::{Result, View, value_at};
use crate::ir::{ExprId, Program, Zone};
use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Labels listed by frequency.
const TOP: usize = 5;

/// Collects one column.
pub struct Spreading {
    expr: ExprId,
    known: u64,
    total: u64,
    values: Values,
}

enum Values {
    /// Numbers, days and moments as 64 or 128 bits, whose order is that of the values.
    Whole(Vec<i64>, fn(i64, &Program) -> Value),
    Decimal(Vec<i128>, i8),
    Float(Vec<f64>),
    Labels(HashMap<String, u64>),
    Bool(u64),
    Unshown,
}

impl Spreading {
    /// `hidden`: only coverage is counted (personal data).
    pub fn new(program: &Program, expr: ExprId, hidden: bool) -> Spreading {
        let values = match program.ty(expr) {
            _ if hidden => Values::Unshown,
            Type::Int => Values::Whole(Vec::new(), |n, _| Value::Int(n)),
            Type::Date => Values::Whole(Vec::new(), |n, _| {
                let day = chrono::NaiveDate::default().checked_add_signed(chrono::Duration::days(n));
                day.map_or(Value::Missing, Value::Date)
            }),
            Type::Instant(frame) => match frame {
                crate::types::Frame::Utc => Values::Whole(Vec::new(), |n, p| instant(n, Some(&p.zone))),
                crate::types::Frame::Local => Values::Whole(Vec::new(), |n, _| instant(n, None)),
            },
            Type::Decimal { scale, .. } => Values::Decimal(Vec::new(), *scale),
            Type::Float => Values::Float(Vec::new()),
            Type::Text | Type::Label(_) => Values::Labels(HashMap::new()),
            Type::Bool => Values::Bool(0),
            Type::Duration | Type::Blank | Type::Unsupported(_) | Type::Error => Values::Unshown,
        };
        Spreading { expr, known: 0, total: 0, values }
    }

    pub fn expr(&self) -> ExprId {
        self.expr
    }

    pub fn add(&mut self, program: &Program, view: &View<'_>) -> Result<()> {
        let array = view.array(self.expr)?;
        self.total += array.len() as u64;
        self.known += (array.len() - array.null_count()) as u64;
        match &mut self.values {
            Values::Whole(list, _) => {
                if let Some(a) = array.as_primitive_opt::<Int64Type>() {
                    list.extend(a.iter().flatten());
                } else if let Some(a) = array.as_primitive_opt::<Date32Type>() {
                    list.extend(a.iter().flatten().map(i64::from));
                } else if let Some(a) = array.as_primitive_opt::<TimestampMicrosecondType>() {
                    list.extend(a.iter().flatten());
                }
            }
            Values::Decimal(list, _) => {
                list.extend(
                    array.as_primitive_opt::<Decimal128Type>().into_iter().flat_map(|a| a.iter().flatten()),
                );
            }
            Values::Float(list) => {
                let before = list.len();
                let known =
                    array.as_primitive_opt::<Float64Type>().into_iter().flat_map(|a| a.iter().flatten());
                list.extend(known.filter(|x| !x.is_nan()));
                // NaN is missing.
                let nans = (array.len() - array.null_count()).saturating_sub(list.len() - before);
                self.known = self.known.saturating_sub(nans as u64);
            }
            Values::Labels(counts) => {
                for row in 0..array.len() {
                    if let Value::Text(t) = value_at(array, row, &program.zone)? {
                        *counts.entry(t).or_default() += 1;
                    }
                }
            }
            Values::Bool(yes) => *yes += array.as_boolean_opt().map_or(0, |a| a.true_count() as u64),
            Values::Unshown => {}
        }
        Ok(())
    }

    pub fn finish(self, program: &Program) -> Spread {
        let mut spread = Spread {
            known: self.known,
            total: self.total,
            min: None,
            median: None,
            max: None,
            top: Vec::new(),
            distinct: None,
        };
        match self.values {
            Values::Whole(mut list, show) => {
                list.sort_unstable();
                spread.min = list.first().map(|n| show(*n, program));
                spread.max = list.last().map(|n| show(*n, program));
                spread.median = middle(&list).map(|(a, b)| match (show(a, program), show(b, program)) {
                    (Value::Int(x), Value::Int(y)) if x != y => Value::Float((x as f64 + y as f64) / 2.0),
                    (x, _) => x,
                });
            }
            Values::Decimal(mut list, scale) => {
                list.sort_unstable();
                let show = |d: i128| Value::Decimal(d, scale);
                spread.min = list.first().map(|d| show(*d));
                spread.max = list.last().map(|d| show(*d));
                spread.median = middle(&list).map(|(a, b)| match a.checked_add(b) {
                    Some(sum) if sum % 2 == 0 => show(sum / 2),
                    Some(sum) => {
                        sum.checked_mul(5).map_or(show(a), |d| Value::Decimal(d, scale.saturating_add(1)))
                    }
                    None => show(a),
                });
            }
            Values::Float(mut list) => {
                list.sort_unstable_by(f64::total_cmp);
                spread.min = list.first().map(|x| Value::Float(*x));
                spread.max = list.last().map(|x| Value::Float(*x));
                spread.median = middle(&list).map(|(a, b)| Value::Float(a / 2.0 + b / 2.0));
            }
            Values::Labels(counts) => {
                spread.distinct = Some(counts.len() as u64);
                let mut all: Vec<(String, u64)> = counts.into_iter().collect();
                all.sort_by(|a, b| match b.1.cmp(&a.1) {
                    Ordering::Equal => a.0.cmp(&b.0),
                    other => other,
                });
                spread.top = all.into_iter().take(TOP).map(|(label, n)| (Value::Text(label), n)).collect();
            }
            Values::Bool(yes) => {
                spread.top =
                    vec![(Value::Bool(true), yes), (Value::Bool(false), spread.known.saturating_sub(yes))];
            }
            Values::Unshown => {}
        }
        spread
    }
}

fn instant(micros: i64, zone: Option<&Zone>) -> Value {
    match (chrono::DateTime::from_timestamp_micros(micros), zone) {
        (Some(t), Some(zone)) => Value::Instant(zone.to_local(t)),
        (Some(t), None) => Value::Instant(t.naive_utc()),
        (None, _) => Value::Missing,
    }
}

/// The two middle values of a sorted list; the one middle value twice.
fn middle<T: Copy>(sorted: &[T]) -> Option<(T, T)> {
    let last = sorted.len().checked_sub(1)?;
    Some((*sorted.get(last / 2)?, *sorted.get(last.div_ceil(2))?))
}
