//! The keys that a portrait has shown: one that stands twice is an error.

use super::portrait::{ExplainError, Result, View, internal};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, MAX_INLINE_VIEW_LEN};
use datafusion::arrow::datatypes::Int64Type;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys shown as samples.
const SAMPLES: usize = 3;

/// Watches the keys of a stream of rows. As a rule they come in order, batch by batch, and nothing need be looked up.
#[derive(Default)]
pub(super) struct KeyWatch {
    batches: Vec<ArrayRef>,
    /// The first and the last key of each batch that goes up.
    spans: Vec<(i64, i64)>,
}

impl KeyWatch {
    pub fn add(&mut self, view: &View<'_>) {
        self.spans.extend(span(view.keys()));
        self.batches.push(Arc::clone(view.keys()));
    }

    pub fn finish(mut self, entity: &str) -> Result<()> {
        if self.in_order() {
            return Ok(());
        }
        let samples = doubles(&self.batches)?;
        if samples.is_empty() {
            return Ok(());
        }
        Err(ExplainError::DuplicateKeys { entity: entity.to_string(), samples })
    }

    /// Whether each batch goes up, and they do not overlap.
    fn in_order(&mut self) -> bool {
        self.spans.sort_unstable();
        let next = self.spans.iter().skip(1);
        self.spans.len() == self.batches.len()
            && self.spans.iter().zip(next).all(|((_, end), (start, _))| end < start)
    }
}

/// The first and the last of some keys; none where they do not go up.
fn span(keys: &ArrayRef) -> Option<(i64, i64)> {
    let numbers = keys.as_primitive_opt::<Int64Type>().filter(|numbers| numbers.null_count() == 0)?.values();
    // Without a way out early, which would keep it from being done for many at once.
    let goes_up = numbers.iter().zip(numbers.iter().skip(1)).fold(true, |so_far, (a, b)| so_far & (a < b));
    numbers.first().copied().zip(numbers.last().copied()).filter(|_| goes_up)
}

/// The smallest few of the keys that stand twice: the same whatever the order of rows.
fn doubles(batches: &[ArrayRef]) -> Result<Vec<String>> {
    let (mut numbers, mut short, mut long): (Vec<i64>, Vec<u128>, Vec<&str>) = Default::default();
    for batch in batches {
        if let Some(keys) = batch.as_primitive_opt::<Int64Type>() {
            numbers.extend(keys.iter().flatten());
        } else if let Some(keys) = batch.as_string_view_opt() {
            // A short text is all in its view, and a view is compared in a moment.
            for (view, text) in keys.views().iter().zip(keys).filter_map(|(v, text)| Some((v, text?))) {
                match *view as u32 <= MAX_INLINE_VIEW_LEN {
                    true => short.push(*view),
                    false => long.push(text),
                }
            }
        } else {
            return Err(internal(format!("keys of the type {}", batch.data_type())));
        }
    }
    let mut doubles: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut note = |key: String| {
        doubles.insert((key.len(), key));
        if doubles.len() > SAMPLES {
            doubles.pop_last();
        }
    };
    twice(&mut numbers, |key| note(key.to_string()));
    twice(&mut short, |view| {
        let bytes = view.to_le_bytes();
        let text = bytes.get(4..).and_then(|text| text.get(..view as u32 as usize)).unwrap_or_default();
        note(String::from_utf8_lossy(text).into_owned());
    });
    twice(&mut long, |key| note(key.to_string()));
    Ok(doubles.into_iter().map(|(_, key)| key).collect())
}

/// Sorting takes less memory than a set of them would.
fn twice<T: Ord + Copy>(keys: &mut [T], mut note: impl FnMut(T)) {
    keys.sort_unstable();
    keys.iter().zip(keys.iter().skip(1)).filter(|(a, b)| a == b).for_each(|(key, _)| note(*key));
}
