//! The cells of some rows: events are added to them, and a window's number is read from them.

use super::cells::{Cellar, NARROW, Sum, Word, counted, lowered, raised};
use super::near::{Ahead, Hand, MOST, Near, Picked};
use super::slots::{Laid, Op, Place, Slots};
use super::values::Values;
use datafusion::common::Result;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A batch of events, as far as slots are concerned.
pub(super) struct Batch<'a> {
    /// The row of each event in its table.
    pub rows: &'a [u32],
    /// The interval of each.
    pub intervals: &'a [u8],
    /// The one that all are in, where it is one.
    pub interval: Option<u8>,
    /// For each word of selections, those that take each event.
    pub taken: &'a [Vec<u64>],
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

    /// Takes the events at some places of a batch. `hand`: the thread's, for these slots.
    pub fn add(&mut self, batch: &Batch<'_>, places: &[u32], Hand { near, ahead, .. }: &mut Hand) {
        if self.slots.stride() == 0 {
            return;
        }
        self.cells.make_for(places.len());
        let mut next = places.chunks(MOST);
        ahead.plan(batch, next.next().unwrap_or_default());
        for places in places.chunks(MOST) {
            // Of the first events, all.
            ahead.ask(self.cells.bytes());
            ahead.plan(batch, next.next().unwrap_or_default());
            near.take(batch, places);
            self.add_near(batch, near, ahead);
        }
    }

    /// Takes the events at hand.
    fn add_near(&mut self, batch: &Batch<'_>, near: &Near, ahead: &mut Ahead) {
        let Table { slots, rows, cells, over, rare, beyond, others, missing } = self;
        let (cells, stride) = (cells.bytes_mut(), slots.stride());
        for (slot, laid) in slots.laid().iter().enumerate() {
            let Some(picked) = near.picked(laid.slot.selection).filter(|picked| !picked.is_empty()) else {
                continue;
            };
            let which = Cells { slot, laid, stride, near };
            let values = laid.slot.argument.and_then(|a| batch.values.get(a)).and_then(Option::as_ref);
            let known;
            let picked = match values.and_then(|values| values.known.as_ref()) {
                None => picked,
                Some(nulls) => {
                    let (some, unknown) = near.part(picked, nulls);
                    if laid.slot.op == Op::Sum {
                        unknown.events().for_each(|event| note(missing, &which, *rows, event));
                    }
                    known = some;
                    &known
                }
            };
            match (laid.slot.op, values) {
                (Op::Count, _) => ahead.ask_with(cells, picked, |cells, event| {
                    let key = || which.key(event);
                    let spill = |rest| *over.entry(key()).or_default() += rest;
                    u16::update(cells, which.at(event), |held| counted(held, 1, spill));
                }),
                (Op::Sum, Some(values)) => match laid.width {
                    4 => which
                        .sum(cells, over, ahead, picked, values, |n| Some(i32::try_from(n << 1).ok()? | 1)),
                    _ => which.sum(cells, over, ahead, picked, values, |n| Some(n << 1 | 1)),
                },
                (Op::Min, Some(values)) => {
                    which.largest(cells, (rare, beyond), ahead, picked, values, |n| !raised(n))
                }
                (Op::Max, Some(values)) => {
                    which.largest(cells, (rare, beyond), ahead, picked, values, raised)
                }
                (Op::Kinds, Some(values)) => ahead.ask_with(cells, picked, |cells, event| {
                    let code = which.number(values, event);
                    if code >= 64 {
                        let others = others.entry(which.key(event)).or_default();
                        others.insert(u32::try_from(code).unwrap_or(u32::MAX));
                    } else {
                        u64::update(cells, which.at(event), |held| held | 1 << code);
                    }
                }),
                (_, None) => {}
            }
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The cells of a window.
    pub fn window<'a>(&'a self, place: &'a Place) -> Window<'a> {
        let laid = self.slots.laid().get(place.slot);
        let (offset, width) = laid.map_or((0, 1), |laid| (laid.offset, laid.width));
        Window {
            table: self,
            place,
            cells: self.cells.bytes(),
            stride: self.slots.stride(),
            start: offset + place.bands.start * width,
            length: place.bands.len() * width,
            is_narrow: width == 4,
            is_smallest: laid.is_some_and(|laid| laid.slot.op == Op::Min),
        }
    }

    fn is_missing(&self, place: &Place, row: usize) -> bool {
        let Some(bits) = self.missing.get(place.slot).filter(|bits| !bits.is_empty()) else { return false };
        row < self.rows
            && place.bands.clone().any(|band| {
                let (word, bit) = bit_of(band, row, self.rows);
                bits.get(word).is_some_and(|word| word & bit != 0)
            })
    }
}

/// The cells of a window: of each row, those of some neighbouring bands.
pub(super) struct Window<'a> {
    table: &'a Table,
    place: &'a Place,
    cells: &'a [u8],
    stride: usize,
    /// Where they are in a row, in bytes.
    start: usize,
    length: usize,
    is_narrow: bool,
    /// Whether the smallest number is sought.
    is_smallest: bool,
}

impl Window<'_> {
    /// The cells of a row; none of one beyond the last.
    #[inline]
    fn cells<const WIDTH: usize>(&self, row: usize) -> &[[u8; WIDTH]] {
        let start = row * self.stride + self.start;
        self.cells.get(start..start + self.length).unwrap_or_default().as_chunks().0
    }

    /// The names of the cells of a row.
    fn keys(&self, row: usize) -> impl Iterator<Item = u64> {
        self.place.bands.clone().map(move |band| cell_key(self.place.slot, band, row))
    }

    /// What did not fit the cells.
    #[inline]
    fn rest(&self, row: usize) -> i128 {
        if self.table.over.is_empty() { 0 } else { self.over(row) }
    }

    fn over(&self, row: usize) -> i128 {
        self.keys(row).filter_map(|key| self.table.over.get(&key)).sum()
    }

    #[inline]
    pub fn count(&self, row: usize) -> i64 {
        let count: i64 = self.cells(row).iter().map(|held| i64::from(u16::from_le_bytes(*held))).sum();
        count + i64::try_from(self.rest(row)).unwrap_or(i64::MAX)
    }

    /// The sum; none where every value of it is missing, and there is one.
    #[inline]
    pub fn sum(&self, row: usize) -> Option<i128> {
        let (mut sum, mut known) = (0i128, 0);
        if self.is_narrow {
            let mut narrow = 0i64;
            for held in self.cells(row) {
                let held = i64::from(i32::from_le_bytes(*held));
                narrow += held >> 1;
                known |= held;
            }
            sum = narrow.into();
        } else {
            for held in self.cells(row) {
                let held = i64::from_le_bytes(*held);
                sum += i128::from(held >> 1);
                known |= held;
            }
        }
        sum += self.rest(row);
        (known & 1 == 1 || !self.table.is_missing(self.place, row)).then_some(sum)
    }

    pub fn kinds(&self, row: usize) -> i64 {
        let bits = self.cells(row).iter().fold(0, |bits, held| bits | u64::from_le_bytes(*held));
        let others = &self.table.others;
        let more = if others.is_empty() {
            0
        } else {
            self.keys(row).filter_map(|key| others.get(&key)).flatten().collect::<BTreeSet<_>>().len()
        };
        i64::from(bits.count_ones()) + more as i64
    }

    /// The smallest or the largest number, whichever the slot holds.
    #[inline]
    pub fn most(&self, row: usize) -> Option<i64> {
        let Table { rare, beyond, .. } = self.table;
        let mut most = if self.is_narrow {
            let held = self.cells(row).iter().map(|held| u64::from(u32::from_le_bytes(*held))).max();
            held.filter(|held| *held > 0).map(|held| held + NARROW)
        } else {
            let held = self.cells(row).iter().map(|held| u64::from_le_bytes(*held)).max();
            held.filter(|held| *held > 0)
        };
        if most.is_none() && !rare.is_empty() && self.keys(row).any(|key| rare.contains(&key)) {
            most = Some(if self.is_narrow { NARROW } else { 0 });
        }
        if !beyond.is_empty() {
            most = most.max(self.keys(row).filter_map(|key| beyond.get(&key)).max().copied());
        }
        most.map(|n| lowered(if self.is_smallest { !n } else { n }))
    }
}

/// Notes that a value was missing.
fn note(missing: &mut [Vec<u64>], which: &Cells<'_>, rows: usize, event: usize) {
    let Some(bits) = missing.get_mut(which.slot) else { return };
    if bits.is_empty() {
        bits.resize((which.laid.slot.bands() * rows).div_ceil(64), 0);
    }
    let (word, bit) = bit_of(which.band(event), which.row(event), rows);
    if let Some(word) = bits.get_mut(word) {
        *word |= bit;
    }
}

/// The bit of a band of a row, and which word it is in.
fn bit_of(band: usize, row: usize, rows: usize) -> (usize, u64) {
    let at = band * rows + row;
    (at / 64, 1 << (at % 64))
}

/// The cells of one slot that the events at hand belong to.
struct Cells<'a> {
    slot: usize,
    laid: &'a Laid,
    stride: usize,
    near: &'a Near,
}

impl Cells<'_> {
    #[inline]
    fn row(&self, event: usize) -> usize {
        self.near.rows.get(event).map_or(0, |row| *row as usize)
    }

    #[inline]
    fn band(&self, event: usize) -> usize {
        let Some(bands) = &self.laid.band_of else { return 0 };
        let interval = self.near.intervals.get(event).copied().unwrap_or(0);
        bands.get(usize::from(interval)).map_or(0, |band| usize::from(*band))
    }

    /// Where the cell of an event begins.
    #[inline]
    fn at(&self, event: usize) -> usize {
        self.row(event) * self.stride + self.laid.offset + self.band(event) * self.laid.width
    }

    /// The name of the cell.
    fn key(&self, event: usize) -> u64 {
        cell_key(self.slot, self.band(event), self.row(event))
    }

    #[inline]
    fn place(&self, event: usize) -> usize {
        self.near.places.get(event).map_or(0, |place| *place as usize)
    }

    #[inline]
    fn number(&self, values: &Values, event: usize) -> i64 {
        values.numbers.get(self.place(event)).copied().unwrap_or(0)
    }

    /// `cell_of`: the cell of a sum of this number alone, where it fits one.
    fn sum<W: Sum>(
        &self,
        cells: &mut [u8],
        over: &mut HashMap<u64, i128>,
        ahead: &mut Ahead,
        picked: &Picked,
        values: &Values,
        cell_of: impl Fn(i64) -> Option<W>,
    ) {
        // The mark that some value is known is the lowest bit of the lowest byte, whatever the width.
        let mark = |cells: &mut [u8], event| u8::update(cells, self.at(event), |held| held | 1);
        let mut spill = |event, part: i128| *over.entry(self.key(event)).or_default() += part;
        if let Some(wide) = &values.wide {
            return ahead.ask_with(cells, picked, |cells, event| {
                spill(event, wide.value(self.place(event)));
                mark(cells, event);
            });
        }
        // In one closure, called in one place, so that it becomes part of the loop.
        ahead.ask_with(cells, picked, |cells, event| {
            let number = self.number(values, event);
            match cell_of(number) {
                Some(cell) => {
                    W::update(cells, self.at(event), |held| held.plus(cell, |part| spill(event, part)))
                }
                None => {
                    spill(event, i128::from(number));
                    mark(cells, event);
                }
            }
        });
    }

    fn largest(
        &self,
        cells: &mut [u8],
        (rare, beyond): (&mut HashSet<u64>, &mut HashMap<u64, u64>),
        ahead: &mut Ahead,
        picked: &Picked,
        values: &Values,
        raise: impl Fn(i64) -> u64,
    ) {
        let narrow = self.laid.width == 4;
        ahead.ask_with(cells, picked, |cells, event| {
            let number = raise(self.number(values, event));
            let cell = if narrow { number.wrapping_sub(NARROW) } else { number };
            if cell == 0 {
                rare.insert(self.key(event));
            } else if !narrow {
                u64::update(cells, self.at(event), |held| held.max(cell));
            } else if let Ok(cell) = u32::try_from(cell) {
                u32::update(cells, self.at(event), |held| held.max(cell));
            } else {
                let most = beyond.entry(self.key(event)).or_default();
                *most = number.max(*most);
            }
        });
    }
}
