//! The keys that a portrait has shown: one that stands twice is an error.

use super::portrait::{ExplainError, Result, View, value_at};
use crate::ir::Program;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use hashbrown::HashSet;

/// Keys shown as samples.
const SAMPLES: usize = 3;

/// Watches the keys of a stream of rows.
#[derive(Default)]
pub(super) struct Keys {
    numbers: HashSet<i64>,
    texts: HashSet<Box<str>>,
    doubles: Vec<String>,
}

impl Keys {
    pub fn add(&mut self, program: &Program, view: &View<'_>) -> Result<()> {
        let keys = view.keys();
        if let Some(numbers) = keys.as_primitive_opt::<Int64Type>() {
            self.numbers.reserve(numbers.len());
            for row in 0..numbers.len() {
                if !numbers.is_null(row) && !self.numbers.insert(numbers.value(row)) {
                    self.note(numbers.value(row).to_string());
                }
            }
            return Ok(());
        }
        for row in 0..keys.len() {
            let key = value_at(keys, row, &program.zone)?;
            if !key.is_missing() && !self.texts.insert(key.plain().into()) {
                self.note(key.plain());
            }
        }
        Ok(())
    }

    fn note(&mut self, key: String) {
        if !self.doubles.contains(&key) {
            self.doubles.push(key);
            // The smallest few: the same whatever the order of rows.
            self.doubles.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
            self.doubles.truncate(SAMPLES);
        }
    }

    pub fn finish(self, entity: &str) -> Result<()> {
        if self.doubles.is_empty() {
            return Ok(());
        }
        Err(ExplainError::DuplicateKeys { entity: entity.to_string(), samples: self.doubles })
    }
}
