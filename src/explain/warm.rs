//! Questions answered from what the session keeps: columns of the portrait that were worked out before, found by their
//! digests. Only what is missing is worked out, over the kept rows, and kept in turn.
//!
//! What is kept is kept for everybody: the next question at a prompt is about other people, and must find it right.

use super::portrait::{Asker, ExplainError, Result, View, internal};
use crate::engine::kept::{Arranged, Column, Gathered, Kept, Place};
use crate::engine::{Engine, EngineError};
use crate::ir::{ExprId, SourceId};
use crate::plan::portrait::{given_name, key_name};
use crate::plan::{self, Digest, Digests, Given, Key, Request, arrow_type};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

type Columns = HashMap<ExprId, Arc<Column>>;

/// The rows of an entity, as far as a question asks for them.
struct Rows {
    keys: Arc<Column>,
    columns: Columns,
}

/// What a question worked out, to be kept.
type Fresh = Vec<(Digest, Arc<Column>, Place)>;

impl Asker<'_> {
    /// Answers from what is kept, where that is possible: whether it was. `request`: without literals, each expression
    /// once.
    pub(super) fn read_kept(
        &self,
        request: &Request,
        collect: &mut dyn FnMut(&View<'_>) -> Result<()>,
    ) -> Result<bool> {
        let Some(kept) = self.engine.kept().filter(|_| self.warm) else { return Ok(false) };
        let rows = match self.kept_rows(kept, request) {
            // With less at once it may fit.
            Err(ExplainError::Engine(EngineError::OutOfMemory { .. })) => None,
            // A fault of this way costs time, not the answer; tests are told of it.
            Err(ExplainError::Plan(_) | ExplainError::Internal(_)) if !cfg!(debug_assertions) => None,
            other => other?,
        };
        if let Some(rows) = rows {
            self.show_rows(request, &rows, collect)?;
            return Ok(true);
        }
        // Of a bound, all is the question's.
        if request.key.is_none() && self.engine.is_limited() {
            kept.give_way();
        }
        Ok(false)
    }

    fn show_rows(
        &self,
        request: &Request,
        rows: &Rows,
        collect: &mut dyn FnMut(&View<'_>) -> Result<()>,
    ) -> Result<()> {
        let places: HashMap<ExprId, usize> =
            request.exprs.iter().enumerate().map(|(i, expr)| (*expr, i + 1)).collect();
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
        for mut batch in batches(&schema, &all)? {
            if self.engine.cancel_handle().is_cancelled() {
                return Err(EngineError::Cancelled.into());
            }
            if let Some(key) = &request.key {
                let row = batch.columns().first().and_then(|keys| row_of(keys, key));
                batch = row.map_or_else(|| batch.slice(0, 0), |row| batch.slice(row, 1));
            }
            if batch.num_rows() > 0 {
                collect(&View::of_kept(&batch, self.program, &places))?;
            }
        }
        Ok(())
    }

    /// The rows, with what was not known of them worked out; none where this is not the way to answer.
    fn kept_rows(&self, kept: &Kept, request: &Request) -> Result<Option<Rows>> {
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
        let wanted = request.exprs.iter().map(|e| Some((*e, digests.of_column(entity, *e)?)));
        let Some(wanted) = wanted.collect::<Option<HashMap<ExprId, Digest>>>() else { return Ok(None) };
        let framed = kept.get(&frame);
        let find = |digest: &Digest| {
            let keys = framed.as_ref()?;
            kept.get(digest).filter(|column| fits(column, keys))
        };
        let mut columns: Columns = wanted.iter().filter_map(|(e, d)| Some((*e, find(d)?))).collect();
        let missing: Vec<ExprId> =
            request.exprs.iter().filter(|e| !columns.contains_key(e)).copied().collect();
        if let (Some(keys), true) = (&framed, missing.is_empty()) {
            kept.note_answer();
            return Ok(Some(Rows { keys: Arc::clone(keys), columns }));
        }
        // One customer alone is read faster than all are worked out.
        if request.key.is_some() {
            return Ok(None);
        }

        // The entity's own columns first, then what is made of them and of events.
        let mut known: Columns = HashMap::new();
        let frontier = plan::frontier(self.program, entity, &missing, &mut |expr| {
            let column = digests.of_column(entity, expr).and_then(|digest| find(&digest));
            known.extend(column.map(|column| (expr, column)));
            known.contains_key(&expr)
        });
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

    fn key_type(&self, entity: SourceId) -> Result<DataType> {
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
        let rows = Engine::memory_table(Arc::clone(&schema), batches(&schema, &columns)?)?;
        Ok(Given { rows, columns: names })
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
