//! The cells of some rows: events are added to them, and a window's number is read from them.

use super::cells::{Cellar, NARROW, Sum, Word, counted, lowered, raised};
use super::slots::{Laid, Op, Place, Slots};
use super::values::Values;
use datafusion::common::Result;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

const CACHE_LINE: usize = 64;

/// The cells of so many events fit the part of memory that is nearest to the processor.
const AT_ONCE: usize = 256;

/// A batch of events, as far as slots are concerned.
pub(super) struct Batch<'a> {
    /// The row of each event in its table.
    pub rows: &'a [u32],
    /// The interval of each.
    pub intervals: &'a [u8],
    /// The one that all are in, where it is one.
    pub interval: Option<u8>,
    /// The places in the batch of the events of each selection, in order.
    pub picked: &'a [Vec<u32>],
    pub values: &'a [Option<Values>],
}

#[derive(Debug)]
pub(super) struct Table {
    slots: Arc<Slots>,
    rows: usize,
    cells: Cellar,
    /// The parts of sums and counts that did not fit their cells.
    over: HashMap<u64, i128>,
    /// Cells of `Min` and `Max` that are zero because of a value.
    rare: HashSet<u64>,
    /// Numbers of `Min` and `Max` beyond a narrow cell, as a wide one would hold them.
    beyond: HashMap<u64, u64>,
    /// The codes beyond 64 of each cell of `Kinds`.
    others: HashMap<u64, BTreeSet<u32>>,
    /// For each slot of a sum, where some value was missing: a bit for each band of each row.
    missing: Vec<Vec<u64>>,
}

/// Names one cell.
fn cell_key(slot: usize, band: usize, row: usize) -> u64 {
    (slot as u64) << 40 | (band as u64) << 32 | row as u64
}

impl Table {
    /// Of as many rows of which nothing is known.
    ///
    /// # Errors
    /// There is not so much memory.
    pub fn new(slots: &Arc<Slots>, rows: usize) -> Result<Table> {
        Ok(Table {
            slots: Arc::clone(slots),
            rows,
            cells: Cellar::new(rows * slots.stride())?,
            over: HashMap::new(),
            rare: HashSet::new(),
            beyond: HashMap::new(),
            others: HashMap::new(),
            missing: vec![Vec::new(); slots.laid().len()],
        })
    }

    /// Takes the events at some places of a batch.
    pub fn add(&mut self, batch: &Batch<'_>, places: Range<usize>) {
        if self.slots.stride() == 0 {
            return;
        }
        let before = |picked: &Vec<u32>, end| picked.partition_point(|place| (*place as usize) < end);
        let mut starts: Vec<usize> = batch.picked.iter().map(|p| before(p, places.start)).collect();
        let mut picked: Vec<&[u32]> = Vec::with_capacity(starts.len());
        for start in places.clone().step_by(AT_ONCE) {
            let end = places.end.min(start + AT_ONCE);
            picked.clear();
            for (all, start) in batch.picked.iter().zip(&mut starts) {
                let next = all.get(*start..all.len().min(*start + AT_ONCE)).unwrap_or_default();
                let next = next.get(..next.partition_point(|place| (*place as usize) < end));
                picked.push(next.unwrap_or_default());
                *start += next.map_or(0, <[u32]>::len);
            }
            self.add_near(batch, start..end, &picked);
        }
    }

    /// Takes so few events that all their cells are near the processor at once. `picked`: those of each selection.
    fn add_near(&mut self, batch: &Batch<'_>, places: Range<usize>, picked: &[&[u32]]) {
        let slots = Arc::clone(&self.slots);
        let stride = slots.stride();
        // Each event's row is somewhere else in memory. Reading them all in turn lets the processor fetch many at once;
        // what follows finds them near.
        let (cells, rows) = (self.cells.bytes(), batch.rows.get(places).unwrap_or_default());
        black_box(match stride.div_ceil(CACHE_LINE) {
            1 => touch::<1>(cells, rows, stride),
            2 => touch::<2>(cells, rows, stride),
            3 => touch::<3>(cells, rows, stride),
            _ => touch::<4>(cells, rows, stride),
        });
        for (at, laid) in slots.laid().iter().enumerate() {
            let slot = &laid.slot;
            let Some(picked) = picked.get(slot.selection) else { continue };
            let values = slot.argument.and_then(|a| batch.values.get(a)).and_then(Option::as_ref);
            let cells = Cells { slot: at, laid, stride, batch, picked };
            match (slot.op, values) {
                (Op::Count, None) => self.count_events(&cells),
                (Op::Count, Some(values)) if values.known.is_none() => self.count_events(&cells),
                (Op::Count, Some(values)) => {
                    let known: Vec<u32> =
                        picked.iter().copied().filter(|place| values.is_known(*place as usize)).collect();
                    self.count_events(&Cells { picked: &known, ..cells });
                }
                (Op::Sum, Some(values)) => match laid.width {
                    4 => self.sum_values(&cells, values, |n| Some(i32::try_from(n << 1).ok()? | 1)),
                    _ => self.sum_values(&cells, values, |n| Some(n << 1 | 1)),
                },
                (Op::Min, Some(values)) => self.largest(&cells, values, |n| !raised(n)),
                (Op::Max, Some(values)) => self.largest(&cells, values, raised),
                (Op::Kinds, Some(values)) => self.note_kinds(&cells, values),
                (_, None) => {}
            }
        }
    }

    fn count_events(&mut self, which: &Cells<'_>) {
        let Table { cells, over, .. } = self;
        let cells = cells.bytes_mut();
        which.each(|at, _, band, row| {
            u16::update(cells, at, |held| {
                counted(held, 1, |rest| *over.entry(cell_key(which.slot, band, row)).or_default() += rest)
            });
        });
    }

    /// `cell_of`: the cell of a sum of this number alone, where it fits one.
    fn sum_values<W: Sum>(&mut self, which: &Cells<'_>, values: &Values, cell_of: impl Fn(i64) -> Option<W>) {
        let Table { cells, over, missing, rows, .. } = self;
        let cells = cells.bytes_mut();
        // The mark that some value is known is the lowest bit of the lowest byte, whatever the width.
        let mark = |cells: &mut [u8], at: usize| u8::update(cells, at, |held| held | 1);
        if let Some(wide) = &values.wide {
            which.each(|at, place, band, row| {
                if values.is_known(place) {
                    *over.entry(cell_key(which.slot, band, row)).or_default() += wide.value(place);
                    mark(cells, at);
                } else {
                    note(missing, which, *rows, band, row);
                }
            });
            return;
        }
        let numbers = values.numbers.as_ref();
        // In one closure, called in one place, so that it becomes part of the loop.
        which.each(|at, place, band, row| {
            if !values.is_known(place) {
                return note(missing, which, *rows, band, row);
            }
            let number = numbers.get(place).copied().unwrap_or(0);
            let mut spill = |part: i128| *over.entry(cell_key(which.slot, band, row)).or_default() += part;
            match cell_of(number) {
                Some(cell) => W::update(cells, at, |held| held.plus(cell, spill)),
                None => {
                    spill(i128::from(number));
                    mark(cells, at);
                }
            }
        });
    }

    fn note_kinds(&mut self, which: &Cells<'_>, values: &Values) {
        let Table { cells, others, .. } = self;
        let cells = cells.bytes_mut();
        let codes = values.numbers.as_ref();
        which.each(|at, place, band, row| {
            if !values.is_known(place) {
                return;
            }
            let code = codes.get(place).copied().unwrap_or(0);
            if code >= 64 {
                let others = others.entry(cell_key(which.slot, band, row)).or_default();
                others.insert(u32::try_from(code).unwrap_or(u32::MAX));
            } else {
                u64::update(cells, at, |held| held | 1 << code);
            }
        });
    }

    fn largest(&mut self, which: &Cells<'_>, values: &Values, raise: impl Fn(i64) -> u64) {
        let Table { cells, rare, beyond, .. } = self;
        let cells = cells.bytes_mut();
        let numbers = values.numbers.as_ref();
        let narrow = which.laid.width == 4;
        which.each(|at, place, band, row| {
            if !values.is_known(place) {
                return;
            }
            let number = raise(numbers.get(place).copied().unwrap_or(0));
            let cell = if narrow { number.wrapping_sub(NARROW) } else { number };
            if cell == 0 {
                rare.insert(cell_key(which.slot, band, row));
            } else if !narrow {
                u64::update(cells, at, |held| held.max(cell));
            } else if let Ok(cell) = u32::try_from(cell) {
                u32::update(cells, at, |held| held.max(cell));
            } else {
                let most = beyond.entry(cell_key(which.slot, band, row)).or_default();
                *most = number.max(*most);
            }
        });
    }

    fn laid(&self, place: &Place) -> Option<&Laid> {
        self.slots.laid().get(place.slot)
    }

    fn is_narrow(&self, place: &Place) -> bool {
        self.laid(place).is_some_and(|laid| laid.width == 4)
    }

    /// The cells of a window, with their bands; none of a row beyond the last.
    fn at(&self, place: &Place, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let (offset, width) = self.laid(place).map_or((0, 0), |laid| (laid.offset, laid.width));
        let start = row * self.slots.stride() + offset;
        place.bands.clone().map(move |band| (start + band * width, band))
    }

    /// What did not fit a cell.
    fn rest(&self, place: &Place, band: usize, row: usize) -> i128 {
        self.over.get(&cell_key(place.slot, band, row)).copied().unwrap_or(0)
    }

    pub fn count(&self, place: &Place, row: usize) -> i64 {
        let cells = self.cells.bytes();
        let count = self.at(place, row).map(|(at, _)| i64::from(u16::read(cells, at))).sum();
        if self.over.is_empty() {
            return count;
        }
        let rest = place.bands.clone().map(|band| self.rest(place, band, row)).sum::<i128>();
        count + i64::try_from(rest).unwrap_or(i64::MAX)
    }

    /// The sum; none where every value of it is missing, and there is one.
    pub fn sum(&self, place: &Place, row: usize) -> Option<i128> {
        let cells = self.cells.bytes();
        let (mut sum, mut known) = (0i128, 0);
        if self.is_narrow(place) {
            let mut narrow = 0i64;
            for (at, _) in self.at(place, row) {
                let held = i64::from(i32::read(cells, at));
                narrow += held >> 1;
                known |= held;
            }
            sum = narrow.into();
        } else {
            for (at, _) in self.at(place, row) {
                let held = i64::read(cells, at);
                sum += i128::from(held >> 1);
                known |= held;
            }
        }
        if !self.over.is_empty() {
            sum += place.bands.clone().map(|band| self.rest(place, band, row)).sum::<i128>();
        }
        (known & 1 == 1 || !self.is_missing(place, row)).then_some(sum)
    }

    fn is_missing(&self, place: &Place, row: usize) -> bool {
        let Some(bits) = self.missing.get(place.slot).filter(|bits| !bits.is_empty()) else { return false };
        if row >= self.rows {
            return false;
        }
        place.bands.clone().any(|band| {
            let at = band * self.rows + row;
            bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
        })
    }

    pub fn kinds(&self, place: &Place, row: usize) -> i64 {
        let mut bits = 0u64;
        let mut others: BTreeSet<u32> = BTreeSet::new();
        for (at, band) in self.at(place, row) {
            bits |= u64::read(self.cells.bytes(), at);
            if !self.others.is_empty() {
                others.extend(self.others.get(&cell_key(place.slot, band, row)).into_iter().flatten());
            }
        }
        i64::from(bits.count_ones()) + others.len() as i64
    }

    /// The smallest or the largest number, whichever the slot holds.
    pub fn most(&self, place: &Place, row: usize) -> Option<i64> {
        let mut most = None;
        let narrow = self.is_narrow(place);
        for (at, band) in self.at(place, row) {
            let cells = self.cells.bytes();
            let held = if narrow { u32::read(cells, at).into() } else { u64::read(cells, at) };
            if held > 0 || (!self.rare.is_empty() && self.rare.contains(&cell_key(place.slot, band, row))) {
                most = most.max(Some(if narrow { held + NARROW } else { held }));
            }
            if !self.beyond.is_empty() {
                most = most.max(self.beyond.get(&cell_key(place.slot, band, row)).copied());
            }
        }
        let smallest = self.laid(place).is_some_and(|laid| laid.slot.op == Op::Min);
        most.map(|n| lowered(if smallest { !n } else { n }))
    }
}

/// Reads a byte of each of the first `LINES` lines of the rows' cells. Strides are such that these are all that a row of so
/// many bytes lies in.
fn touch<const LINES: usize>(cells: &[u8], rows: &[u32], stride: usize) -> u8 {
    let mut seen = 0u8;
    for row in rows {
        let start = (*row as usize).wrapping_mul(stride);
        for line in 0..LINES {
            seen ^= cells.get(start.wrapping_add(line * CACHE_LINE)).copied().unwrap_or(0);
        }
    }
    seen
}

/// Notes that a value was missing.
fn note(missing: &mut [Vec<u64>], which: &Cells<'_>, rows: usize, band: usize, row: usize) {
    let Some(bits) = missing.get_mut(which.slot) else { return };
    if bits.is_empty() {
        bits.resize((which.laid.slot.bands() * rows).div_ceil(64), 0);
    }
    let at = band * rows + row;
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

/// The cells of one slot that a batch's events belong to.
struct Cells<'a> {
    slot: usize,
    laid: &'a Laid,
    stride: usize,
    batch: &'a Batch<'a>,
    picked: &'a [u32],
}

impl Cells<'_> {
    /// Calls with the cell's place in the table, the event's place in the batch, the band and the row.
    #[inline]
    fn each(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        let Laid { offset, width, band_of, .. } = self.laid;
        let band = |interval: u8| {
            band_of.as_ref().and_then(|bands| bands.get(usize::from(interval))).map_or(0, |b| usize::from(*b))
        };
        let only = if band_of.is_none() { Some(0) } else { self.batch.interval.map(band) };
        for place in self.picked {
            let place = *place as usize;
            let row = self.batch.rows.get(place).map_or(0, |r| *r as usize);
            let band = only.unwrap_or_else(|| band(self.batch.intervals.get(place).copied().unwrap_or(0)));
            f(row * self.stride + offset + band * width, place, band, row);
        }
    }
}
