//! A number for each distinct value: dense codes from 0, in the order in which values are met.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash};

use datafusion::arrow::array::{
    Array, ArrayRef, Decimal128Array, Int64Array, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, internal_err};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable, hash_table::Entry};

use super::common::{Words, canonical, kept};

/// In place of a code: the value is missing.
pub(in crate::plan) const MISSING: u32 = u32::MAX;

#[derive(Debug)]
pub(in crate::plan) struct Interner {
    /// The type of the values as they are kept.
    data_type: DataType,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Narrow(Fixed<i64>),
    Wide(Fixed<i128>),
    Text(Texts),
}

impl Interner {
    /// For values of a (coerced) type.
    pub(in crate::plan) fn new(data_type: &DataType) -> Self {
        let data_type = kept(data_type);
        let values = match data_type {
            DataType::Utf8View => Values::Text(Texts::default()),
            DataType::Decimal128(..) => Values::Wide(Fixed::default()),
            _ => Values::Narrow(Fixed::default()),
        };
        Interner { data_type, values }
    }

    pub(in crate::plan) fn len(&self) -> usize {
        match &self.values {
            Values::Narrow(fixed) => fixed.values.len(),
            Values::Wide(fixed) => fixed.values.len(),
            Values::Text(texts) => texts.views.len(),
        }
    }

    /// The code of each value, [`MISSING`] for those that are missing (null, NaN).
    pub(in crate::plan) fn codes(&mut self, array: &ArrayRef) -> Result<Vec<u32>> {
        match (&mut self.values, Words::new(&canonical(array)?)?) {
            (Values::Narrow(fixed), Words::Narrow(words)) => {
                fixed.codes(words.values(), |row| words.is_valid(row), words.null_count())
            }
            (Values::Wide(fixed), Words::Wide(words)) => {
                fixed.codes(words.values(), |row| words.is_valid(row), words.null_count())
            }
            (Values::Text(texts), Words::Text(words)) => texts.codes(&words),
            _ => internal_err!("values of the type {} among {}", array.data_type(), self.data_type),
        }
    }

    /// Which of two codes has the smaller value.
    pub(in crate::plan) fn compare(&self, a: u32, b: u32) -> Ordering {
        let (a, b) = (a as usize, b as usize);
        match &self.values {
            Values::Narrow(fixed) => fixed.values.get(a).cmp(&fixed.values.get(b)),
            Values::Wide(fixed) => fixed.values.get(a).cmp(&fixed.values.get(b)),
            Values::Text(texts) => texts.compare(a, b),
        }
    }

    /// All values, in the order of their codes.
    pub(in crate::plan) fn values(&self) -> Result<ArrayRef> {
        let words = match &self.values {
            Values::Narrow(fixed) => Words::Narrow(Int64Array::from(fixed.values.clone())),
            Values::Wide(fixed) => Words::Wide(Decimal128Array::from(fixed.values.clone())),
            Values::Text(texts) => Words::Text(texts.array()),
        };
        words.into_values(&self.data_type)
    }

    pub(super) fn clear(&mut self) {
        *self = Interner::new(&self.data_type);
    }

    pub(super) fn size(&self) -> usize {
        match &self.values {
            Values::Narrow(fixed) => fixed.size(),
            Values::Wide(fixed) => fixed.size(),
            Values::Text(texts) => texts.size(),
        }
    }
}

fn next_code(len: usize) -> Result<u32> {
    match u32::try_from(len) {
        Ok(code) if code < MISSING => Ok(code),
        _ => exec_err!("more than {MISSING} distinct values"),
    }
}

/// Values of a fixed width.
#[derive(Debug, Default)]
struct Fixed<W> {
    codes: HashMap<W, u32>,
    values: Vec<W>,
}

impl<W: Copy + Eq + Hash> Fixed<W> {
    fn codes(&mut self, words: &[W], known: impl Fn(usize) -> bool, missing: usize) -> Result<Vec<u32>> {
        let mut codes = Vec::with_capacity(words.len());
        for (row, word) in words.iter().enumerate() {
            codes.push(if missing == 0 || known(row) { self.code(*word)? } else { MISSING });
        }
        Ok(codes)
    }

    #[inline]
    fn code(&mut self, word: W) -> Result<u32> {
        if let Some(code) = self.codes.get(&word) {
            return Ok(*code);
        }
        let code = next_code(self.values.len())?;
        self.codes.insert(word, code);
        self.values.push(word);
        Ok(code)
    }

    fn size(&self) -> usize {
        self.codes.allocation_size() + self.values.capacity() * size_of::<W>()
    }
}

/// Texts. A text of up to 12 bytes lies wholly in its view and is found by it; a longer one by its bytes.
#[derive(Debug, Default)]
struct Texts {
    short: HashMap<u128, u32>,
    long: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Of each code: the view of a short text, or `offset << 32 | length` in `bytes`.
    views: Vec<u128>,
    bytes: Vec<u8>,
}

/// The length that a view says.
fn length(view: u128) -> usize {
    view as u32 as usize
}

const SHORT: usize = 12;

/// The bytes of a view; those of a long text lie in `bytes`.
fn text<'a>(view: &'a [u8; 16], bytes: &'a [u8]) -> &'a [u8] {
    let number = u128::from_le_bytes(*view);
    let length = length(number);
    if length <= SHORT {
        view.get(4..4 + length).unwrap_or_default()
    } else {
        let start = (number >> 32) as usize;
        bytes.get(start..start.saturating_add(length)).unwrap_or_default()
    }
}

impl Texts {
    fn codes(&mut self, texts: &StringViewArray) -> Result<Vec<u32>> {
        let mut codes = Vec::with_capacity(texts.len());
        for (row, view) in texts.views().iter().enumerate() {
            codes.push(if texts.is_null(row) {
                MISSING
            } else if length(*view) > SHORT {
                self.long_code(texts.value(row).as_bytes())?
            } else if let Some(code) = self.short.get(view) {
                *code
            } else {
                let code = next_code(self.views.len())?;
                self.short.insert(*view, code);
                self.views.push(*view);
                code
            });
        }
        Ok(codes)
    }

    fn long_code(&mut self, value: &[u8]) -> Result<u32> {
        let Texts { long, hasher, views, bytes, .. } = self;
        let stored = |code: u32| views.get(code as usize).map(|view| view.to_le_bytes()).unwrap_or_default();
        let entry = long.entry(
            hasher.hash_one(value),
            |code| text(&stored(*code), bytes) == value,
            |code| hasher.hash_one(text(&stored(*code), bytes)),
        );
        match entry {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => {
                let code = next_code(views.len())?;
                entry.insert(code);
                views.push((bytes.len() as u128) << 32 | value.len() as u128);
                bytes.extend_from_slice(value);
                Ok(code)
            }
        }
    }

    fn view(&self, code: usize) -> [u8; 16] {
        self.views.get(code).copied().unwrap_or_default().to_le_bytes()
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        text(&self.view(a), &self.bytes).cmp(text(&self.view(b), &self.bytes))
    }

    fn array(&self) -> StringViewArray {
        let mut builder = StringViewBuilder::with_capacity(self.views.len());
        for view in &self.views {
            // The bytes came from text; what cannot happen would be shown as it can.
            builder.append_value(String::from_utf8_lossy(text(&view.to_le_bytes(), &self.bytes)));
        }
        builder.finish()
    }

    fn size(&self) -> usize {
        self.short.allocation_size()
            + self.long.allocation_size()
            + self.views.capacity() * size_of::<u128>()
            + self.bytes.capacity()
    }
}
