//! What the aggregates share: which rows count, one canonical form per value, lists per group.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, LargeListArray,
    StringViewArray, UInt32Array, make_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, nullif, take};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, internal_datafusion_err, internal_err, plan_err};

/// The rows for which the filter is true. `None`: all.
pub(super) fn passing(filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let filter = filter?;
    let passing = match filter.nulls() {
        Some(known) => filter.values() & known.inner(),
        None => filter.values().clone(),
    };
    Some(NullBuffer::new(passing)).filter(|rows| rows.null_count() > 0)
}

/// The argument of that number.
pub(super) fn column(columns: &[ArrayRef], at: usize) -> Result<&ArrayRef> {
    columns.get(at).ok_or_else(|| internal_datafusion_err!("an aggregate lacks its column {at}"))
}

pub(super) fn wrong_type(what: &str, array: &ArrayRef) -> datafusion::common::DataFusionError {
    internal_datafusion_err!("{what} of the type {}", array.data_type())
}

/// The type that an argument is cast to before an aggregate sees it: all integers are `Int64`, text that is encoded
/// as a dictionary is text, and so on.
pub(super) fn coerced(data_type: &DataType) -> Result<DataType> {
    Ok(match data_type {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::Null => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            DataType::Decimal128(*p, *s)
        }
        DataType::Date64 => DataType::Date32,
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Boolean
        | DataType::Date32
        | DataType::Timestamp(..) => data_type.clone(),
        DataType::Dictionary(_, values) => coerced(values)?,
        other => return plan_err!("no aggregate of Segue's takes values of the type {other}"),
    })
}

/// The type that values of a (coerced) type are kept in.
pub(super) fn kept(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        other => other.clone(),
    }
}

/// The values in their [`kept`] type: text as views, NaN as missing and −0.0 as 0.0.
pub(super) fn canonical(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => cast(array, &DataType::Utf8View)?,
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>();
            // One pass that usually finds nothing to change.
            if floats.values().iter().any(|x| x.is_nan() || (*x == 0.0 && x.is_sign_negative())) {
                let tidy: Float64Array =
                    floats.iter().map(|x| x.filter(|x| !x.is_nan()).map(|x| x + 0.0)).collect();
                Arc::new(tidy)
            } else {
                Arc::clone(array)
            }
        }
        _ => Arc::clone(array),
    })
}

/// Canonical values as something that compares and hashes fast; numbers, dates and instants keep their order.
pub(super) enum Words {
    Narrow(Int64Array),
    Wide(Decimal128Array),
    Text(StringViewArray),
}

/// Orders the bits of a float, as an integer, the way the floats are ordered. Its own inverse.
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Numbers, dates and instants as whole numbers of the same order; −0.0 is 0.0.
pub(in crate::plan) fn narrow(array: &ArrayRef) -> Result<Int64Array> {
    Ok(match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().clone(),
        DataType::Float64 => {
            array.as_primitive::<Float64Type>().unary(|x: f64| flip((x + 0.0).to_bits() as i64))
        }
        DataType::Timestamp(..) => retyped(array, DataType::Int64)?.as_primitive::<Int64Type>().clone(),
        DataType::Date32 | DataType::Boolean => {
            cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()
        }
        other => return internal_err!("values of the type {other} have no words"),
    })
}

/// Which values are known; NaN is none. None where all are.
pub(in crate::plan) fn known(values: &ArrayRef) -> Option<NullBuffer> {
    let known = values.logical_nulls().filter(|known| known.null_count() > 0);
    match values.as_primitive_opt::<Float64Type>() {
        Some(floats) if floats.values().iter().any(|x| x.is_nan()) => {
            Some(floats.iter().map(|x| x.is_some_and(|x| !x.is_nan())).collect())
        }
        _ => known,
    }
}

/// A float that was kept as a word.
pub(in crate::plan) fn float_of_word(word: i64) -> f64 {
    f64::from_bits(flip(word) as u64)
}

impl Words {
    /// Of values that are [`canonical`].
    pub(super) fn new(array: &ArrayRef) -> Result<Words> {
        Ok(match array.data_type() {
            DataType::Decimal128(..) => Words::Wide(array.as_primitive::<Decimal128Type>().clone()),
            DataType::Utf8View => Words::Text(array.as_string_view().clone()),
            _ => Words::Narrow(narrow(array)?),
        })
    }

    /// The same values in their [`kept`] type.
    pub(super) fn into_values(self, data_type: &DataType) -> Result<ArrayRef> {
        Ok(match self {
            Words::Narrow(words) => match data_type {
                DataType::Float64 => Arc::new(words.unary::<_, Float64Type>(float_of_word)) as ArrayRef,
                DataType::Timestamp(..) => retyped(&(Arc::new(words) as ArrayRef), data_type.clone())?,
                other => cast(&words, other)?,
            },
            Words::Wide(words) => retyped(&(Arc::new(words) as ArrayRef), data_type.clone())?,
            Words::Text(texts) => Arc::new(texts),
        })
    }
}

/// The same bits under another type of the same width.
fn retyped(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef> {
    Ok(make_array(array.to_data().into_builder().data_type(data_type).build()?))
}

/// A type of lists of such values.
pub(super) fn list_of(data_type: DataType) -> DataType {
    DataType::LargeList(item(data_type))
}

fn item(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}

/// One list per group. `offsets` starts at 0 and never falls.
pub(super) fn lists(offsets: Vec<i64>, values: ArrayRef) -> Result<ArrayRef> {
    let field = item(values.data_type().clone());
    Ok(Arc::new(LargeListArray::try_new(field, OffsetBuffer::new(offsets.into()), values, None)?))
}

/// The values, missing where the row does not pass.
pub(super) fn masked(values: &ArrayRef, filter: Option<&BooleanArray>) -> Result<ArrayRef> {
    Ok(match passing(filter) {
        None => Arc::clone(values),
        Some(passing) => nullif(values, &BooleanArray::new(!passing.inner(), None))?,
    })
}

/// As many lists that are not there.
pub(super) fn no_lists(data_type: DataType, rows: usize) -> ArrayRef {
    new_null_array(&list_of(data_type), rows)
}

pub(super) fn as_lists(array: &ArrayRef) -> Result<&LargeListArray> {
    array.as_list_opt::<i64>().ok_or_else(|| wrong_type("a state", array))
}

/// For each list that is there its group and the range of its values.
pub(super) fn ranges<'a>(
    lists: &'a LargeListArray,
    groups: &'a [usize],
) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + 'a {
    let offsets = lists.value_offsets();
    let ends = offsets.iter().zip(offsets.iter().skip(1));
    ends.zip(groups).enumerate().filter(|(row, _)| lists.is_valid(*row)).map(|(_, ((start, end), group))| {
        (*group, usize::try_from(*start).unwrap_or(0)..usize::try_from(*end).unwrap_or(0))
    })
}

/// Sorts pairs by group, keeping no other order: `(offsets, values)`.
pub(super) fn by_group<T: Copy + Default>(
    groups: usize,
    pairs: impl Iterator<Item = (usize, T)> + Clone,
) -> (Vec<i64>, Vec<T>) {
    let mut ends = vec![0i64; groups + 1];
    for (group, _) in pairs.clone() {
        if let Some(count) = ends.get_mut(group + 1) {
            *count += 1;
        }
    }
    let mut total = 0;
    for end in &mut ends {
        total += *end;
        *end = total;
    }
    let mut next = ends.clone();
    let mut values = vec![T::default(); usize::try_from(total).unwrap_or(0)];
    for (group, value) in pairs {
        if let Some(place) = next.get_mut(group) {
            if let Some(slot) = usize::try_from(*place).ok().and_then(|place| values.get_mut(place)) {
                *slot = value;
            }
            *place += 1;
        }
    }
    (ends, values)
}

/// The values of these codes.
pub(super) fn pick(values: &ArrayRef, codes: Vec<u32>) -> Result<ArrayRef> {
    Ok(take(values, &UInt32Array::from(codes), None)?)
}
