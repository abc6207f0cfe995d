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
//! What does not fit a cell goes to maps beside it, which stay empty as a rule. All operations commute. The memory is
//! [`table`](super::table)'s.

use crate::functions::AggregateFn;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use std::collections::BTreeSet;
use std::ops::Range;

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

    pub fn count(&self) -> usize {
        self.count
    }

    /// The band of each interval; any where no window has it.
    fn by_interval(&self) -> Box<[u8; 256]> {
        Box::new(std::array::from_fn(|at| self.of.get(at).copied().flatten().unwrap_or(0)))
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

    pub fn bands(&self) -> usize {
        self.bands.as_ref().map_or(1, Bands::count)
    }
}

/// The cells that a window's value is made of.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub slot: usize,
    pub bands: Range<usize>,
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

/// A slot with the place of its first cell in a row's bytes.
#[derive(Debug)]
pub(super) struct Laid {
    pub slot: Slot,
    pub offset: usize,
    /// Of a cell, in bytes.
    pub width: usize,
    /// The band of each interval; none where there is one band.
    pub band_of: Option<Box<[u8; 256]>>,
}

/// All slots of a pass, and where their cells lie.
#[derive(Debug, Default)]
pub(super) struct Slots {
    laid: Vec<Laid>,
    stride: usize,
}

impl Slots {
    /// The cells of a window over a slot, which is added where it is new.
    pub fn place(&mut self, slot: Slot, window: &Option<Range<usize>>) -> Result<Place> {
        let bands = match (&slot.bands, window) {
            (Some(bands), Some(window)) => bands.range(window),
            (None, None) => 0..1,
            _ => return internal_err!("a window over a slot without time"),
        };
        let at = self.laid.iter().position(|known| known.slot == slot).unwrap_or_else(|| {
            let band_of = slot.bands.as_ref().filter(|bands| bands.count() > 1).map(Bands::by_interval);
            self.laid.push(Laid { width: slot.width(), slot, offset: 0, band_of });
            self.laid.len() - 1
        });
        Ok(Place { slot: at, bands })
    }

    /// Gives the slots their places: wide cells first, so that each is aligned.
    pub fn settle(&mut self) {
        let mut at = 0;
        for width in [8, 4, 2] {
            for laid in self.laid.iter_mut().filter(|laid| laid.width == width) {
                laid.offset = at;
                at += width * laid.slot.bands();
            }
        }
        // A row lies in as few lines of the processor's cache as its bytes fill.
        let unit = match at {
            0..=8 => 8,
            9..=16 => 16,
            _ => 32,
        };
        self.stride = at.next_multiple_of(unit);
    }

    /// How many bytes a row has.
    pub fn stride(&self) -> usize {
        self.stride
    }

    pub fn laid(&self) -> &[Laid] {
        &self.laid
    }

    /// The arguments whose different texts are counted.
    pub fn counted(&self) -> impl Iterator<Item = usize> {
        self.laid.iter().filter(|laid| laid.slot.op == Op::Kinds).filter_map(|laid| laid.slot.argument)
    }

    /// The selections that any slot takes, each once.
    pub fn selections(&self) -> BTreeSet<usize> {
        self.laid.iter().map(|laid| laid.slot.selection).collect()
    }

    /// Whether any slot reads an argument.
    pub fn reads(&self, argument: usize) -> bool {
        self.laid.iter().any(|laid| laid.slot.argument == Some(argument))
    }
}
