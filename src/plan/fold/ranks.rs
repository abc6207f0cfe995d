//! A set of small whole numbers that says of each how many of the set are before it.

/// A bit for each number, and before each word of them how many are set: a fifth of the bytes of a table of places, so
/// that it stays near the processor.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    words: Vec<(u64, u32)>,
    count: u32,
}

impl Ranks {
    /// Of numbers below `end`, in any order; others are left out.
    pub fn of(numbers: impl Iterator<Item = usize>, end: usize) -> Ranks {
        let mut words = vec![(0u64, 0u32); end.div_ceil(64)];
        for number in numbers {
            if let Some((word, _)) = words.get_mut(number / 64) {
                *word |= 1 << (number % 64);
            }
        }
        let mut count = 0;
        for (word, before) in &mut words {
            *before = count;
            count += word.count_ones();
        }
        Ranks { words, count }
    }

    pub fn count(&self) -> usize {
        self.count as usize
    }

    pub fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|(word, _)| word >> (number % 64) & 1 == 1)
    }

    /// How many are before a number of the set; none of another number.
    #[inline]
    pub fn rank(&self, number: usize) -> Option<u32> {
        let (word, before) = self.words.get(number / 64)?;
        let bit = number % 64;
        (word >> bit & 1 == 1).then(|| before + (word & ((1 << bit) - 1)).count_ones())
    }
}
