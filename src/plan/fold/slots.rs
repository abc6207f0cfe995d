//! What is known of each row of the entity so far, as a few bytes beside each other: counts, sums, smallest and largest
//! numbers.
//!
//! A *slot* is one of these for one argument and one choice of events, with a cell for each of its *bands*; all slots of
//! a row lie in one stretch of bytes, so that an event touches few cache lines. A cell starts as zero and says so:
//!
//! | op | cell | zero |
//! |---|---|---|
//! | count | how many, 16 bits | none |
//! | sum | twice the sum; the lowest bit says that some value is known | no known value |
//! | largest | the number, moved so that the smallest is 0 | none, or the smallest number (noted in `rare`) |
//! | smallest | the same, upside down | the same |
//! | kinds | a bit for each of the first 64 texts | none of them |
//!
//! What does not fit a cell goes to maps beside it, which stay empty as a rule. All operations commute.

use super::values::{Values, float_of};
use crate::functions::AggregateFn;
use crate::plan::aggregates::{decimal_sum, mean, whole_sum};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, exec_datafusion_err, internal_err};
use hashbrown::{HashMap, HashSet};
use memmap2::MmapMut;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op {
    /// Of the events; where there is an argument, of its known values.
    Count,
    Sum,
    Min,
    Max,
    /// Which of the first 64 texts are there.
    Kinds,
}

/// What is between a narrow cell of `Min` or `Max` and a wide one.
const NARROW: u64 = (1 << 63) - (1 << 31);

/// Which part of time an interval belongs to, so that every window is a range of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bands {
    /// The band of each interval; none where no window has it.
    of: Vec<Option<u8>>,
    count: usize,
}

impl Bands {
    /// Of the windows, as ranges of intervals; none where time does not matter.
    pub fn new(windows: &[&Option<Range<usize>>], intervals: usize) -> Option<Bands> {
        let windows: Vec<&Range<usize>> = windows.iter().filter_map(|w| w.as_ref()).collect();
        if windows.is_empty() {
            return None;
        }
        let cover = |at: usize| -> Vec<bool> { windows.iter().map(|w| w.contains(&at)).collect() };
        let mut of = Vec::new();
        let mut count = 0usize;
        let mut before: Option<Vec<bool>> = None;
        for at in 0..intervals {
            let now = cover(at);
            if !now.contains(&true) {
                of.push(None);
                before = None;
                continue;
            }
            if before.as_ref() != Some(&now) {
                count += 1;
            }
            of.push(u8::try_from(count - 1).ok());
            before = Some(now);
        }
        Some(Bands { of, count })
    }

    /// For each interval, whether any window has it.
    pub fn taken(&self) -> Vec<bool> {
        self.of.iter().map(Option::is_some).collect()
    }

    /// The bands of a window.
    fn range(&self, window: &Range<usize>) -> Range<usize> {
        let mut bands = self.of.get(window.clone()).into_iter().flatten().flatten();
        match (bands.next(), self.of.get(window.clone()).into_iter().flatten().flatten().next_back()) {
            (Some(first), Some(last)) => usize::from(*first)..usize::from(*last) + 1,
            _ => 0..0,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub op: Op,
    pub argument: Option<usize>,
    pub selection: usize,
    pub bands: Option<Bands>,
    /// Whether its numbers are so small that half the bytes do as a rule.
    pub narrow: bool,
}

impl Slot {
    /// Of a cell, in bytes.
    fn width(&self) -> usize {
        match (self.op, self.narrow) {
            (Op::Count, _) => 2,
            (Op::Sum | Op::Min | Op::Max, true) => 4,
            (Op::Sum | Op::Min | Op::Max | Op::Kinds, _) => 8,
        }
    }

    fn bands(&self) -> usize {
        self.bands.as_ref().map_or(1, |b| b.count)
    }
}

/// The cells that a window's value is made of.
#[derive(Clone, Debug)]
pub(super) struct Place {
    slot: usize,
    bands: Range<usize>,
}

/// How an aggregate's value is made of cells.
#[derive(Debug)]
pub(super) enum Finish {
    Count(Place),
    Any(Place),
    Share {
        some: Place,
        all: Place,
    },
    Sum {
        sum: Place,
        data_type: DataType,
    },
    Mean {
        sum: Place,
        count: Place,
        scale: i8,
    },
    Distinct(Place),
    /// The smallest or the largest; which of them the slot says.
    Most {
        most: Place,
        data_type: DataType,
    },
}

impl Finish {
    pub fn new(function: AggregateFn, places: Vec<Place>, data_type: Option<DataType>) -> Result<Finish> {
        let mut places = places.into_iter();
        let (first, second) = (places.next(), places.next());
        Ok(match (function, first, second, data_type) {
            (AggregateFn::Count, Some(place), _, _) => Finish::Count(place),
            (AggregateFn::Any, Some(place), _, _) => Finish::Any(place),
            (AggregateFn::Share, Some(some), Some(all), _) => Finish::Share { some, all },
            (AggregateFn::Sum, Some(sum), _, Some(data_type)) => Finish::Sum { sum, data_type },
            (AggregateFn::Avg, Some(sum), Some(count), Some(data_type)) => {
                let scale = if let DataType::Decimal128(_, scale) = data_type { scale } else { 0 };
                Finish::Mean { sum, count, scale }
            }
            (AggregateFn::Distinct, Some(kinds), _, _) => Finish::Distinct(kinds),
            (_, Some(most), _, Some(data_type)) => Finish::Most { most, data_type },
            _ => return internal_err!("{function:?} has no slot"),
        })
    }
}

/// All slots of a pass, and where their cells lie.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// The place of each slot's first cell in a row's bytes.
    offsets: Vec<usize>,
    stride: usize,
}

/// A batch of events, as far as slots are concerned.
pub(super) struct Batch<'a> {
    /// The row of each event.
    pub rows: &'a [u32],
    /// The interval of each.
    pub intervals: &'a [u8],
    /// The events of each selection.
    pub picked: &'a [Vec<u32>],
    pub values: &'a [Option<Values>],
}

const CACHE_LINE: usize = 64;

/// The bytes of all cells, straight from the system: zero until they are touched, and in large pages where there are
/// any, since events go to rows all over them.
#[derive(Debug)]
struct Cellar(Option<MmapMut>);

impl Cellar {
    fn new(bytes: usize) -> Result<Cellar> {
        if bytes == 0 {
            return Ok(Cellar(None));
        }
        let cells =
            MmapMut::map_anon(bytes).map_err(|e| exec_datafusion_err!("no memory for {bytes} bytes: {e}"))?;
        #[cfg(target_os = "linux")]
        // A wish; where it is not granted, small pages do.
        let _ = cells.advise(memmap2::Advice::HugePage);
        Ok(Cellar(Some(cells)))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or(&mut [])
    }
}

/// The cells of all rows.
#[derive(Debug)]
pub(super) struct Table {
    rows: usize,
    stride: usize,
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
    /// Of each slot: where it starts in a row, what it is, how many bands it has, and how wide a cell is.
    ops: Vec<(usize, Op, usize, usize)>,
}

/// Names one cell.
fn cell_key(slot: usize, band: usize, row: usize) -> u64 {
    (slot as u64) << 40 | (band as u64) << 32 | row as u64
}

fn cell<const N: usize>(cells: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    cells.get_mut(at..)?.first_chunk_mut()
}

fn read<const N: usize>(cells: &[u8], at: usize) -> [u8; N] {
    cells.get(at..).and_then(|c| c.first_chunk()).copied().unwrap_or([0; N])
}

/// A number as one that is 0 only for the smallest.
fn raised(number: i64) -> u64 {
    number as u64 ^ 1 << 63
}

fn lowered(raised: u64) -> i64 {
    (raised ^ 1 << 63) as i64
}

impl Slots {
    /// The cells of a window over a slot, which is added where it is new.
    pub fn place(&mut self, slot: Slot, window: &Option<Range<usize>>) -> Result<Place> {
        let bands = match (&slot.bands, window) {
            (Some(bands), Some(window)) => bands.range(window),
            (None, None) => 0..1,
            _ => return internal_err!("a window over a slot without time"),
        };
        let at = self.slots.iter().position(|s| *s == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        Ok(Place { slot: at, bands })
    }

    /// Gives the slots their places: wide cells first, so that each is aligned.
    pub fn settle(&mut self) {
        self.offsets = vec![0; self.slots.len()];
        let mut at = 0;
        for width in [8, 4, 2] {
            for (slot, offset) in self.slots.iter().zip(&mut self.offsets) {
                if slot.width() == width {
                    *offset = at;
                    at += width * slot.bands();
                }
            }
        }
        let unit = match at {
            0..=8 => 8,
            9..=16 => 16,
            _ => 32,
        };
        self.stride = at.next_multiple_of(unit);
    }

    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The arguments whose different texts are counted.
    pub fn counted(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().filter(|s| s.op == Op::Kinds).filter_map(|s| s.argument)
    }

    /// Whether any slot reads an argument.
    pub fn reads(&self, argument: usize) -> bool {
        self.slots.iter().any(|s| s.argument == Some(argument))
    }

    /// # Errors
    /// There is not so much memory.
    pub fn table(&self, rows: usize) -> Result<Table> {
        let ops =
            self.slots.iter().zip(&self.offsets).map(|(s, at)| (*at, s.op, s.bands(), s.width())).collect();
        Ok(Table {
            rows,
            stride: self.stride,
            cells: Cellar::new(rows * self.stride)?,
            over: HashMap::new(),
            rare: HashSet::new(),
            beyond: HashMap::new(),
            others: HashMap::new(),
            missing: vec![Vec::new(); self.slots.len()],
            ops,
        })
    }

    /// The values of some rows; of a row beyond the last, those of no events.
    pub fn finish(&self, finish: &Finish, table: &Table, rows: &[usize]) -> Result<ArrayRef> {
        let rows = rows.iter().copied();
        Ok(match finish {
            Finish::Count(place) => {
                Arc::new(rows.map(|row| Some(table.count(place, row))).collect::<Int64Array>())
            }
            Finish::Distinct(kinds) => {
                Arc::new(rows.map(|row| Some(table.kinds(kinds, row))).collect::<Int64Array>())
            }
            Finish::Any(place) => {
                Arc::new(rows.map(|row| Some(table.count(place, row) > 0)).collect::<BooleanArray>())
            }
            Finish::Share { some, all } => {
                let share = |row| {
                    let all = table.count(all, row);
                    (all > 0).then(|| table.count(some, row) as f64 / all as f64)
                };
                Arc::new(rows.map(share).collect::<Float64Array>())
            }
            Finish::Sum { sum, data_type } => {
                let sums = rows.map(|row| {
                    let (total, known) = table.sum(sum, row);
                    (known || !table.is_missing(sum, row)).then_some(total)
                });
                match data_type {
                    DataType::Decimal128(_, scale) => {
                        let sums = sums.map(|s| s.map(decimal_sum).transpose());
                        let sums = sums.collect::<Result<Decimal128Array>>()?;
                        Arc::new(sums.with_precision_and_scale(38, *scale)?)
                    }
                    _ => {
                        let sums = sums.map(|s| s.map(whole_sum).transpose());
                        Arc::new(sums.collect::<Result<Int64Array>>()?)
                    }
                }
            }
            Finish::Mean { sum, count, scale } => {
                let mean = |row| {
                    let count = u64::try_from(table.count(count, row)).ok().filter(|n| *n > 0)?;
                    Some(mean(table.sum(sum, row).0, count, *scale))
                };
                Arc::new(rows.map(mean).collect::<Float64Array>())
            }
            Finish::Most { most, data_type } => {
                let smallest = self.slots.get(most.slot).is_some_and(|s| s.op == Op::Min);
                let found =
                    rows.map(|row| table.most(most, row).map(|n| lowered(if smallest { !n } else { n })));
                typed(found, data_type)?
            }
        })
    }
}

/// Numbers in the type of the values that they stand for.
fn typed(numbers: impl Iterator<Item = Option<i64>>, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Int64 => Arc::new(numbers.collect::<Int64Array>()),
        DataType::Float64 => Arc::new(numbers.map(|n| n.map(float_of)).collect::<Float64Array>()),
        DataType::Date32 => {
            Arc::new(numbers.map(|n| n.and_then(|n| i32::try_from(n).ok())).collect::<Date32Array>())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            Arc::new(numbers.collect::<TimestampMicrosecondArray>().with_timezone_opt(zone.clone()))
        }
        DataType::Decimal128(precision, scale) => {
            let decimals = numbers.map(|n| n.map(i128::from)).collect::<Decimal128Array>();
            Arc::new(decimals.with_precision_and_scale(*precision, *scale)?)
        }
        other => return internal_err!("a slot of the type {other}"),
    })
}

impl Table {
    /// The cells of a window, with their bands.
    fn at(&self, place: &Place, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let (offset, _, _, width) = self.ops.get(place.slot).copied().unwrap_or((0, Op::Count, 0, 0));
        let start = row * self.stride + offset;
        place.bands.clone().map(move |band| (start + band * width, band))
    }

    fn is_narrow(&self, place: &Place) -> bool {
        self.ops.get(place.slot).is_some_and(|(_, _, _, width)| *width == 4)
    }

    /// What did not fit a cell.
    fn rest(&self, place: &Place, band: usize, row: usize) -> i128 {
        if self.over.is_empty() {
            return 0;
        }
        self.over.get(&cell_key(place.slot, band, row)).copied().unwrap_or(0)
    }

    fn count(&self, place: &Place, row: usize) -> i64 {
        let cells = self.at(place, row).map(|(at, band)| {
            let rest = i64::try_from(self.rest(place, band, row)).unwrap_or(i64::MAX);
            i64::from(u16::from_le_bytes(read(self.cells.bytes(), at))) + rest
        });
        cells.sum()
    }

    /// The sum, and whether any value of it is known.
    fn sum(&self, place: &Place, row: usize) -> (i128, bool) {
        let (mut sum, mut known) = (0i128, false);
        let narrow = self.is_narrow(place);
        for (at, band) in self.at(place, row) {
            let held = if narrow {
                i64::from(i32::from_le_bytes(read(self.cells.bytes(), at)))
            } else {
                i64::from_le_bytes(read(self.cells.bytes(), at))
            };
            sum += i128::from(held >> 1) + self.rest(place, band, row);
            known |= held & 1 == 1;
        }
        (sum, known)
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

    fn kinds(&self, place: &Place, row: usize) -> i64 {
        let mut bits = 0u64;
        let mut others: BTreeSet<u32> = BTreeSet::new();
        for (at, band) in self.at(place, row) {
            bits |= u64::from_le_bytes(read(self.cells.bytes(), at));
            if !self.others.is_empty() {
                others.extend(self.others.get(&cell_key(place.slot, band, row)).into_iter().flatten());
            }
        }
        i64::from(bits.count_ones()) + others.len() as i64
    }

    fn most(&self, place: &Place, row: usize) -> Option<u64> {
        let mut most = None;
        let narrow = self.is_narrow(place);
        for (at, band) in self.at(place, row) {
            let held = if narrow {
                u64::from(u32::from_le_bytes(read(self.cells.bytes(), at)))
            } else {
                u64::from_le_bytes(read(self.cells.bytes(), at))
            };
            if held > 0 || (!self.rare.is_empty() && self.rare.contains(&cell_key(place.slot, band, row))) {
                most = most.max(Some(if narrow { held + NARROW } else { held }));
            }
            if !self.beyond.is_empty() {
                most = most.max(self.beyond.get(&cell_key(place.slot, band, row)).copied());
            }
        }
        most
    }

    /// Takes the events of a batch.
    pub fn add(&mut self, slots: &Slots, batch: &Batch<'_>) {
        if self.stride == 0 {
            return;
        }
        // Each event's row is somewhere else in memory. Reading them all in turn lets the processor fetch many at once;
        // what follows finds them near.
        let lines = self.stride.div_ceil(CACHE_LINE);
        let cells = self.cells.bytes();
        black_box(match lines {
            1 => touch::<1>(cells, batch.rows, self.stride),
            2 => touch::<2>(cells, batch.rows, self.stride),
            3 => touch::<3>(cells, batch.rows, self.stride),
            _ => touch::<4>(cells, batch.rows, self.stride),
        });
        for (at, (slot, offset)) in slots.slots.iter().zip(&slots.offsets).enumerate() {
            let Some(picked) = batch.picked.get(slot.selection) else { continue };
            let values = slot.argument.and_then(|a| batch.values.get(a)).and_then(Option::as_ref);
            let cells =
                Cells { slot: at, offset: *offset, width: slot.width(), bands: &slot.bands, batch, picked };
            match (slot.op, values) {
                (Op::Count, None) => self.count_events(&cells),
                (Op::Count, Some(values)) if values.known.is_none() => self.count_events(&cells),
                (Op::Count, Some(values)) => {
                    let known: Vec<u32> =
                        picked.iter().copied().filter(|place| values.is_known(*place as usize)).collect();
                    self.count_events(&Cells { picked: &known, ..cells });
                }
                (Op::Sum, Some(values)) => self.sum_values(&cells, values),
                (Op::Min, Some(values)) => self.largest(&cells, values, |n| !raised(n)),
                (Op::Max, Some(values)) => self.largest(&cells, values, raised),
                (Op::Kinds, Some(values)) => self.note_kinds(&cells, values),
                (_, None) => {}
            }
        }
    }

    fn count_events(&mut self, which: &Cells<'_>) {
        let Table { cells, stride, over, .. } = self;
        let cells = cells.bytes_mut();
        which.each(*stride, |at, _, band, row| {
            if let Some(held) = cell::<2>(cells, at) {
                let (sum, full) = u16::from_le_bytes(*held).overflowing_add(1);
                if full {
                    *over.entry(cell_key(which.slot, band, row)).or_default() += 1 << 16;
                }
                *held = sum.to_le_bytes();
            }
        });
    }

    fn sum_values(&mut self, which: &Cells<'_>, values: &Values) {
        let Table { cells, stride, over, missing, rows, .. } = self;
        let cells = cells.bytes_mut();
        let numbers = values.numbers.as_ref();
        let narrow = which.width == 4;
        if let Some(wide) = &values.wide {
            which.each(*stride, |at, place, band, row| {
                // The mark that some value is known is the lowest bit of the lowest byte, whatever the width.
                let Some([held]) = cell::<1>(cells, at) else { return };
                if values.is_known(place) {
                    *over.entry(cell_key(which.slot, band, row)).or_default() += wide.value(place);
                    *held |= 1;
                } else {
                    note(missing, which, *rows, band, row);
                }
            });
            return;
        }
        let mut one = |at: usize, place: usize, band: usize, row: usize| {
            let twice = numbers.get(place).copied().unwrap_or(0) << 1;
            let mut spill = |part: i128| {
                *over.entry(cell_key(which.slot, band, row)).or_default() += part;
            };
            if narrow {
                let Some(held) = cell::<4>(cells, at) else { return };
                let before = i32::from_le_bytes(*held);
                let after = match i32::try_from(twice) {
                    Ok(twice) => before.checked_add(twice).unwrap_or_else(|| {
                        spill(i128::from(before >> 1));
                        twice
                    }),
                    Err(_) => {
                        spill(i128::from(twice >> 1));
                        before
                    }
                };
                *held = (after | 1).to_le_bytes();
                return;
            }
            let Some(held) = cell::<8>(cells, at) else { return };
            let before = i64::from_le_bytes(*held);
            let after = before.checked_add(twice).unwrap_or_else(|| {
                spill(i128::from(before >> 1));
                twice
            });
            *held = (after | 1).to_le_bytes();
        };
        match &values.known {
            None => which.each(*stride, one),
            Some(known) => which.each(*stride, |at, place, band, row| {
                if known.is_valid(place) {
                    one(at, place, band, row);
                } else {
                    note(missing, which, *rows, band, row);
                }
            }),
        }
    }

    fn note_kinds(&mut self, which: &Cells<'_>, values: &Values) {
        let Table { cells, stride, others, .. } = self;
        let cells = cells.bytes_mut();
        let codes = values.numbers.as_ref();
        which.each(*stride, |at, place, band, row| {
            if !values.is_known(place) {
                return;
            }
            let code = codes.get(place).copied().unwrap_or(0);
            if code >= 64 {
                let others = others.entry(cell_key(which.slot, band, row)).or_default();
                others.insert(u32::try_from(code).unwrap_or(u32::MAX));
            } else if let Some(held) = cell::<8>(cells, at) {
                *held = (u64::from_le_bytes(*held) | 1 << code).to_le_bytes();
            }
        });
    }

    fn largest(&mut self, which: &Cells<'_>, values: &Values, raise: impl Fn(i64) -> u64) {
        let Table { cells, stride, rare, beyond, .. } = self;
        let cells = cells.bytes_mut();
        let numbers = values.numbers.as_ref();
        let narrow = which.width == 4;
        let mut one = |at: usize, place: usize, band: usize, row: usize| {
            let number = raise(numbers.get(place).copied().unwrap_or(0));
            if narrow {
                let Some(held) = cell::<4>(cells, at) else { return };
                match u32::try_from(number.wrapping_sub(NARROW)) {
                    Ok(0) => {
                        rare.insert(cell_key(which.slot, band, row));
                    }
                    Ok(number) => *held = number.max(u32::from_le_bytes(*held)).to_le_bytes(),
                    Err(_) => {
                        let most = beyond.entry(cell_key(which.slot, band, row)).or_default();
                        *most = number.max(*most);
                    }
                }
                return;
            }
            let Some(held) = cell::<8>(cells, at) else { return };
            if number > u64::from_le_bytes(*held) {
                *held = number.to_le_bytes();
            } else if number == 0 {
                rare.insert(cell_key(which.slot, band, row));
            }
        };
        match &values.known {
            None => which.each(*stride, one),
            Some(known) => which.each(*stride, |at, place, band, row| {
                if known.is_valid(place) {
                    one(at, place, band, row);
                }
            }),
        }
    }

    /// Adds the cells of another part of the same pass.
    pub fn merge(&mut self, other: Table) {
        let Table { stride, cells, over, ops, .. } = self;
        let cells = cells.bytes_mut();
        let flat: Vec<(usize, Op, usize, usize, usize)> = ops
            .iter()
            .enumerate()
            .flat_map(|(slot, (offset, op, bands, width))| {
                (0..*bands).map(move |band| (offset + band * width, *op, slot, band, *width))
            })
            .collect();
        let halves = if *stride > 0 {
            Some((cells.chunks_exact_mut(*stride), other.cells.bytes().chunks_exact(*stride)))
        } else {
            None
        };
        for (row, (mine, theirs)) in halves.into_iter().flat_map(|(a, b)| a.zip(b)).enumerate() {
            for (at, op, slot, band, width) in &flat {
                let mut spill = |part: i128| *over.entry(cell_key(*slot, *band, row)).or_default() += part;
                match (op, width) {
                    (Op::Count, _) => {
                        if let Some(held) = cell::<2>(mine, *at) {
                            let (sum, full) = u16::from_le_bytes(*held)
                                .overflowing_add(u16::from_le_bytes(read(theirs, *at)));
                            if full {
                                spill(1 << 16);
                            }
                            *held = sum.to_le_bytes();
                        }
                    }
                    (Op::Sum, 4) => {
                        if let Some(held) = cell::<4>(mine, *at) {
                            let (a, b) = (i32::from_le_bytes(*held), i32::from_le_bytes(read(theirs, *at)));
                            let sum = (a & !1).checked_add(b & !1).unwrap_or_else(|| {
                                spill(i128::from(a >> 1));
                                b & !1
                            });
                            *held = (sum | (a | b) & 1).to_le_bytes();
                        }
                    }
                    (Op::Sum, _) => {
                        if let Some(held) = cell::<8>(mine, *at) {
                            let (a, b) = (i64::from_le_bytes(*held), i64::from_le_bytes(read(theirs, *at)));
                            let sum = (a & !1).checked_add(b & !1).unwrap_or_else(|| {
                                spill(i128::from(a >> 1));
                                b & !1
                            });
                            *held = (sum | (a | b) & 1).to_le_bytes();
                        }
                    }
                    (Op::Kinds, _) => {
                        if let Some(held) = cell::<8>(mine, *at) {
                            let all = u64::from_le_bytes(*held) | u64::from_le_bytes(read(theirs, *at));
                            *held = all.to_le_bytes();
                        }
                    }
                    (Op::Min | Op::Max, 4) => {
                        if let Some(held) = cell::<4>(mine, *at) {
                            let most = u32::from_le_bytes(*held).max(u32::from_le_bytes(read(theirs, *at)));
                            *held = most.to_le_bytes();
                        }
                    }
                    (Op::Min | Op::Max, _) => {
                        if let Some(held) = cell::<8>(mine, *at) {
                            let most = u64::from_le_bytes(*held).max(u64::from_le_bytes(read(theirs, *at)));
                            *held = most.to_le_bytes();
                        }
                    }
                }
            }
        }
        for (key, part) in other.over {
            *over.entry(key).or_default() += part;
        }
        self.rare.extend(other.rare);
        for (key, number) in other.beyond {
            let most = self.beyond.entry(key).or_default();
            *most = number.max(*most);
        }
        for (key, codes) in other.others {
            self.others.entry(key).or_default().extend(codes);
        }
        for (mine, theirs) in self.missing.iter_mut().zip(other.missing) {
            if mine.is_empty() {
                *mine = theirs;
            } else {
                mine.iter_mut().zip(theirs).for_each(|(a, b)| *a |= b);
            }
        }
    }
}

/// Reads a byte of each line of the rows' cells: of the first `LINES`, and the last.
fn touch<const LINES: usize>(cells: &[u8], rows: &[u32], stride: usize) -> u8 {
    let mut seen = 0u8;
    for row in rows {
        let start = (*row as usize).wrapping_mul(stride);
        for line in 0..LINES {
            seen ^= cells.get(start.wrapping_add(line * CACHE_LINE)).copied().unwrap_or(0);
        }
        seen ^= cells.get(start.wrapping_add(stride - 1)).copied().unwrap_or(0);
    }
    seen
}

/// Notes that a value was missing.
fn note(missing: &mut [Vec<u64>], which: &Cells<'_>, rows: usize, band: usize, row: usize) {
    let Some(bits) = missing.get_mut(which.slot) else { return };
    if bits.is_empty() {
        let bands = which.bands.as_ref().map_or(1, |b| b.count);
        bits.resize((bands * rows).div_ceil(64), 0);
    }
    let at = band * rows + row;
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

/// The cells of one slot that a batch's events belong to.
struct Cells<'a> {
    slot: usize,
    offset: usize,
    width: usize,
    bands: &'a Option<Bands>,
    batch: &'a Batch<'a>,
    picked: &'a [u32],
}

impl Cells<'_> {
    /// Calls with the cell's place in the table, the event's place in the batch, the band and the row.
    #[inline]
    fn each(&self, stride: usize, mut f: impl FnMut(usize, usize, usize, usize)) {
        let rows = self.batch.rows;
        match self.bands.as_ref().filter(|b| b.count > 1) {
            None => {
                for place in self.picked {
                    let place = *place as usize;
                    let row = rows.get(place).map_or(0, |r| *r as usize);
                    f(row * stride + self.offset, place, 0, row);
                }
            }
            Some(bands) => {
                let band_of: [u8; 256] =
                    std::array::from_fn(|i| bands.of.get(i).copied().flatten().unwrap_or(0));
                for place in self.picked {
                    let place = *place as usize;
                    let row = rows.get(place).map_or(0, |r| *r as usize);
                    let interval = self.batch.intervals.get(place).copied().unwrap_or(0);
                    let band = usize::from(band_of.get(usize::from(interval)).copied().unwrap_or(0));
                    f(row * stride + self.offset + band * self.width, place, band, row);
                }
            }
        }
    }
}
