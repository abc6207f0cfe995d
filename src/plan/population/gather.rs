//! What the threads have found, brought together group by group.

use super::node::Take;
use super::values::{Entry, Found};
use crate::parallel::each;
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::common::Result;
use std::cmp::Reverse;

/// Of so many rows one is looked at to guess how large the largest are.
const EVERY: usize = 32;
/// Fewer rows are brought together whole.
const SMALL: usize = 1 << 14;

/// The rows that are compared, as they were found.
pub(super) struct Lists {
    lists: Vec<Vec<Entry>>,
    /// How many rows each group has.
    pub sizes: Vec<usize>,
    /// Of each batch: who is in the base and cannot be compared.
    pub open: Vec<Option<BooleanBuffer>>,
    threads: usize,
}

/// Rows, group by group.
pub(super) struct Gathered {
    pub entries: Vec<Entry>,
    /// How many of them each group has.
    pub sizes: Vec<usize>,
}

impl Lists {
    pub fn new(found: Vec<Found>, threads: usize) -> Result<Lists> {
        let mut open = Vec::new();
        let mut lists = Vec::with_capacity(found.len());
        let mut all: Option<super::groups::Groups> = None;
        for part in found {
            open.extend(part.open);
            let here = match &mut all {
                None => {
                    all = Some(part.groups);
                    None
                }
                Some(all) => Some(all.absorb(&part.groups)?),
            };
            lists.push((part.entries, here));
        }
        let groups = all.map_or(1, |all| all.count());
        // Each thread has numbered the groups as it met them.
        let counted = each(lists, threads, |(mut entries, here)| {
            let mut sizes = vec![0; groups];
            for entry in &mut entries {
                if let Some(group) = here.as_ref().and_then(|here| here.get(entry.group as usize)) {
                    entry.group = *group;
                }
                if let Some(size) = sizes.get_mut(entry.group as usize) {
                    *size += 1;
                }
            }
            (entries, sizes)
        });
        let (lists, sizes) = together(counted, groups);
        Ok(Lists { lists, sizes, open, threads })
    }

    /// All rows.
    pub fn gather(self) -> Gathered {
        Gathered { entries: by_group(self.lists, &self.sizes), sizes: self.sizes }
    }

    /// Those that can be among the largest, where they are few: a sample says how large a row must be, and it is counted
    /// whether enough of them are. None where they are not.
    pub fn largest(&self, takes: &[Take]) -> Option<Gathered> {
        let most = |size: &usize| takes.iter().map(|take| take.of(*size)).max().unwrap_or_default();
        let wanted: Vec<usize> = self.sizes.iter().map(most).collect();
        let total: usize = self.sizes.iter().sum();
        if total < SMALL || wanted.iter().sum::<usize>() > total / 4 || wanted.len() > total / (4 * EVERY) {
            return None;
        }
        let mut samples = vec![Vec::new(); self.sizes.len()];
        for entry in self.lists.iter().flat_map(|list| list.iter().step_by(EVERY)) {
            if let Some(sample) = samples.get_mut(entry.group as usize) {
                sample.push(entry.word);
            }
        }
        let mut floors = Vec::with_capacity(samples.len());
        for (mut sample, (wanted, size)) in samples.into_iter().zip(wanted.iter().zip(&self.sizes)) {
            let among = wanted * sample.len() / size.max(&1);
            let at = among + 4 * among.isqrt() + 8;
            floors.push(if at < sample.len() {
                *sample.select_nth_unstable_by_key(at, |word| Reverse(*word)).1
            } else {
                i64::MIN
            });
        }
        let kept = each(self.lists.iter().collect(), self.threads, |list| {
            let mut sizes = vec![0; floors.len()];
            let mut kept = Vec::new();
            for entry in list {
                let group = entry.group as usize;
                if floors.get(group).is_some_and(|floor| entry.word >= *floor) {
                    kept.push(*entry);
                    if let Some(size) = sizes.get_mut(group) {
                        *size += 1;
                    }
                }
            }
            (kept, sizes)
        });
        let (lists, sizes) = together(kept, floors.len());
        if sizes.iter().zip(&wanted).any(|(kept, wanted)| kept < wanted) {
            return None;
        }
        Some(Gathered { entries: by_group(lists, &sizes), sizes })
    }
}

/// The lists, and how many rows of each group they hold together.
fn together(counted: Vec<(Vec<Entry>, Vec<usize>)>, groups: usize) -> (Vec<Vec<Entry>>, Vec<usize>) {
    let mut sizes = vec![0; groups];
    let add = |(entries, own): (Vec<Entry>, Vec<usize>)| {
        sizes.iter_mut().zip(own).for_each(|(size, own)| *size += own);
        entries
    };
    (counted.into_iter().map(add).collect(), sizes)
}

/// The rows of all lists, group by group.
fn by_group(lists: Vec<Vec<Entry>>, sizes: &[usize]) -> Vec<Entry> {
    let total = sizes.iter().sum();
    if sizes.len() == 1 {
        let mut lists = lists.into_iter();
        let mut entries = lists.next().unwrap_or_default();
        entries.reserve_exact(total - entries.len().min(total));
        lists.for_each(|list| entries.extend(list));
        return entries;
    }
    let mut next = Vec::with_capacity(sizes.len());
    let mut before = 0;
    for size in sizes {
        next.push(before);
        before += size;
    }
    let mut sorted = vec![Entry::default(); total];
    for entry in lists.into_iter().flatten() {
        if let Some(at) = next.get_mut(entry.group as usize) {
            if let Some(slot) = sorted.get_mut(*at) {
                *slot = entry;
            }
            *at += 1;
        }
    }
    sorted
}
