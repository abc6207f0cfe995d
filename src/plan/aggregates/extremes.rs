//! `segue_min` and `segue_max` of floats. DataFusion's own begin, for many groups, at the largest finite float, which is what
//! they then say of infinities alone.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use datafusion::arrow::datatypes::Float64Type;
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::common::{canonical, column, masked};
use super::groups::Groups;

#[derive(Debug)]
pub(super) struct Extremes {
    /// Of two floats, the one that is kept.
    choose: fn(f64, f64) -> f64,
    /// What is kept of each group; none before its first known value.
    kept: Vec<Option<f64>>,
}

impl Extremes {
    pub(super) fn least() -> Self {
        Extremes { choose: f64::min, kept: Vec::new() }
    }

    pub(super) fn greatest() -> Self {
        Extremes { choose: f64::max, kept: Vec::new() }
    }
}

impl Groups for Extremes {
    fn grow(&mut self, groups: usize) -> Result<()> {
        if self.kept.len() < groups {
            self.kept.resize(groups, None);
        }
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        let values = masked(&canonical(column(args, 0)?)?, filter)?;
        for (value, group) in values.as_primitive::<Float64Type>().iter().zip(groups) {
            if let (Some(value), Some(kept)) = (value, self.kept.get_mut(*group)) {
                *kept = Some(kept.map_or(value, |kept| (self.choose)(kept, value)));
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        self.update(states, groups, None)
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from(emit.take_needed(&mut self.kept))))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish(emit)?])
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Ok(vec![masked(&canonical(column(args, 0)?)?, filter)?])
    }

    fn size(&self) -> usize {
        self.kept.capacity() * size_of::<Option<f64>>()
    }
}
