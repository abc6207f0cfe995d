//! `segue_sum`, `segue_avg`, `segue_stddev`: exact sums of values and of squares, rounded once at the end.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, BooleanArray, Decimal128Array,
    Float64Array, Int64Array, UInt8Array, new_null_array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, Int64Type, UInt8Type,
};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::EmitTo;

use super::common::{column, masked, passing, wrong_type};
use super::deviation::{deviation, scaled};
use super::exact::{Emitted, Exact, Number};
use super::groups::Groups;
use super::round;

/// The finest unit of the dense sum of floats: cents of amounts up to 10^14 fit, and so do rates down to 10^-8.
const FLOAT_BASE: i32 = -80;
/// The finest unit of the dense sum of their squares, and its width in bins.
const SQUARE_BASE: i32 = -128;
const SQUARE_WIDTH: usize = 3;

/// A row passed the filter.
const SEEN: u8 = 1;
/// A row that passed has a known value.
const KNOWN: u8 = 2;
const PLUS_INFINITY: u8 = 4;
const MINUS_INFINITY: u8 = 8;
const INFINITIES: u8 = PLUS_INFINITY | MINUS_INFINITY;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Sum,
    Average,
    Deviation,
}

/// What is summed, after coercion.
#[derive(Clone, Copy, Debug)]
enum Input {
    Whole,
    Decimal(i8),
    Float,
}

#[derive(Debug)]
pub(super) struct Moments {
    moment: Moment,
    input: Input,
    data_type: DataType,
    sum: Exact,
    squares: Option<Exact>,
    /// The flags above.
    status: Vec<u8>,
    /// How many values are known; kept unless only the sum is wanted.
    count: Vec<i64>,
}

impl Moments {
    pub(super) fn new(moment: Moment, data_type: &DataType) -> Result<Self> {
        let (input, base, square_base, square_width) = match data_type {
            DataType::Int64 => (Input::Whole, 0, 0, 1),
            DataType::Decimal128(_, scale) => (Input::Decimal(*scale), 0, 0, 1),
            DataType::Float64 => (Input::Float, FLOAT_BASE, SQUARE_BASE, SQUARE_WIDTH),
            other => return internal_err!("a sum of values of the type {other}"),
        };
        let squares = (moment == Moment::Deviation).then(|| Exact::new(square_base, square_width));
        Ok(Moments {
            moment,
            input,
            data_type: data_type.clone(),
            sum: Exact::new(base, 1),
            squares,
            status: Vec::new(),
            count: Vec::new(),
        })
    }

    /// The types of the state's columns.
    ///
    /// A row that goes through on its own stays what it is, `alone`; only sums of several are packed.
    pub(super) fn state_types(data_type: &DataType) -> Vec<DataType> {
        vec![DataType::UInt8, data_type.clone(), DataType::BinaryView]
    }

    fn counts(&self) -> bool {
        self.moment != Moment::Sum
    }

    #[inline]
    fn note(&mut self, group: usize, flags: u8) {
        if let Some(status) = self.status.get_mut(group) {
            *status |= flags;
        }
        if self.counts()
            && flags & KNOWN != 0
            && let Some(count) = self.count.get_mut(group)
        {
            *count += 1;
        }
    }

    #[inline]
    fn add_whole(&mut self, group: usize, n: i128) {
        self.note(group, SEEN | KNOWN);
        self.sum.add(group, n);
        if let Some(squares) = &mut self.squares {
            squares.add_square(group, n);
        }
    }

    #[inline]
    fn add_float(&mut self, group: usize, x: f64) {
        if x.is_finite() {
            self.note(group, SEEN | KNOWN);
            self.sum.add_float(group, x);
            if let Some(squares) = &mut self.squares {
                let (_, m, e) = round::parts(x);
                squares.add_scaled(group, false, u128::from(m) * u128::from(m), 2 * e);
            }
        } else if x.is_nan() {
            self.note(group, SEEN);
        } else {
            self.note(group, SEEN | KNOWN | if x > 0.0 { PLUS_INFINITY } else { MINUS_INFINITY });
        }
    }

    /// Takes the values that pass; where only the value is missing, `missing` is noted.
    fn take_values(
        &mut self,
        array: &ArrayRef,
        groups: &[usize],
        passing: Option<&NullBuffer>,
        missing: u8,
    ) -> Result<()> {
        let rows = (groups, passing, missing);
        match self.input {
            Input::Whole => self.each::<Int64Type>(array, rows, |s, g, x| s.add_whole(g, x.into())),
            Input::Decimal(_) => self.each::<Decimal128Type>(array, rows, Self::add_whole),
            Input::Float => self.each::<Float64Type>(array, rows, Self::add_float),
        }
    }

    fn each<T: ArrowPrimitiveType>(
        &mut self,
        array: &ArrayRef,
        (groups, passing, missing): (&[usize], Option<&NullBuffer>, u8),
        mut add: impl FnMut(&mut Self, usize, T::Native),
    ) -> Result<()> {
        let Some(array) = array.as_primitive_opt::<T>() else {
            return Err(wrong_type("a sum of values", array));
        };
        let rows = array.values().iter().zip(groups);
        match (array.nulls(), passing) {
            (None, None) => rows.for_each(|(x, group)| add(self, *group, *x)),
            (known, passing) => {
                for (row, (x, group)) in rows.enumerate() {
                    if passing.is_some_and(|passing| passing.is_null(row)) {
                        continue;
                    }
                    if known.is_some_and(|known| known.is_null(row)) {
                        self.note(*group, missing);
                    } else {
                        add(self, *group, *x);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds what [`Groups::state`] has packed: the count, the bins of the sum with their length before them, and those
    /// of the squares.
    fn unpack(&mut self, group: usize, bytes: &[u8]) -> Result<()> {
        if let Some((more, rest)) = bytes.split_first_chunk::<8>()
            && let Some((length, rest)) = rest.split_at_checked(2)
            && let Ok(length) = length.try_into().map(u16::from_le_bytes)
            && let Some((sum, squares)) = rest.split_at_checked(usize::from(length))
        {
            if let Some(count) = self.count.get_mut(group) {
                *count += i64::from_le_bytes(*more);
            }
            self.sum.read(group, sum);
            if let Some(sums) = &mut self.squares {
                sums.read(group, squares);
            }
            return Ok(());
        }
        internal_err!("the state of a sum is cut short")
    }

    fn take(&mut self, emit: EmitTo) -> (Vec<u8>, Vec<i64>, Emitted, Option<Emitted>) {
        let status = emit.take_needed(&mut self.status);
        let count = if self.counts() { emit.take_needed(&mut self.count) } else { Vec::new() };
        (status, count, self.sum.emit(emit), self.squares.as_mut().map(|squares| squares.emit(emit)))
    }

    fn whole_sums(status: &[u8], sums: &Emitted) -> impl Iterator<Item = Option<Option<i128>>> {
        // Outer: known or not. Inner: small enough or not.
        status.iter().zip(sums.numbers()).map(|(status, sum)| match *status {
            0 => Some(Some(0)),
            status if status & KNOWN == 0 => None,
            _ => Some(sum.whole()),
        })
    }

    fn sums(&self, status: &[u8], sums: &Emitted) -> Result<ArrayRef> {
        match self.input {
            Input::Whole => {
                let values = Self::whole_sums(status, sums).map(|sum| match sum {
                    None => Ok(None),
                    Some(sum) => whole_sum(sum.unwrap_or(i128::MAX)).map(Some),
                });
                Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
            }
            Input::Decimal(scale) => {
                let values = Self::whole_sums(status, sums).map(|sum| match sum {
                    None => Ok(None),
                    Some(sum) => decimal_sum(sum.unwrap_or(i128::MAX)).map(Some),
                });
                let values = values.collect::<Result<Decimal128Array>>()?;
                Ok(Arc::new(values.with_precision_and_scale(38, scale)?))
            }
            Input::Float => {
                let values = status.iter().zip(sums.numbers()).map(|(status, sum)| match *status {
                    0 => Some(0.0),
                    status if status & KNOWN == 0 => None,
                    status if status & INFINITIES != 0 => infinity(status),
                    _ => Some(self.quotient(sum, 1)),
                });
                Ok(Arc::new(values.collect::<Float64Array>()))
            }
        }
    }

    /// A sum by a count, rounded once.
    fn quotient(&self, sum: Number, count: u64) -> f64 {
        let (base, scale) = match self.input {
            Input::Whole => (0, 0),
            Input::Decimal(scale) => (0, scale),
            Input::Float => (FLOAT_BASE, 0),
        };
        quotient(sum, count, base, scale)
    }
}

fn quotient(sum: Number, count: u64, base: i32, scale: i8) -> f64 {
    let power = u32::try_from(scale).ok().and_then(|scale| 10u64.checked_pow(scale));
    match (sum, power.and_then(|power| power.checked_mul(count))) {
        (Number::Small(n), Some(1)) => round::integer(n, i64::from(base)),
        (Number::Small(n), Some(divisor)) => round::ratio(n, divisor, i64::from(base)),
        (sum, _) => {
            let (n, e) = sum.big();
            let (n, d) = scaled(n, count.into(), scale);
            round::big_ratio(&n, &d, i64::from(base + e))
        }
    }
}

/// A sum of whole numbers or of decimals' units by their count, rounded once.
pub(in crate::plan) fn mean(sum: i128, count: u64, scale: i8) -> f64 {
    quotient(Number::Small(sum), count, 0, scale)
}

/// A sum of whole numbers, which must be one.
pub(in crate::plan) fn whole_sum(sum: i128) -> Result<i64> {
    match i64::try_from(sum) {
        Ok(sum) => Ok(sum),
        Err(_) => exec_err!("a sum became too large for a whole number"),
    }
}

/// A sum of decimals' units, which must fit 38 digits.
pub(in crate::plan) fn decimal_sum(sum: i128) -> Result<i128> {
    if sum.unsigned_abs() < 10u128.pow(38) {
        Ok(sum)
    } else {
        exec_err!("a sum became too large for a decimal")
    }
}

/// The sum (and the mean) of values with infinities among them.
fn infinity(status: u8) -> Option<f64> {
    match status & INFINITIES {
        PLUS_INFINITY => Some(f64::INFINITY),
        MINUS_INFINITY => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

impl Groups for Moments {
    fn grow(&mut self, groups: usize) -> Result<()> {
        if self.status.len() < groups {
            self.status.resize(groups, 0);
            if self.counts() {
                self.count.resize(groups, 0);
            }
            self.sum.grow(groups);
            if let Some(squares) = &mut self.squares {
                squares.grow(groups);
            }
        }
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        self.take_values(column(args, 0)?, groups, passing(filter).as_ref(), SEEN)
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let [status, alone, packed] = states else {
            return internal_err!("the state of a sum has {} columns", states.len());
        };
        let Some(flags) = status.as_primitive_opt::<UInt8Type>() else {
            return Err(wrong_type("a state", status));
        };
        for (flags, group) in flags.values().iter().zip(groups) {
            if let Some(status) = self.status.get_mut(*group) {
                *status |= flags;
            }
        }
        if alone.null_count() < alone.len() {
            self.take_values(alone, groups, None, 0)?;
        }
        let Some(packed) = packed.as_binary_view_opt() else {
            return Err(wrong_type("a state", packed));
        };
        if packed.null_count() < packed.len() {
            for (bytes, group) in packed.iter().zip(groups) {
                if let Some(bytes) = bytes {
                    self.unpack(*group, bytes)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (status, count, sums, squares) = self.take(emit);
        match (self.moment, squares) {
            (Moment::Sum, _) => self.sums(&status, &sums),
            (Moment::Deviation, Some(squares)) => {
                let scale = if let Input::Decimal(scale) = self.input { scale } else { 0 };
                let (base, square_base) =
                    if let Input::Float = self.input { (FLOAT_BASE, SQUARE_BASE) } else { (0, 0) };
                let rows = status.iter().zip(count).zip(sums.numbers().zip(squares.numbers()));
                let values = rows.map(|((status, count), (sum, squares))| {
                    (status & INFINITIES == 0)
                        .then(|| deviation(count, (sum, base), (squares, square_base), scale))
                        .flatten()
                });
                Ok(Arc::new(values.collect::<Float64Array>()))
            }
            _ => {
                let rows = status.iter().zip(count).zip(sums.numbers());
                let values = rows.map(|((status, count), sum)| match u64::try_from(count) {
                    Ok(0) | Err(_) => None,
                    _ if status & INFINITIES != 0 => infinity(*status),
                    Ok(count) => Some(self.quotient(sum, count)),
                });
                Ok(Arc::new(values.collect::<Float64Array>()))
            }
        }
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (status, count, mut sums, mut squares) = self.take(emit);
        let mut packed = BinaryViewBuilder::with_capacity(status.len());
        let mut bytes = Vec::new();
        let mut sum = Vec::new();
        let counts = count.into_iter().chain(std::iter::repeat(0));
        for ((group, status), count) in status.iter().enumerate().zip(counts) {
            bytes.clear();
            sum.clear();
            sums.write(group, &mut sum);
            bytes.extend_from_slice(&count.to_le_bytes());
            // At most 256 bins of 17 bytes each.
            bytes.extend_from_slice(&u16::try_from(sum.len()).unwrap_or(u16::MAX).to_le_bytes());
            bytes.extend_from_slice(&sum);
            if let Some(squares) = &mut squares {
                squares.write(group, &mut bytes);
            }
            if status & KNOWN == 0 { packed.append_null() } else { packed.append_value(&bytes) }
        }
        let alone = new_null_array(&self.data_type, status.len());
        Ok(vec![Arc::new(UInt8Array::from(status)), alone, Arc::new(packed.finish())])
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let alone = column(args, 0)?;
        let status = match passing(filter) {
            None => UInt8Array::from_value(SEEN, alone.len()),
            Some(passing) => passing.iter().map(|passes| Some(u8::from(passes) * SEEN)).collect(),
        };
        let packed = BinaryViewArray::new_null(alone.len());
        Ok(vec![Arc::new(status), masked(alone, filter)?, Arc::new(packed)])
    }

    fn size(&self) -> usize {
        self.status.capacity()
            + self.count.capacity() * size_of::<i64>()
            + self.sum.size()
            + self.squares.as_ref().map_or(0, Exact::size)
    }
}
