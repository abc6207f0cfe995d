//! `segue_first` and `segue_last`: the value of the event that comes first or last by (time, ties, value).

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, PrimitiveArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::EmitTo;

use super::common::{Words, canonical, column, kept, passing, wrong_type};
use super::groups::Groups;
use super::rows::BestRows;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl End {
    /// Whether `a` is chosen before `b`.
    #[inline]
    pub(super) fn prefers<T: Ord>(self, a: T, b: T) -> bool {
        match self {
            End::First => a < b,
            End::Last => a > b,
        }
    }
}

#[derive(Debug)]
pub(super) struct Ordered {
    end: End,
    /// The type of the result, and the types that it and the ties are kept in.
    data_type: DataType,
    kept: Vec<DataType>,
    /// The best time of each group so far.
    times: Vec<i64>,
    best: Best,
}

/// What stands beside the best time.
#[derive(Debug)]
enum Best {
    /// No ties, and values that are words.
    Narrow(BestWords<Int64Type>),
    Wide(BestWords<Decimal128Type>),
    /// Everything else: ties and value as one string of bytes that compares as they do.
    Rows(BestRows),
}

/// The order within one time: no event, an event without a value, an event with one.
const NONE: u8 = 0;
const MISSING: u8 = 1;
const KNOWN: u8 = 2;

#[derive(Debug)]
struct BestWords<W: ArrowPrimitiveType> {
    status: Vec<u8>,
    words: Vec<W::Native>,
}

impl Ordered {
    /// For the types of x, t and the ties.
    pub(super) fn new(end: End, types: &[DataType]) -> Result<Self> {
        let [x, _, ties @ ..] = types else {
            return internal_err!("the first or last of {} columns", types.len());
        };
        let kept: Vec<DataType> = std::iter::once(x).chain(ties).map(kept).collect();
        let best = match x {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Best::Rows(BestRows::new(&kept)?),
            _ if !ties.is_empty() => Best::Rows(BestRows::new(&kept)?),
            DataType::Decimal128(..) => Best::Wide(BestWords { status: Vec::new(), words: Vec::new() }),
            _ => Best::Narrow(BestWords { status: Vec::new(), words: Vec::new() }),
        };
        Ok(Ordered { end, data_type: x.clone(), kept, times: Vec::new(), best })
    }

    /// Time, value, ties.
    pub(super) fn state_types(types: &[DataType]) -> Vec<DataType> {
        let mut columns = vec![DataType::Int64];
        columns.extend(
            types.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, data_type)| kept(data_type)),
        );
        columns
    }

    /// Takes rows whose columns are value and ties, as they are kept; those without a time are ignored.
    fn take_rows(&mut self, columns: &[ArrayRef], times: &Int64Array, groups: &[usize]) -> Result<()> {
        let end = self.end;
        match &mut self.best {
            Best::Rows(best) => best.update(end, &mut self.times, columns, times, groups),
            Best::Narrow(best) => match Words::new(column(columns, 0)?)? {
                Words::Narrow(words) => {
                    best.update(end, &mut self.times, &words, times, groups);
                    Ok(())
                }
                _ => internal_err!("a first or last value of another width"),
            },
            Best::Wide(best) => match Words::new(column(columns, 0)?)? {
                Words::Wide(words) => {
                    best.update(end, &mut self.times, &words, times, groups);
                    Ok(())
                }
                _ => internal_err!("a first or last value of another width"),
            },
        }
    }

    /// Times, then value and ties, of the first groups.
    fn take(&mut self, emit: EmitTo) -> Result<(Vec<i64>, NullBuffer, Vec<ArrayRef>)> {
        let times = emit.take_needed(&mut self.times);
        let x = column_type(&self.kept)?;
        let (seen, columns) = match &mut self.best {
            Best::Rows(best) => best.take(emit)?,
            Best::Narrow(best) => {
                let (seen, words) = best.take(emit);
                (seen, vec![Words::Narrow(words).into_values(x)?])
            }
            Best::Wide(best) => {
                let (seen, words) = best.take(emit);
                (seen, vec![Words::Wide(words).into_values(x)?])
            }
        };
        Ok((times, seen, columns))
    }
}

fn column_type(types: &[DataType]) -> Result<&DataType> {
    match types.first() {
        Some(data_type) => Ok(data_type),
        None => internal_err!("a first or last value without a type"),
    }
}

impl<W: ArrowPrimitiveType<Native: Ord + Default>> BestWords<W> {
    fn update(
        &mut self,
        end: End,
        best_times: &mut [i64],
        words: &PrimitiveArray<W>,
        times: &Int64Array,
        groups: &[usize],
    ) {
        let rows = words.values().iter().zip(times.values()).zip(groups).enumerate();
        for (row, ((word, time), group)) in rows {
            if times.is_null(row) {
                continue;
            }
            let (Some(best_time), Some(status), Some(best)) =
                (best_times.get_mut(*group), self.status.get_mut(*group), self.words.get_mut(*group))
            else {
                continue;
            };
            let known = if words.is_valid(row) { KNOWN } else { MISSING };
            let value = if known == KNOWN { *word } else { W::Native::default() };
            if *status == NONE
                || end.prefers(*time, *best_time)
                || (*time == *best_time && end.prefers((known, value), (*status, *best)))
            {
                *best_time = *time;
                *status = known;
                *best = value;
            }
        }
    }

    fn take(&mut self, emit: EmitTo) -> (NullBuffer, PrimitiveArray<W>) {
        let status = emit.take_needed(&mut self.status);
        let words = emit.take_needed(&mut self.words);
        let known = NullBuffer::from_iter(status.iter().map(|status| *status == KNOWN));
        let seen = NullBuffer::from_iter(status.iter().map(|status| *status != NONE));
        (seen, PrimitiveArray::new(words.into(), Some(known)))
    }
}

/// A time as a whole number of its own unit.
fn whole_times(times: &ArrayRef) -> Result<Int64Array> {
    let times = match times.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Int64 => cast(times, &DataType::Int64)?,
        _ => return Err(wrong_type("times", times)),
    };
    Ok(times.as_primitive::<Int64Type>().clone())
}

/// What an event is read as: its time, where it has one and passes, and its value and ties as they are kept.
fn read(args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<(Int64Array, Vec<ArrayRef>)> {
    let [x, times, ties @ ..] = args else {
        return internal_err!("the first or last of {} columns", args.len());
    };
    let times = whole_times(times)?;
    let nulls = NullBuffer::union(times.nulls(), passing(filter).as_ref());
    let times = Int64Array::new(times.values().clone(), nulls);
    let columns = std::iter::once(x).chain(ties).map(canonical).collect::<Result<Vec<_>>>()?;
    Ok((times, columns))
}

impl Groups for Ordered {
    fn grow(&mut self, groups: usize) -> Result<()> {
        if self.times.len() < groups {
            self.times.resize(groups, 0);
            match &mut self.best {
                Best::Rows(best) => best.grow(groups),
                Best::Narrow(best) => {
                    best.status.resize(groups, NONE);
                    best.words.resize(groups, 0);
                }
                Best::Wide(best) => {
                    best.status.resize(groups, NONE);
                    best.words.resize(groups, 0);
                }
            }
        }
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        let (times, columns) = read(args, filter)?;
        self.take_rows(&columns, &times, groups)
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let Some((times, columns)) = states.split_first() else {
            return internal_err!("a first or last value has no state");
        };
        self.take_rows(columns, &whole_times(times)?, groups)
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (_, _, columns) = self.take(emit)?;
        Ok(cast(column(&columns, 0)?, &self.data_type)?)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (times, seen, columns) = self.take(emit)?;
        let times: ArrayRef = Arc::new(Int64Array::new(times.into(), Some(seen)));
        Ok(std::iter::once(times).chain(columns).collect())
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let (times, columns) = read(args, filter)?;
        Ok(std::iter::once(Arc::new(times) as ArrayRef).chain(columns).collect())
    }

    fn size(&self) -> usize {
        let best = match &self.best {
            Best::Rows(best) => best.size(),
            Best::Narrow(best) => best.status.capacity() + best.words.capacity() * size_of::<i64>(),
            Best::Wide(best) => best.status.capacity() + best.words.capacity() * size_of::<i128>(),
        };
        self.times.capacity() * size_of::<i64>() + best
    }
}
