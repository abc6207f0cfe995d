//! One table for all threads of a pass: its rows are dealt out to stripes, each behind a lock. A thread adds what it has of
//! a batch to one stripe after the other, and passes over those that another thread is at for the while.

use super::near::Hand;
use super::slots::{Finish, Place, Slots};
use super::table::{Batch, Table, Window};
use crate::plan::aggregates::{decimal_sum, float_of_word, mean, whole_sum};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, internal_err};
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
    tables: Vec<Mutex<Table>>,
}

impl Stripes {
    /// Of as many rows of which nothing is known.
    ///
    /// # Errors
    /// There is not so much memory.
    pub fn new(slots: &Arc<Slots>, rows: usize, threads: usize) -> Result<Stripes> {
        let deal = Deal::new(threads);
        let table = |stripe| Ok(Mutex::new(Table::new(slots, deal.rows_of(stripe, rows))?));
        Ok(Stripes { deal, tables: (0..deal.stripes()).map(table).collect::<Result<_>>()? })
    }

    pub fn deal(&self) -> Deal {
        self.deal
    }

    /// Takes events of a batch. `dealt`: the places of those of each stripe; `hand`: the thread's.
    pub fn add(&self, batch: &Batch<'_>, dealt: &[Vec<u32>], hand: &mut Hand) {
        let mut busy = Vec::new();
        for (table, places) in self.tables.iter().zip(dealt).filter(|(_, places)| !places.is_empty()) {
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

impl Closed {
    /// The values of some rows; of a row beyond the last, those of no events.
    pub fn values(&self, finish: &Finish, rows: &[usize]) -> Result<ArrayRef> {
        let window = |place| Windows::new(self, place);
        Ok(match finish {
            Finish::Count(place) => {
                let cells = window(place);
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| cells.count(*row))))
            }
            Finish::Any(place) => {
                let cells = window(place);
                let any = |at| rows.get(at).is_some_and(|row| cells.count(*row) > 0);
                Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(rows.len(), any), None))
            }
            Finish::Distinct(place) => {
                let cells = window(place);
                let kinds = |row: &usize| cells.at(*row).map_or(0, |(cells, row)| cells.kinds(row));
                Arc::new(Int64Array::from_iter_values(rows.iter().map(kinds)))
            }
            Finish::Share { some, all } => {
                let (some, all) = (window(some), window(all));
                let share = |row| {
                    let all = all.count(row);
                    (all > 0).then(|| some.count(row) as f64 / all as f64)
                };
                let (values, known) = split(rows, share);
                Arc::new(Float64Array::new(values.into(), known))
            }
            Finish::Sum { sum: place, data_type: DataType::Decimal128(_, scale) } => {
                let cells = window(place);
                let (sums, known) = split(rows, |row| cells.sum(row));
                let sums = sums.into_iter().map(decimal_sum).collect::<Result<Vec<_>>>()?;
                Arc::new(Decimal128Array::new(sums.into(), known).with_precision_and_scale(38, *scale)?)
            }
            Finish::Sum { sum: place, .. } => {
                let cells = window(place);
                let (sums, known) = split(rows, |row| cells.sum(row));
                let sums = sums.into_iter().map(whole_sum).collect::<Result<Vec<_>>>()?;
                Arc::new(Int64Array::new(sums.into(), known))
            }
            Finish::Mean { sum: total, count: all, scale } => {
                let (total, all) = (window(total), window(all));
                let mean = |row| {
                    let count = u64::try_from(all.count(row)).ok().filter(|n| *n > 0)?;
                    Some(mean(total.sum(row).unwrap_or(0), count, *scale))
                };
                let (values, known) = split(rows, mean);
                Arc::new(Float64Array::new(values.into(), known))
            }
            Finish::Most { most, data_type } => {
                let cells = window(most);
                let (numbers, known) =
                    split(rows, |row| cells.at(row).and_then(|(cells, row)| cells.most(row)));
                typed(numbers, known, data_type)?
            }
        })
    }
}

/// A window's cells in all tables.
struct Windows<'a> {
    deal: Deal,
    windows: Vec<Window<'a>>,
}

impl<'a> Windows<'a> {
    fn new(known: &'a Closed, place: &'a Place) -> Windows<'a> {
        Windows { deal: known.deal, windows: known.tables.iter().map(|table| table.window(place)).collect() }
    }

    /// Those of a row, and its number in its table.
    #[inline]
    fn at(&self, row: usize) -> Option<(&Window<'a>, usize)> {
        Some((self.windows.get(self.deal.stripe_of(row))?, self.deal.within(row)))
    }

    #[inline]
    fn count(&self, row: usize) -> i64 {
        self.at(row).map_or(0, |(cells, row)| cells.count(row))
    }

    #[inline]
    fn sum(&self, row: usize) -> Option<i128> {
        self.at(row).and_then(|(cells, row)| cells.sum(row))
    }
}

/// Values, and which of them are known; none where all are.
fn split<T: Default>(
    rows: &[usize],
    mut value: impl FnMut(usize) -> Option<T>,
) -> (Vec<T>, Option<NullBuffer>) {
    let mut values = Vec::with_capacity(rows.len());
    let known = BooleanBuffer::collect_bool(rows.len(), |at| {
        let value = rows.get(at).and_then(|row| value(*row));
        let is_known = value.is_some();
        values.push(value.unwrap_or_default());
        is_known
    });
    let known = NullBuffer::new(known);
    (values, (known.null_count() > 0).then_some(known))
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
