//! Which selections take which events.
//!
//! A selection takes the events for which all its conditions are true and whose time it has. All selections of a pass are
//! worked out together, a bit for each: what an event's interval allows, what each of its texts allows, and what the
//! other conditions allow.

use super::super::operator::{batch_of, truth, typed};
use super::keys::places_of;
use super::pass::{Condition, Selection};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Int32Type, SchemaRef};
use datafusion::common::Result;
use std::sync::Arc;

/// So many selections share a word.
pub(super) const WORD: usize = 64;

/// The interval of an event without a time.
pub(super) const NEVER: u8 = u8::MAX;

/// What some selections, a word of them, ask for.
#[derive(Debug)]
struct Asked {
    /// A bit for each of them.
    all: u64,
    /// For each condition, those that ask for it.
    asking: Vec<u64>,
    /// For each interval, those that have it; none where the time does not matter.
    having: Option<Box<[u64; 256]>>,
}

/// What all selections of a pass ask for.
#[derive(Debug)]
pub(super) struct Choices {
    /// For each word of selections.
    words: Vec<Asked>,
    conditions: Vec<Condition>,
    /// The columns of texts that conditions are about.
    about: Vec<usize>,
}

/// A dictionary, and for each word the selections that each of its texts allows; at the end, those that a missing one does.
type Allowed = (ArrayRef, Vec<Vec<u64>>);

/// One thread's choosing.
#[derive(Debug)]
pub(super) struct Chooser {
    choices: Arc<Choices>,
    /// For each column of texts, what its last dictionary allows.
    allowed: Vec<Option<Allowed>>,
    /// For each word, the selections that take each event of the batch at hand.
    taken: Vec<Vec<u64>>,
    /// The places of those that any selection takes.
    places: Vec<u32>,
}

impl Choices {
    pub fn new(selections: &[Selection], conditions: Vec<Condition>) -> Choices {
        let word = |selections: &[Selection]| {
            let those = |is: &dyn Fn(&Selection) -> bool| {
                selections
                    .iter()
                    .enumerate()
                    .filter(|(_, s)| is(s))
                    .fold(0, |word, (at, _)| word | 1u64 << at)
            };
            Asked {
                all: those(&|_| true),
                asking: (0..conditions.len()).map(|at| those(&|s| s.conditions.contains(&at))).collect(),
                having: selections
                    .iter()
                    .any(|s| s.intervals.is_some())
                    .then(|| Box::new(std::array::from_fn(|interval| those(&|s| s.takes(interval))))),
            }
        };
        let words = selections.chunks(WORD).map(word).collect();
        let mut about: Vec<usize> = conditions.iter().filter_map(|c| c.about).collect();
        about.sort_unstable();
        about.dedup();
        Choices { words, conditions, about }
    }

    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// What the texts of a dictionary allow, and what a missing one does. `row`: the columns that conditions read; of
    /// these conditions, all but the column at `about` are nothing.
    fn allowed(&self, about: usize, texts: &ArrayRef, row: &SchemaRef) -> Result<Vec<Vec<u64>>> {
        let none = new_null_array(&DataType::Utf8View, 1);
        let each = concat(&[typed(texts, &DataType::Utf8View)?.as_ref(), none.as_ref()])?;
        let columns = row.fields().iter().enumerate().map(|(at, field)| match at == about {
            true => Arc::clone(&each),
            false => new_null_array(field.data_type(), each.len()),
        });
        let rows = batch_of(row, columns.collect(), each.len())?;
        let mut allowed = vec![vec![u64::MAX; each.len()]; self.words.len()];
        for (at, condition) in self.conditions.iter().enumerate().filter(|(_, c)| c.about == Some(about)) {
            self.restrict(at, condition, &rows, &mut allowed)?;
        }
        Ok(allowed)
    }

    /// Leaves out of `taken` those selections that ask for a condition, where it is not true.
    fn restrict(
        &self,
        at: usize,
        condition: &Condition,
        rows: &RecordBatch,
        taken: &mut [Vec<u64>],
    ) -> Result<()> {
        let is_true = truth(&condition.expr.evaluate(rows)?.into_array(rows.num_rows())?)?;
        for (word, taken) in self.words.iter().zip(taken) {
            let asking = word.asking.get(at).copied().unwrap_or(0);
            if asking == 0 {
                continue;
            }
            for (taken, is_true) in taken.iter_mut().zip(&is_true) {
                *taken &= !asking | u64::from(is_true).wrapping_neg();
            }
        }
        Ok(())
    }
}

impl Chooser {
    pub fn new(choices: &Arc<Choices>) -> Chooser {
        Chooser {
            allowed: vec![None; choices.about.len()],
            taken: vec![Vec::new(); choices.words.len()],
            places: Vec::new(),
            choices: Arc::clone(choices),
        }
    }

    /// Chooses among the events of a batch. `row`: the same in their types, with the entity's columns; `interval`: the one
    /// that all are in, where it is one.
    pub fn choose(
        &mut self,
        batch: &RecordBatch,
        row: &RecordBatch,
        intervals: &[u8],
        interval: Option<u8>,
    ) -> Result<()> {
        let Chooser { choices, allowed, taken, .. } = self;
        for (taken, word) in taken.iter_mut().zip(&choices.words) {
            let having =
                |having: &[u64; 256], interval: u8| having.get(usize::from(interval)).copied().unwrap_or(0);
            taken.clear();
            match (&word.having, interval) {
                (None, _) => taken.resize(batch.num_rows(), word.all),
                (Some(those), Some(one)) => taken.resize(batch.num_rows(), having(those, one)),
                (Some(those), None) => taken.extend(intervals.iter().map(|one| having(those, *one))),
            }
        }
        let codes_of = |about: usize| batch.columns().get(about)?.as_dictionary_opt::<Int32Type>();
        for (about, known) in choices.about.iter().zip(allowed) {
            let Some(codes) = codes_of(*about) else { continue };
            let texts = codes.values();
            let known = match known {
                Some(known) if Arc::ptr_eq(&known.0, texts) => known,
                known => known.insert((Arc::clone(texts), choices.allowed(*about, texts, row.schema_ref())?)),
            };
            for (taken, allowed) in taken.iter_mut().zip(&known.1) {
                let of = |code: &i32| allowed.get(*code as usize).copied().unwrap_or(0);
                let events = taken.iter_mut().zip(codes.keys().values());
                match codes.keys().nulls().filter(|known| known.null_count() > 0) {
                    None => events.for_each(|(taken, code)| *taken &= of(code)),
                    Some(known) => {
                        let of_missing = allowed.last().copied().unwrap_or(0);
                        for ((taken, code), is_known) in events.zip(known) {
                            *taken &= if is_known { of(code) } else { of_missing };
                        }
                    }
                }
            }
        }
        for (at, condition) in choices.conditions.iter().enumerate() {
            if condition.about.and_then(codes_of).is_none() {
                choices.restrict(at, condition, row, taken)?;
            }
        }
        Ok(())
    }

    /// For each word of selections, those that take each event of the last batch.
    pub fn taken(&self) -> &[Vec<u64>] {
        &self.taken
    }

    /// The places of the events that any selection takes; none where all are taken.
    pub fn places(&mut self) -> Option<&[u32]> {
        let Chooser { taken, places, .. } = self;
        let (first, rest) = taken.split_first()?;
        let any = |at: usize, word: u64| {
            rest.iter().fold(word, |any, taken| any | taken.get(at).copied().unwrap_or(0))
        };
        if first.iter().enumerate().all(|(at, word)| any(at, *word) != 0) {
            return None;
        }
        places_of(first.iter().enumerate().map(|(at, word)| any(at, *word) != 0), places);
        Some(places)
    }

    /// Which events a selection takes.
    pub fn taken_by(&self, selection: usize) -> BooleanBuffer {
        let taken = self.taken.get(selection / WORD).map_or(&[][..], Vec::as_slice);
        BooleanBuffer::collect_bool(taken.len(), |at| {
            taken.get(at).is_some_and(|word| word >> (selection % WORD) & 1 == 1)
        })
    }
}
