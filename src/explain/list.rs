//! One audience's list: who is on it, in which order, and its rows, which come in batches.

use super::audience::Selection;
use super::portrait::{Result, internal};
use super::roster::{self, Rows};
use super::why_column;
use crate::engine::{CancelHandle, EngineError};
use crate::ir::print::Lang;
use crate::ir::{Audience, ExprId, Node, Program};
use crate::parallel::each;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use std::collections::VecDeque;
use std::sync::Arc;

/// A list that is about to be delivered.
pub struct List<'a> {
    /// What is told of it; without rows.
    pub selection: Selection,
    pub(super) program: &'a Program,
    pub(super) lang: Lang,
    pub(super) audience: &'a Audience,
    pub(super) rows: &'a Rows,
    /// What its reasons read.
    pub(super) reasons: &'a [ExprId],
    pub(super) sent: Vec<u32>,
    /// Of each who is sent, where there is a split.
    pub(super) arms: Option<Vec<&'a str>>,
    pub(super) held: Option<Vec<u32>>,
    pub(super) stop: CancelHandle,
    /// By how many threads batches are made at a time.
    pub(super) threads: usize,
}

/// Rows of a list, batch by batch.
pub struct Batches<'a> {
    list: &'a List<'a>,
    places: &'a [u32],
    arms: Option<&'a [&'a str]>,
    made: VecDeque<Result<RecordBatch>>,
}

impl List<'_> {
    /// Its rows: the listed columns, the arm where there is a split, then `why` and `why_data`.
    pub fn sent(&self) -> Batches<'_> {
        self.batches(&self.sent, self.arms.as_deref(), usize::MAX)
    }

    /// Who is held out, where somebody was to be: the same columns but for the arm, since they are in none.
    pub fn held_out(&self) -> Option<Batches<'_>> {
        self.held.as_ref().map(|held| self.batches(held, None, usize::MAX))
    }

    /// What is told of it, with the first rows.
    pub fn with_first(self, most: usize) -> Result<Selection> {
        let columns = self.batches(&self.sent, self.arms.as_deref(), most).columns()?;
        let held = self.held.as_ref().map(|held| self.batches(held, None, most).columns());
        let held_out = held.transpose()?;
        Ok(Selection { columns, held_out, ..self.selection })
    }

    fn batches<'b>(&'b self, places: &'b [u32], arms: Option<&'b [&'b str]>, most: usize) -> Batches<'b> {
        let first = |all: usize| all.min(most);
        Batches {
            list: self,
            places: places.get(..first(places.len())).unwrap_or(places),
            arms: arms.map(|arms| arms.get(..first(arms.len())).unwrap_or(arms)),
            made: VecDeque::new(),
        }
    }

    /// The rows at some places.
    fn batch(&self, places: &[u32], arms: Option<&[&str]>) -> Result<RecordBatch> {
        let program = self.program;
        let value = |expr: ExprId| {
            let values = self.rows.values(expr, places)?;
            values.ok_or_else(|| internal("a list's column was not kept"))
        };
        let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
        for column in &self.audience.columns {
            let array = match program.node(column.expr) {
                Node::Literal(literal) => {
                    let text = crate::check::literal_value(literal).plain();
                    Arc::new(StringArray::from(vec![text; places.len()])) as ArrayRef
                }
                _ => value(column.expr)?,
            };
            columns.push((&column.name, array));
        }
        if let Some(arms) = arms {
            columns.push(("arm", Arc::new(StringArray::from(arms.to_vec()))));
        }
        let condition = program.definition(self.audience.segment).map(|d| d.body);
        let condition = condition.ok_or_else(|| internal("an unknown segment"))?;
        let read = self.reasons.iter().map(|expr| Ok((*expr, value(*expr)?)));
        let read = why_column::Rows { columns: read.collect::<Result<_>>()?, count: places.len(), program };
        let reasons = why_column::reasons(condition, &read, self.lang)?;
        columns.push(("why", reasons.text));
        columns.push(("why_data", reasons.data));
        let fields = columns.iter().map(|(name, a)| Field::new(*name, a.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = columns.into_iter().map(|(_, array)| array).collect();
        RecordBatch::try_new(schema, columns).map_err(|e| internal(e.to_string()))
    }
}

impl<'a> Batches<'a> {
    /// What each batch has for columns.
    ///
    /// # Errors
    /// Only for faults of Segue itself.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(self.list.batch(&[], self.arms.map(|_| [].as_slice()))?.schema())
    }

    /// All rows, by the names of their columns.
    fn columns(self) -> Result<Vec<(String, ArrayRef)>> {
        let schema = self.schema()?;
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        let batches = std::iter::once(Ok(empty)).chain(self).collect::<Result<Vec<_>>>()?;
        let whole = |(at, field): (usize, &Arc<Field>)| {
            let parts: Vec<&dyn Array> = batches.iter().map(|b| b.column(at).as_ref()).collect();
            let whole = concat(&parts).map_err(|e| internal(e.to_string()))?;
            Ok((field.name().clone(), whole))
        };
        schema.fields().iter().enumerate().map(whole).collect()
    }

    /// The places of the next batch, and their arms.
    fn next_places(&mut self) -> Option<(&'a [u32], Option<&'a [&'a str]>)> {
        let rows = roster::at_once(self.places);
        let places = self.places.split_off(..rows)?;
        let arms = self.arms.as_mut().and_then(|arms| arms.split_off(..rows));
        (rows > 0).then_some((places, arms))
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let list = self.list;
        if list.stop.is_cancelled() {
            return Some(Err(EngineError::Cancelled.into()));
        }
        if self.made.is_empty() {
            let some: Vec<_> = std::iter::from_fn(|| self.next_places()).take(list.threads).collect();
            self.made.extend(each(some, list.threads, |(places, arms)| list.batch(places, arms)));
        }
        self.made.pop_front()
    }
}
