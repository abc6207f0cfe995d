//! Columns of portraits that a session keeps, so that it need not work them out again. They are found by their digests: what
//! was made of other files, on another day, or by another definition is another column.
//!
//! Memory is bounded: what was not used for longest goes first, into files of the cache folder ([`folder`]), from which it
//! is read back. All columns of an entity's rows are in the order of its keys, in chunks of equal size ([`arrange`]).

mod arrange;
mod folder;
mod machine;
#[cfg(test)]
mod tests;

pub use arrange::{Arranged, Gathered};
pub use folder::{Folder, Summary};
pub use machine::memory as memory_of_the_machine;

use crate::plan::Digest;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Rows of a chunk: a bit for each of them fits a processor's nearest cache.
pub const CHUNK: usize = 1 << 16;

/// A file system may give two writings so close to each other the same time.
const TICK: Duration = Duration::from_millis(20);
/// The same where times have no fractions.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// The values of one expression for all rows of an entity, in the order of the keys.
#[derive(Debug)]
pub struct Column {
    /// Of [`CHUNK`] rows each, but for the last.
    pub chunks: Vec<ArrayRef>,
}

impl Column {
    pub fn rows(&self) -> usize {
        self.chunks.iter().map(|c| c.len()).sum()
    }

    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|c| c.get_array_memory_size()).sum()
    }
}

/// What a session keeps.
pub struct Kept {
    /// In bytes.
    budget: usize,
    folder: Option<Folder>,
    /// What time it is; the engine does not ask.
    clock: fn() -> SystemTime,
    state: Mutex<State>,
}

struct State {
    columns: HashMap<Digest, Entry>,
    bytes: usize,
    /// Of the engine's memory.
    reserved: MemoryReservation,
    /// Counts uses.
    now: u64,
}

struct Entry {
    column: Arc<Column>,
    bytes: usize,
    used: u64,
}

impl Kept {
    pub(super) fn new(
        budget: usize,
        folder: Option<Folder>,
        clock: fn() -> SystemTime,
        pool: &Arc<dyn MemoryPool>,
    ) -> Kept {
        let reserved = MemoryConsumer::new("kept columns").register(pool);
        let state = State { columns: HashMap::new(), bytes: 0, reserved, now: 0 };
        Kept { budget, folder, clock, state: Mutex::new(state) }
    }

    /// How many bytes are kept in memory at most.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// How many bytes are kept in memory.
    pub fn bytes(&self) -> usize {
        self.state().bytes
    }

    /// Whether a file that was last changed at this time could have been changed again without a trace.
    pub fn is_too_fresh(&self, changed: SystemTime) -> bool {
        let fraction = changed.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
        let tick = if fraction == 0 { COARSE_TICK } else { TICK };
        (self.clock)().duration_since(changed).is_ok_and(|age| age < tick)
    }

    /// The column of this digest, from memory or from the folder.
    pub fn get(&self, digest: &Digest) -> Option<Arc<Column>> {
        {
            let mut state = self.state();
            state.now += 1;
            let now = state.now;
            if let Some(entry) = state.columns.get_mut(digest) {
                entry.used = now;
                return Some(Arc::clone(&entry.column));
            }
        }
        let column = Arc::new(self.folder.as_ref()?.read(digest, (self.clock)())?);
        self.put(*digest, &column);
        Some(column)
    }

    /// Keeps a column; others go to the folder where there is no room. One that has no room by itself is not kept.
    pub fn put(&self, digest: Digest, column: &Arc<Column>) {
        let bytes = column.bytes();
        let fallen = self.state().put(digest, column, bytes, self.budget);
        let Some(folder) = &self.folder else { return };
        if fallen.is_empty() {
            return;
        }
        for (digest, column) in &fallen {
            // A disk that is full costs the cache, not the answer.
            if folder.write(digest, column).is_err() {
                break;
            }
        }
        folder.trim();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What fell out.
    fn put(
        &mut self,
        digest: Digest,
        column: &Arc<Column>,
        bytes: usize,
        budget: usize,
    ) -> Vec<(Digest, Arc<Column>)> {
        let mut fallen = Vec::new();
        self.now += 1;
        if let Some(before) = self.columns.remove(&digest) {
            self.give_back(before.bytes);
        }
        if bytes > budget {
            fallen.push((digest, Arc::clone(column)));
            return fallen;
        }
        while self.bytes + bytes > budget || self.reserved.try_grow(bytes).is_err() {
            let oldest = self.columns.iter().min_by_key(|(_, e)| e.used).map(|(d, _)| *d);
            let Some((oldest, entry)) = oldest.and_then(|d| self.columns.remove_entry(&d)) else {
                fallen.push((digest, Arc::clone(column)));
                return fallen;
            };
            self.give_back(entry.bytes);
            fallen.push((oldest, entry.column));
        }
        self.bytes += bytes;
        self.columns.insert(digest, Entry { column: Arc::clone(column), bytes, used: self.now });
        fallen
    }

    fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.reserved.shrink(bytes);
    }
}
