//! A set of small whole numbers that says of each how many of the set are before it.

use std::ops::Range;

/// A bit for each number, and before each word of them how many are set: a fifth of the bytes of a table of places, so
/// that it stays near the processor.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    words: Vec<(u64, u32)>,
    count: u32,
}

impl Ranks {
    /// Of numbers below `end`, in any order; others are left out.
    ///
    /// `numbers`: calls with each of them.
    pub fn of(end: usize, numbers: impl FnOnce(&mut dyn FnMut(usize))) -> Ranks {
        let mut words = vec![(0u64, 0u32); end.div_ceil(64)];
        numbers(&mut |number| {
            if let Some((word, _)) = words.get_mut(number / 64) {
                *word |= 1 << (number % 64);
            }
        });
        let mut count = 0;
        for (word, before) in &mut words {
            *before = count;
            count += word.count_ones();
        }
        Ranks { words, count }
    }

    /// The numbers of the set in a range, in order.
    pub fn within(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let words = self.words.get(range.start / 64..range.end.div_ceil(64)).unwrap_or_default();
        let numbers = (range.start / 64..).zip(words).flat_map(|(at, (word, _))| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(at * 64 + bit)
            })
        });
        numbers.filter(move |number| range.contains(number))
    }

    pub fn count(&self) -> usize {
        self.count as usize
    }

    pub fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|(word, _)| word >> (number % 64) & 1 == 1)
    }

    /// How many are before a number.
    #[inline]
    pub fn before(&self, number: usize) -> u32 {
        let Some((word, before)) = self.words.get(number / 64) else { return self.count };
        before + (word & ((1 << (number % 64)) - 1)).count_ones()
    }

    /// How many are before a number of the set; none of another number.
    pub fn rank(&self, number: usize) -> Option<u32> {
        self.has(number).then(|| self.before(number))
    }
}
