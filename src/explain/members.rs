//! A segment's members with the tags that it used, in the order of their keys.

use super::evaluate::is_true;
use super::portrait::{Asker, Column, Result, View, cut, internal, value_at};
use crate::ir::ExprId;
use crate::value::Value;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder};
use datafusion::arrow::compute::{SortOptions, concat, sort_to_indices, take};

/// Rows kept from a portrait: the key, then `columns`.
pub struct Kept {
    columns: Vec<ExprId>,
    parts: Vec<Vec<ArrayRef>>,
    rows: usize,
    /// No more than this many rows are wanted, the first by key.
    most: Option<usize>,
}

/// How many times `most` rows are gathered before the surplus is dropped.
const SLACK: usize = 64;

impl Kept {
    pub fn new(mut columns: Vec<ExprId>, most: Option<usize>) -> Kept {
        let mut seen = Vec::new();
        columns.retain(|c| {
            let new = !seen.contains(c);
            seen.push(*c);
            new
        });
        Kept { columns, parts: Vec::new(), rows: 0, most }
    }

    pub fn columns(&self) -> &[ExprId] {
        &self.columns
    }

    /// Keeps the rows where `mask` is true.
    pub fn add(&mut self, view: &View<'_>, mask: &BooleanArray) -> Result<()> {
        let mut mask = is_true(mask)?;
        if let (true, Some(most)) = (view.in_order, self.most) {
            mask = first(&mask, most.saturating_sub(self.rows));
        }
        if mask.true_count() == 0 {
            return Ok(());
        }
        self.rows += mask.true_count();
        self.parts.push(cut(view, &mask, &self.columns)?);
        if let Some(most) = self.most
            && self.rows > most.max(1024).saturating_mul(SLACK)
        {
            let sorted = self.sorted()?;
            self.rows = sorted.first().map_or(0, |c| c.len());
            self.parts = vec![sorted];
        }
        Ok(())
    }

    /// The key and the columns, sorted by key, cut to the most.
    pub fn sorted(&self) -> Result<Vec<ArrayRef>> {
        let fail = |e: datafusion::arrow::error::ArrowError| internal(e.to_string());
        let mut whole: Vec<Column> = Vec::new();
        for i in 0..=self.columns.len() {
            let parts: Vec<&dyn datafusion::arrow::array::Array> =
                self.parts.iter().filter_map(|p| p.get(i)).map(|a| a.as_ref()).collect();
            if parts.is_empty() {
                return Ok(Vec::new());
            }
            whole.push(concat(&parts).map_err(fail)?);
        }
        let key = whole.first().ok_or_else(|| internal("a lost key"))?;
        let indices = sort_to_indices(key, Some(SortOptions::default()), self.most).map_err(fail)?;
        whole.iter().map(|column| take(column, &indices, None).map_err(fail)).collect()
    }
}

/// The first few rows of a mask.
fn first(mask: &BooleanArray, most: usize) -> BooleanArray {
    match mask.values().set_indices().nth(most) {
        Some(end) => {
            let mut bits = BooleanBufferBuilder::new(mask.len());
            bits.append_buffer(&mask.values().slice(0, end));
            bits.append_n(mask.len() - end, false);
            BooleanArray::new(bits.finish(), None)
        }
        None => mask.clone(),
    }
}

/// Rows of plain values, personal data masked.
pub fn rows(asker: &Asker<'_>, kept: &Kept) -> Result<Vec<Vec<Value>>> {
    let columns = kept.sorted()?;
    let hidden: Vec<bool> =
        std::iter::once(false).chain(kept.columns().iter().map(|c| asker.is_pii(*c))).collect();
    let length = columns.first().map_or(0, |c| c.len());
    (0..length)
        .map(|row| {
            columns
                .iter()
                .zip(&hidden)
                .map(|(column, hide)| match value_at(column, row, &asker.program.zone)? {
                    Value::Missing => Ok(Value::Missing),
                    _ if *hide => Ok(Value::Masked),
                    value => Ok(value),
                })
                .collect()
        })
        .collect()
}
