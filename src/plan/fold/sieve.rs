//! Which hashes of keys there may be.

use std::sync::atomic::{AtomicU64, Ordering};

/// A bit for each hash of a key: few bytes, which tell most that are nobody's. Several threads may note hashes at once.
#[derive(Debug)]
pub(super) struct Sieve {
    words: Vec<AtomicU64>,
    shift: u32,
}

impl Sieve {
    /// With about so many bits, none of them set.
    pub fn new(bits: usize) -> Sieve {
        let bits = bits.next_power_of_two().max(64);
        Sieve {
            words: std::iter::repeat_with(|| AtomicU64::new(0)).take(bits / 64).collect(),
            shift: 64 - bits.trailing_zeros(),
        }
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        size_of_val(self.words.as_slice())
    }

    pub fn note(&self, hash: u64) {
        let at = self.place(hash);
        if let Some(word) = self.words.get(at / 64) {
            word.fetch_or(1 << (at % 64), Ordering::Relaxed);
        }
    }

    /// No for most that were not noted, yes for all that were.
    pub fn may_have(&self, hash: u64) -> bool {
        let at = self.place(hash);
        self.words.get(at / 64).is_some_and(|word| word.load(Ordering::Relaxed) >> (at % 64) & 1 == 1)
    }

    fn place(&self, hash: u64) -> usize {
        usize::try_from(hash >> self.shift).unwrap_or(usize::MAX)
    }
}
