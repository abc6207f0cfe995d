//! What each aggregate writes once: its state for many groups. DataFusion's two interfaces stand on it.

use std::fmt::Debug;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// The state of one aggregate for all groups. Groups are numbered from 0 without gaps.
pub(super) trait Groups: Debug + Send + Sync + 'static {
    /// Makes room for that many groups; those that are new have seen no row.
    fn grow(&mut self, groups: usize) -> Result<()>;

    /// Takes the rows for which the filter is true (not false, not unknown).
    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()>;

    /// Takes states that [`Groups::state`] or [`Groups::rows_to_state`] have written.
    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()>;

    /// The values of the first groups, which are forgotten.
    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef>;

    /// The states of the first groups, which are forgotten.
    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>>;

    /// The state of each row as if it were a group of its own.
    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>>;

    /// Bytes on the heap.
    fn size(&self) -> usize;
}

/// [`Groups`] for a query with `GROUP BY`.
pub(super) struct ManyGroups(pub(super) Box<dyn Groups>);

impl GroupsAccumulator for ManyGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.grow(total_num_groups)?;
        self.0.update(values, group_indices, opt_filter)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.0.grow(total_num_groups)?;
        self.0.merge(values, group_indices)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.0.finish(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.0.state(emit_to)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.0.rows_to_state(values, opt_filter)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }
}

/// [`Groups`] for a query without `GROUP BY`: group 0 and no other.
#[derive(Debug)]
pub(super) struct OneGroup {
    groups: Box<dyn Groups>,
    zeros: Vec<usize>,
    done: bool,
}

impl OneGroup {
    pub(super) fn new(mut groups: Box<dyn Groups>) -> Result<Self> {
        groups.grow(1)?;
        Ok(OneGroup { groups, zeros: Vec::new(), done: false })
    }

    /// Sees to it that there is a group number for each row, and says how many rows there are.
    fn rows(&mut self, columns: &[ArrayRef]) -> usize {
        let rows = columns.first().map_or(0, |column| column.len());
        if self.zeros.len() < rows {
            self.zeros.resize(rows, 0);
        }
        rows
    }

    /// The state goes with its value; a running window would ask twice.
    fn once(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.done, true) {
            return internal_err!("an aggregate of Segue's was asked for its value twice");
        }
        Ok(())
    }
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = self.rows(values);
        self.groups.update(values, self.zeros.get(..rows).unwrap_or_default(), None)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = self.rows(states);
        self.groups.merge(states, self.zeros.get(..rows).unwrap_or_default())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.once()?;
        ScalarValue::try_from_array(&self.groups.finish(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.once()?;
        let columns = self.groups.state(EmitTo::All)?;
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.groups.size() + self.zeros.capacity() * size_of::<usize>()
    }
}
