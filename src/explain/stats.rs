//! How a column's values lie among all customers: coverage, least, middle, largest, most frequent.

use super::answer::Spread;
use super::portrait::{Result, View, value_at};
use crate::ir::{ExprId, Node, Program, Zone, divisors};
use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
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
    /// Counts of events that are left out, and of events with a division by zero.
    undecided: Vec<ExprId>,
    by_zero: Vec<ExprId>,
    divisors: Vec<ExprId>,
    undecided_events: u64,
    divided_by_zero: u64,
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
        let body = match program.node(expr) {
            Node::Definition(def) => program.definition(*def).map_or(expr, |d| d.body),
            _ => expr,
        };
        let (mut undecided, mut by_zero) = (Vec::new(), Vec::new());
        program.graph.walk(body, &mut |id, _| {
            let lost = program.lost.get(&id);
            undecided.extend(lost.and_then(|l| l.undecided));
            by_zero.extend(lost.and_then(|l| l.by_zero));
        });
        let divisors = divisors(&program.graph, body);
        Spreading {
            expr,
            known: 0,
            total: 0,
            values,
            undecided,
            by_zero,
            divisors,
            undecided_events: 0,
            divided_by_zero: 0,
        }
    }

    /// What must be asked of the portrait.
    pub fn needs(&self) -> impl Iterator<Item = ExprId> + '_ {
        let counts = [&self.undecided, &self.by_zero, &self.divisors];
        std::iter::once(self.expr).chain(counts.into_iter().flatten().copied())
    }

    pub fn expr(&self) -> ExprId {
        self.expr
    }

    pub fn add(&mut self, program: &Program, view: &View<'_>) -> Result<()> {
        for (counts, sum) in
            [(&self.undecided, &mut self.undecided_events), (&self.by_zero, &mut self.divided_by_zero)]
        {
            for count in counts {
                let counted =
                    view.array(*count)?.as_primitive_opt::<Int64Type>().map(|a| a.iter().flatten().sum());
                *sum += u64::try_from(counted.unwrap_or(0i64)).unwrap_or(0);
            }
        }
        for divisor in &self.divisors {
            self.divided_by_zero += zeros(view.array(*divisor)?);
        }
        self.add_array(program, view.array(self.expr)?)
    }

    /// Values of the column, however they were chosen.
    pub fn add_array(&mut self, program: &Program, array: &ArrayRef) -> Result<()> {
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

    /// Mean and standard deviation of numbers (of days and moments as numbers), whatever order they came in.
    pub fn moments(&mut self) -> Option<(f64, f64)> {
        let moments = |sum: f64, list: &mut dyn Iterator<Item = f64>, n: usize| {
            let mean = sum / n as f64;
            (mean, (compensated(list.map(|x| (x - mean).powi(2))) / n as f64).sqrt())
        };
        match &mut self.values {
            Values::Whole(list, _) if !list.is_empty() => {
                list.sort_unstable();
                let sum: i128 = list.iter().map(|n| i128::from(*n)).sum();
                Some(moments(sum as f64, &mut list.iter().map(|n| *n as f64), list.len()))
            }
            Values::Decimal(list, scale) if !list.is_empty() => {
                list.sort_unstable();
                let unit = 10f64.powi(i32::from(*scale));
                let sum = list.iter().try_fold(0i128, |sum, d| sum.checked_add(*d));
                let sum = sum.map_or_else(|| compensated(list.iter().map(|d| *d as f64)), |sum| sum as f64);
                Some(moments(sum / unit, &mut list.iter().map(|d| *d as f64 / unit), list.len()))
            }
            Values::Float(list) if !list.is_empty() => {
                list.sort_unstable_by(f64::total_cmp);
                let sum = compensated(list.iter().copied());
                Some(moments(sum, &mut list.iter().copied(), list.len()))
            }
            _ => None,
        }
    }

    /// How often each value of a text, label or yes/no stands, the most frequent first, then the smaller.
    pub fn counts(&self) -> Option<Vec<(Value, u64)>> {
        let mut counts = match &self.values {
            Values::Labels(counts) => {
                let mut all: Vec<(&String, u64)> = counts.iter().map(|(label, n)| (label, *n)).collect();
                all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
                return Some(all.into_iter().map(|(label, n)| (Value::Text(label.clone()), n)).collect());
            }
            Values::Bool(yes) => {
                vec![(Value::Bool(true), *yes), (Value::Bool(false), self.known.saturating_sub(*yes))]
            }
            _ => return None,
        };
        counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        Some(counts)
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
            undecided_events: self.undecided_events,
            divided_by_zero: self.divided_by_zero,
        };
        match self.values {
            Values::Whole(mut list, show) => {
                spread.min = list.iter().min().map(|n| show(*n, program));
                spread.max = list.iter().max().map(|n| show(*n, program));
                spread.median =
                    middle(&mut list, i64::cmp).map(|(a, b)| match (show(a, program), show(b, program)) {
                        (Value::Int(x), Value::Int(y)) if x != y => Value::Float((x as f64 + y as f64) / 2.0),
                        (x, _) => x,
                    });
            }
            Values::Decimal(mut list, scale) => {
                let show = |d: i128| Value::Decimal(d, scale);
                spread.min = list.iter().min().map(|d| show(*d));
                spread.max = list.iter().max().map(|d| show(*d));
                spread.median = middle(&mut list, i128::cmp).map(|(a, b)| match a.checked_add(b) {
                    Some(sum) if sum % 2 == 0 => show(sum / 2),
                    Some(sum) => {
                        sum.checked_mul(5).map_or(show(a), |d| Value::Decimal(d, scale.saturating_add(1)))
                    }
                    None => show(a),
                });
            }
            Values::Float(mut list) => {
                spread.min = list.iter().copied().min_by(f64::total_cmp).map(Value::Float);
                spread.max = list.iter().copied().max_by(f64::total_cmp).map(Value::Float);
                spread.median =
                    middle(&mut list, f64::total_cmp).map(|(a, b)| Value::Float(a / 2.0 + b / 2.0));
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

/// How many of a column's numbers are zero.
fn zeros(array: &ArrayRef) -> u64 {
    let n = if let Some(a) = array.as_primitive_opt::<Int64Type>() {
        a.iter().flatten().filter(|x| *x == 0).count()
    } else if let Some(a) = array.as_primitive_opt::<Decimal128Type>() {
        a.iter().flatten().filter(|x| *x == 0).count()
    } else if let Some(a) = array.as_primitive_opt::<Float64Type>() {
        a.iter().flatten().filter(|x| *x == 0.0).count()
    } else {
        0
    };
    n as u64
}

/// A sum of floats whose rounding errors are summed along (Neumaier's). The order decides the last digit, so callers
/// sort.
fn compensated(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    for x in values {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    if lost.is_finite() { sum + lost } else { sum }
}

fn instant(micros: i64, zone: Option<&Zone>) -> Value {
    match (chrono::DateTime::from_timestamp_micros(micros), zone) {
        (Some(t), Some(zone)) => Value::Instant(zone.to_local(t)),
        (Some(t), None) => Value::Instant(t.naive_utc()),
        (None, _) => Value::Missing,
    }
}

/// The two middle values of a list, which it moves about; the one middle value twice.
fn middle<T: Copy>(list: &mut [T], order: fn(&T, &T) -> Ordering) -> Option<(T, T)> {
    let last = list.len().checked_sub(1)?;
    let (below, high, _) = list.select_nth_unstable_by(last.div_ceil(2), order);
    let high = *high;
    match last % 2 {
        0 => Some((high, high)),
        _ => below.iter().copied().max_by(order).map(|low| (low, high)),
    }
}
