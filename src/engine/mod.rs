//! The only `SessionContext`: opening sources, execution, memory, spill, progress, cancellation.
//!
//! A blocking interface over an own runtime. The engine knows files, tables and plans, and nothing of the language.

mod blame;
mod cancel;
mod cells;
mod csv;
mod error;
mod files;
mod gather;
mod groups;
mod ipc;
pub mod kept;
mod ndjson;
mod open;
mod parquet;
mod partitions;
mod room;
mod run;
mod schema;
mod source;
mod stores;
mod table;
#[cfg(test)]
mod tests;

pub use cancel::CancelHandle;
pub use error::EngineError;
pub use files::FileInfo;
pub(crate) use room::{Away, Room};
pub use run::{After, Progress, RunStats, Things};

use crate::catalog::{Catalog, CatalogError, Location, TableSchema};
use crate::plan::{Planner, Strategy};
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use files::Listing;
use object_store::ObjectStore;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hint::black_box;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, available_parallelism};
use std::time::{Duration, SystemTime};
use stores::{Address, Lake};
use table::FilesTable;
use tokio::runtime::{Builder, Runtime};

/// The name of the threads that read and compute.
pub const THREAD_NAME: &str = "segue-engine";

/// How long a stopped query may hold up the engine's end.
const GOODBYE: Duration = Duration::from_secs(2);

/// Plans of thousands of conditions are walked recursively.
const STACK: usize = 16 << 20;

/// The largest block that glibc can be had to keep, less what it puts before one. Nobody touches it.
const KEPT_BLOCK: usize = (32 << 20) - (64 << 10);

/// Of the memory of each thread, one part in so many is kept for merging what was spilled.
const RESERVED_PART: usize = 4;

/// What a run may use; what is not said is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EngineOptions {
    pub threads: Option<usize>,
    /// In bytes; beyond it, what can be is spilled to temporary files.
    pub memory: Option<usize>,
    pub batch_size: Option<usize>,
    pub strategy: Strategy,
}

/// Opens sources and runs plans.
pub struct Engine {
    context: SessionContext,
    /// Taken only when the engine is dropped.
    runtime: Option<Runtime>,
    threads: usize,
    memory: Option<usize>,
    strategy: Strategy,
    cancel: CancelHandle,
    lake: Arc<Lake>,
    opened: Mutex<Opened>,
    /// What earlier questions worked out.
    kept: Option<kept::Kept>,
}

/// A source's files as they stand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    pub text: String,
    /// When one of them was last changed.
    pub changed: SystemTime,
}

/// Of the memory that a session may use, kept columns take one part in so many.
const KEPT_PART: usize = 4;

/// The tables that were opened. A table of an older round is looked at again before it is used.
#[derive(Default)]
struct Opened {
    round: u64,
    tables: HashMap<(Location, Vec<String>), (u64, Arc<FilesTable>)>,
}

impl Engine {
    pub fn new(options: EngineOptions) -> Result<Engine, EngineError> {
        let failed = |e: &dyn std::fmt::Display| EngineError::Internal(e.to_string());
        keep_freed_blocks();
        let threads =
            options.threads.unwrap_or_else(|| available_parallelism().map_or(4, NonZero::get)).max(1);
        let mut config = SessionConfig::new().with_target_partitions(threads).with_collect_statistics(true);
        if let Some(batch_size) = options.batch_size {
            config = config.with_batch_size(batch_size.max(1));
        }
        // Joins over file partitions can lose rows (apache/datafusion#23436).
        config.options_mut().optimizer.preserve_file_partitions = 0;
        // What others are compared with takes nothing on trust.
        config.options_mut().execution.parquet.pruning = options.strategy != Strategy::Plain;
        let mut environment = RuntimeEnvBuilder::new();
        if let Some(memory) = options.memory {
            environment = environment.with_memory_pool(Arc::new(FairSpillPool::new(memory)));
            // Each sort keeps this much to merge with; of a small limit it must not be all.
            let reserved = &mut config.options_mut().execution.sort_spill_reservation_bytes;
            *reserved = (*reserved).min(memory / (threads * RESERVED_PART));
        }
        let environment = environment.build_arc().map_err(|e| failed(&e))?;
        let lake = Arc::new(Lake::default());
        environment.register_object_store(stores::url().as_ref(), Arc::clone(&lake) as Arc<dyn ObjectStore>);
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(environment)
            .with_default_features()
            .with_query_planner(Arc::new(Planner));
        if options.strategy != Strategy::Plain {
            state = state.with_physical_optimizer_rule(Arc::new(groups::DirectReads));
        }
        let state = state.build();
        // One more than the plan's partitions: somebody must hear that a run is cancelled.
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads + 1)
            .thread_stack_size(STACK)
            .thread_name(THREAD_NAME)
            .enable_all()
            .build()
            .map_err(|e| failed(&e))?;
        Ok(Engine {
            context: SessionContext::new_with_state(state),
            runtime: Some(runtime),
            threads,
            memory: options.memory,
            strategy: options.strategy,
            cancel: CancelHandle::new(),
            lake,
            opened: Mutex::default(),
            kept: None,
        })
    }

    /// How many threads a run may use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How events are folded.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// From now on, columns are kept: in a part of the memory, and in a folder where that does not suffice.
    pub fn keep(&mut self, keeping: kept::Keeping) {
        let all = || self.memory.unwrap_or_else(kept::memory_of_the_machine);
        let budget = keeping.memory.unwrap_or_else(|| all() / KEPT_PART);
        let pool = &self.context.runtime_env().memory_pool;
        self.kept = Some(kept::Kept::new(budget, keeping, pool));
    }

    /// Whether `--memory` bounds what a run may use.
    pub fn is_limited(&self) -> bool {
        self.memory.is_some()
    }

    /// What is kept, if anything is.
    pub fn kept(&self) -> Option<&kept::Kept> {
        self.kept.as_ref()
    }

    /// The version of the files of a source that was opened; none where they are others by now.
    pub fn version(&self, location: &Location, as_text: &[String]) -> Option<Version> {
        let table = self.open(location, as_text).ok()?;
        let listing = self.list(location).ok()?;
        let of_file =
            |found: &files::Found| format!("{:?} {:?} {:?}", found.info, found.meta.e_tag, found.stamp);
        table.is_of(&listing.files).then(|| Version {
            text: format!("{location:?} {:?}", listing.files.iter().map(of_file).collect::<Vec<_>>()),
            changed: listing.files.iter().map(|f| f.changed()).max().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// From now on, files are looked at again before a source is used: new ones and changed ones are seen.
    pub fn refresh(&self) {
        self.opened().round += 1;
    }

    /// The table over a source's files.
    pub fn provider(&self, location: &Location) -> Result<Arc<dyn TableProvider>, CatalogError> {
        self.provider_with(location, &[])
    }

    /// The table, with the columns in `as_text` as they are written (CSV and NDJSON only; see `Catalog::table`).
    pub fn provider_with(
        &self,
        location: &Location,
        as_text: &[String],
    ) -> Result<Arc<dyn TableProvider>, CatalogError> {
        Ok(self.open(location, as_text)?)
    }

    /// The files of a source, in the order in which they are read.
    pub fn files(&self, location: &Location) -> Result<Vec<FileInfo>, CatalogError> {
        Ok(self.list(location)?.files.into_iter().map(|found| found.info).collect())
    }

    /// Where the files of a source lie on the disk, without links and detours; none of a store's.
    pub fn places(&self, location: &Location) -> HashSet<PathBuf> {
        if Address::of(&location.pattern).is_some() {
            return HashSet::new();
        }
        let files = self.list(location).map_or(Vec::new(), |listing| listing.files);
        files.iter().filter_map(|found| files::local(&found.meta.location, &found.info.path).ok()).collect()
    }

    fn list(&self, location: &Location) -> Result<Listing, CatalogError> {
        let Some(address) = Address::of(&location.pattern) else { return files::list(location) };
        let lake = Arc::clone(&self.lake);
        self.wait_for_store(async move { address.list(&lake).await })
            .map_err(|e| CatalogError::Unreadable { file: location.pattern.clone(), reason: e.to_string() })?
    }

    fn open(&self, location: &Location, as_text: &[String]) -> Result<Arc<FilesTable>, CatalogError> {
        let mut as_text = as_text.to_vec();
        as_text.sort();
        as_text.dedup();
        let key = (location.clone(), as_text);
        let (round, known) = {
            let opened = self.opened();
            (opened.round, opened.tables.get(&key).cloned())
        };
        let table = match known {
            Some((seen, table)) if seen == round => return Ok(table),
            Some((_, table)) if table.is_of(&self.list(location)?.files) => table,
            _ => Arc::new(self.open_anew(&key)?),
        };
        self.opened().tables.insert(key, (round, Arc::clone(&table)));
        Ok(table)
    }

    fn open_anew(&self, (location, as_text): &(Location, Vec<String>)) -> Result<FilesTable, CatalogError> {
        let (state, location, as_text) = (self.context.state(), location.clone(), as_text.clone());
        let lake = Arc::clone(&self.lake);
        let pattern = location.pattern.clone();
        let is_local = Address::of(&pattern).is_none();
        let work = async move { open::open(&state, &lake, &location, &as_text).await };
        let table = if is_local { self.wait(work) } else { self.wait_for_store(work) };
        table.unwrap_or_else(|e| {
            let reason = match e {
                EngineError::Cancelled => e.to_string(),
                // A reader that panics over a damaged file must not take the session with it.
                _ => parquet::GAVE_UP.to_string(),
            };
            Err(CatalogError::Unreadable { file: pattern, reason })
        })
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }

    /// The same, which ends when the engine is cancelled: a store may never answer.
    fn wait_for_store<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let cancel = self.cancel.clone();
        self.wait(async move {
            tokio::select! {
                answer = work => Ok(answer),
                () = cancel.cancelled() => Err(EngineError::Cancelled),
            }
        })?
    }

    /// Does the work on a thread of the engine, with its large stack.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let gone = || EngineError::Internal("the engine has stopped".to_string());
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        let (answer, inbox) = std::sync::mpsc::channel();
        let task = runtime.spawn(work);
        runtime.spawn(async move {
            // A caller who has gone needs no answer.
            let _ = answer.send(task.await);
        });
        match inbox.recv() {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(broken)) => Err(EngineError::Internal(run::words_of(broken))),
            Err(_) => Err(gone()),
        }
    }
}

/// Does the work on a thread whose stack holds deep plans: building and dropping them is recursive, too.
pub fn with_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, EngineError> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let worker = worker.map_err(|e| EngineError::Internal(e.to_string()))?;
        worker
            .join()
            .map_err(|panic| EngineError::Internal(format!("panic: {}", run::panic_words(panic.as_ref()))))
    })
}

/// glibc gives every block above 128 KB back to the system when it is freed, and asks for it anew, until a larger one
/// was freed: blocks up to the size of that one are kept from then on. Pages of files and columns of batches are such
/// blocks, thousands of them a second.
fn keep_freed_blocks() {
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        drop(black_box(Vec::<u8>::with_capacity(KEPT_BLOCK)));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Joined, not detached: glibc before 2.37 may read a thread's freed stack while detaching one that is
            // just ending (its bug 19951), and stacks of this size are given back at once.
            runtime.shutdown_timeout(GOODBYE);
        }
    }
}

impl Catalog for Engine {
    fn table(&self, location: &Location, as_text: &[String]) -> Result<TableSchema, CatalogError> {
        Ok(self.open(location, as_text)?.columns.clone())
    }
}
