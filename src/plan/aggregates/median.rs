//! `segue_median`: the middle of a group's known values.
//!
//! Values are appended to one log for all groups and sorted by group once, at the end.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::PrimitiveArray;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::EmitTo;
use num_bigint::{BigInt, BigUint};

use super::common::{
    Words, as_lists, by_group, canonical, column, float_of_word, list_of, lists, masked, no_lists, passing,
    ranges,
};
use super::deviation::scaled;
use super::groups::Groups;
use super::pairs::check_groups;
use super::round;

pub(super) fn median(data_type: &DataType) -> Result<Box<dyn Groups>> {
    Ok(match data_type {
        DataType::Int64 | DataType::Float64 => Box::new(Median::<Int64Type>::new(data_type)),
        DataType::Decimal128(..) => Box::new(Median::<Decimal128Type>::new(data_type)),
        other => return internal_err!("a median of values of the type {other}"),
    })
}

/// The value of a row that goes through on its own, or the values of a group.
pub(super) fn state_types(data_type: &DataType) -> Vec<DataType> {
    vec![data_type.clone(), list_of(data_type.clone())]
}

#[derive(Debug)]
struct Median<W: ArrowPrimitiveType> {
    data_type: DataType,
    groups: usize,
    /// The group and the word of each value so far.
    owners: Vec<u32>,
    words: Vec<W::Native>,
}

/// Words of one width.
trait Worded: ArrowPrimitiveType<Native: Ord + Default> + Debug + Sized {
    fn of(words: &Words) -> Option<&PrimitiveArray<Self>>;
    fn words(array: PrimitiveArray<Self>) -> Words;
    /// The mean of two values, of the type that their words are of.
    fn mean(a: Self::Native, b: Self::Native, data_type: &DataType) -> Option<f64>;
}

impl Worded for Int64Type {
    fn of(words: &Words) -> Option<&PrimitiveArray<Self>> {
        if let Words::Narrow(array) = words { Some(array) } else { None }
    }

    fn words(array: PrimitiveArray<Self>) -> Words {
        Words::Narrow(array)
    }

    fn mean(a: i64, b: i64, data_type: &DataType) -> Option<f64> {
        if let DataType::Float64 = data_type {
            let (a, b) = (float_of_word(a), float_of_word(b));
            // Exact halves: of large values before the sum, of small ones after.
            let mean = if (a + b).is_infinite() { a / 2.0 + b / 2.0 } else { (a + b) / 2.0 };
            // Infinities of both signs have no middle.
            return Some(mean + 0.0).filter(|mean| !mean.is_nan());
        }
        Some(round::ratio(i128::from(a) + i128::from(b), 2, 0))
    }
}

impl Worded for Decimal128Type {
    fn of(words: &Words) -> Option<&PrimitiveArray<Self>> {
        if let Words::Wide(array) = words { Some(array) } else { None }
    }

    fn words(array: PrimitiveArray<Self>) -> Words {
        Words::Wide(array)
    }

    fn mean(a: i128, b: i128, data_type: &DataType) -> Option<f64> {
        let scale = if let DataType::Decimal128(_, scale) = data_type { *scale } else { 0 };
        let divisor = u32::try_from(scale).ok().and_then(|scale| 10u64.checked_pow(scale)?.checked_mul(2));
        if let (Some(sum), Some(divisor)) = (a.checked_add(b), divisor) {
            return Some(round::ratio(sum, divisor, 0));
        }
        let (n, d) = scaled(BigInt::from(a) + b, BigUint::from(2u8), scale);
        Some(round::big_ratio(&n, &d, 0))
    }
}

impl<W: Worded> Median<W> {
    fn new(data_type: &DataType) -> Self {
        Median { data_type: data_type.clone(), groups: 0, owners: Vec::new(), words: Vec::new() }
    }

    fn push(&mut self, group: usize, word: W::Native) {
        // `grow` has seen to it that group numbers fit.
        self.owners.push(group as u32);
        self.words.push(word);
    }

    /// How many groups go, and their values in the order of groups.
    fn take(&mut self, emit: EmitTo) -> (Vec<i64>, Vec<W::Native>) {
        let groups = match emit {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n.min(self.groups),
        };
        self.groups -= groups;
        let (owners, words) = (std::mem::take(&mut self.owners), std::mem::take(&mut self.words));
        let pairs = owners.iter().map(|group| *group as usize).zip(words.iter().copied());
        if self.groups > 0 {
            for (group, word) in pairs.clone() {
                if let Some(group) = group.checked_sub(groups) {
                    self.push(group, word);
                }
            }
        }
        by_group(groups, pairs)
    }
}

/// The middle, or the two middle ones.
fn middle<T: Ord + Copy>(values: &mut [T]) -> Option<(T, T)> {
    let half = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable(half);
    let upper = *upper;
    let lower = if even { below.iter().copied().max().unwrap_or(upper) } else { upper };
    Some((lower, upper))
}

impl<W: Worded> Groups for Median<W> {
    fn grow(&mut self, groups: usize) -> Result<()> {
        check_groups(groups)?;
        self.groups = self.groups.max(groups);
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        let words = Words::new(&canonical(column(args, 0)?)?)?;
        let Some(words) = W::of(&words) else {
            return internal_err!("a median of values of another width");
        };
        let taken = NullBuffer::union(words.nulls(), passing(filter).as_ref());
        for (row, (word, group)) in words.values().iter().zip(groups).enumerate() {
            if taken.as_ref().is_none_or(|taken| taken.is_valid(row)) {
                self.push(*group, *word);
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let alone = column(states, 0)?;
        if alone.null_count() < alone.len() {
            self.update(std::slice::from_ref(alone), groups, None)?;
        }
        let lists = as_lists(column(states, 1)?)?;
        let words = Words::new(lists.values())?;
        let Some(words) = W::of(&words) else {
            return internal_err!("a median of values of another width");
        };
        for (group, range) in ranges(lists, groups) {
            for row in range {
                if words.is_valid(row)
                    && let Some(word) = words.values().get(row)
                {
                    self.push(group, *word);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (offsets, mut words) = self.take(emit);
        let mut rest = words.as_mut_slice();
        let mut medians = Vec::with_capacity(offsets.len());
        for (start, end) in offsets.iter().zip(offsets.iter().skip(1)) {
            let count = usize::try_from(end - start).unwrap_or(0);
            let Some((values, after)) = rest.split_at_mut_checked(count) else {
                return internal_err!("the values of a median are missing");
            };
            rest = after;
            medians.push(middle(values).and_then(|(a, b)| W::mean(a, b, &self.data_type)));
        }
        Ok(Arc::new(Float64Array::from(medians)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (offsets, words) = self.take(emit);
        let groups = offsets.len().saturating_sub(1);
        let words = W::words(PrimitiveArray::<W>::from_iter_values(words));
        let values = words.into_values(&self.data_type)?;
        Ok(vec![new_null_array(&self.data_type, groups), lists(offsets, values)?])
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let alone = masked(&canonical(column(args, 0)?)?, filter)?;
        let lists = no_lists(alone.data_type().clone(), alone.len());
        Ok(vec![alone, lists])
    }

    fn size(&self) -> usize {
        self.owners.capacity() * size_of::<u32>() + self.words.capacity() * size_of::<W::Native>()
    }
}
