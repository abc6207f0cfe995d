//! Questions answered from what the session keeps: columns of the portrait that were worked out before, found by their
//! digests. Only what is missing is worked out, over the kept rows, and kept in turn.
//!
//! What is kept is kept for everybody: the next question at a prompt is about other people, and must find it right.

use super::portrait::{Asker, ExplainError, Result, View, internal};
use crate::engine::kept::{Arranged, Column, Gathered, Kept};
use crate::engine::{Engine, EngineError};
use crate::ir::{ExprId, SourceId};
use crate::plan::portrait::{given_name, key_name};
use crate::plan::{self, Digest, Digests, Given, Request, arrow_type};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// The rows of an entity, as far as a question asks for them.
struct Rows {
    keys: Arc<Column>,
    columns: HashMap<ExprId, Arc<Column>>,
}

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
            Err(ExplainError::Engine(EngineError::OutOfMemory { .. })) | Ok(None) => return Ok(false),
            Err(e) => return Err(e),
            Ok(Some(rows)) => rows,
        };
        self.show_rows(request, &rows, collect)?;
        Ok(true)
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
        for batch in batches(&schema, &all)? {
            if self.engine.cancel_handle().is_cancelled() {
                return Err(EngineError::Cancelled.into());
            }
            if batch.num_rows() > 0 {
                collect(&View::of(&batch, self.program, &places, 0))?;
            }
        }
        Ok(())
    }

    fn kept_rows(&self, kept: &Kept, request: &Request) -> Result<Option<Rows>> {
        let entity = request.entity;
        let newest: RefCell<Option<SystemTime>> = RefCell::new(None);
        let version = |source: SourceId| {
            let source = self.program.source(source)?;
            let version = self.engine.version(&source.location, &source.as_text())?;
            let mut newest = newest.borrow_mut();
            *newest = (*newest).max(Some(version.changed));
            Some(version.text)
        };
        let mut digests = Digests::new(self.program, &version);
        let Some(frame) = digests.of_rows(entity) else { return Ok(None) };
        let mut wanted: HashMap<ExprId, Digest> = HashMap::new();
        for expr in &request.exprs {
            let Some(digest) = digests.of_column(entity, *expr) else { return Ok(None) };
            wanted.insert(*expr, digest);
        }
        let mut rows = Rows {
            keys: kept.get(&frame).unwrap_or_else(|| Arc::new(Column { chunks: Vec::new() })),
            columns: HashMap::new(),
        };
        let is_framed = !rows.keys.chunks.is_empty();
        let find = |keys: &Column, digest: &Digest| kept.get(digest).filter(|c| fits(c, keys));
        if is_framed {
            for (expr, digest) in &wanted {
                if let Some(column) = find(&rows.keys, digest) {
                    rows.columns.insert(*expr, column);
                }
            }
        }
        let missing: Vec<ExprId> =
            request.exprs.iter().filter(|e| !rows.columns.contains_key(e)).copied().collect();
        if is_framed && missing.is_empty() {
            return Ok(Some(rows));
        }
        // One customer alone is read faster than all are worked out.
        if request.key.is_some() {
            return Ok(None);
        }
        let mut known: HashMap<ExprId, Arc<Column>> = HashMap::new();
        let frontier = plan::frontier(self.program, entity, &missing, &mut |expr| {
            let column = match (is_framed, digests.of_column(entity, expr)) {
                (true, Some(digest)) => find(&rows.keys, &digest),
                _ => None,
            };
            match column {
                Some(column) => {
                    known.insert(expr, column);
                    true
                }
                None => false,
            }
        });
        let mut fresh: Vec<(Digest, Arc<Column>)> = Vec::new();
        if !is_framed || !frontier.columns.is_empty() {
            let own: Vec<ExprId> = frontier.columns.iter().copied().collect();
            let own_digests: Option<Vec<Digest>> =
                own.iter().map(|e| digests.of_column(entity, *e)).collect();
            let request = Request::of(entity, own.clone());
            let (Some(own_digests), Some(found)) = (own_digests, self.worked_out(kept, &request, None)?)
            else {
                return Ok(None);
            };
            if is_framed && !same(&found.keys, &rows.keys) {
                return Ok(None);
            }
            if !is_framed {
                rows.keys = Arc::new(found.keys);
                fresh.push((frame, Arc::clone(&rows.keys)));
            }
            for ((expr, digest), column) in own.iter().zip(own_digests).zip(found.columns) {
                let column = Arc::new(column);
                fresh.push((digest, Arc::clone(&column)));
                known.insert(*expr, column);
            }
        }
        let (at_hand, missing): (Vec<ExprId>, Vec<ExprId>) =
            missing.into_iter().partition(|e| known.contains_key(e));
        for expr in at_hand {
            rows.columns.extend(known.get(&expr).map(|column| (expr, Arc::clone(column))));
        }
        if !missing.is_empty() {
            let width: usize = missing.iter().map(|e| self.width(*e)).sum();
            if rows.keys.rows() * width / 8 > kept.budget() {
                return Ok(None);
            }
            let given = self.given(entity, &rows.keys, &known)?;
            let request = Request { given: Some(given), ..Request::of(entity, missing.clone()) };
            let Some(found) = self.worked_out(kept, &request, Some(&rows.keys))? else { return Ok(None) };
            for (expr, column) in missing.iter().zip(found.columns) {
                let column = Arc::new(column);
                fresh.extend(wanted.get(expr).map(|digest| (*digest, Arc::clone(&column))));
                rows.columns.insert(*expr, column);
            }
        }
        // Files that changed while they were read are another version.
        let before = *newest.borrow();
        let fresh_files = before.is_some_and(|changed| kept.is_too_fresh(changed));
        let again = Digests::new(self.program, &version).of_rows(entity);
        let mut check = Digests::new(self.program, &version);
        let unchanged = again == Some(frame)
            && wanted.iter().all(|(expr, digest)| check.of_column(entity, *expr).as_ref() == Some(digest));
        if unchanged && !fresh_files {
            for (digest, column) in &fresh {
                kept.put(*digest, column);
            }
        }
        Ok(Some(rows))
    }

    /// Columns of all rows in the order of the keys; none where they do not fit, or are not those of `keys`.
    fn worked_out(&self, kept: &Kept, request: &Request, keys: Option<&Column>) -> Result<Option<Arranged>> {
        let mut types = vec![self.key_type(request.entity)?];
        for expr in &request.exprs {
            let Some(data_type) = arrow_type(self.program.ty(*expr)) else { return Ok(None) };
            types.push(data_type);
        }
        let mut gathered = Gathered::new(request.exprs.len());
        let mut too_much = false;
        let done = self.work_out(request, &mut |view| {
            let columns =
                request.exprs.iter().map(|e| view.array(*e).cloned()).collect::<Result<Vec<ArrayRef>>>()?;
            gathered.add(view.keys(), columns);
            too_much = gathered.bytes() > kept.budget();
            if too_much { Err(internal("more than may be kept")) } else { Ok(()) }
        });
        if too_much {
            return Ok(None);
        }
        done?;
        let arranged = gathered.arrange(&types).map_err(|e| internal(e.to_string()))?;
        Ok(arranged.filter(|found| keys.is_none_or(|keys| same(&found.keys, keys))))
    }

    fn key_type(&self, entity: SourceId) -> Result<DataType> {
        let key = self.program.source(entity).and_then(|s| s.column(s.key?));
        key.and_then(|c| arrow_type(&c.ty)).ok_or_else(|| internal("an entity without a key"))
    }

    /// Bits of a value; of a text, without its letters.
    fn width(&self, expr: ExprId) -> usize {
        let data_type = arrow_type(self.program.ty(expr));
        match data_type {
            Some(DataType::Boolean) => 2,
            Some(other) => 1 + 8 * other.primitive_width().unwrap_or(16),
            None => 0,
        }
    }

    fn given(&self, entity: SourceId, keys: &Column, known: &HashMap<ExprId, Arc<Column>>) -> Result<Given> {
        let key = key_name(self.program, entity).ok_or_else(|| internal("an entity without a key"))?;
        let mut names: HashMap<ExprId, String> = HashMap::new();
        let mut fields = vec![Field::new(&key, self.key_type(entity)?, true)];
        let mut columns: Vec<&Column> = vec![keys];
        let mut exprs: Vec<&ExprId> = known.keys().collect();
        exprs.sort();
        for expr in exprs {
            let name = given_name(self.program, *expr);
            names.insert(*expr, name.clone());
            if name == key {
                continue;
            }
            let Some(column) = known.get(expr) else { continue };
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

fn fits(column: &Column, keys: &Column) -> bool {
    let lengths = |c: &Column| c.chunks.iter().map(|chunk| chunk.len()).collect::<Vec<_>>();
    lengths(column) == lengths(keys)
}

fn same(a: &Column, b: &Column) -> bool {
    a.chunks.len() == b.chunks.len() && a.chunks.iter().zip(&b.chunks).all(|(a, b)| a == b)
}
