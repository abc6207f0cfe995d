//! From an entity's keys to the numbers of its rows, counted from 0 in the order in which they come.

use super::hashed::{Hashed, Held, New};
use super::ranks::Ranks;
use super::sieve::Sieve;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, MAX_INLINE_VIEW_LEN};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher;

/// The row of an event that belongs to no row of the entity.
pub(super) const NOBODY: u32 = u32::MAX;

/// A table over a range of keys pays as long as it has no more than this many places for each of them.
const SPARSE: u64 = 16;
/// The same of keys in order: of them a place takes bits.
const SPARSE_BITS: u64 = 128;
/// With so many bits for each key, one stranger in as many is taken for a key by its hash.
const BITS_OF_HASH: usize = 16;
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
        table: Hashed<8>,
    },
    /// As arrow holds them: a short text is in its view, so that no other memory is looked at to compare it. `places`: the batch
    /// of each row's key, and where it stands there.
    Texts {
        hasher: DefaultHashBuilder,
        sieve: Option<Sieve>,
        table: Hashed<16>,
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
        places_of(passed.into_iter(), &mut self.places);
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

    /// The same by their hashes, where some of them may be nobody's after all. `is_same`: whether the key at a place of the batch
    /// is one of the table's.
    fn find_hashed<const KEY: usize>(
        &mut self,
        table: &Hashed<KEY>,
        hash: impl Fn(usize) -> u64,
        is_same: impl Fn(&Held<'_, KEY>, usize, u64) -> bool,
    ) {
        let places = std::mem::take(&mut self.places);
        let hashes: Vec<u64> = places.iter().map(|place| hash(*place as usize)).collect();
        table.find(&hashes, &mut self.rows, |held, at| match (places.get(at), hashes.get(at)) {
            (Some(place), Some(hash)) => is_same(held, *place as usize, *hash),
            _ => false,
        });
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

/// The places of those that are true, without a branch, since none could be guessed.
pub(super) fn places_of(each: impl ExactSizeIterator<Item = bool>, places: &mut Vec<u32>) {
    places.clear();
    places.resize(each.len(), 0);
    let mut kept = 0;
    for (at, is_true) in (0u32..).zip(each) {
        if let Some(place) = places.get_mut(kept) {
            *place = at;
        }
        kept += usize::from(is_true);
    }
    places.truncate(kept);
}

/// Whether a text is short enough to be in its view.
fn is_whole(view: u128) -> bool {
    view as u32 <= MAX_INLINE_VIEW_LEN
}

fn hash(hasher: &DefaultHashBuilder, view: u128, text: &str) -> u64 {
    if is_whole(view) { hasher.hash_one(view) } else { hasher.hash_one(text) }
}

fn is_same(
    known: &Held<'_, 16>,
    hash: u64,
    view: u128,
    text: &str,
    columns: &[ArrayRef],
    places: &[(u32, u32)],
) -> bool {
    if is_whole(view) {
        return *known.key == view.to_le_bytes();
    }
    known.may_be_of(hash) && text_of(columns, places, known.row) == Some(text)
}

impl Keys {
    /// Of the columns of keys, one for each batch of the entity's rows. `all`: how many rows the entity has, whose keys these
    /// are or not.
    pub fn new(columns: Vec<ArrayRef>, all: usize) -> Result<Keys> {
        if all >= NOBODY as usize {
            return exec_err!("more rows than a portrait can have: {all}");
        }
        match columns.first().map(|c| c.data_type()) {
            None => Ok(Keys::Line { first: 0, count: 0 }),
            Some(DataType::Int64) => Keys::numbers(&columns, all),
            Some(DataType::Utf8View) => Keys::texts(columns, all),
            Some(other) => internal_err!("keys of the type {other}"),
        }
    }

    fn numbers(columns: &[ArrayRef], all: usize) -> Result<Keys> {
        if let Some(keys) = Keys::ordered(columns) {
            return Ok(keys);
        }
        let (mut first, mut last, mut count) = (i64::MAX, i64::MIN, 0u64);
        each_number(columns, |key, _| {
            first = first.min(key);
            last = last.max(key);
            count += 1;
        });
        let places = last.checked_sub(first).and_then(|span| u64::try_from(span).ok()?.checked_add(1));
        let length = usize::try_from(count).unwrap_or(0);
        if let Some(places) = places.filter(|p| *p <= (SPARSE * count).max(LEAST_PLACES)) {
            let places = usize::try_from(places).unwrap_or(0);
            let mut bits = vec![0u64; places.div_ceil(64)];
            let mut rows = vec![NOBODY; places];
            each_number(columns, |key, row| {
                let at = place(key, first);
                if let Some(word) = bits.get_mut(at / 64) {
                    *word |= 1 << (at % 64);
                }
                if let Some(place) = rows.get_mut(at)
                    && *place == NOBODY
                {
                    *place = row;
                }
            });
            return Ok(Keys::Range { first, bits, rows });
        }
        let hasher = DefaultHashBuilder::default();
        let mut table = Hashed::new(length)?;
        let sieve = sieve_for(length, all);
        let mut start = 0;
        for column in columns {
            let mut keys = Vec::with_capacity(column.len());
            each_number(std::slice::from_ref(column), |key, row| {
                keys.push((key.to_le_bytes(), hasher.hash_one(key), start + row));
            });
            start += column.len() as u32;
            table.add(&keys, |known, at| keys.get(at).is_some_and(|(key, ..)| known.key == key));
            note(&sieve, &keys);
        }
        Ok(Keys::Numbers { hasher, sieve, table })
    }

    /// Of keys of which none is missing and each is higher than the one before it, without a table: the usual ones, so that
    /// little is done with each. None where they are not so, or lie too far apart.
    fn ordered(columns: &[ArrayRef]) -> Option<Keys> {
        let numbers =
            columns.iter().map(|c| c.as_primitive_opt::<Int64Type>().filter(|c| c.null_count() == 0));
        let numbers: Vec<&[i64]> = numbers.map(|c| c.map(|c| c.values().as_ref())).collect::<Option<_>>()?;
        let mut before = None;
        for keys in &numbers {
            // Without a way out, so that several are compared at a time.
            let goes_up =
                keys.iter().zip(keys.iter().skip(1)).fold(true, |all, (one, next)| all & (one < next));
            if !goes_up || before.zip(keys.first()).is_some_and(|(before, first)| before >= first) {
                return None;
            }
            before = keys.last().or(before);
        }
        let (first, last) = (*numbers.iter().find_map(|keys| keys.first())?, *before?);
        let count: usize = numbers.iter().map(|keys| keys.len()).sum();
        let places = usize::try_from(last.checked_sub(first)?).ok()?.checked_add(1)?;
        if places == count {
            return Some(Keys::Line { first, count });
        }
        if places as u64 > (SPARSE_BITS * count as u64).max(LEAST_PLACES) {
            return None;
        }
        let mut bits = vec![0u64; places.div_ceil(64)];
        let (mut at, mut word) = (0, 0);
        let mut put = |at: usize, word: u64| {
            if let Some(bits) = bits.get_mut(at) {
                *bits = word;
            }
        };
        for key in numbers.into_iter().flatten() {
            let place = place(*key, first);
            if place / 64 != at {
                put(at, word);
                (at, word) = (place / 64, 0);
            }
            word |= 1 << (place % 64);
        }
        put(at, word);
        Some(Keys::Order { first, keys: Ranks::new(bits) })
    }

    fn texts(columns: Vec<ArrayRef>, all: usize) -> Result<Keys> {
        let hasher = DefaultHashBuilder::default();
        let count = columns.iter().map(|column| column.len()).sum();
        let mut table = Hashed::new(count)?;
        let mut places: Vec<(u32, u32)> = Vec::with_capacity(count);
        let sieve = sieve_for(count, all);
        for (at, column) in (0u32..).zip(&columns) {
            let Some(texts) = column.as_string_view_opt() else { continue };
            let first = places.len() as u32;
            places.extend((0..texts.len() as u32).map(|within| (at, within)));
            let numbered = (first..).zip(texts.views().iter().zip(texts));
            let known = numbered.filter_map(|(row, (view, text))| Some((row, *view, text?)));
            let (keys, texts): (Vec<_>, Vec<_>) = known
                .map(|(row, view, text)| ((view.to_le_bytes(), hash(&hasher, view, text), row), text))
                .unzip();
            table.add(&keys, |known, at| match (keys.get(at), texts.get(at)) {
                (Some((view, hash, _)), Some(text)) => {
                    is_same(known, *hash, u128::from_le_bytes(*view), text, &columns, &places)
                }
                _ => false,
            });
            note(&sieve, &keys);
        }
        Ok(Keys::Texts { hasher, sieve, table, texts: columns, places })
    }

    /// Bytes that it takes beside the columns of keys.
    pub fn size(&self) -> usize {
        let of_sieve = |sieve: &Option<Sieve>| sieve.as_ref().map_or(0, Sieve::size);
        match self {
            Keys::Line { .. } => 0,
            Keys::Order { keys, .. } => keys.size(),
            Keys::Range { bits, rows, .. } => size_of_val(bits.as_slice()) + size_of_val(rows.as_slice()),
            Keys::Numbers { sieve, table, .. } => table.size() + of_sieve(sieve),
            Keys::Texts { sieve, table, places, .. } => {
                table.size() + size_of_val(places.as_slice()) + of_sieve(sieve)
            }
        }
    }

    /// The most bytes for each key of a type, before it is known what the keys are. Of numbers they are few as a rule.
    pub fn bytes_of_row(keys: &DataType) -> usize {
        match keys {
            DataType::Int64 => 0,
            _ => Hashed::<16>::bytes_of_key() + size_of::<(u32, u32)>() + 2 * BITS_OF_HASH / 8,
        }
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
                let hash = |at: usize| hasher.hash_one(key(keys, at));
                found.pass(keys, |at| sieve.as_ref().is_none_or(|sieve| sieve.may_have(hash(at))));
                found.find_hashed(table, hash, |known, at, _| *known.key == key(keys, at).to_le_bytes());
            }
            (Keys::Texts { hasher, sieve, table, texts, places }, _, Some(keys)) => {
                let views = keys.views();
                // A short text is compared and hashed without being looked at.
                let view_and_text = |at: usize| {
                    let view = views.get(at).copied().unwrap_or(0);
                    (view, if is_whole(view) { "" } else { keys.value(at) })
                };
                let hash = |at: usize| {
                    let (view, text) = view_and_text(at);
                    hash(hasher, view, text)
                };
                found.pass(keys, |at| sieve.as_ref().is_none_or(|sieve| sieve.may_have(hash(at))));
                found.find_hashed(table, hash, |known, at, hash| {
                    let (view, text) = view_and_text(at);
                    is_same(known, hash, view, text, texts, places)
                });
            }
            _ => return internal_err!("events with keys of the type {}", keys.data_type()),
        }
        Ok(())
    }
}

/// Tells most that are nobody's by their hashes, once they are noted; none where most are somebody's, since then it would be
/// asked in vain.
fn sieve_for(count: usize, all: usize) -> Option<Sieve> {
    (count <= all / 4).then(|| Sieve::new(count * BITS_OF_HASH))
}

fn note<const KEY: usize>(sieve: &Option<Sieve>, keys: &[New<KEY>]) {
    if let Some(sieve) = sieve {
        keys.iter().for_each(|(_, hash, _)| sieve.note(*hash));
    }
}

/// Calls with the known keys and the numbers of their rows, in order.
fn each_number(columns: &[ArrayRef], mut each: impl FnMut(i64, u32)) {
    let mut start = 0u32;
    for column in columns {
        let Some(keys) = column.as_primitive_opt::<Int64Type>() else { continue };
        let numbered = (start..).zip(keys.values());
        match keys.nulls().filter(|known| known.null_count() > 0) {
            None => numbered.for_each(|(row, key)| each(*key, row)),
            Some(known) => {
                let known = numbered.zip(known).filter(|(_, is_known)| *is_known);
                known.for_each(|((row, key), _)| each(*key, row));
            }
        }
        start += keys.len() as u32;
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
