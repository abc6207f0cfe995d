//! An argument's values as whole numbers that slots add and compare.

use crate::plan::aggregates::word_of_float;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_err};
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers beyond this do not fit a sum's cell with its mark.
pub(super) const NARROW: i64 = 1 << 61;

/// The values of one argument for a batch.
pub(super) struct Values {
    /// Whole numbers, units of a decimal, days, microseconds; floats as integers of the same order.
    pub numbers: ScalarBuffer<i64>,
    /// Which of them are known; none where all are.
    pub known: Option<NullBuffer>,
    /// The same where some are too large for `numbers` (or for a cell).
    pub wide: Option<Decimal128Array>,
}

/// The different texts of an argument, numbered as they come; the same for all threads.
#[derive(Debug, Default)]
pub(super) struct Texts {
    codes: Mutex<HashMap<Box<str>, u32>>,
}

impl Texts {
    /// The texts of a batch as their codes. `known`: the codes of the dictionary that came before, as a rule this one.
    pub fn values(&self, array: &ArrayRef, known: &mut Option<(ArrayRef, Vec<u32>)>) -> Result<Values> {
        let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else {
            let codes = self.codes_of(array)?;
            let nulls = array.nulls().filter(|known| known.null_count() > 0).cloned();
            return Ok(Values {
                numbers: codes.into_iter().map(i64::from).collect(),
                known: nulls,
                wide: None,
            });
        };
        let texts = dictionary.values();
        if !known.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, texts)) {
            *known = Some((Arc::clone(texts), self.codes_of(texts)?));
        }
        let codes: &[u32] = known.as_ref().map_or(&[], |(_, codes)| codes);
        let code =
            |key: &i32| usize::try_from(*key).ok().and_then(|key| codes.get(key)).copied().unwrap_or(0);
        let numbers = dictionary.keys().values().iter().map(|key| i64::from(code(key))).collect();
        let nulls = dictionary.logical_nulls().filter(|known| known.null_count() > 0);
        Ok(Values { numbers, known: nulls, wide: None })
    }

    /// The code of each text; any for what is missing.
    fn codes_of(&self, texts: &ArrayRef) -> Result<Vec<u32>> {
        let texts = cast(texts, &DataType::Utf8View)?;
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut code = |text: &str| match codes.get(text) {
            Some(code) => *code,
            None => {
                let next = u32::try_from(codes.len()).unwrap_or(u32::MAX);
                codes.insert(text.into(), next);
                next
            }
        };
        Ok(texts.as_string_view().iter().map(|text| text.map_or(0, &mut code)).collect())
    }
}

impl Values {
    pub fn new(array: &ArrayRef) -> Result<Values> {
        let known = array.nulls().filter(|known| known.null_count() > 0).cloned();
        let mut wide = None;
        let numbers = match array.data_type() {
            DataType::Int64 => {
                let numbers = array.as_primitive::<Int64Type>();
                if !numbers.values().iter().all(|n| (-NARROW..NARROW).contains(n)) {
                    let widened = numbers.iter().map(|n| n.map(i128::from));
                    wide = Some(widened.collect());
                }
                numbers.values().clone()
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                array.as_primitive::<TimestampMicrosecondType>().values().clone()
            }
            DataType::Date32 => {
                array.as_primitive::<Date32Type>().values().iter().map(|d| i64::from(*d)).collect()
            }
            DataType::Decimal128(..) => {
                let decimals = array.as_primitive::<Decimal128Type>();
                let limit = i128::from(NARROW);
                if !decimals.values().iter().all(|n| (-limit..limit).contains(n)) {
                    wide = Some(decimals.clone());
                }
                decimals.values().iter().map(|n| *n as i64).collect()
            }
            DataType::Float64 => {
                let floats = array.as_primitive::<Float64Type>();
                if floats.values().iter().any(|x| x.is_nan()) {
                    let numbers: NullBuffer = floats.iter().map(|x| x.is_some_and(|x| !x.is_nan())).collect();
                    let values = floats.values().iter().map(|x| word_of_float(*x)).collect();
                    return Ok(Values { numbers: values, known: Some(numbers), wide: None });
                }
                floats.values().iter().map(|x| word_of_float(*x)).collect()
            }
            other => return internal_err!("a slot's values of the type {other}"),
        };
        Ok(Values { numbers, known, wide })
    }

    pub fn is_known(&self, place: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known.is_valid(place))
    }
}
