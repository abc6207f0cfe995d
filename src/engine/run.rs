//! Running a plan: batches, progress and the end come to the caller's thread as events.

use super::Engine;
use super::error::{EngineError, from_datafusion};
use crate::plan::fold::{FOLDING_TIME, PARTS, PARTS_FOLDED};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::JoinSet;
use datafusion::common::stats::Precision;
use datafusion::common::{Result as PlanResult, internal_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use futures::StreamExt;
use std::any::Any;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::{MissedTickBehavior, interval};

const TICK: Duration = Duration::from_millis(100);
/// Batches that wait for a slow caller.
const WAITING: usize = 4;

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Progress {
    pub rows_scanned: u64,
    /// Rows that all scans together will read at most, where the files say so.
    pub rows_known: Option<u64>,
    pub bytes_scanned: u64,
    /// What is done once rows are read, where that is known to take long.
    pub after: Option<After>,
    pub elapsed: Duration,
}

/// What is done one by one, several at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Things {
    /// Parts of a fold, which are folded.
    Parts,
    /// Lists of audiences, which are made and written.
    Lists,
}

/// How many of some things are done.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct After {
    pub what: Things,
    pub done: u64,
    pub all: u64,
    /// How long the rest will take, if it takes as long as what is done.
    pub left: Option<Duration>,
}

impl After {
    /// `took`: how long what is done took.
    pub fn new(what: Things, done: u64, all: u64, took: Duration) -> After {
        let left = (done > 0).then(|| took.mul_f64(all.saturating_sub(done) as f64 / done as f64));
        After { what, done, all, left }
    }
}

impl Progress {
    /// Rows a second, so far.
    pub fn rate(&self) -> f64 {
        self.rows_scanned as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// How long the rest of the rows will take at the same rate; none where nobody knows.
    pub fn left(&self) -> Option<Duration> {
        let rows = self.rows_known?.saturating_sub(self.rows_scanned);
        (self.rows_scanned > 0).then(|| Duration::from_secs_f64(rows as f64 / self.rate()))
    }
}

/// What a run took.
#[derive(Clone, Debug, Default)]
pub struct RunStats {
    /// Rows that the run gave.
    pub rows: u64,
    pub rows_scanned: u64,
    pub bytes_scanned: u64,
    /// Bytes written to temporary files for want of memory.
    pub bytes_spilled: u64,
    pub elapsed: Duration,
    /// The physical plan with its metrics, for `explain` to people who know DataFusion.
    pub plan: String,
}

enum Event {
    Batch(RecordBatch),
    /// Time to look how far it is.
    Tick,
    Done(Result<RunStats, EngineError>),
}

type Planned = Arc<OnceLock<Arc<dyn ExecutionPlan>>>;

impl Engine {
    /// Runs the plan and hands over its batches. Not from within an async runtime: it blocks.
    pub fn run(
        &self,
        plan: LogicalPlan,
        on_batch: &mut dyn FnMut(RecordBatch) -> Result<(), EngineError>,
    ) -> Result<RunStats, EngineError> {
        self.run_with_progress(plan, on_batch, &mut |_| {})
    }

    /// `run`, and about ten times a second how far it is.
    pub fn run_with_progress(
        &self,
        plan: LogicalPlan,
        on_batch: &mut dyn FnMut(RecordBatch) -> Result<(), EngineError>,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<RunStats, EngineError> {
        let (events, mut inbox) = mpsc::channel(WAITING);
        let job = self.job(plan);
        let (planned, started) = (Arc::clone(&job.planned), job.started);
        self.spawn(supervise(job, events));
        let mut told = started;
        while let Some(event) = inbox.blocking_recv() {
            match event {
                Event::Done(outcome) => return outcome,
                _ if self.cancel.is_cancelled() => return Err(EngineError::Cancelled),
                Event::Batch(batch) => on_batch(batch)?,
                Event::Tick => {}
            }
            if let Some(plan) = planned.get()
                && told.elapsed() >= TICK
            {
                told = Instant::now();
                on_progress(progress(plan.as_ref(), started));
            }
        }
        Err(EngineError::Internal("a run ended without a word".to_string()))
    }

    /// All batches of the plan, those without rows left out.
    pub fn collect(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>, EngineError> {
        let mut batches = Vec::new();
        self.run(plan, &mut |batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }

    /// The optimized logical plan and the physical plan, as DataFusion prints them.
    pub fn explain_plan(&self, plan: &LogicalPlan) -> Result<(String, String), EngineError> {
        let (state, plan, limit) = (self.context.state(), plan.clone(), self.memory);
        self.wait(async move {
            let explain = async {
                let optimized = state.optimize(&plan)?;
                let physical = state.create_physical_plan(&plan).await?;
                let physical = displayable(physical.as_ref()).indent(false).to_string();
                PlanResult::Ok((optimized.display_indent().to_string(), physical))
            };
            explain.await.map_err(|e| from_datafusion(&e, limit))
        })?
    }

    fn job(&self, plan: LogicalPlan) -> Job {
        Job {
            plan,
            state: self.context.state(),
            cancel: self.cancel.clone(),
            limit: self.memory,
            planned: Planned::default(),
            started: Instant::now(),
        }
    }
}

struct Job {
    plan: LogicalPlan,
    state: SessionState,
    cancel: super::CancelHandle,
    limit: Option<usize>,
    planned: Planned,
    started: Instant,
}

/// Drives the job in a task of its own, so that a panic in it is an error here, and leaves it when the person or
/// the caller has had enough.
async fn supervise(job: Job, events: mpsc::Sender<Event>) {
    let (cancel, planned, limit, started) =
        (job.cancel.clone(), Arc::clone(&job.planned), job.limit, job.started);
    let mut driver = tokio::spawn(drive(job, events.clone()));
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cancelled = std::pin::pin!(cancel.cancelled());
    let outcome = loop {
        tokio::select! {
            biased;
            () = &mut cancelled => {
                driver.abort();
                break Err(EngineError::Cancelled);
            }
            () = events.closed() => {
                driver.abort();
                return;
            }
            ended = &mut driver => break match ended {
                Ok(Ok(rows)) => Ok(stats(&planned, rows, started)),
                Ok(Err(error)) => {
                    let error = from_datafusion(&error, limit);
                    Err(named(error, planned.get()).await)
                }
                Err(broken) => Err(EngineError::Internal(words_of(broken))),
            },
            _ = ticks.tick() => {
                // A caller who has batches waiting needs no other reason to look.
                let _ = events.try_send(Event::Tick);
            }
        }
    };
    // A caller who has gone needs no answer.
    let _ = events.send(Event::Done(outcome)).await;
}

/// Each partition hands its batches over itself: what would bring them together would be one more to be woken for each.
async fn drive(job: Job, events: mpsc::Sender<Event>) -> PlanResult<u64> {
    let plan = job.state.create_physical_plan(&job.plan).await?;
    let _ = job.planned.set(Arc::clone(&plan));
    let mut parts: JoinSet<PlanResult<u64>> = JoinSet::new();
    for partition in 0..plan.properties().partitioning.partition_count() {
        let (mut stream, events) = (plan.execute(partition, job.state.task_ctx())?, events.clone());
        parts.spawn(async move {
            let mut rows = 0u64;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                rows += batch.num_rows() as u64;
                if batch.num_rows() > 0 && events.send(Event::Batch(batch)).await.is_err() {
                    break;
                }
            }
            Ok(rows)
        });
    }
    let mut rows = 0;
    while let Some(part) = parts.join_next().await {
        rows += match part {
            Ok(part) => part?,
            Err(broken) => match broken.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(broken) => return internal_err!("a part of a run was stopped: {broken}"),
            },
        };
    }
    Ok(rows)
}

/// A message that names no file gets one where it can only be that one, or where one proves to be damaged.
async fn named(error: EngineError, plan: Option<&Arc<dyn ExecutionPlan>>) -> EngineError {
    let Some(plan) = plan.filter(|_| error.wants_file()) else {
        return error;
    };
    match super::blame::damaged_file(Arc::clone(plan)).await {
        Some(file) => error.in_file(&file),
        None => error,
    }
}

pub(super) fn words_of(broken: JoinError) -> String {
    match broken.try_into_panic() {
        Ok(panic) => format!("panic: {}", panic_words(panic.as_ref())),
        Err(broken) => broken.to_string(),
    }
}

pub(super) fn panic_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

fn stats(planned: &Planned, rows: u64, started: Instant) -> RunStats {
    let Some(plan) = planned.get() else {
        return RunStats { rows, elapsed: started.elapsed(), ..RunStats::default() };
    };
    let Progress { rows_scanned, bytes_scanned, elapsed, .. } = progress(plan.as_ref(), started);
    RunStats {
        rows,
        rows_scanned,
        bytes_scanned,
        bytes_spilled: spilled(plan.as_ref()),
        elapsed,
        plan: DisplayableExecutionPlan::with_metrics(plan.as_ref()).indent(false).to_string(),
    }
}

fn progress(plan: &dyn ExecutionPlan, started: Instant) -> Progress {
    let mut sum = Progress { rows_known: Some(0), elapsed: started.elapsed(), ..Progress::default() };
    add_scans(plan, &mut sum);
    sum
}

fn add_scans(plan: &dyn ExecutionPlan, sum: &mut Progress) {
    let children = plan.children();
    for child in &children {
        add_scans(child.as_ref(), sum);
    }
    let metrics = plan.metrics();
    let count = |metrics: &MetricsSet, name| metrics.sum_by_name(name).map_or(0, |n| n.as_usize() as u64);
    if !children.is_empty() {
        let metrics = metrics.filter(|metrics| count(metrics, PARTS) > 0);
        sum.after = sum.after.or(metrics.map(|metrics| {
            let threads = plan.properties().partitioning.partition_count().max(1) as u64;
            let took = Duration::from_nanos(count(&metrics, FOLDING_TIME) / threads);
            After::new(Things::Parts, count(&metrics, PARTS_FOLDED), count(&metrics, PARTS), took)
        }));
        return;
    }
    if let Some(metrics) = metrics {
        let count = |name| count(&metrics, name);
        sum.rows_scanned += metrics.output_rows().unwrap_or(0) as u64;
        sum.bytes_scanned += count("bytes_scanned");
    }
    let rows = StatisticsContext::new().compute(plan, &StatisticsArgs::new()).map(|known| known.num_rows);
    sum.rows_known = match (sum.rows_known, rows) {
        (Some(known), Ok(Precision::Exact(rows) | Precision::Inexact(rows))) => Some(known + rows as u64),
        _ => None,
    };
}

fn spilled(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0) as u64;
    own + plan.children().iter().map(|child| spilled(child.as_ref())).sum::<u64>()
}
