//! From the rows that are compared to where each stands in its group.

use super::super::aggregates::interner::MISSING;
use super::gather::{Gathered, Lists};
use super::node::{Part, Take, Tiles};
use super::values::{Entry, Found};
use crate::parallel::each;
use datafusion::arrow::array::{ArrayRef, BooleanBufferBuilder, Int64Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::common::Result;
use std::cmp::Reverse;
use std::sync::Arc;

/// Tiles of which each is found without an order within it.
const FEW: u32 = 64;
/// Fewer rows are not worth a thread.
const SMALL: usize = 1 << 14;

/// One part of what is known, for every row.
#[derive(Debug)]
pub(super) enum Column {
    /// By the number of the row; 0 for who is not compared.
    Places(Vec<u32>),
    /// By the number of the row.
    Taken(BooleanBuffer),
    /// By the group.
    OfGroup(ArrayRef),
}

/// Everybody's place among their peers.
#[derive(Debug)]
pub(super) struct Places {
    pub columns: Vec<Column>,
    /// The group of each row by its number, [`MISSING`] for who is not compared; where a part asks for it.
    pub groups: Option<Vec<u32>>,
    /// How many groups there are.
    pub count: usize,
    /// Of each batch: who is in the base and cannot be compared.
    pub open: Vec<Option<BooleanBuffer>>,
}

/// Places of `rows` rows. A part that is an aggregate of the values is left empty.
pub(super) fn places(parts: &[Part], found: Vec<Found>, rows: usize, threads: usize) -> Result<Places> {
    let takes: Vec<Take> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Taken(take) => Some(*take),
            _ => None,
        })
        .collect();
    let mut lists = Lists::new(found, threads)?;
    let (open, sizes) = (std::mem::take(&mut lists.open), lists.sizes.clone());
    if takes.len() == parts.len()
        && let Some(mut few) = lists.largest(&takes)
    {
        let taken = taken(&mut few, &sizes, &takes, rows, threads);
        let columns = taken.into_iter().map(Column::Taken).collect();
        return Ok(Places { columns, groups: None, count: sizes.len(), open });
    }
    let mut gathered = lists.gather();
    let groups = parts.iter().any(|part| !part.is_place() && !matches!(part, Part::Taken(_))).then(|| {
        let mut groups = vec![MISSING; rows];
        for entry in &gathered.entries {
            if let Some(group) = groups.get_mut(entry.row as usize) {
                *group = entry.group;
            }
        }
        groups
    });
    let mut taken = taken(&mut gathered, &sizes, &takes, rows, threads).into_iter();
    let mut entries = gathered.entries;
    if parts.iter().any(|part| part.is_place()) {
        let tiles = parts.iter().filter(|part| part.is_place()).map(|part| few_tiles(*part)).collect();
        sort(&mut entries, &sizes, tiles, threads);
    }
    let placed: Vec<Part> = parts.iter().copied().filter(|part| part.is_place()).collect();
    let mut placed = each(placed, threads, |part| place(&entries, &sizes, part, rows)).into_iter();
    let mut columns = Vec::with_capacity(parts.len());
    for part in parts {
        columns.extend(match part {
            Part::Taken(_) => taken.next().map(Column::Taken),
            part if part.is_place() => placed.next().map(Column::Places),
            _ => {
                let sizes: Int64Array = sizes.iter().map(|size| i64::try_from(*size).ok()).collect();
                Some(Column::OfGroup(Arc::new(sizes)))
            }
        });
    }
    Ok(Places { columns, groups, count: sizes.len(), open })
}

/// The groups' rows in runs of neighbours, each enough for a thread's while.
fn runs<'a>(mut entries: &'a mut [Entry], sizes: &[usize], most: usize) -> Vec<Vec<&'a mut [Entry]>> {
    let mut runs = Vec::new();
    let (mut run, mut length) = (Vec::new(), 0);
    for size in sizes {
        let Some((group, rest)) = entries.split_at_mut_checked(*size) else { break };
        entries = rest;
        length += group.len();
        run.push(group);
        if length >= most {
            runs.push(std::mem::take(&mut run));
            length = 0;
        }
    }
    runs.push(run);
    runs
}

fn share(rows: usize, threads: usize) -> usize {
    if threads <= 1 { usize::MAX } else { (rows / (4 * threads)).max(SMALL) }
}

/// Who is among the largest of each group, for each of the takes. Of a group only those are found, not their order.
///
/// `gathered`: at least these; `sizes`: how many rows the groups have.
fn taken(
    gathered: &mut Gathered,
    sizes: &[usize],
    takes: &[Take],
    rows: usize,
    threads: usize,
) -> Vec<BooleanBuffer> {
    if takes.is_empty() {
        return Vec::new();
    }
    let most = share(gathered.entries.len(), threads);
    let mut sizes = sizes.iter();
    let mut groups: Vec<Vec<(&mut [Entry], usize)>> = Vec::new();
    for run in runs(&mut gathered.entries, &gathered.sizes, most) {
        groups.push(run.into_iter().zip(sizes.by_ref().copied()).collect());
    }
    let largest = |groups: Vec<(&mut [Entry], usize)>| {
        let mut found = vec![Vec::new(); takes.len()];
        for (group, size) in groups {
            for (take, found) in takes.iter().zip(&mut found) {
                let count = take.of(size);
                if count > 0 && count < group.len() {
                    group.select_nth_unstable_by_key(count - 1, |e| (Reverse(e.word), e.row));
                }
                found.extend(group.iter().take(count).map(|e| e.row));
            }
        }
        found
    };
    let mut taken: Vec<BooleanBufferBuilder> = Vec::with_capacity(takes.len());
    for _ in takes {
        let mut none = BooleanBufferBuilder::new(rows);
        none.append_n(rows, false);
        taken.push(none);
    }
    for found in each(groups, threads, largest) {
        for (rows, taken) in found.into_iter().zip(&mut taken) {
            rows.into_iter().for_each(|row: u32| taken.set_bit(row as usize, true));
        }
    }
    taken.into_iter().map(|mut taken| taken.finish()).collect()
}

/// How many tiles are asked for, where they are so few that rows need no order within them.
fn few_tiles(part: Part) -> Option<u32> {
    match part {
        Part::Tile { tiles, together: false } if tiles <= FEW => Some(tiles),
        _ => None,
    }
}

/// Sorts each group by value, then by key; where only a few tiles are asked for, as far as to know who is in which.
fn sort(entries: &mut [Entry], sizes: &[usize], tiles: Option<Vec<u32>>, threads: usize) {
    let most = share(entries.len(), threads);
    let mut pieces = Vec::new();
    for run in runs(entries, sizes, most) {
        let mut small = Vec::new();
        for group in run {
            let borders = tiles.as_ref().map(|tiles| borders(group.len(), tiles));
            let piece = Piece { entries: group, borders };
            if piece.entries.len() > most { piece.parted(most, &mut pieces) } else { small.push(piece) }
        }
        pieces.push(small);
    }
    each(pieces, threads, |pieces: Vec<Piece<'_>>| pieces.into_iter().for_each(Piece::sort));
}

/// Where the tiles of a group of this size begin, but the first.
fn borders(size: usize, tiles: &[u32]) -> Vec<usize> {
    // No more rows than fit.
    let of = |tiles: &u32| Tiles::of(size as u32, *tiles).borders(*tiles);
    let mut borders: Vec<usize> = tiles.iter().flat_map(of).filter(|at| *at < size).collect();
    borders.sort_unstable();
    borders.dedup();
    borders
}

/// Neighbours that are to be sorted.
struct Piece<'a> {
    entries: &'a mut [Entry],
    /// Where only what stands on which side of these need be known.
    borders: Option<Vec<usize>>,
}

impl<'a> Piece<'a> {
    /// What is smaller than all the others, and these; none where nothing is left to do.
    fn halves(self) -> Option<(Piece<'a>, Piece<'a>)> {
        let (at, lower, upper) = match self.borders {
            None => (self.entries.len() / 2, None, None),
            Some(mut lower) => {
                let mut upper = lower.split_off(lower.len() / 2);
                let at = *upper.first()?;
                upper.iter_mut().for_each(|border| *border -= at);
                upper.retain(|border| *border > 0);
                (at, Some(lower), Some(upper))
            }
        };
        if at > 0 && at < self.entries.len() {
            self.entries.select_nth_unstable_by_key(at, |e| (e.word, e.row));
        }
        let (low, high) = self.entries.split_at_mut_checked(at)?;
        Some((Piece { entries: low, borders: lower }, Piece { entries: high, borders: upper }))
    }

    /// In several pieces, so that several threads can sort them.
    fn parted(self, most: usize, pieces: &mut Vec<Vec<Piece<'a>>>) {
        if self.entries.len() <= most {
            pieces.push(vec![self]);
        } else if let Some((lower, upper)) = self.halves() {
            lower.parted(most, pieces);
            upper.parted(most, pieces);
        }
    }

    fn sort(self) {
        if self.borders.is_none() {
            self.entries.sort_unstable_by_key(|e| (e.word, e.row));
        } else if let Some((lower, upper)) = self.halves() {
            lower.sort();
            upper.sort();
        }
    }
}

/// The places of all rows, by their number, from groups that [`sort`] has left.
fn place(mut entries: &[Entry], sizes: &[usize], part: Part, rows: usize) -> Vec<u32> {
    let mut places = vec![0; rows];
    for size in sizes {
        let Some((group, rest)) = entries.split_at_checked(*size) else { break };
        entries = rest;
        // No more rows than fit.
        let size = *size as u32;
        let mut set = |entry: &Entry, place: u32| {
            if let Some(slot) = places.get_mut(entry.row as usize) {
                *slot = place;
            }
        };
        if let Part::Tile { tiles, together: false } = part {
            let tiles = Tiles::of(size, tiles);
            (1..).zip(group).for_each(|(place, entry)| set(entry, tiles.tile(place)));
            continue;
        }
        let mut before = 0u32;
        for equal in group.chunk_by(|a, b| a.word == b.word) {
            let count = equal.len() as u32;
            let above = size - before - count;
            let (first, step) = match part {
                Part::Tile { tiles, .. } => (Tiles::of(size, tiles).tile(before + 1), 0),
                Part::Below => (before + 1, 0),
                Part::Upwards => (before + 1, 1),
                Part::Above => (above + 1, 0),
                _ => (above + 1, 1),
            };
            (0..).zip(equal).for_each(|(at, entry)| set(entry, first + step * at));
            before += count;
        }
    }
    places
}
