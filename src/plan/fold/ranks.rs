//! A set of small whole numbers that says of each how many of the set are before it.

/// So many words have a count of their own; what is before one of them within that is less than 2¹⁶.
const WORDS: usize = 1 << 10;

/// A set with no more than one number of so many is sparse.
const SPARSE: usize = 8;

/// A bit for each number, two bytes for each word of them that say how many are before it, and now and then the whole
/// count: few bytes, so that they stay near the processor.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    words: Vec<u64>,
    /// How many are before each word, counted from the last multiple of `WORDS` words.
    before: Vec<u16>,
    /// How many are before each multiple of `WORDS` words.
    starts: Vec<u32>,
    count: u32,
}

impl Ranks {
    /// Of the numbers whose bits are set.
    pub fn new(words: Vec<u64>) -> Ranks {
        let (mut before, mut starts, mut count) = (Vec::with_capacity(words.len()), Vec::new(), 0);
        for words in words.chunks(WORDS) {
            starts.push(count);
            let mut within = 0u32;
            for word in words {
                before.push(within as u16);
                within += word.count_ones();
            }
            count += within;
        }
        Ranks { words, before, starts, count }
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        let Ranks { words, before, starts, .. } = self;
        size_of_val(words.as_slice()) + size_of_val(before.as_slice()) + size_of_val(starts.as_slice())
    }

    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether few numbers are of the set, so that most questions end with [`has`](Ranks::has), which reads less.
    pub fn is_sparse(&self) -> bool {
        self.count() < self.words.len() * 64 / SPARSE
    }

    #[inline]
    pub fn has(&self, number: usize) -> bool {
        self.words.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether a number is of the set, and how many are before it.
    #[inline]
    pub fn place(&self, number: usize) -> (bool, u32) {
        let at = number / 64;
        let (Some(word), Some(before)) = (self.words.get(at), self.before.get(at)) else {
            return (false, self.count);
        };
        let start = self.starts.get(at / WORDS).copied().unwrap_or(0);
        let lower = word & ((1 << (number % 64)) - 1);
        (word >> (number % 64) & 1 == 1, start + u32::from(*before) + lower.count_ones())
    }
}
