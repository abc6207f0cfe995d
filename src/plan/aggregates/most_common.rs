//! `segue_most_common`: the value that a group has most often; of several the smallest.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use hashbrown::HashMap;

use super::common::{
    as_lists, by_group, canonical, column, kept, list_of, lists, masked, no_lists, passing, pick, ranges,
    wrong_type,
};
use super::groups::Groups;
use super::interner::{Interner, MISSING};
use super::pairs::{check_groups, pair, unpair};

/// A group, a code that it has, and how often.
type Counted = (usize, (u32, i64));

#[derive(Debug)]
pub(super) struct MostCommon {
    /// The type of the result.
    data_type: DataType,
    interner: Interner,
    groups: usize,
    /// How often a group has a value.
    counts: HashMap<u64, i64>,
}

impl MostCommon {
    pub(super) fn new(data_type: &DataType) -> Self {
        MostCommon {
            data_type: data_type.clone(),
            interner: Interner::new(data_type),
            groups: 0,
            counts: HashMap::new(),
        }
    }

    /// The value of a row that goes through on its own, or the values of a group and as many counts.
    pub(super) fn state_types(data_type: &DataType) -> Vec<DataType> {
        vec![kept(data_type), list_of(kept(data_type)), list_of(DataType::Int64)]
    }

    #[inline]
    fn add(&mut self, group: usize, code: u32, times: i64) {
        if code != MISSING {
            *self.counts.entry(pair(group, code)).or_insert(0) += times;
        }
    }

    /// How many groups go, and their counts.
    fn take(&mut self, emit: EmitTo) -> (usize, Vec<Counted>) {
        let groups = match emit {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n.min(self.groups),
        };
        self.groups -= groups;
        let mut taken = Vec::with_capacity(if self.groups == 0 { self.counts.len() } else { 0 });
        let mut left = HashMap::new();
        for (key, count) in std::mem::take(&mut self.counts) {
            let (group, code) = unpair(key);
            match group.checked_sub(groups) {
                None => taken.push((group, (code, count))),
                Some(group) => {
                    left.insert(pair(group, code), count);
                }
            }
        }
        self.counts = left;
        (groups, taken)
    }

    /// Forgets the values that no group has any more.
    fn tidy(&mut self) -> Result<()> {
        if self.groups == 0 {
            self.interner.clear();
        } else if self.interner.len() > 1024 + 2 * self.counts.len() {
            let groups = self.groups;
            let state = self.state(EmitTo::All)?;
            self.grow(groups)?;
            self.merge(&state, &(0..groups).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

impl Groups for MostCommon {
    fn grow(&mut self, groups: usize) -> Result<()> {
        check_groups(groups)?;
        self.groups = self.groups.max(groups);
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        let values = column(args, 0)?;
        match passing(filter) {
            None => {
                let codes = self.interner.codes(values)?;
                codes.iter().zip(groups).for_each(|(code, group)| self.add(*group, *code, 1));
            }
            Some(passing) => {
                let values = datafusion::arrow::compute::filter(
                    values,
                    &BooleanArray::new(passing.inner().clone(), None),
                )?;
                let codes = self.interner.codes(&values)?;
                let rows = passing.valid_indices().filter_map(|row| groups.get(row));
                codes.iter().zip(rows).for_each(|(code, group)| self.add(*group, *code, 1));
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let alone = column(states, 0)?;
        if alone.null_count() < alone.len() {
            let codes = self.interner.codes(alone)?;
            codes.iter().zip(groups).for_each(|(code, group)| self.add(*group, *code, 1));
        }
        let values = as_lists(column(states, 1)?)?;
        let counts = as_lists(column(states, 2)?)?;
        let codes = self.interner.codes(values.values())?;
        let Some(times) = counts.values().as_primitive_opt::<Int64Type>() else {
            return Err(wrong_type("counts", counts.values()));
        };
        // The two lists of a row are as long as each other, but need not start at the same place.
        for ((group, range), (_, counted)) in ranges(values, groups).zip(ranges(counts, groups)) {
            let codes = codes.get(range).unwrap_or_default();
            let times = times.values().get(counted).unwrap_or_default();
            codes.iter().zip(times).for_each(|(code, times)| self.add(group, *code, *times));
        }
        Ok(())
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (groups, counts) = self.take(emit);
        let mut best: Vec<(i64, u32)> = vec![(0, MISSING); groups];
        for (group, (code, count)) in counts {
            if let Some(best) = best.get_mut(group)
                && (count > best.0 || (count == best.0 && self.interner.compare(code, best.1).is_lt()))
            {
                *best = (count, code);
            }
        }
        let codes: UInt32Array =
            best.iter().map(|best| Some(best.1).filter(|code| *code != MISSING)).collect();
        let values = take(&self.interner.values()?, &codes, None)?;
        self.tidy()?;
        Ok(cast(&values, &self.data_type)?)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (groups, counts) = self.take(emit);
        let (offsets, entries) = by_group(groups, counts.iter().copied());
        let (codes, times): (Vec<u32>, Vec<i64>) = entries.into_iter().unzip();
        let values = pick(&self.interner.values()?, codes)?;
        self.tidy()?;
        let alone = new_null_array(values.data_type(), groups);
        Ok(vec![alone, lists(offsets.clone(), values)?, lists(offsets, Arc::new(Int64Array::from(times)))?])
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let alone = masked(&canonical(column(args, 0)?)?, filter)?;
        let values = no_lists(alone.data_type().clone(), alone.len());
        let counts = no_lists(DataType::Int64, alone.len());
        Ok(vec![alone, values, counts])
    }

    fn size(&self) -> usize {
        self.interner.size() + self.counts.allocation_size()
    }
}
