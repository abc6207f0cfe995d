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

pub use arrange::{Arranged, Gathered, Order};
pub use folder::{Folder, MOST, Summary};
pub use machine::memory as memory_of_the_machine;

use crate::plan::{Digest, bytes};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
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
        self.chunks.iter().map(bytes).sum()
    }
}

/// How a session keeps what it works out.
#[derive(Clone, Debug)]
pub struct Keeping {
    /// What is kept in memory at most, in bytes; a part of what the engine may use where nothing is said.
    pub memory: Option<usize>,
    /// Where columns go that have no room in memory; where there is none, they are forgotten.
    pub folder: Option<Folder>,
    /// What time it is; the engine does not ask.
    pub clock: fn() -> SystemTime,
}

/// Whether a column may lie on a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Anywhere,
    /// It shows what is declared personal.
    MemoryOnly,
}

/// What a session keeps.
pub struct Kept {
    /// In bytes.
    budget: usize,
    keeping: Keeping,
    /// That of the engine.
    pool: Arc<dyn MemoryPool>,
    /// Questions that needed nothing else.
    answered: AtomicU64,
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
    place: Place,
}

/// What has no room in memory any more.
type Fallen = Vec<(Digest, Arc<Column>)>;

impl Kept {
    pub(super) fn new(budget: usize, keeping: Keeping, pool: &Arc<dyn MemoryPool>) -> Kept {
        let reserved = MemoryConsumer::new("kept columns").register(pool);
        let state = State { columns: HashMap::new(), bytes: 0, reserved, now: 0 };
        Kept {
            budget,
            keeping,
            pool: Arc::clone(pool),
            answered: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    /// How many bytes are kept in memory at most.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// How many bytes are kept in memory.
    pub fn bytes(&self) -> usize {
        self.state().bytes
    }

    /// How many questions were answered from what is kept alone.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub fn note_answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// Room in the engine's memory for columns that are being gathered.
    pub fn room(&self) -> MemoryReservation {
        MemoryConsumer::new("columns to be kept").register(&self.pool)
    }

    /// Whether a file that was last changed at this time could have been changed again without a trace.
    pub fn is_too_fresh(&self, changed: SystemTime) -> bool {
        let fraction = changed.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
        let tick = if fraction == 0 { COARSE_TICK } else { TICK };
        // Where the disk's clock is ahead, nobody knows.
        (self.keeping.clock)().duration_since(changed).map_or(true, |age| age < tick)
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
        let column = Arc::new(self.keeping.folder.as_ref()?.read(digest, (self.keeping.clock)())?);
        self.put(*digest, &column, Place::Anywhere);
        Some(column)
    }

    /// Keeps a column; others go to the folder where there is no room, or it itself where it alone is too much.
    pub fn put(&self, digest: Digest, column: &Arc<Column>, place: Place) {
        let bytes = column.bytes();
        let entry = Entry { column: Arc::clone(column), bytes, used: 0, place };
        let fallen = self.state().put(digest, entry, self.budget);
        self.write(&fallen);
    }

    /// Leaves the engine's memory to a question that needs all of it.
    pub fn give_way(&self) {
        let fallen = self.state().clear();
        self.write(&fallen);
    }

    fn write(&self, fallen: &Fallen) {
        let Some(folder) = &self.keeping.folder else { return };
        if fallen.is_empty() {
            return;
        }
        for (digest, column) in fallen {
            // A disk that is full costs the cache, not the answer.
            if folder.write(digest, column).is_err() {
                break;
            }
        }
        folder.trim((self.keeping.clock)());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What fell out.
    fn put(&mut self, digest: Digest, entry: Entry, budget: usize) -> Fallen {
        let mut fallen = Vec::new();
        self.now += 1;
        if let Some(before) = self.columns.remove(&digest) {
            self.give_back(before.bytes);
        }
        if entry.bytes > budget {
            fall(&mut fallen, digest, entry);
            return fallen;
        }
        while self.bytes + entry.bytes > budget || self.reserved.try_grow(entry.bytes).is_err() {
            let oldest = self.columns.iter().min_by_key(|(_, e)| e.used).map(|(d, _)| *d);
            let Some((oldest, out)) = oldest.and_then(|d| self.columns.remove_entry(&d)) else {
                fall(&mut fallen, digest, entry);
                return fallen;
            };
            self.give_back(out.bytes);
            fall(&mut fallen, oldest, out);
        }
        self.bytes += entry.bytes;
        self.columns.insert(digest, Entry { used: self.now, ..entry });
        fallen
    }

    fn clear(&mut self) -> Fallen {
        let mut fallen = Vec::new();
        for (digest, entry) in std::mem::take(&mut self.columns) {
            self.give_back(entry.bytes);
            fall(&mut fallen, digest, entry);
        }
        fallen
    }

    fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.reserved.shrink(bytes);
    }
}

fn fall(fallen: &mut Fallen, digest: Digest, entry: Entry) {
    if entry.place == Place::Anywhere {
        fallen.push((digest, entry.column));
    }
}
