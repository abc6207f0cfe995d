//! The rows in the order of their keys: of equal values, the lower key comes first.

use super::stored::Stored;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{concat, sort_to_indices};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{Result, exec_err, internal_datafusion_err};
use std::ops::Range;

/// The rows that are compared.
#[derive(Debug)]
pub(super) struct Rows {
    batches: Vec<Stored>,
    /// How many rows stand before each batch.
    places: Vec<usize>,
    /// Where the batches follow each other in the order of keys, a row's number is its place.
    numbers: Option<Vec<u32>>,
    count: usize,
}

/// The numbers of a batch's rows, in the order of their keys among all.
pub(super) enum Numbered<'a> {
    From(u32),
    Each(&'a [u32]),
}

impl Numbered<'_> {
    #[inline]
    pub fn of(&self, row: usize) -> u32 {
        match self {
            Numbered::From(start) => start + row as u32,
            Numbered::Each(numbers) => numbers.get(row).copied().unwrap_or(u32::MAX),
        }
    }
}

impl Rows {
    /// `keys`: of each batch.
    pub fn new(mut batches: Vec<Stored>, keys: &[ArrayRef]) -> Result<Rows> {
        let count = keys.iter().map(|k| k.len()).sum();
        if u32::try_from(count).is_err() {
            return exec_err!("more than {} rows are compared with each other", u32::MAX);
        }
        let numbers = match in_order(keys) {
            Some(order) => {
                batches = order.iter().filter_map(|at| batches.get(*at).cloned()).collect();
                None
            }
            None => Some(sorted(keys, count)?),
        };
        let mut places = Vec::with_capacity(batches.len());
        let mut place = 0;
        for batch in &batches {
            places.push(place);
            place += batch.rows();
        }
        Ok(Rows { batches, places, numbers, count })
    }

    /// How many batches there are.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The batch of this number, with its rows' numbers.
    pub fn batch(&self, at: usize) -> Result<(RecordBatch, Numbered<'_>)> {
        let batch = self.batches.get(at).ok_or_else(|| internal_datafusion_err!("a lost batch of rows"))?;
        let (batch, place) = (batch.read()?, self.place(at));
        let numbers = match &self.numbers {
            // No more rows than fit.
            None => Numbered::From(place as u32),
            Some(numbers) => Numbered::Each(numbers.get(place..place + batch.num_rows()).unwrap_or_default()),
        };
        Ok((batch, numbers))
    }

    pub fn batches(&self, range: Range<usize>) -> impl Iterator<Item = Result<(RecordBatch, Numbered<'_>)>> {
        range.map(|at| self.batch(at))
    }

    /// How many rows stand before a batch.
    pub fn place(&self, at: usize) -> usize {
        self.places.get(at).copied().unwrap_or(self.count)
    }

    /// The batches in so many parts, each of about as many rows.
    pub fn parts(&self, parts: usize) -> Vec<Range<usize>> {
        let border = |part: usize| self.places.partition_point(|place| *place < self.count * part / parts);
        let mut ranges: Vec<Range<usize>> = (0..parts).map(|part| border(part)..border(part + 1)).collect();
        if let Some(last) = ranges.last_mut() {
            last.end = self.batches.len();
        }
        ranges.retain(|range| !range.is_empty());
        ranges
    }
}

/// The batches in the order of their keys, where each goes up and they do not overlap.
fn in_order(keys: &[ArrayRef]) -> Option<Vec<usize>> {
    if let Some(numbers) = keys.iter().map(|k| k.as_primitive_opt::<Int64Type>()).collect::<Option<Vec<_>>>()
    {
        let spans = numbers.iter().map(|n| (n.null_count() == 0).then(|| span(n.values().iter().copied())));
        return lined_up(spans.collect::<Option<Option<Vec<_>>>>()??);
    }
    let texts = keys.iter().map(|k| k.as_string_view_opt()).collect::<Option<Vec<_>>>()?;
    let spans = texts.iter().map(|t| {
        let text = |at: usize| t.value(at);
        (t.null_count() == 0).then(|| span((0..t.len()).map(text)))
    });
    lined_up(spans.collect::<Option<Option<Vec<_>>>>()??)
}

/// The first and the last of keys that go up.
fn span<T: Ord + Copy>(mut keys: impl Iterator<Item = T>) -> Option<(T, T)> {
    let first = keys.next()?;
    let mut last = first;
    for key in keys {
        if key <= last {
            return None;
        }
        last = key;
    }
    Some((first, last))
}

fn lined_up<T: Ord + Copy>(spans: Vec<(T, T)>) -> Option<Vec<usize>> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_unstable_by_key(|at| spans.get(*at).map(|(first, _)| *first));
    let sorted: Vec<(T, T)> = order.iter().filter_map(|at| spans.get(*at).copied()).collect();
    let apart = sorted.iter().zip(sorted.iter().skip(1)).all(|((_, end), (start, _))| end < start);
    apart.then_some(order)
}

/// The number of each row in the order of its key.
fn sorted(keys: &[ArrayRef], count: usize) -> Result<Vec<u32>> {
    let mut numbers = vec![0; count];
    let mut number = |number: u32, row: u32| {
        if let Some(slot) = numbers.get_mut(row as usize) {
            *slot = number;
        }
    };
    let whole = keys.iter().all(|k| k.as_primitive_opt::<Int64Type>().is_some_and(|k| k.null_count() == 0));
    if whole {
        let all = keys.iter().filter_map(|k| k.as_primitive_opt::<Int64Type>()).flat_map(|k| k.values());
        let mut order: Vec<(i64, u32)> = all.copied().zip(0..).collect();
        order.sort_unstable();
        (0..).zip(order).for_each(|(at, (_, row))| number(at, row));
        return Ok(numbers);
    }
    let parts: Vec<&dyn Array> = keys.iter().map(|k| k.as_ref()).collect();
    if !parts.is_empty() {
        let order = sort_to_indices(&concat(&parts)?, None, None)?;
        (0..).zip(order.values()).for_each(|(at, row)| number(at, *row));
    }
    Ok(numbers)
}
