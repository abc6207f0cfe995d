//! From an entity's keys to the numbers of its rows, counted from 0 in the order in which they come.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// The row of an event that belongs to no row of the entity.
pub(super) const NOBODY: u32 = u32::MAX;

/// A table over a range of keys pays as long as it has no more than this many places for each of them.
const SPARSE: u64 = 16;

/// The row of each key. Of two rows with one key the first is found; that there are two is told elsewhere.
#[derive(Debug)]
pub(super) enum Keys {
    /// The keys are `first` and those after it, in order.
    Line {
        first: i64,
        count: usize,
    },
    /// The rows of the keys from `first`.
    Range {
        first: i64,
        rows: Vec<u32>,
    },
    Numbers {
        hasher: DefaultHashBuilder,
        table: HashTable<(i64, u32)>,
    },
    Texts {
        hasher: DefaultHashBuilder,
        table: HashTable<(u64, u32)>,
        texts: Vec<ArrayRef>,
        ends: Vec<usize>,
    },
}

impl Keys {
    /// Of the columns of keys, one for each batch of the entity's rows.
    pub fn new(columns: Vec<ArrayRef>) -> Result<Keys> {
        let count: usize = columns.iter().map(|c| c.len()).sum();
        if count >= NOBODY as usize {
            return exec_err!("more rows than a portrait can have: {count}");
        }
        match columns.first().map(|c| c.data_type()) {
            None => Ok(Keys::Range { first: 0, rows: Vec::new() }),
            Some(DataType::Int64) => Ok(Keys::numbers(&columns, count)),
            Some(DataType::Utf8View) => Ok(Keys::texts(columns, count)),
            Some(other) => internal_err!("keys of the type {other}"),
        }
    }

    fn numbers(columns: &[ArrayRef], count: usize) -> Keys {
        let keys = || {
            let numbers = columns.iter().filter_map(|c| c.as_primitive_opt::<Int64Type>());
            numbers.flat_map(|c| c.iter()).zip(0u32..).filter_map(|(key, row)| Some((key?, row)))
        };
        let (first, last) =
            keys().fold((i64::MAX, i64::MIN), |(low, high), (key, _)| (low.min(key), high.max(key)));
        if keys()
            .zip(0i64..)
            .all(|((key, row), place)| key.checked_sub(place) == Some(first) && i64::from(row) == place)
            && keys().count() == count
            && count > 0
        {
            return Keys::Line { first, count };
        }
        let places = last.checked_sub(first).and_then(|span| u64::try_from(span).ok()?.checked_add(1));
        if let Some(places) = places.filter(|p| *p <= SPARSE * count as u64) {
            let mut rows = vec![NOBODY; usize::try_from(places).unwrap_or(0)];
            for (key, row) in keys() {
                if let Some(place) = rows.get_mut(place(key, first))
                    && *place == NOBODY
                {
                    *place = row;
                }
            }
            return Keys::Range { first, rows };
        }
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<(i64, u32)> = HashTable::with_capacity(count);
        for (key, row) in keys() {
            table
                .entry(hasher.hash_one(key), |(known, _)| *known == key, |(known, _)| hasher.hash_one(known))
                .or_insert((key, row));
        }
        Keys::Numbers { hasher, table }
    }

    fn texts(columns: Vec<ArrayRef>, count: usize) -> Keys {
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<(u64, u32)> = HashTable::with_capacity(count);
        let mut ends = Vec::new();
        let mut row = 0u32;
        for column in &columns {
            let before = row;
            let Some(texts) = column.as_string_view_opt() else { continue };
            for text in texts {
                if let Some(text) = text {
                    let hash = hasher.hash_one(text);
                    let known = |(other, at): &(u64, u32)| {
                        *other == hash
                            && match at.checked_sub(before) {
                                Some(at) => texts.value(at as usize) == text,
                                None => text_of(&columns, &ends, *at) == Some(text),
                            }
                    };
                    table.entry(hash, known, |(hash, _)| *hash).or_insert((hash, row));
                }
                row += 1;
            }
            ends.push(row as usize);
        }
        Keys::Texts { hasher, table, texts: columns, ends }
    }

    /// The rows of the keys of some events, in their order.
    pub fn find(&self, keys: &ArrayRef, rows: &mut Vec<u32>) -> Result<()> {
        rows.clear();
        match self {
            Keys::Line { first, count } => {
                let Some(keys) = keys.as_primitive_opt::<Int64Type>() else { return wrong(keys) };
                rows.extend(keys.values().iter().map(|k| match place(*k, *first) {
                    row if row < *count => row as u32,
                    _ => NOBODY,
                }));
                forget_missing(keys, rows);
            }
            Keys::Range { first, rows: places } => {
                let Some(keys) = keys.as_primitive_opt::<Int64Type>() else { return wrong(keys) };
                rows.extend(
                    keys.values().iter().map(|k| places.get(place(*k, *first)).copied().unwrap_or(NOBODY)),
                );
                forget_missing(keys, rows);
            }
            Keys::Numbers { hasher, table } => {
                let Some(keys) = keys.as_primitive_opt::<Int64Type>() else { return wrong(keys) };
                rows.extend(keys.values().iter().map(|key| {
                    table
                        .find(hasher.hash_one(key), |(known, _)| known == key)
                        .map_or(NOBODY, |(_, row)| *row)
                }));
                forget_missing(keys, rows);
            }
            Keys::Texts { hasher, table, texts, ends } => {
                let Some(keys) = keys.as_string_view_opt() else { return wrong(keys) };
                rows.extend(keys.iter().map(|key| {
                    let Some(key) = key else { return NOBODY };
                    let hash = hasher.hash_one(key);
                    let found = table
                        .find(hash, |(other, row)| *other == hash && text_of(texts, ends, *row) == Some(key));
                    found.map_or(NOBODY, |(_, row)| *row)
                }));
            }
        }
        Ok(())
    }
}

fn wrong<T>(keys: &ArrayRef) -> Result<T> {
    internal_err!("events with keys of the type {}", keys.data_type())
}

/// The place of a key in a table that starts with `first`; beyond every table where it is smaller.
fn place(key: i64, first: i64) -> usize {
    usize::try_from(key.wrapping_sub(first)).unwrap_or(usize::MAX)
}

fn forget_missing(keys: &dyn Array, rows: &mut [u32]) {
    if let Some(known) = keys.nulls() {
        for (row, known) in rows.iter_mut().zip(known) {
            if !known {
                *row = NOBODY;
            }
        }
    }
}

fn text_of<'a>(columns: &'a [ArrayRef], ends: &[usize], row: u32) -> Option<&'a str> {
    let row = row as usize;
    let at = ends.partition_point(|end| *end <= row);
    let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    Some(columns.get(at)?.as_string_view_opt()?.value(row - start))
}
