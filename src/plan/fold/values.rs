//! An argument's values as whole numbers that slots add and compare.

use crate::plan::aggregates::{known, narrow};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, Int32Type};
use datafusion::common::Result;
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
        let (numbers, wide) = if let Some(decimals) = array.as_primitive_opt::<Decimal64Type>() {
            let fits = decimals.values().iter().all(|n| (-NARROW..NARROW).contains(n));
            let wide = (!fits).then(|| decimals.iter().map(|n| n.map(i128::from)).collect());
            (decimals.values().clone(), wide)
        } else if let DataType::Decimal128(..) = array.data_type() {
            let decimals = array.as_primitive::<Decimal128Type>();
            let limit = i128::from(NARROW);
            let fits = decimals.values().iter().all(|n| (-limit..limit).contains(n));
            (decimals.values().iter().map(|n| *n as i64).collect(), (!fits).then(|| decimals.clone()))
        } else {
            let numbers = narrow(array)?;
            // Others are not added.
            let fits = *array.data_type() != DataType::Int64
                || numbers.values().iter().all(|n| (-NARROW..NARROW).contains(n));
            let wide = (!fits).then(|| numbers.iter().map(|n| n.map(i128::from)).collect());
            (numbers.values().clone(), wide)
        };
        Ok(Values { numbers, known: known(array), wide })
    }
}
