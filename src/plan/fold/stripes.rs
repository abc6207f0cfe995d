//! One table for all threads of a pass: its rows are dealt out to stripes, each behind a lock. A thread adds what it has of
//! a batch to one stripe after the other, and passes over those that another thread is at for the while.

use super::near::Hand;
use super::slots::{Finish, Slots};
use super::table::{Batch, Table};
use crate::plan::aggregates::{decimal_sum, float_of_word, mean, whole_sum};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, internal_err};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// So many stripes for each thread make it rare that one waits.
const A_THREAD: usize = 4;

/// How rows are dealt out: neighbours to different stripes, so that events in the order of their keys, too, are of all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deal {
    /// The logarithm of the number of stripes.
    shift: u32,
}

impl Deal {
    pub fn new(threads: usize) -> Deal {
        let stripes = if threads > 1 { (threads * A_THREAD).next_power_of_two() } else { 1 };
        Deal { shift: stripes.trailing_zeros() }
    }

    pub fn stripes(self) -> usize {
        1 << self.shift
    }

    pub fn stripe_of(self, row: usize) -> usize {
        row & (self.stripes() - 1)
    }

    /// How many rows there are from one to the next of a stripe.
    fn to_next(self, stripe: usize, row: usize) -> usize {
        stripe.wrapping_sub(row) & (self.stripes() - 1)
    }

    /// The place of a row in its stripe.
    pub fn within(self, row: usize) -> usize {
        row >> self.shift
    }

    /// How many of so many rows are a stripe's.
    fn rows_of(self, stripe: usize, rows: usize) -> usize {
        (rows + self.stripes() - 1 - stripe) >> self.shift
    }
}

#[derive(Debug)]
pub(super) struct Stripes {
    deal: Deal,
    slots: Arc<Slots>,
    tables: Vec<Mutex<Table>>,
    /// How many hands were given out.
    hands: AtomicUsize,
}

impl Stripes {
    /// Of as many rows of which nothing is known.
    ///
    /// # Errors
    /// There is not so much memory.
    pub fn new(slots: &Arc<Slots>, rows: usize, threads: usize) -> Result<Stripes> {
        let deal = Deal::new(threads);
        let table = |stripe| Ok(Mutex::new(Table::new(slots, deal.rows_of(stripe, rows))?));
        let tables = (0..deal.stripes()).map(table).collect::<Result<_>>()?;
        Ok(Stripes { deal, slots: Arc::clone(slots), tables, hands: AtomicUsize::new(0) })
    }

    /// What a thread needs to take part. Each begins with another stripe, so that those in step do not meet.
    pub fn hand(&self) -> Hand {
        let others = self.hands.fetch_add(1, Ordering::Relaxed);
        Hand::new(&self.slots, others * A_THREAD % self.deal.stripes())
    }

    pub fn deal(&self) -> Deal {
        self.deal
    }

    /// Takes events of a batch. `dealt`: the places of those of each stripe; `hand`: the thread's own.
    pub fn add(&self, batch: &Batch<'_>, dealt: &[Vec<u32>], hand: &mut Hand) {
        let mut busy = Vec::new();
        let (last, first) = self.tables.split_at(hand.first);
        let (last_dealt, first_dealt) = dealt.split_at(hand.first);
        let tables = first.iter().zip(first_dealt).chain(last.iter().zip(last_dealt));
        for (table, places) in tables.filter(|(_, places)| !places.is_empty()) {
            match table.try_lock() {
                Ok(mut table) => table.add(batch, places, hand),
                Err(TryLockError::Poisoned(table)) => table.into_inner().add(batch, places, hand),
                Err(TryLockError::WouldBlock) => busy.push((table, places)),
            }
        }
        for (table, places) in busy {
            table.lock().unwrap_or_else(PoisonError::into_inner).add(batch, places, hand);
        }
    }

    /// All events are in.
    pub fn close(self) -> Closed {
        let tables = self.tables.into_iter().map(|t| t.into_inner().unwrap_or_else(PoisonError::into_inner));
        Closed { deal: self.deal, tables: tables.collect() }
    }
}

/// What is known of all rows after a pass.
#[derive(Debug)]
pub(super) struct Closed {
    deal: Deal,
    tables: Vec<Table>,
}

/// Rows that follow each other; and behind them perhaps one of whom there are no events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub rows: Range<usize>,
    pub and_nobody: bool,
}

impl Span {
    pub fn len(&self) -> usize {
        self.rows.len() + usize::from(self.and_nobody)
    }

    /// The same in parts of so many rows, one at least.
    pub fn parts(&self, most: usize) -> impl Iterator<Item = Span> {
        let starts = self.rows.clone().step_by(most).chain(self.rows.is_empty().then_some(self.rows.start));
        starts.map(move |start| {
            let rows = start..self.rows.end.min(start + most);
            Span { and_nobody: self.and_nobody && rows.end == self.rows.end, rows }
        })
    }
}

impl Closed {
    /// The values of some rows.
    pub fn values(&self, finish: &Finish, span: &Span) -> Result<ArrayRef> {
        Ok(match finish {
            Finish::Count(place) => Arc::new(Int64Array::from(self.each(span, |table| {
                let cells = table.window(place);
                move |row| cells.count(row)
            }))),
            Finish::Any(place) => Arc::new(BooleanArray::from(self.each(span, |table| {
                let cells = table.window(place);
                move |row| cells.count(row) > 0
            }))),
            Finish::Distinct(place) => Arc::new(Int64Array::from(self.each(span, |table| {
                let cells = table.window(place);
                move |row| cells.kinds(row)
            }))),
            Finish::Share { some, all } => {
                let (values, known) = split(self.each(span, |table| {
                    let (some, all) = (table.window(some), table.window(all));
                    move |row| {
                        let all = all.count(row);
                        (all > 0).then(|| some.count(row) as f64 / all as f64)
                    }
                }));
                Arc::new(Float64Array::new(values.into(), known))
            }
            Finish::Sum { sum: place, data_type } => {
                let (sums, known) = split(self.each(span, |table| {
                    let cells = table.window(place);
                    move |row| cells.sum(row)
                }));
                if let DataType::Decimal128(_, scale) = data_type {
                    let sums = sums.into_iter().map(decimal_sum).collect::<Result<Vec<_>>>()?;
                    Arc::new(Decimal128Array::new(sums.into(), known).with_precision_and_scale(38, *scale)?)
                } else {
                    let sums = sums.into_iter().map(whole_sum).collect::<Result<Vec<_>>>()?;
                    Arc::new(Int64Array::new(sums.into(), known))
                }
            }
            Finish::Mean { sum: total, count: all, scale } => {
                let (values, known) = split(self.each(span, |table| {
                    let (total, all) = (table.window(total), table.window(all));
                    move |row| {
                        let count = u64::try_from(all.count(row)).ok().filter(|n| *n > 0)?;
                        Some(mean(total.sum(row).unwrap_or(0), count, *scale))
                    }
                }));
                Arc::new(Float64Array::new(values.into(), known))
            }
            Finish::Most { most, data_type } => {
                let (numbers, known) = split(self.each(span, |table| {
                    let cells = table.window(most);
                    move |row| cells.most(row)
                }));
                typed(numbers, known, data_type)?
            }
        })
    }

    /// Something of each row, worked out table by table. `of`: what gives it for the rows of a table, as that counts them.
    fn each<'a, T: Clone + Default, V: Fn(usize) -> T>(
        &'a self,
        span: &Span,
        of: impl Fn(&'a Table) -> V,
    ) -> Vec<T> {
        let mut values = vec![T::default(); span.len()];
        let Range { start, end } = span.rows;
        for (stripe, table) in self.tables.iter().enumerate() {
            let value = of(table);
            let first = start + self.deal.to_next(stripe, start);
            let theirs = values.get_mut(first.min(end) - start..end - start).unwrap_or_default();
            for (to, row) in theirs.iter_mut().step_by(self.deal.stripes()).zip(self.deal.within(first)..) {
                *to = value(row);
            }
        }
        if span.and_nobody
            && let (Some(to), Some(table)) = (values.last_mut(), self.tables.first())
        {
            *to = of(table)(table.rows());
        }
        values
    }
}

/// Values, and which of them are known; none where all are.
fn split<T: Default>(values: Vec<Option<T>>) -> (Vec<T>, Option<NullBuffer>) {
    let known = values.iter().any(Option::is_none).then(|| values.iter().map(Option::is_some).collect());
    (values.into_iter().map(Option::unwrap_or_default).collect(), known)
}

/// Numbers in the type of the values that they stand for.
fn typed(numbers: Vec<i64>, known: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Int64 => Arc::new(Int64Array::new(numbers.into(), known)),
        DataType::Float64 => {
            Arc::new(Float64Array::new(numbers.into_iter().map(float_of_word).collect(), known))
        }
        DataType::Date32 => {
            let days = numbers.into_iter().map(|n| i32::try_from(n).unwrap_or_default());
            Arc::new(Date32Array::new(days.collect(), known))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            Arc::new(TimestampMicrosecondArray::new(numbers.into(), known).with_timezone_opt(zone.clone()))
        }
        DataType::Decimal128(precision, scale) => {
            let decimals = Decimal128Array::new(numbers.into_iter().map(i128::from).collect(), known);
            Arc::new(decimals.with_precision_and_scale(*precision, *scale)?)
        }
        other => return internal_err!("a slot of the type {other}"),
    })
}
