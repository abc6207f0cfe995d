//! From an entity's keys to the numbers of its rows, counted from 0 in the order in which they come.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::physical_expr::PhysicalExpr;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

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

/// Whose events are folded: the keys of all rows, and which of these rows they are.
#[derive(Debug)]
pub(super) struct Whose {
    pub keys: Arc<Keys>,
    pub chosen: Chosen,
}

/// Some of the entity's rows, numbered anew without gaps.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// A bit for each row, and before each word how many are chosen; none where all are.
    bits: Option<Arc<Vec<(u64, u32)>>>,
    count: usize,
}

impl Chosen {
    pub fn all(count: usize) -> Chosen {
        Chosen { bits: None, count }
    }

    /// Those for whom a condition on their row is true.
    pub fn of(
        condition: &Arc<dyn PhysicalExpr>,
        batches: &[(usize, RecordBatch)],
        count: usize,
    ) -> Result<Chosen> {
        let mut bits = vec![(0u64, 0u32); count.div_ceil(64)];
        for (start, batch) in batches {
            let outcome = condition.evaluate(batch)?.into_array(batch.num_rows())?;
            let Some(outcome) = outcome.as_boolean_opt() else {
                return internal_err!("candidates of the type {}", outcome.data_type());
            };
            for at in outcome.values().set_indices().filter(|at| outcome.is_valid(*at)) {
                let row = start + at;
                if let Some((word, _)) = bits.get_mut(row / 64) {
                    *word |= 1 << (row % 64);
                }
            }
        }
        let mut before = 0;
        for (word, rank) in &mut bits {
            *rank = before;
            before += word.count_ones();
        }
        Ok(Chosen { bits: Some(Arc::new(bits)), count: before as usize })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of a row among those chosen.
    fn place(bits: &[(u64, u32)], row: u32) -> u32 {
        let bit = row % 64;
        match bits.get(row as usize / 64) {
            Some((word, before)) if word >> bit & 1 == 1 => before + (word & ((1 << bit) - 1)).count_ones(),
            _ => NOBODY,
        }
    }

    /// Rows as their numbers.
    pub fn renumber(&self, rows: &mut [u32]) {
        if let Some(bits) = &self.bits {
            for row in rows {
                *row = Chosen::place(bits, *row);
            }
        }
    }

    /// The numbers of a range of rows; of one that is not chosen, the number after the last.
    pub fn places(&self, rows: Range<usize>) -> Vec<usize> {
        match &self.bits {
            None => rows.collect(),
            Some(bits) => rows
                .map(|row| match u32::try_from(row).map_or(NOBODY, |row| Chosen::place(bits, row)) {
                    NOBODY => self.count,
                    place => place as usize,
                })
                .collect(),
        }
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
