//! Room for rows that are gathered: in memory, and on disk from where memory does not suffice.

use super::Engine;
use super::error::{EngineError, from_datafusion};
use crate::plan::shelf::{Place, Shelf, Shelving};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::{Result as PlanResult, internal_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use std::sync::{Arc, Mutex, PoisonError};

/// Of the memory, one part in so many may be held by what is gathered; finding it and writing it need the rest.
const HELD: usize = 4;

/// Room that several threads share.
#[derive(Clone)]
pub(crate) struct Room {
    /// With the limit; none where there is none.
    memory: Option<(Arc<MemoryReservation>, usize)>,
    environment: Arc<RuntimeEnv>,
    shelf: Arc<Mutex<Option<Shelving>>>,
}

/// Batches that were put away.
pub(crate) struct Away {
    shelf: Option<Shelf>,
    limit: Option<usize>,
    /// Of what was not put away.
    _memory: Option<Arc<MemoryReservation>>,
}

impl Engine {
    /// Room for `what`.
    pub(crate) fn room(&self, what: &'static str) -> Room {
        let environment = self.context.runtime_env();
        let memory = self
            .memory
            .map(|limit| (Arc::new(MemoryConsumer::new(what).register(&environment.memory_pool)), limit));
        Room { memory, environment, shelf: Arc::default() }
    }
}

impl Room {
    /// Whether there is room in memory for so many bytes more; then it is taken.
    pub fn takes(&self, bytes: usize) -> bool {
        self.memory.as_ref().is_none_or(|(memory, limit)| {
            memory.size() + bytes <= limit / HELD && memory.try_grow(bytes).is_ok()
        })
    }

    /// Takes memory for so many bytes that cannot be anywhere else.
    pub fn needs(&self, bytes: usize) -> Result<(), EngineError> {
        let Some((memory, limit)) = &self.memory else { return Ok(()) };
        memory.try_grow(bytes).map_err(|e| from_datafusion(&e, Some(*limit)))
    }

    /// Puts a batch on disk.
    pub fn put(&self, batch: &RecordBatch) -> Result<Place, EngineError> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mut put = || {
            let open = match &mut *shelf {
                Some(open) => open,
                none => none.insert(Shelving::new(&self.environment.disk_manager, "gathering rows")?),
            };
            open.put(batch)
        };
        put().map_err(|e| from_datafusion(&e, self.limit()))
    }

    /// Nothing is put there any more.
    pub fn close(self) -> Result<Away, EngineError> {
        let limit = self.limit();
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shelf = shelf.map(Shelving::close).transpose().map_err(|e| from_datafusion(&e, limit))?;
        Ok(Away { shelf, limit, _memory: self.memory.map(|(memory, _)| memory) })
    }

    fn limit(&self) -> Option<usize> {
        self.memory.as_ref().map(|(_, limit)| *limit)
    }
}

impl Away {
    pub fn read(&self, place: Place) -> Result<RecordBatch, EngineError> {
        self.find(place).map_err(|e| from_datafusion(&e, self.limit))
    }

    /// The same within a plan.
    pub fn find(&self, place: Place) -> PlanResult<RecordBatch> {
        let shelf = self.shelf.as_ref().ok_or_else(|| internal_datafusion_err!("nothing was put away"))?;
        shelf.open()?.read(place)
    }
}
