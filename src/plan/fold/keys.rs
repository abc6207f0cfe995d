//! From an entity's keys to the numbers of its rows, counted from 0 in the order in which they come.

use super::super::operator::truth;
use super::ranks::Ranks;
use super::sieve::Sieve;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, MAX_INLINE_VIEW_LEN, RecordBatch,
};
use datafusion::arrow::buffer::BooleanBuffer;
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
/// The same of keys in order: of them a place takes bits.
const SPARSE_BITS: u64 = 128;
/// With so many bits for each key, one stranger in as many is taken for a key by its hash.
const BITS_OF_HASH: usize = 16;
/// Leaving out no more than one row of so many costs more, event by event, than it saves.
const FEW: usize = 16;
/// So many places cost nothing.
const LEAST_PLACES: u64 = 1 << 18;

/// The row of each key. Of two rows with one key the first is found; that there are two is told elsewhere.
#[derive(Debug)]
pub(super) enum Keys {
    /// The keys are `first` and those after it, in order.
    Line {
        first: i64,
        count: usize,
    },
    /// The keys are in order, with gaps: a key's row is the number of keys before it, counted from `first`.
    Order {
        first: i64,
        keys: Ranks,
    },
    /// The rows of the keys from `first`, and a bit for each that has one: few bytes, which tell most that have none.
    Range {
        first: i64,
        bits: Vec<u64>,
        rows: Vec<u32>,
    },
    Numbers {
        hasher: DefaultHashBuilder,
        sieve: Option<Sieve>,
        table: HashTable<(i64, u32)>,
    },
    /// `places`: the batch of each row's key, and where it stands there.
    Texts {
        hasher: DefaultHashBuilder,
        sieve: Option<Sieve>,
        table: HashTable<Known>,
        texts: Vec<ArrayRef>,
        places: Vec<(u32, u32)>,
    },
}

/// The events of a batch that are somebody's.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where they are in the batch, in order.
    pub places: Vec<u32>,
    /// The row of each.
    pub rows: Vec<u32>,
}

impl Found {
    /// Takes the places of the keys that may be some row's. No branch depends on the answers, since they are as good as
    /// random, and they are asked for in a loop of their own, whose stores wait for none of them: so the processor fetches
    /// many at once.
    fn pass(&mut self, keys: &dyn Array, may_be: impl Fn(usize) -> bool) {
        let passed: Vec<bool> = match keys.nulls() {
            None => (0..keys.len()).map(may_be).collect(),
            Some(known) => (0..keys.len()).map(|at| known.is_valid(at) && may_be(at)).collect(),
        };
        self.places.clear();
        self.places.resize(passed.len(), 0);
        let mut kept = 0;
        for (at, passed) in (0u32..).zip(passed) {
            if let Some(place) = self.places.get_mut(kept) {
                *place = at;
            }
            kept += usize::from(passed);
        }
        self.places.truncate(kept);
    }

    /// Takes those that are some row's, where a key tells its row at once; `row`: `NOBODY` where there is none.
    fn find_all(&mut self, keys: &dyn Array, row: impl Fn(usize) -> u32) {
        self.rows.clear();
        match keys.nulls() {
            None => self.rows.extend((0..keys.len()).map(row)),
            Some(known) => {
                self.rows.extend((0..keys.len()).map(|at| if known.is_valid(at) { row(at) } else { NOBODY }));
            }
        }
        self.leave_out_nobody(0..keys.len() as u32);
    }

    /// Takes the places of those whose rows are found.
    fn leave_out_nobody(&mut self, places: impl ExactSizeIterator<Item = u32>) {
        let rows = &mut self.rows;
        if !rows.contains(&NOBODY) {
            self.places = places.collect();
            return;
        }
        let mut kept_places = vec![0; places.len()];
        let mut kept = 0;
        for (at, place) in places.enumerate() {
            let row = rows.get(at).copied().unwrap_or(NOBODY);
            if let (Some(place_to), Some(row_to)) = (kept_places.get_mut(kept), rows.get_mut(kept)) {
                (*place_to, *row_to) = (place, row);
            }
            kept += usize::from(row != NOBODY);
        }
        kept_places.truncate(kept);
        rows.truncate(kept);
        self.places = kept_places;
    }

    /// Finds the rows of those that passed, one after the other, so that the processor fetches several at once.
    fn find(&mut self, row: impl Fn(usize) -> u32) {
        self.rows.clear();
        self.rows.extend(self.places.iter().map(|place| row(*place as usize)));
    }

    /// The same where some of them may be nobody's after all.
    fn find_some(&mut self, row: impl Fn(usize) -> Option<u32>) {
        self.find(|place| row(place).unwrap_or(NOBODY));
        let places = std::mem::take(&mut self.places);
        self.leave_out_nobody(places.into_iter());
    }

    /// Those of keys that are codes. `each`: what was found of the texts or numbers that they stand for, `count` of them.
    pub fn of_codes(&mut self, codes: &Int32Array, each: &Found, count: usize) {
        let mut rows = vec![NOBODY; count];
        for (place, row) in each.places.iter().zip(&each.rows) {
            if let Some(of_code) = rows.get_mut(*place as usize) {
                *of_code = *row;
            }
        }
        let values = codes.values();
        let row = |at: usize| {
            let code = values.get(at).and_then(|code| usize::try_from(*code).ok());
            code.and_then(|code| rows.get(code)).copied().unwrap_or(NOBODY)
        };
        self.find_all(codes, row);
    }
}

/// A text that is some row's key.
#[derive(Debug)]
pub(super) struct Known {
    /// As arrow holds it: a short text is in it, so that no other memory is looked at to compare it.
    view: u128,
    hash: u64,
    row: u32,
}

/// Whether a text is short enough to be in its view.
fn is_whole(view: u128) -> bool {
    view as u32 <= MAX_INLINE_VIEW_LEN
}

fn hash(hasher: &DefaultHashBuilder, view: u128, text: &str) -> u64 {
    if is_whole(view) { hasher.hash_one(view) } else { hasher.hash_one(text) }
}

fn is_same(
    known: &Known,
    hash: u64,
    view: u128,
    text: &str,
    columns: &[ArrayRef],
    places: &[(u32, u32)],
) -> bool {
    if is_whole(view) {
        return known.view == view;
    }
    known.hash == hash && text_of(columns, places, known.row) == Some(text)
}

impl Keys {
    /// Of the columns of keys, one for each batch of the entity's rows; the rows are those chosen.
    pub fn new(columns: Vec<ArrayRef>, chosen: &Chosen) -> Result<Keys> {
        let count: usize = columns.iter().map(|c| c.len()).sum();
        if count >= NOBODY as usize {
            return exec_err!("more rows than a portrait can have: {count}");
        }
        match columns.first().map(|c| c.data_type()) {
            None => Ok(Keys::Line { first: 0, count: 0 }),
            Some(DataType::Int64) => Ok(Keys::numbers(&columns, chosen)),
            Some(DataType::Utf8View) => Ok(Keys::texts(columns, chosen)),
            Some(other) => internal_err!("keys of the type {other}"),
        }
    }

    fn numbers(columns: &[ArrayRef], chosen: &Chosen) -> Keys {
        let (mut first, mut last, mut in_line) = (i64::MAX, i64::MIN, 0i64);
        let (mut count, mut in_order) = (0u64, true);
        each_number(columns, chosen, |key, place| {
            // A row without a key has its number, too.
            in_order &= u64::from(place) == count && (count == 0 || last < key);
            first = first.min(key);
            last = last.max(key);
            in_line += i64::from(key.checked_sub(first) == Some(i64::from(place)));
            count += 1;
        });
        let places = last.checked_sub(first).and_then(|span| u64::try_from(span).ok()?.checked_add(1));
        let length = usize::try_from(count).unwrap_or(0);
        if count > 0 && places == Some(count) && i64::try_from(count) == Ok(in_line) {
            return Keys::Line { first, count: length };
        }
        let sparse = if in_order { SPARSE_BITS } else { SPARSE };
        if let Some(places) = places.filter(|p| *p <= (sparse * count).max(LEAST_PLACES)) {
            let places = usize::try_from(places).unwrap_or(0);
            if in_order {
                let keys = Ranks::of(places, |note| {
                    each_number(columns, chosen, |key, _| note(place(key, first)));
                });
                return Keys::Order { first, keys };
            }
            let mut rows = vec![NOBODY; places];
            let mut bits = vec![0u64; rows.len().div_ceil(64)];
            each_number(columns, chosen, |key, row| {
                let at = place(key, first);
                if let Some(place) = rows.get_mut(at)
                    && *place == NOBODY
                {
                    *place = row;
                }
                if let Some(word) = bits.get_mut(at / 64) {
                    *word |= 1 << (at % 64);
                }
            });
            return Keys::Range { first, bits, rows };
        }
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<(i64, u32)> = HashTable::with_capacity(length);
        each_number(columns, chosen, |key, row| {
            table
                .entry(hasher.hash_one(key), |(known, _)| *known == key, |(known, _)| hasher.hash_one(known))
                .or_insert((key, row));
        });
        let all = columns.iter().map(|c| c.len()).sum();
        let sieve = sieve(chosen, all, table.iter().map(|(key, _)| hasher.hash_one(key)));
        Keys::Numbers { hasher, sieve, table }
    }

    fn texts(columns: Vec<ArrayRef>, chosen: &Chosen) -> Keys {
        let hasher = DefaultHashBuilder::default();
        let mut table: HashTable<Known> = HashTable::with_capacity(chosen.count());
        let mut places: Vec<(u32, u32)> = Vec::with_capacity(chosen.count());
        let mut row = 0u32;
        for (at, column) in (0u32..).zip(&columns) {
            let Some(texts) = column.as_string_view_opt() else { continue };
            for (within, (view, text)) in (0u32..).zip(texts.views().iter().zip(texts)) {
                let number = chosen.place(row);
                row += 1;
                if number == NOBODY {
                    continue;
                }
                // Numbers come in order, without gaps.
                places.push((at, within));
                if let Some(text) = text {
                    let hash = hash(&hasher, *view, text);
                    let is_known = |known: &Known| is_same(known, hash, *view, text, &columns, &places);
                    table.entry(hash, is_known, |known| known.hash).or_insert(Known {
                        view: *view,
                        hash,
                        row: number,
                    });
                }
            }
        }
        let sieve = sieve(chosen, row as usize, table.iter().map(|known| known.hash));
        Keys::Texts { hasher, sieve, table, texts: columns, places }
    }

    /// Finds whose the events with some keys are.
    pub fn find(&self, keys: &ArrayRef, found: &mut Found) -> Result<()> {
        let key = |keys: &Int64Array, at: usize| keys.values().get(at).copied().unwrap_or(0);
        match (self, keys.as_primitive_opt::<Int64Type>(), keys.as_string_view_opt()) {
            (Keys::Line { first, count }, Some(keys), _) => {
                found.find_all(keys, |at| {
                    let row = place(key(keys, at), *first);
                    if row < *count { row as u32 } else { NOBODY }
                });
            }
            (Keys::Order { first, keys: ranks }, Some(keys), _) if ranks.is_sparse() => {
                found.pass(keys, |at| ranks.has(place(key(keys, at), *first)));
                found.find(|at| ranks.place(place(key(keys, at), *first)).1);
            }
            (Keys::Order { first, keys: ranks }, Some(keys), _) => {
                found.find_all(keys, |at| {
                    let (is_somebody, row) = ranks.place(place(key(keys, at), *first));
                    // All bits, which is `NOBODY`, where it is not: without a branch on what cannot be guessed.
                    row | u32::from(is_somebody).wrapping_sub(1)
                });
            }
            (Keys::Range { first, bits, rows }, Some(keys), _) => {
                found.pass(keys, |at| {
                    let at = place(key(keys, at), *first);
                    bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
                });
                found.find(|at| rows.get(place(key(keys, at), *first)).copied().unwrap_or(NOBODY));
            }
            (Keys::Numbers { hasher, sieve, table }, Some(keys), _) => {
                found.pass(keys, |at| {
                    sieve.as_ref().is_none_or(|sieve| sieve.may_have(hasher.hash_one(key(keys, at))))
                });
                found.find_some(|at| {
                    let key = key(keys, at);
                    table.find(hasher.hash_one(key), |(known, _)| *known == key).map(|(_, row)| *row)
                });
            }
            (Keys::Texts { hasher, sieve, table, texts, places }, _, Some(keys)) => {
                let views = keys.views();
                // A short text is compared and hashed without being looked at.
                let text_and_hash = |at: usize| {
                    let view = views.get(at).copied().unwrap_or(0);
                    let text = if is_whole(view) { "" } else { keys.value(at) };
                    (view, text, hash(hasher, view, text))
                };
                found.pass(keys, |at| sieve.as_ref().is_none_or(|sieve| sieve.may_have(text_and_hash(at).2)));
                found.find_some(|at| {
                    let (view, text, hash) = text_and_hash(at);
                    let known = table.find(hash, |known| is_same(known, hash, view, text, texts, places));
                    known.map(|known| known.row)
                });
            }
            _ => return internal_err!("events with keys of the type {}", keys.data_type()),
        }
        Ok(())
    }
}

/// Tells most that are nobody's by their hashes; none where most are somebody's, since then it would be asked in vain.
fn sieve(chosen: &Chosen, all: usize, hashes: impl Iterator<Item = u64>) -> Option<Sieve> {
    if chosen.count() > all / 4 {
        return None;
    }
    let sieve = Sieve::new(chosen.count() * BITS_OF_HASH);
    hashes.for_each(|hash| sieve.note(hash));
    Some(sieve)
}

/// Calls with the keys of the chosen rows and their numbers, in order.
fn each_number(columns: &[ArrayRef], chosen: &Chosen, mut each: impl FnMut(i64, u32)) {
    let (mut start, mut place) = (0, 0u32);
    for column in columns {
        let Some(keys) = column.as_primitive_opt::<Int64Type>() else { continue };
        let mut one = |at: usize| {
            if keys.is_valid(at) {
                each(keys.value(at), place);
            }
            place += 1;
        };
        match &chosen.chosen {
            None => (0..keys.len()).for_each(one),
            Some(chosen) => chosen.within(start..start + keys.len()).for_each(|row| one(row - start)),
        }
        start += keys.len();
    }
}

/// Some of the entity's rows, numbered anew without gaps.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// None where all are.
    chosen: Option<Arc<Ranks>>,
    count: usize,
}

impl Chosen {
    pub fn all(count: usize) -> Chosen {
        Chosen { chosen: None, count }
    }

    /// Those for whom a condition on their row is true; all where it leaves out few.
    pub fn of(
        condition: &Arc<dyn PhysicalExpr>,
        batches: &[(usize, RecordBatch)],
        count: usize,
    ) -> Result<Chosen> {
        let outcome = |(start, batch): &(usize, RecordBatch)| {
            Ok((*start, truth(&condition.evaluate(batch)?.into_array(batch.num_rows())?)?))
        };
        let outcomes = batches.iter().map(outcome).collect::<Result<Vec<_>>>()?;
        let chosen = Ranks::of(count, |note| {
            for (start, outcome) in &outcomes {
                outcome.set_indices().for_each(|at| note(start + at));
            }
        });
        if chosen.count() >= count - count / FEW {
            return Ok(Chosen::all(count));
        }
        Ok(Chosen { count: chosen.count(), chosen: Some(Arc::new(chosen)) })
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Which rows are chosen; none where all are.
    pub fn mask(&self, count: usize) -> Option<BooleanArray> {
        let chosen = self.chosen.as_ref()?;
        Some(BooleanArray::new(BooleanBuffer::collect_bool(count, |row| chosen.has(row)), None))
    }

    /// The number of a row among those chosen.
    fn place(&self, row: u32) -> u32 {
        match &self.chosen {
            None => row,
            Some(chosen) => chosen.rank(row as usize).unwrap_or(NOBODY),
        }
    }

    /// The numbers of a range of rows; of one that is not chosen, the number after the last.
    pub fn places(&self, rows: Range<usize>) -> Vec<usize> {
        match &self.chosen {
            None => rows.collect(),
            Some(_) => rows
                .map(|row| match u32::try_from(row).map_or(NOBODY, |row| self.place(row)) {
                    NOBODY => self.count,
                    place => place as usize,
                })
                .collect(),
        }
    }
}

/// The place of a key in a table that starts with `first`; beyond every table where it is smaller.
fn place(key: i64, first: i64) -> usize {
    usize::try_from(key.wrapping_sub(first)).unwrap_or(usize::MAX)
}

fn text_of<'a>(columns: &'a [ArrayRef], places: &[(u32, u32)], row: u32) -> Option<&'a str> {
    let (batch, within) = places.get(row as usize)?;
    Some(columns.get(*batch as usize)?.as_string_view_opt()?.value(*within as usize))
}
