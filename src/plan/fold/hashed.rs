//! Rows by the hashes of their keys.

use super::cells::Cellar;
use super::keys::NOBODY;
use datafusion::common::Result;
use prefetch_index::prefetch_index;

/// So many places are asked for ahead: the processor fetches them while others are looked at.
const AHEAD: usize = 24;

/// A table of keys of so many bytes and their rows, where what is looked for stands at the place that its hash tells, or not far
/// behind it: unlike in a general one, a place can be asked for before it is looked at, and lies within one line of the
/// processor's memory. A key takes a place of twice its size: itself, its row plus one (0: the place is empty), and a part of
/// its hash.
#[derive(Debug)]
pub(super) struct Hashed<const KEY: usize> {
    cells: Cellar,
    shift: u32,
}

/// A key that is to be added, its hash and its row.
pub(super) type New<const KEY: usize> = ([u8; KEY], u64, u32);

/// What stands at a place.
pub(super) struct Held<'a, const KEY: usize> {
    pub key: &'a [u8; KEY],
    pub row: u32,
    hash: u32,
}

impl<const KEY: usize> Held<'_, KEY> {
    /// No for most other hashes.
    pub fn may_be_of(&self, hash: u64) -> bool {
        self.hash == hash as u32
    }
}

impl<const KEY: usize> Hashed<KEY> {
    /// For so many keys.
    pub fn new(keys: usize) -> Result<Self> {
        const {
            assert!(
                KEY >= 8 && KEY.is_power_of_two(),
                "places of a power of two, with room for a row and a hash"
            )
        };
        let places = (keys * 4 / 3 + 1).next_power_of_two().max(2);
        let mut cells = Cellar::new(places * KEY * 2)?;
        cells.make_for(keys);
        Ok(Hashed { cells, shift: 64 - places.trailing_zeros() })
    }

    /// The most bytes for each key.
    pub const fn bytes_of_key() -> usize {
        (8 * KEY * 2).div_ceil(3)
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        self.cells.bytes().len()
    }

    /// Adds keys, but for those that are there. `is_same`: whether the one of that number is the one at a place.
    pub fn add(&mut self, keys: &[New<KEY>], is_same: impl Fn(&Held<'_, KEY>, usize) -> bool) {
        for (at, (key, hash, row)) in keys.iter().enumerate() {
            if let Some((_, next, _)) = keys.get(at + AHEAD) {
                self.ask(*next);
            }
            let (place, held) = self.look(*hash, |held| is_same(held, at));
            let place = self.cells.bytes_mut().get_mut(place..).and_then(|cells| cells.get_mut(..KEY + 8));
            if let Some((to, rest)) = place.filter(|_| held == NOBODY).and_then(|p| p.split_first_chunk_mut())
            {
                *to = *key;
                if let Some((to, rest)) = rest.split_first_chunk_mut() {
                    *to = (row + 1).to_le_bytes();
                    rest.copy_from_slice(&(*hash as u32).to_le_bytes());
                }
            }
        }
    }

    /// The rows of keys with some hashes, `NOBODY` where there is none. `is_same`: whether the one of that number among them is
    /// the one at a place.
    pub fn find(&self, hashes: &[u64], rows: &mut Vec<u32>, is_same: impl Fn(&Held<'_, KEY>, usize) -> bool) {
        rows.clear();
        hashes.iter().take(AHEAD).for_each(|hash| self.ask(*hash));
        rows.extend(hashes.iter().enumerate().map(|(at, hash)| {
            if let Some(next) = hashes.get(at + AHEAD) {
                self.ask(*next);
            }
            self.look(*hash, |held| is_same(held, at)).1
        }));
    }

    fn ask(&self, hash: u64) {
        prefetch_index(self.cells.bytes(), self.place(hash));
    }

    fn place(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize * (KEY * 2)
    }

    /// The place of a key and its row, or an empty place and `NOBODY`.
    fn look(&self, hash: u64, is_same: impl Fn(&Held<'_, KEY>) -> bool) -> (usize, u32) {
        let cells = self.cells.bytes();
        let mut place = self.place(hash);
        // There are more places than keys.
        while let Some((key, rest)) = cells.get(place..).and_then(|cells| cells.split_first_chunk()) {
            let Some((row, rest)) = rest.split_first_chunk() else { break };
            let Some(of_hash) = rest.first_chunk() else { break };
            let Some(row) = u32::from_le_bytes(*row).checked_sub(1) else { break };
            if is_same(&Held { key, row, hash: u32::from_le_bytes(*of_hash) }) {
                return (place, row);
            }
            place = (place + KEY * 2) & (cells.len() - 1);
        }
        (place, NOBODY)
    }
}
