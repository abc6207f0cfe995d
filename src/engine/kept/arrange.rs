//! Rows of a portrait come in any order; kept columns, and those of lists, are in the order of the keys.

use super::{CHUNK, Column};
use crate::plan::{bytes, compact};
use datafusion::arrow::array::{Array, ArrayRef, make_comparator, new_empty_array, new_null_array};
use datafusion::arrow::compute::{SortOptions, concat, sort_to_indices, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use std::cmp::Ordering;
use std::sync::Arc;

/// Rows as they come.
pub struct Gathered {
    keys: Vec<ArrayRef>,
    columns: Vec<Vec<ArrayRef>>,
    bytes: usize,
}

/// The same in the order of the keys.
pub struct Arranged {
    pub keys: Column,
    pub columns: Vec<Column>,
}

/// Where each row is found among batches.
pub enum Order {
    /// The batches in turn, each in order.
    Batches(Vec<usize>),
    /// Row by row among those of so many batches, one after the other.
    Rows(usize, ArrayRef),
}

impl Gathered {
    /// Of so many columns beside the key.
    pub fn new(columns: usize) -> Gathered {
        Gathered { keys: Vec::new(), columns: vec![Vec::new(); columns], bytes: 0 }
    }

    pub fn add(&mut self, keys: &ArrayRef, columns: impl IntoIterator<Item = ArrayRef>) {
        if keys.is_empty() {
            return;
        }
        let keys = compact(keys);
        self.bytes += bytes(&keys);
        self.keys.push(keys);
        for (parts, column) in self.columns.iter_mut().zip(columns) {
            let column = compact(&column);
            self.bytes += bytes(&column);
            parts.push(column);
        }
    }

    /// What it takes so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// In the order of the keys; none where a key stands twice or is missing. `types`: of the key and the columns.
    pub fn arrange(self, types: &[DataType]) -> Result<Option<Arranged>, ArrowError> {
        if self.keys.is_empty() {
            let mut all = types.iter().map(|t| Column { chunks: vec![new_empty_array(t)] });
            let Some(keys) = all.next() else { return Ok(None) };
            return Ok(Some(Arranged { keys, columns: all.collect() }));
        }
        let (order, distinct) = Order::of(&self.keys)?;
        if !distinct {
            return Ok(None);
        }
        let keys = in_order(self.keys, &order)?;
        // One after the other, so that each is twice in memory only while it is arranged.
        let columns =
            self.columns.into_iter().map(|parts| in_order(parts, &order)).collect::<Result<_, _>>()?;
        Ok(Some(Arranged { keys, columns }))
    }
}

impl Order {
    /// The order of some keys, those first that are missing, and whether each row has a key of its own. There are some.
    pub fn of(batches: &[ArrayRef]) -> Result<(Order, bool), ArrowError> {
        let keys = whole(batches)?;
        let compare = make_comparator(&keys, &keys, SortOptions::default())?;
        let mut spans: Vec<(usize, usize, usize)> = Vec::with_capacity(batches.len());
        let mut start = 0;
        let mut in_order = true;
        for (batch, part) in batches.iter().enumerate() {
            let end = start + part.len();
            in_order = in_order && (start + 1..end).all(|at| compare(at - 1, at) == Ordering::Less);
            spans.push((batch, start, end));
            start = end;
        }
        if in_order {
            spans.sort_by(|(_, a, _), (_, b, _)| compare(*a, *b));
            let apart = |(_, _, end): &(usize, usize, usize), (_, next, _): &(usize, usize, usize)| {
                compare(*end - 1, *next) == Ordering::Less
            };
            if spans.iter().zip(spans.iter().skip(1)).all(|(a, b)| apart(a, b)) {
                let batches = spans.into_iter().map(|(batch, _, _)| batch).collect();
                return Ok((Order::Batches(batches), keys.null_count() == 0));
            }
        }
        let rows = sort_to_indices(&keys, None, None)?;
        let values = rows.values();
        let rising = values
            .iter()
            .zip(values.iter().skip(1))
            .all(|(a, b)| compare(*a as usize, *b as usize) == Ordering::Less);
        let distinct = rising && keys.null_count() == 0;
        Ok((Order::Rows(batches.len(), Arc::new(rows)), distinct))
    }

    /// A column's chunks, one after the other. `batch`: the column in a batch; asked for once. `put`: takes a chunk.
    pub fn chunks<E: From<ArrowError>>(
        &self,
        batch: &mut dyn FnMut(usize) -> Result<ArrayRef, E>,
        put: &mut dyn FnMut(ArrayRef) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Order::Batches(batches) => {
                let (mut open, mut rows): (Vec<ArrayRef>, usize) = (Vec::new(), 0);
                for at in batches {
                    let part = batch(*at)?;
                    let mut at = 0;
                    while at < part.len() {
                        let length = (CHUNK - rows).min(part.len() - at);
                        open.push(part.slice(at, length));
                        at += length;
                        rows += length;
                        if rows == CHUNK {
                            put(copied(&open)?)?;
                            open.clear();
                            rows = 0;
                        }
                    }
                }
                if open.is_empty() { Ok(()) } else { put(copied(&open)?) }
            }
            Order::Rows(batches, order) => {
                let parts = (0..*batches).map(batch).collect::<Result<Vec<_>, E>>()?;
                let column = whole(&parts)?;
                drop(parts);
                for start in (0..order.len()).step_by(CHUNK) {
                    let rows = order.slice(start, CHUNK.min(order.len() - start));
                    put(compact(&take(&column, &rows, None)?))?;
                }
                Ok(())
            }
        }
    }
}

/// A chunk of its own, which holds on to no batch.
fn copied(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    match parts {
        // One array alone would not be copied.
        [one] => Ok(compact(&whole(&[Arc::clone(one), new_empty_array(one.data_type())])?)),
        parts => Ok(compact(&whole(parts)?)),
    }
}

fn whole(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    concat(&parts.iter().map(|part| part.as_ref()).collect::<Vec<_>>())
}

fn in_order(mut parts: Vec<ArrayRef>, order: &Order) -> Result<Column, ArrowError> {
    let mut chunks = Vec::new();
    // Each is let go when it has been copied.
    let mut part = |at: usize| {
        let part = parts.get_mut(at).map(|part| std::mem::replace(part, new_null_array(&DataType::Null, 0)));
        part.ok_or_else(|| ArrowError::ComputeError("a lost batch".to_string()))
    };
    order.chunks(&mut part, &mut |chunk| {
        chunks.push(chunk);
        Ok(())
    })?;
    Ok(Column { chunks })
}
