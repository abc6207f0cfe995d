//! What a source's rows are like: the counts behind `check --data`, keys that stand twice, days without events.

use super::portrait::{Asker, Result, value_at};
use crate::ir::SourceId;
use crate::plan::audit::{self, Trouble};
use crate::plan::checks;
use crate::value::Value;
use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;

/// Keys shown as samples.
const SAMPLES: usize = 3;

/// One source, every row read.
#[derive(Clone, Debug)]
pub struct Audit {
    pub rows: u64,
    /// What is wrong, and with how many rows; only what there is.
    pub troubles: Vec<(Trouble, u64)>,
    /// For each `of` in turn, how many rows have an owner that is not there; none where the owner was not opened.
    pub orphans: Vec<Option<u64>>,
    /// Keys that stand more than once: `10042 (2 rows)`.
    pub doubles: Vec<String>,
}

impl Asker<'_> {
    /// Reads every row of a source.
    pub fn audit(&self, source: SourceId) -> Result<Audit> {
        let (plan, troubles) = audit::audit(self.program, self.tables, source)?;
        let batches = self.engine.collect(plan)?;
        let counts: Vec<u64> = (0..troubles.len()).map(|i| self.cell(&batches, i)).collect();
        let found = troubles.into_iter().zip(counts);
        let (all, troubles): (Vec<_>, Vec<_>) = found.partition(|(t, _)| *t == Trouble::Rows);
        let spec = self.program.source(source);
        let mut orphans = Vec::new();
        for (i, owner) in spec.map(|s| s.of.as_slice()).unwrap_or_default().iter().enumerate() {
            orphans.push(match self.program.source(owner.entity) {
                // These rows make the entity; those that do not (without a time, of days to come) are counted as such.
                Some(entity) if entity.keys_of.is_some_and(|k| k.events == source) => Some(0),
                Some(entity) if entity.opened => {
                    let plan = audit::orphans(self.program, self.tables, source, i)?;
                    Some(self.cell(&self.engine.collect(plan)?, 0))
                }
                _ => None,
            });
        }
        Ok(Audit {
            rows: all.first().map_or(0, |(_, n)| *n),
            troubles: troubles.into_iter().filter(|(_, n)| *n > 0).collect(),
            orphans,
            doubles: if spec.is_some_and(|s| s.is_entity() && s.keys_of.is_none()) {
                self.doubles(source)?
            } else {
                Vec::new()
            },
        })
    }

    /// Keys of an entity that stand more than once: the smallest few, with how often.
    pub fn doubles(&self, source: SourceId) -> Result<Vec<String>> {
        let plan = checks::duplicate_keys(self.program, self.tables, source, SAMPLES)?;
        let mut samples = Vec::new();
        for batch in &self.engine.collect(plan)? {
            let [keys, times] = batch.columns() else { continue };
            for row in 0..batch.num_rows() {
                let zone = &self.program.zone;
                let (key, n) = (value_at(keys, row, zone)?, value_at(times, row, zone)?);
                samples.push(format!("{} ({} rows)", key.plain(), n.plain()));
            }
        }
        Ok(samples)
    }

    /// Whether a source has an event on a day; none where it has no time.
    pub fn has_events_on(&self, source: SourceId, day: NaiveDate) -> Result<Option<bool>> {
        let Some(plan) = checks::events_on(self.program, self.tables, source, day)? else { return Ok(None) };
        Ok(Some(self.engine.collect(plan)?.iter().any(|b| b.num_rows() > 0)))
    }

    /// A count in the one row of a result.
    fn cell(&self, batches: &[RecordBatch], column: usize) -> u64 {
        let array = batches.iter().find(|b| b.num_rows() > 0).and_then(|b| b.columns().get(column));
        match array.map(|a| value_at(a, 0, &self.program.zone)) {
            Some(Ok(Value::Int(n))) => u64::try_from(n).unwrap_or(0),
            _ => 0,
        }
    }
}
