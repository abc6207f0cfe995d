//! `segue_distinct`: how many different known values a group has.
//!
//! The first 64 values that are met at all (the usual category has no more) are bits of a mask per group; a later value
//! of a group is a pair in one set for all groups.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, new_null_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use hashbrown::HashSet;

use super::common::{
    as_lists, by_group, canonical, column, kept, list_of, lists, masked, no_lists, passing, pick, ranges,
};
use super::groups::Groups;
use super::interner::{Interner, MISSING};
use super::pairs::{check_groups, pair, unpair};

const IN_MASK: u32 = u64::BITS;

#[derive(Debug)]
pub(super) struct Distinct {
    interner: Interner,
    /// Of each group, the codes below 64 that it has.
    masks: Vec<u64>,
    /// The other codes.
    others: HashSet<u64>,
}

impl Distinct {
    pub(super) fn new(data_type: &DataType) -> Self {
        Distinct { interner: Interner::new(data_type), masks: Vec::new(), others: HashSet::new() }
    }

    /// The value of a row that goes through on its own, or the values of a group.
    pub(super) fn state_types(data_type: &DataType) -> Vec<DataType> {
        vec![kept(data_type), list_of(kept(data_type))]
    }

    #[inline]
    fn insert(&mut self, group: usize, code: u32) {
        if code < IN_MASK {
            if let Some(mask) = self.masks.get_mut(group) {
                *mask |= 1 << code;
            }
        } else if code != MISSING {
            self.others.insert(pair(group, code));
        }
    }

    fn take(&mut self, emit: EmitTo) -> (Vec<u64>, Vec<u64>) {
        let masks = emit.take_needed(&mut self.masks);
        if let EmitTo::All = emit {
            return (masks, std::mem::take(&mut self.others).into_iter().collect());
        }
        let mut taken = Vec::new();
        let mut left = HashSet::new();
        for key in std::mem::take(&mut self.others) {
            let (group, code) = unpair(key);
            match group.checked_sub(masks.len()) {
                None => taken.push(key),
                Some(group) => {
                    left.insert(pair(group, code));
                }
            }
        }
        self.others = left;
        (masks, taken)
    }

    /// Forgets the values that no group has any more.
    fn tidy(&mut self) -> Result<()> {
        if self.masks.is_empty() {
            self.interner.clear();
        } else if self.interner.len() > 1024 + 2 * (self.masks.len() + self.others.len()) {
            let groups = self.masks.len();
            let state = self.state(EmitTo::All)?;
            self.grow(groups)?;
            self.merge(&state, &(0..groups).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// The codes in a mask.
fn bits(mut mask: u64) -> impl Iterator<Item = u32> + Clone {
    std::iter::from_fn(move || {
        let code = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (code < IN_MASK).then_some(code)
    })
}

impl Groups for Distinct {
    fn grow(&mut self, groups: usize) -> Result<()> {
        if self.masks.len() < groups {
            check_groups(groups)?;
            self.masks.resize(groups, 0);
        }
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        let values = column(args, 0)?;
        match passing(filter) {
            None => {
                let codes = self.interner.codes(values)?;
                codes.iter().zip(groups).for_each(|(code, group)| self.insert(*group, *code));
            }
            Some(passing) => {
                // Only what passes is interned.
                let values = datafusion::arrow::compute::filter(
                    values,
                    &BooleanArray::new(passing.inner().clone(), None),
                )?;
                let codes = self.interner.codes(&values)?;
                let rows = passing.valid_indices().filter_map(|row| groups.get(row));
                codes.iter().zip(rows).for_each(|(code, group)| self.insert(*group, *code));
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let alone = column(states, 0)?;
        if alone.null_count() < alone.len() {
            let codes = self.interner.codes(alone)?;
            codes.iter().zip(groups).for_each(|(code, group)| self.insert(*group, *code));
        }
        let lists = as_lists(column(states, 1)?)?;
        let codes = self.interner.codes(lists.values())?;
        for (group, range) in ranges(lists, groups) {
            for code in codes.get(range).unwrap_or_default() {
                self.insert(group, *code);
            }
        }
        Ok(())
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (masks, others) = self.take(emit);
        let mut counts: Vec<i64> = masks.iter().map(|mask| i64::from(mask.count_ones())).collect();
        for key in others {
            if let Some(count) = counts.get_mut(unpair(key).0) {
                *count += 1;
            }
        }
        self.tidy()?;
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (masks, others) = self.take(emit);
        let low =
            masks.iter().enumerate().flat_map(|(group, mask)| bits(*mask).map(move |code| (group, code)));
        let (offsets, codes) = by_group(masks.len(), low.chain(others.iter().map(|key| unpair(*key))));
        let values = pick(&self.interner.values()?, codes)?;
        self.tidy()?;
        Ok(vec![new_null_array(values.data_type(), masks.len()), lists(offsets, values)?])
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let alone = masked(&canonical(column(args, 0)?)?, filter)?;
        let lists = no_lists(alone.data_type().clone(), alone.len());
        Ok(vec![alone, lists])
    }

    fn size(&self) -> usize {
        self.interner.size() + self.masks.capacity() * size_of::<u64>() + self.others.allocation_size()
    }
}
