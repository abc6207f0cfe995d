//! Runs a portrait and shows its batches to whoever collects from them.

use super::key_watch::KeyWatch;
use crate::engine::{Engine, EngineError, Progress};
use crate::ir::print::{self, Lang};
use crate::ir::{DefId, ExprId, Node, Program, SourceId, Zone};
use crate::parallel::STACK;
use crate::plan::{self, PlanError, Request, Tables};
use crate::types::Type;
use crate::value::Value;
use chrono::DateTime;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, SchemaRef, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use std::collections::HashMap;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// With so many columns, batches are dealt out to several collectors.
const MANY: usize = 48;

/// Batches that wait for each of them.
const WAITING: usize = 2;

/// Why a question has no answer.
#[derive(Debug)]
pub enum ExplainError {
    Plan(PlanError),
    Engine(EngineError),
    /// No row has this key.
    NoSuchKey {
        key: String,
        entity: String,
    },
    /// Two rows of an entity have one key: some of them, with how often.
    DuplicateKeys {
        entity: String,
        samples: Vec<String>,
    },
    Internal(String),
}

impl fmt::Display for ExplainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExplainError::Plan(e) => e.fmt(f),
            ExplainError::Engine(e) => e.fmt(f),
            ExplainError::NoSuchKey { key, entity } => write!(f, "{entity} has no row with the key {key}"),
            ExplainError::DuplicateKeys { entity, samples } => {
                write!(f, "{entity} has more than one row for a key: {}", samples.join(", "))
            }
            ExplainError::Internal(what) => write!(f, "an error of Segue itself: {what}"),
        }
    }
}

impl std::error::Error for ExplainError {}

impl From<PlanError> for ExplainError {
    fn from(e: PlanError) -> Self {
        ExplainError::Plan(e)
    }
}

impl From<EngineError> for ExplainError {
    fn from(e: EngineError) -> Self {
        ExplainError::Engine(e)
    }
}

impl From<ArrowError> for ExplainError {
    fn from(e: ArrowError) -> Self {
        ExplainError::Internal(e.to_string())
    }
}

pub(crate) type Result<T> = std::result::Result<T, ExplainError>;

pub(crate) fn internal(what: impl Into<String>) -> ExplainError {
    ExplainError::Internal(what.into())
}

/// Answers questions about one program with one engine.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    pub engine: &'a Engine,
    pub program: &'a Program,
    pub tables: &'a Tables,
    pub lang: Lang,
    /// Told now and then how far a run is.
    pub on_progress: &'a dyn Fn(Progress),
    /// Whether what the session keeps may be used: where the tables are those of its files.
    pub warm: bool,
}

/// Some rows of a portrait.
pub struct View<'a> {
    pub batch: &'a RecordBatch,
    program: &'a Program,
    columns: &'a HashMap<ExprId, usize>,
    key: usize,
    /// Whether rows come in the order of their keys, those of the views before and after, too.
    pub in_order: bool,
}

impl<'a> Asker<'a> {
    /// Runs the portrait with `exprs` as columns; `collect` sees every row once, in no order.
    pub(crate) fn read(
        &self,
        request: &Request,
        collect: &mut dyn FnMut(&View<'_>) -> Result<()>,
    ) -> Result<()> {
        let request = self.tidied(request);
        match self.kept_rows(&request)? {
            Some(rows) => rows.show(self, collect),
            None => self.work_out(&request, collect),
        }
    }

    /// The same for collectors whose findings can be added up: several threads each fill one, where rows are kept, or
    /// so many columns are asked for that one thread could not keep up.
    pub(crate) fn read_apart<C: Clone + Send>(
        &self,
        request: &Request,
        blank: C,
        add: &(dyn Fn(&mut C, &View<'_>) -> Result<()> + Sync),
    ) -> Result<Vec<C>> {
        let request = self.tidied(request);
        if let Some(rows) = self.kept_rows(&request)? {
            return rows.show_apart(self, &blank, add);
        }
        let threads = self.engine.threads();
        if threads > 1 && request.exprs.len() >= MANY {
            return self.work_out_apart(&request, threads, &blank, add);
        }
        let mut one = blank;
        self.work_out(&request, &mut |view| add(&mut one, view))?;
        Ok(vec![one])
    }

    fn work_out_apart<C: Clone + Send>(
        &self,
        request: &Request,
        threads: usize,
        blank: &C,
        add: &(dyn Fn(&mut C, &View<'_>) -> Result<()> + Sync),
    ) -> Result<Vec<C>> {
        let program = self.program;
        // The same for all batches; known when the first one comes.
        let places: OnceLock<(HashMap<ExprId, usize>, usize)> = OnceLock::new();
        thread::scope(|scope| {
            let places = &places;
            let (give, take) = sync_channel::<RecordBatch>(threads * WAITING);
            // Gone with the last who takes, so that nothing is given in vain.
            let take = Arc::new(Mutex::new(take));
            let worker = || {
                let (take, mut found) = (Arc::clone(&take), Ok(blank.clone()));
                move || {
                    loop {
                        let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let (Ok(batch), Some((columns, key))) = (next, places.get()) else { return found };
                        let view = View { batch: &batch, program, columns, key: *key, in_order: false };
                        // After an error the rest is taken all the same: who gives must not wait for ever.
                        if let Ok(one) = &mut found
                            && let Err(e) = add(one, &view)
                        {
                            found = Err(e);
                        }
                    }
                }
            };
            let start = || thread::Builder::new().stack_size(STACK).spawn_scoped(scope, worker());
            let first = start().map_err(|e| ExplainError::Engine(EngineError::Internal(e.to_string())))?;
            // Where there can be no more threads, those that there are do it all.
            let others = (1..threads).map_while(|_| start().ok());
            let workers: Vec<_> = std::iter::once(first).chain(others).collect();
            drop(take);
            let run = self.work_out(request, &mut |view| {
                places.get_or_init(|| (view.columns.clone(), view.key));
                give.send(view.batch.clone()).map_err(|_| internal("nobody takes a portrait's rows"))
            });
            drop(give);
            let mut parts = Vec::new();
            for worker in workers {
                parts.push(worker.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            run.map(|()| parts)
        })
    }

    fn tidied(&self, request: &Request) -> Request {
        let mut request = request.clone();
        // A literal is no column; it has its value everywhere.
        request.exprs.retain(|e| !matches!(self.program.node(*e), Node::Literal(_)));
        request.exprs.sort();
        request.exprs.dedup();
        request
    }

    /// Runs the portrait's plans. `request`: without literals, each expression once.
    pub(super) fn work_out(
        &self,
        request: &Request,
        collect: &mut dyn FnMut(&View<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut portrait =
            plan::portrait(self.program, self.tables.clone(), request.clone(), self.engine.strategy())?;
        let mut before = None;
        let levels = portrait.levels();
        for at in 1..=levels {
            let Some(level) = portrait.next_level(before.take())? else { break };
            if at < levels {
                let schema: SchemaRef = plan::portrait::schema_of(&level);
                before = Some(self.engine.gather(level.plan, &schema)?);
                continue;
            }
            let mut columns: Option<(HashMap<ExprId, usize>, usize)> = None;
            let mut failed = None;
            let mut keys = KeyWatch::default();
            self.engine.run_with_progress(
                level.plan,
                &mut |batch: RecordBatch| {
                    if failed.is_some() {
                        return Ok(());
                    }
                    if columns.is_none() {
                        match positions(&portrait, request, &batch) {
                            Ok(found) => columns = Some(found),
                            Err(e) => failed = Some(e),
                        }
                    }
                    if let Some((columns, key)) = &columns {
                        let view = View {
                            batch: &batch,
                            program: self.program,
                            columns,
                            key: *key,
                            in_order: false,
                        };
                        keys.add(&view);
                        if let Err(e) = collect(&view) {
                            failed = Some(e);
                        }
                    }
                    Ok(())
                },
                &mut |p| (self.on_progress)(p),
            )?;
            if let Some(e) = failed {
                return Err(e);
            }
            keys.finish(self.program.source_name(request.entity))?;
        }
        Ok(())
    }

    pub(crate) fn membership(&self, def: DefId) -> Result<ExprId> {
        self.program.definition_node(def).ok_or_else(|| internal("a definition without a column"))
    }

    pub(crate) fn entity_of(&self, def: DefId) -> Result<SourceId> {
        self.program.definition(def).map(|d| d.entity).ok_or_else(|| internal("an unknown definition"))
    }

    /// A value as an answer may hold it: personal data masked.
    pub(crate) fn masked(&self, expr: ExprId, value: Value) -> Value {
        if !value.is_missing() && self.is_pii(expr) { Value::Masked } else { value }
    }

    /// A value as an answer says it: personal data masked.
    pub(crate) fn shown(&self, expr: ExprId, value: Value) -> String {
        print::value(&self.masked(expr, value), self.lang)
    }

    /// `tx_90d is 2`
    pub(crate) fn said(&self, name: ExprId, expr: ExprId, value: Value) -> String {
        let (name, shown) = (print::expr(self.program, name, self.lang), self.shown(expr, value));
        match self.lang {
            Lang::En => format!("{name} is {shown}"),
            Lang::Zh => format!("{name} 为 {shown}"),
        }
    }

    /// Whether showing a value would show personal data.
    pub(crate) fn is_pii(&self, expr: ExprId) -> bool {
        is_pii(self.program, expr)
    }
}

/// Whether showing a value would show personal data.
pub(super) fn is_pii(program: &Program, expr: ExprId) -> bool {
    let mut pii = false;
    let mut inner = Vec::new();
    program.graph.walk(expr, &mut |_, node| match node {
        Node::Column { source, via, column } => {
            let at = via.iter().try_fold(*source, |at, l| Some(program.source(at)?.link(*l)?.target));
            pii |= at.and_then(|s| program.column(s, *column)).is_some_and(|c| c.pii);
        }
        Node::Definition(def) => inner.extend(program.definition(*def).map(|d| d.body)),
        Node::Aggregate(a) => inner.extend(a.argument),
        Node::SequencePart { sequence, .. } => {
            if let Node::Sequence(s) = program.node(*sequence) {
                pii |= s.positive().any(|(_, step)| {
                    let source = program.source(step.events);
                    source.and_then(|s| s.column(s.time.as_ref()?.column)).is_some_and(|c| c.pii)
                });
            }
        }
        _ => {}
    });
    // A yes/no made of personal data does not show it.
    *program.ty(expr) != Type::Bool && (pii || inner.into_iter().any(|e| is_pii(program, e)))
}

fn positions(
    portrait: &plan::PortraitPlan<'_>,
    request: &Request,
    batch: &RecordBatch,
) -> Result<(HashMap<ExprId, usize>, usize)> {
    let schema = batch.schema();
    let at = |name: &str| schema.index_of(name).map_err(|_| internal(format!("the portrait lacks {name}")));
    let mut columns = HashMap::new();
    for expr in &request.exprs {
        let name = portrait.column_of(*expr).ok_or_else(|| internal("an expression without a column"))?;
        columns.insert(*expr, at(name)?);
    }
    Ok((columns, at(portrait.key_column())?))
}

impl<'a> View<'a> {
    /// Kept rows, whose first column is the key.
    pub(super) fn of_kept(
        batch: &'a RecordBatch,
        program: &'a Program,
        columns: &'a HashMap<ExprId, usize>,
    ) -> View<'a> {
        View { batch, program, columns, key: 0, in_order: true }
    }
}

impl View<'_> {
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub fn keys(&self) -> &ArrayRef {
        self.batch.column(self.key)
    }

    pub fn array(&self, expr: ExprId) -> Result<&ArrayRef> {
        let at = self
            .columns
            .get(&expr)
            .ok_or_else(|| internal(format!("column {} was not asked for", expr.0)))?;
        Ok(self.batch.column(*at))
    }

    /// A yes/no column.
    pub fn booleans(&self, expr: ExprId) -> Result<BooleanArray> {
        if let Node::Literal(crate::ir::Literal::Bool(b)) = self.program.node(expr) {
            return Ok(BooleanArray::from(vec![*b; self.rows()]));
        }
        let array = self.array(expr)?;
        array.as_boolean_opt().cloned().ok_or_else(|| internal("a condition that is not yes or no"))
    }

    pub fn value(&self, expr: ExprId, row: usize) -> Result<Value> {
        value_at(self.array(expr)?, row, &self.program.zone)
    }

    pub fn key(&self, row: usize) -> Result<Value> {
        value_at(self.keys(), row, &self.program.zone)
    }
}

/// One cell as a plain value.
pub fn value_at(array: &ArrayRef, row: usize, zone: &Zone) -> Result<Value> {
    if row >= array.len() || array.is_null(row) {
        return Ok(Value::Missing);
    }
    let micros = |t: i64| DateTime::from_timestamp_micros(t);
    let found = match array.data_type() {
        DataType::Boolean => array.as_boolean_opt().map(|a| Value::Bool(a.value(row))),
        DataType::Int64 => array.as_primitive_opt::<Int64Type>().map(|a| Value::Int(a.value(row))),
        DataType::Decimal128(_, scale) => {
            array.as_primitive_opt::<Decimal128Type>().map(|a| Value::Decimal(a.value(row), *scale))
        }
        DataType::Float64 => array.as_primitive_opt::<Float64Type>().map(|a| match a.value(row) {
            x if x.is_nan() => Value::Missing,
            x => Value::Float(x),
        }),
        DataType::Utf8View => array.as_string_view_opt().map(|a| Value::Text(a.value(row).to_string())),
        DataType::Utf8 => array.as_string_opt::<i32>().map(|a| Value::Text(a.value(row).to_string())),
        DataType::Date32 => array
            .as_primitive_opt::<Date32Type>()
            .and_then(|a| {
                chrono::NaiveDate::default().checked_add_signed(chrono::Duration::days(a.value(row).into()))
            })
            .map(Value::Date),
        DataType::Timestamp(TimeUnit::Microsecond, tz) => array
            .as_primitive_opt::<TimestampMicrosecondType>()
            .and_then(|a| micros(a.value(row)))
            .map(|t| Value::Instant(if tz.is_some() { zone.to_local(t) } else { t.naive_utc() })),
        _ => None,
    };
    found.ok_or_else(|| internal(format!("a value of the type {}", array.data_type())))
}

/// A batch cut to the rows of a mask and to some columns.
pub(crate) fn cut(view: &View<'_>, mask: &BooleanArray, exprs: &[ExprId]) -> Result<Vec<ArrayRef>> {
    let filter = |array: &ArrayRef| {
        datafusion::arrow::compute::filter(array, mask).map_err(|e| internal(e.to_string()))
    };
    let mut columns = vec![filter(view.keys())?];
    for expr in exprs {
        columns.push(filter(view.array(*expr)?)?);
    }
    Ok(columns)
}

/// Shares what a portrait's batches are made of.
pub(crate) type Column = Arc<dyn Array>;
