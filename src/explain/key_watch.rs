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
    batches: Vec<Seen>,
    /// The first and the last key of each batch that goes up.
    spans: Vec<(i64, i64)>,
}

/// The keys of a batch.
enum Seen {
    /// Numbers that go up in small steps: a byte for each instead of eight, so that the batch itself can go.
    Steps {
        first: i64,
        steps: Vec<u8>,
    },
    Keys(ArrayRef),
}

impl KeyWatch {
    pub fn add(&mut self, view: &View<'_>) {
        self.note(view.keys());
    }

    fn note(&mut self, keys: &ArrayRef) {
        if keys.is_empty() {
            return;
        }
        let numbers = keys.as_primitive_opt::<Int64Type>().filter(|numbers| numbers.null_count() == 0);
        let numbers = numbers.map_or(&[][..], |numbers| numbers.values());
        let ends = numbers.first().copied().zip(numbers.last().copied());
        if let Some(((first, last), steps)) = ends.zip(small_steps(numbers)) {
            self.spans.push((first, last));
            self.batches.push(Seen::Steps { first, steps });
            return;
        }
        self.spans.extend(ends.filter(|_| pairs(numbers).all(|(a, b)| a < b)));
        self.batches.push(Seen::Keys(Arc::clone(keys)));
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

/// What is between each of some numbers and the next; none where one does not go up, or by more than a byte holds.
fn small_steps(numbers: &[i64]) -> Option<Vec<u8>> {
    // A step back is a large number, unless it goes round all there are: then the last is before the first. Without a way
    // out early, many are done at once.
    let step = |(a, b): (&i64, &i64)| b.wrapping_sub(*a) as u64;
    let most = pairs(numbers).fold(0, |all, pair| all | step(pair));
    if most > u64::from(u8::MAX) || numbers.last() < numbers.first() {
        return None;
    }
    let steps: Vec<u8> = pairs(numbers).map(|pair| step(pair) as u8).collect();
    (!steps.contains(&0)).then_some(steps)
}

/// Each of some numbers with the one after it.
fn pairs(numbers: &[i64]) -> impl Iterator<Item = (&i64, &i64)> {
    numbers.iter().zip(numbers.get(1..).unwrap_or_default())
}

/// The smallest few of the keys that stand twice: the same whatever the order of rows.
fn doubles(batches: &[Seen]) -> Result<Vec<String>> {
    let (mut numbers, mut short, mut long): (Vec<i64>, Vec<u128>, Vec<&str>) = Default::default();
    for batch in batches {
        let batch = match batch {
            Seen::Keys(batch) => batch,
            Seen::Steps { first, steps } => {
                let next = |key: &mut i64, step: &u8| {
                    *key += i64::from(*step);
                    Some(*key)
                };
                numbers.push(*first);
                numbers.extend(steps.iter().scan(*first, next));
                continue;
            }
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;

    #[test]
    fn small_steps_go_up_and_nowhere_else() {
        assert_eq!(small_steps(&[]), Some(vec![]));
        assert_eq!(small_steps(&[7]), Some(vec![]));
        assert_eq!(small_steps(&[-3, 0, 1, 256]), Some(vec![3, 1, 255]));
        for not in
            [&[1, 257][..], &[5, 5], &[6, 5], &[i64::MAX - 1, i64::MAX, i64::MIN], &[i64::MIN, i64::MAX]]
        {
            assert_eq!(small_steps(not), None, "{not:?}");
        }
    }

    #[test]
    fn a_key_that_two_batches_have_stands_twice() {
        let finish = |one: &[i64], other: &[i64]| {
            let mut watch = KeyWatch::default();
            for keys in [one, other] {
                watch.note(&(Arc::new(Int64Array::from(keys.to_vec())) as ArrayRef));
            }
            match watch.finish("c") {
                Ok(()) => Vec::new(),
                Err(ExplainError::DuplicateKeys { samples, .. }) => samples,
                Err(other) => panic!("{other}"),
            }
        };
        assert!(finish(&[1, 2, 9], &[10, 11]).is_empty());
        assert!(finish(&[10, 11], &[1, 9]).is_empty());
        assert!(finish(&[1, 3, 5], &[2, 4, 6]).is_empty());
        assert!(finish(&[], &[4]).is_empty());
        assert_eq!(finish(&[1, 2, 9], &[9, 10]), ["9"]);
        assert_eq!(finish(&[4, 1000, 9], &[5, 4, 1000]), ["4", "1000"]);
    }
}
