//! So few events of a batch that their rows' cells, or the first lines of long rows, are near the processor all at once:
//! whose they are, and which selections take them.

use super::slots::Slots;
use super::table::Batch;
use super::taken::WORD;
use datafusion::arrow::buffer::NullBuffer;
use prefetch_index::prefetch_index;
use std::collections::BTreeSet;

/// So many and the next so many fit together what is nearest to the processor.
pub(super) const MOST: usize = 128;

const CACHE_LINE: usize = 64;

/// Of longer rows the first lines alone are asked for: an event writes to few of them, and all would not stay near.
const MOST_LINES: usize = 4;

/// A thread's room for the few events that it adds at a time.
#[derive(Debug)]
pub(super) struct Hand {
    pub near: Near,
    pub ahead: Ahead,
    /// The stripe that it begins with.
    pub first: usize,
}

/// The events at hand; they have numbers from 0.
#[derive(Debug)]
pub(super) struct Near {
    /// The place of each in its batch.
    pub places: [u32; MOST],
    /// The row of each in its table.
    pub rows: [u32; MOST],
    /// The interval of each.
    pub intervals: [u8; MOST],
    /// Those that each selection takes; of selections that nobody asks for, none.
    picked: Vec<Option<Picked>>,
}

/// Some of the events at hand.
#[derive(Debug)]
pub(super) struct Picked {
    events: [u8; MOST],
    count: usize,
}

/// The lines of memory of the rows that come next. The processor is asked for one with each cell that is written, so that
/// it fetches them meanwhile: each event's row is somewhere else.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The bytes of a row, such that it lies in as few lines as these fill.
    stride: usize,
    /// A byte of each line.
    lines: Vec<usize>,
    count: usize,
    /// So many of them were asked for.
    asked: usize,
}

impl Hand {
    pub fn new(slots: &Slots, first: usize) -> Hand {
        Hand { near: Near::new(&slots.selections()), ahead: Ahead::new(slots.stride()), first }
    }
}

impl Near {
    pub fn new(selections: &BTreeSet<usize>) -> Near {
        let count = selections.last().map_or(0, |last| last + 1);
        let picked = |selection| selections.contains(&selection).then_some(Picked::NONE);
        Near {
            places: [0; MOST],
            rows: [0; MOST],
            intervals: [0; MOST],
            picked: (0..count).map(picked).collect(),
        }
    }

    /// Takes the events at some places of a batch.
    pub fn take(&mut self, batch: &Batch<'_>, places: &[u32]) {
        let at = |place: &u32| *place as usize;
        for (to, place) in self.places.iter_mut().zip(places) {
            *to = *place;
        }
        for (to, place) in self.rows.iter_mut().zip(places) {
            *to = batch.rows.get(at(place)).copied().unwrap_or(0);
        }
        match batch.interval {
            Some(interval) => self.intervals.fill(interval),
            None => {
                for (to, place) in self.intervals.iter_mut().zip(places) {
                    *to = batch.intervals.get(at(place)).copied().unwrap_or(0);
                }
            }
        }
        for (taken, picked) in batch.taken.iter().zip(self.picked.chunks_mut(WORD)) {
            let mut words = [0; MOST];
            let (mut all, mut any) = (u64::MAX, 0);
            for (word, place) in words.iter_mut().zip(places) {
                *word = taken.get(at(place)).copied().unwrap_or(0);
                all &= *word;
                any |= *word;
            }
            for (selection, picked) in picked.iter_mut().enumerate() {
                let has = |word: u64| word >> selection & 1 == 1;
                match picked {
                    None => {}
                    Some(picked) if !has(any) => picked.count = 0,
                    Some(picked) if has(all) => picked.pick(places.len(), |_| true),
                    Some(picked) => {
                        picked.pick(places.len(), |event| words.get(event).is_some_and(|w| has(*w)))
                    }
                }
            }
        }
    }

    /// Those that a selection takes.
    pub fn picked(&self, selection: usize) -> Option<&Picked> {
        self.picked.get(selection)?.as_ref()
    }

    /// Parts some of them into those at whose places something is known, and the others.
    pub fn part(&self, picked: &Picked, known: &NullBuffer) -> (Picked, Picked) {
        let (mut some, mut others) = (Picked::NONE, Picked::NONE);
        for event in picked.events() {
            let is_known = self.places.get(event).is_some_and(|place| known.is_valid(*place as usize));
            let part = if is_known { &mut some } else { &mut others };
            if let Some(to) = part.events.get_mut(part.count) {
                *to = event as u8;
                part.count += 1;
            }
        }
        (some, others)
    }
}

impl Picked {
    const NONE: Picked = Picked { events: [0; MOST], count: 0 };

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their numbers.
    #[inline]
    pub fn events(&self) -> impl Iterator<Item = usize> {
        // So that the compiler sees that they are within an array.
        self.events.iter().take(self.count).map(|event| usize::from(*event) % MOST)
    }

    /// Takes those of the first so many for which it is true. No branch depends on that, since it cannot be guessed.
    #[inline]
    fn pick(&mut self, count: usize, is_picked: impl Fn(usize) -> bool) {
        let mut kept = 0;
        for event in 0..count.min(MOST) {
            if let Some(to) = self.events.get_mut(kept % MOST) {
                *to = event as u8;
            }
            kept += usize::from(is_picked(event));
        }
        self.count = kept;
    }
}

impl Ahead {
    fn new(stride: usize) -> Ahead {
        Ahead { stride, lines: vec![0; MOST * MOST_LINES], count: 0, asked: 0 }
    }

    /// The events at some places come next.
    pub fn plan(&mut self, batch: &Batch<'_>, places: &[u32]) {
        match self.stride.div_ceil(CACHE_LINE) {
            0 | 1 => self.lines_of::<1>(batch, places),
            2 => self.lines_of::<2>(batch, places),
            3 => self.lines_of::<3>(batch, places),
            _ => self.lines_of::<MOST_LINES>(batch, places),
        }
    }

    fn lines_of<const LINES: usize>(&mut self, batch: &Batch<'_>, places: &[u32]) {
        (self.count, self.asked) = (places.len() * LINES, 0);
        for (lines, place) in self.lines.as_chunks_mut().0.iter_mut().zip(places) {
            let start = batch.rows.get(*place as usize).map_or(0, |row| *row as usize * self.stride);
            let each: [usize; LINES] = std::array::from_fn(|line| start + line * CACHE_LINE);
            *lines = each;
        }
    }

    /// Asks for all that are left.
    pub fn ask(&mut self, cells: &[u8]) {
        self.left().iter().for_each(|line| prefetch_index(cells, *line));
        self.asked = self.count;
    }

    fn left(&self) -> &[usize] {
        self.lines.get(self.asked..self.count).unwrap_or_default()
    }

    /// Does something with each of some events, and asks for a line with each.
    #[inline]
    pub fn ask_with(&mut self, cells: &mut [u8], picked: &Picked, mut each: impl FnMut(&mut [u8], usize)) {
        let mut left = self.left().iter();
        for event in picked.events() {
            if let Some(line) = left.next() {
                prefetch_index(&*cells, *line);
            }
            each(cells, event);
        }
        self.asked = self.count - left.len();
    }
}
