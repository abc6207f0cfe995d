//! Questions answered from what the session keeps: columns of the portrait that were worked out before, found by their
//! digests. Only what is missing is worked out, over the kept rows, and kept in turn.
//!
//! What is kept is kept for everybody: the next question at a prompt is about other people, and must find it right.

use super::attrition::plain_input;
use super::portrait::{Asker, ExplainError, Result, View, internal};
use crate::engine::kept::{Arranged, Column, Gathered, Kept, Place};
use crate::engine::{Engine, EngineError};
use crate::ir::{ExprId, SourceId};
use crate::parallel::each;
use crate::plan::portrait::{given_name, key_name};
use crate::plan::{self, Digest, Digests, Given, Key, Request, arrow_type};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

type Columns = HashMap<ExprId, Arc<Column>>;

/// The rows of an entity, as far as a question asks for them.
struct Rows {
    keys: Arc<Column>,
    columns: Columns,
}

/// Rows that a question asks for, the keys first, and where each expression stands.
pub(super) struct KeptRows {
    batches: Vec<RecordBatch>,
    places: HashMap<ExprId, usize>,
}

/// What a question worked out, to be kept.
type Fresh = Vec<(Digest, Arc<Column>, Place)>;

impl Asker<'_> {
    /// What the session keeps, where it may be used.
    fn kept(&self) -> Option<&Kept> {
        self.engine.kept().filter(|_| self.warm)
    }

    /// Whether what is worked out is kept for the next question.
    pub(super) fn keeps(&self) -> bool {
        self.kept().is_some()
    }

    /// The rows that answer a question, where that can be told from what is kept, or is worth keeping. `request`: without
    /// literals, each expression once.
    pub(super) fn kept_rows(&self, request: &Request) -> Result<Option<KeptRows>> {
        let Some(kept) = self.kept() else { return Ok(None) };
        let rows = match self.find_rows(kept, request) {
            // With less at once it may fit; and a number that is too large may be of those who are not asked about.
            Err(ExplainError::Engine(e)) if e != EngineError::Cancelled => None,
            // A fault of this way costs time, not the answer; tests are told of it.
            Err(ExplainError::Plan(_) | ExplainError::Internal(_)) if !cfg!(debug_assertions) => None,
            other => other?,
        };
        if let Some(rows) = rows {
            return KeptRows::new(request, &rows).map(Some);
        }
        // Of a bound, all is the question's.
        if request.key.is_none() && self.engine.is_limited() {
            kept.give_way();
        }
        Ok(None)
    }

    /// The rows, with what was not known of them worked out; none where this is not the way to answer.
    fn find_rows(&self, kept: &Kept, request: &Request) -> Result<Option<Rows>> {
        let entity = request.entity;
        let newest: Cell<Option<SystemTime>> = Cell::new(None);
        let version = |source: SourceId| {
            let source = self.program.source(source)?;
            let version = self.engine.version(&source.location, &source.as_text())?;
            newest.set(newest.get().max(Some(version.changed)));
            Some(version.text)
        };
        let mut digests = Digests::new(self.program, self.engine.strategy(), &version);
        let Some(frame) = digests.of_rows(entity) else { return Ok(None) };
        let digest = |e: &ExprId, digests: &mut Digests<'_>| Some((*e, digests.of_column(entity, *e)?));
        let wanted = request.exprs.iter().map(|e| digest(e, &mut digests));
        let Some(mut wanted) = wanted.collect::<Option<HashMap<ExprId, Digest>>>() else { return Ok(None) };
        let framed = kept.get(&frame);
        let find = |digest: &Digest| {
            let keys = framed.as_ref()?;
            kept.get(digest).filter(|column| fits(column, keys))
        };
        let mut columns: Columns = wanted.iter().filter_map(|(e, d)| Some((*e, find(d)?))).collect();
        if let (Some(keys), true) = (&framed, columns.len() == wanted.len()) {
            kept.note_answer();
            return Ok(Some(Rows { keys: Arc::clone(keys), columns }));
        }
        if request.key.is_none() {
            // What conditions are about is kept beside them: the next one may be about the same.
            for input in request.exprs.iter().filter_map(|e| plain_input(self.program, *e)) {
                wanted.extend(digest(&input, &mut digests));
            }
        }
        let missing = wanted.keys().filter(|e| !columns.contains_key(e)).copied();
        let missing: Vec<ExprId> = missing.collect::<BTreeSet<_>>().into_iter().collect();
        // The entity's own columns first, then what is made of them and of events.
        let mut known: Columns = HashMap::new();
        let frontier = plan::frontier(self.program, entity, &missing, &mut |expr| {
            let column = digests.of_column(entity, expr).and_then(|digest| find(&digest));
            known.extend(column.map(|column| (expr, column)));
            known.contains_key(&expr)
        });
        // One customer alone is read faster than all are.
        let reads = framed.is_none() || frontier.others || !frontier.columns.is_empty();
        if request.key.is_some() && reads {
            return Ok(None);
        }
        let mut fresh: Fresh = Vec::new();
        let keys = match &framed {
            Some(keys) if frontier.columns.is_empty() => Arc::clone(keys),
            _ => {
                let own: Vec<ExprId> = frontier.columns.iter().copied().collect();
                let of_own: Option<Vec<Digest>> = own.iter().map(|e| digests.of_column(entity, *e)).collect();
                let request = Request::of(entity, own.clone());
                let found = self.worked_out(kept, &request, framed.as_deref())?;
                let (Some(of_own), Some(found)) = (of_own, found) else { return Ok(None) };
                for ((expr, digest), column) in own.iter().zip(of_own).zip(found.columns) {
                    let column = Arc::new(column);
                    fresh.push((digest, Arc::clone(&column), self.place_of(entity, Some(*expr))));
                    known.insert(*expr, column);
                }
                let keys = framed.clone().unwrap_or_else(|| Arc::new(found.keys));
                fresh.push((frame, Arc::clone(&keys), self.place_of(entity, None)));
                keys
            }
        };
        let (at_hand, missing): (Vec<ExprId>, Vec<ExprId>) =
            missing.into_iter().partition(|e| known.contains_key(e));
        columns.extend(at_hand.iter().filter_map(|e| Some((*e, Arc::clone(known.get(e)?)))));
        if !missing.is_empty() {
            let width: usize = missing.iter().map(|e| self.width(*e)).sum();
            if keys.rows().saturating_mul(width) / 8 > kept.budget() {
                return Ok(None);
            }
            let given = self.given(entity, &keys, &known)?;
            let request = Request { given: Some(given), ..Request::of(entity, missing.clone()) };
            let Some(found) = self.worked_out(kept, &request, Some(&keys))? else { return Ok(None) };
            for (expr, column) in missing.iter().zip(found.columns) {
                let column = Arc::new(column);
                let place = self.place_of(entity, Some(*expr));
                fresh.extend(wanted.get(expr).map(|digest| (*digest, Arc::clone(&column), place)));
                columns.insert(*expr, column);
            }
        }
        // Files that changed while they were read are another version.
        let mut again = Digests::new(self.program, self.engine.strategy(), &version);
        let unchanged = again.of_rows(entity) == Some(frame)
            && wanted.iter().all(|(expr, digest)| again.of_column(entity, *expr).as_ref() == Some(digest));
        if unchanged && !newest.get().is_some_and(|changed| kept.is_too_fresh(changed)) {
            for (digest, column, place) in &fresh {
                kept.put(*digest, column, *place);
            }
        }
        Ok(Some(Rows { keys, columns }))
    }

    /// Columns of all rows in the order of the keys; none where they do not fit, or are not those of `keys`.
    fn worked_out(&self, kept: &Kept, request: &Request, keys: Option<&Column>) -> Result<Option<Arranged>> {
        let mut types = vec![self.key_type(request.entity)?];
        for expr in &request.exprs {
            let Some(data_type) = arrow_type(self.program.ty(*expr)) else { return Ok(None) };
            types.push(data_type);
        }
        let mut gathered = Gathered::new(request.exprs.len());
        let room = kept.room();
        let mut too_much = false;
        let done = self.work_out(request, &mut |view| {
            let columns =
                request.exprs.iter().map(|e| view.array(*e).cloned()).collect::<Result<Vec<ArrayRef>>>()?;
            gathered.add(view.keys(), columns);
            too_much = gathered.bytes() > kept.budget() || room.try_resize(gathered.bytes()).is_err();
            if too_much { Err(internal("more than may be kept")) } else { Ok(()) }
        });
        if too_much {
            return Ok(None);
        }
        done?;
        let arranged = gathered.arrange(&types).map_err(|e| internal(e.to_string()))?;
        Ok(arranged.filter(|found| keys.is_none_or(|keys| same(&found.keys, keys))))
    }

    /// Where a column may lie, or the keys: what shows personal data is on no disk, and where the key itself is
    /// personal, nothing of the entity is.
    fn place_of(&self, entity: SourceId, expr: Option<ExprId>) -> Place {
        let key = self.program.source(entity).and_then(|s| s.column(s.key?));
        let personal = key.is_none_or(|key| key.pii) || expr.is_some_and(|e| self.is_pii(e));
        if personal { Place::MemoryOnly } else { Place::Anywhere }
    }

    pub(super) fn key_type(&self, entity: SourceId) -> Result<DataType> {
        let key = self.program.source(entity).and_then(|s| s.column(s.key?));
        key.and_then(|c| arrow_type(&c.ty)).ok_or_else(|| internal("an entity without a key"))
    }

    /// Bits of a value; of a text, without its letters.
    fn width(&self, expr: ExprId) -> usize {
        match arrow_type(self.program.ty(expr)) {
            Some(DataType::Boolean) => 2,
            Some(other) => 1 + 8 * other.primitive_width().unwrap_or(16),
            None => 0,
        }
    }

    fn given(&self, entity: SourceId, keys: &Column, known: &Columns) -> Result<Given> {
        let key = key_name(self.program, entity).ok_or_else(|| internal("an entity without a key"))?;
        let mut names: HashMap<ExprId, String> = HashMap::new();
        let mut fields = vec![Field::new(&key, self.key_type(entity)?, true)];
        let mut columns: Vec<&Column> = vec![keys];
        let mut known: Vec<(&ExprId, &Arc<Column>)> = known.iter().collect();
        known.sort_by_key(|(expr, _)| **expr);
        for (expr, column) in known {
            let name = given_name(self.program, *expr);
            names.insert(*expr, name.clone());
            if name == key {
                continue;
            }
            let data_type = column.chunks.first().map_or(DataType::Null, |c| c.data_type().clone());
            fields.push(Field::new(name, data_type, true));
            columns.push(column);
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let rows = Engine::memory_table(&schema, batches(&schema, &columns)?)?;
        Ok(Given { rows, columns: names })
    }
}

impl KeptRows {
    fn new(request: &Request, rows: &Rows) -> Result<KeptRows> {
        let places = request.exprs.iter().enumerate().map(|(i, expr)| (*expr, i + 1)).collect();
        let columns = request
            .exprs
            .iter()
            .map(|expr| rows.columns.get(expr).ok_or_else(|| internal("a column that was not kept")))
            .collect::<Result<Vec<_>>>()?;
        let all: Vec<&Column> = std::iter::once(&rows.keys).chain(columns).map(Arc::as_ref).collect();
        let field = |(i, c): (usize, &&Column)| {
            let data_type = c.chunks.first().map_or(DataType::Null, |chunk| chunk.data_type().clone());
            Field::new(i.to_string(), data_type, true)
        };
        let schema = Arc::new(Schema::new(all.iter().enumerate().map(field).collect::<Vec<_>>()));
        let mut batches = batches(&schema, &all)?;
        if let Some(key) = &request.key {
            let one = |batch: RecordBatch| {
                let row = batch.columns().first().and_then(|keys| row_of(keys, key))?;
                Some(batch.slice(row, 1))
            };
            batches = batches.into_iter().filter_map(one).collect();
        }
        batches.retain(|batch| batch.num_rows() > 0);
        Ok(KeptRows { batches, places })
    }

    /// Shows all of them, in the order of their keys.
    pub fn show(&self, asker: &Asker<'_>, collect: &mut dyn FnMut(&View<'_>) -> Result<()>) -> Result<()> {
        let stop = asker.engine.cancel_handle();
        for batch in &self.batches {
            if stop.is_cancelled() {
                return Err(EngineError::Cancelled.into());
            }
            collect(&View::of_kept(batch, asker.program, &self.places))?;
        }
        Ok(())
    }

    /// Shows them to several collectors, each of which a thread fills.
    pub fn show_apart<C: Clone + Send>(
        &self,
        asker: &Asker<'_>,
        blank: &C,
        add: &(dyn Fn(&mut C, &View<'_>) -> Result<()> + Sync),
    ) -> Result<Vec<C>> {
        let threads = asker.engine.threads().min(self.batches.len()).max(1);
        let (program, stop) = (asker.program, asker.engine.cancel_handle());
        let part = |(mut collector, at): (C, usize)| {
            for batch in self.batches.iter().skip(at).step_by(threads) {
                if stop.is_cancelled() {
                    return Err(EngineError::Cancelled.into());
                }
                add(&mut collector, &View::of_kept(batch, program, &self.places))?;
            }
            Ok(collector)
        };
        let parts = (0..threads).map(|at| (blank.clone(), at)).collect();
        each(parts, threads, part).into_iter().collect()
    }
}

/// Chunk by chunk.
fn batches(schema: &SchemaRef, columns: &[&Column]) -> Result<Vec<RecordBatch>> {
    let chunks = columns.first().map_or(0, |c| c.chunks.len());
    (0..chunks)
        .map(|at| {
            let arrays = columns
                .iter()
                .map(|c| c.chunks.get(at).cloned().ok_or_else(|| internal("a lost chunk")))
                .collect::<Result<Vec<_>>>()?;
            RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|e| internal(e.to_string()))
        })
        .collect()
}

/// Where a key stands among keys in order.
fn row_of(keys: &ArrayRef, key: &Key) -> Option<usize> {
    match key {
        Key::Number(n) => keys.as_primitive_opt::<Int64Type>()?.values().binary_search(n).ok(),
        Key::Text(t) => {
            let texts = keys.as_string_view_opt()?;
            let (mut low, mut high) = (0, texts.len());
            while low < high {
                let middle = low + (high - low) / 2;
                if texts.value(middle) < t.as_str() { low = middle + 1 } else { high = middle }
            }
            (low < texts.len() && texts.value(low) == t).then_some(low)
        }
    }
}

fn fits(column: &Column, keys: &Column) -> bool {
    column.chunks.len() == keys.chunks.len()
        && column.chunks.iter().zip(&keys.chunks).all(|(a, b)| a.len() == b.len())
}

fn same(a: &Column, b: &Column) -> bool {
    a.chunks.len() == b.chunks.len() && a.chunks.iter().zip(&b.chunks).all(|(a, b)| a == b)
}
