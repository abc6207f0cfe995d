//! The keys that a portrait has shown: one that stands twice is an error.

use super::portrait::{ExplainError, Result, View, value_at};
use crate::ir::Program;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use hashbrown::HashSet;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys shown as samples.
const SAMPLES: usize = 3;

/// Watches the keys of a stream of rows. As a rule they come in order, batch by batch, and nothing need be looked up.
#[derive(Default)]
pub(super) struct KeyWatch {
    batches: Vec<ArrayRef>,
}

impl KeyWatch {
    pub fn add(&mut self, view: &View<'_>) {
        self.batches.push(Arc::clone(view.keys()));
    }

    pub fn finish(mut self, program: &Program, entity: &str) -> Result<()> {
        if self.in_order() {
            return Ok(());
        }
        let samples = doubles(program, &self.batches)?;
        if samples.is_empty() {
            return Ok(());
        }
        Err(ExplainError::DuplicateKeys { entity: entity.to_string(), samples })
    }

    /// Whether each batch goes up, and they do not overlap.
    fn in_order(&mut self) -> bool {
        let mut spans = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let Some(numbers) = batch.as_primitive_opt::<Int64Type>().filter(|n| n.null_count() == 0) else {
                return false;
            };
            let numbers = numbers.values();
            if !numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| a < b) {
                return false;
            }
            spans.extend(numbers.first().zip(numbers.last()));
        }
        spans.sort_unstable();
        spans.iter().zip(spans.iter().skip(1)).all(|((_, end), (start, _))| end < start)
    }
}

/// The smallest few of the keys that stand twice: the same whatever the order of rows.
fn doubles(program: &Program, batches: &[ArrayRef]) -> Result<Vec<String>> {
    let (mut numbers, mut texts) = (HashSet::new(), HashSet::new());
    let mut doubles: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut note = |key: String| {
        doubles.insert((key.len(), key));
        if doubles.len() > SAMPLES {
            doubles.pop_last();
        }
    };
    for batch in batches {
        if let Some(keys) = batch.as_primitive_opt::<Int64Type>() {
            numbers.reserve(keys.len());
            keys.iter().flatten().filter(|key| !numbers.insert(*key)).for_each(|key| note(key.to_string()));
            continue;
        }
        for row in 0..batch.len() {
            let key = value_at(batch, row, &program.zone)?;
            if !key.is_missing() && !texts.insert(Box::<str>::from(key.plain())) {
                note(key.plain());
            }
        }
    }
    Ok(doubles.into_iter().map(|(_, key)| key).collect())
}
