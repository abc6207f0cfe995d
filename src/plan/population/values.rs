//! What is worked out on each batch of rows: the value as a number of the same order, the group, and who is compared.

use super::super::aggregates::interner::{Interner, MISSING};
use super::super::aggregates::{known, narrow};
use super::super::operator::truth;
use super::groups::Groups;
use super::node::Part;
use super::order::{Numbered, Rows};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;

/// One set of peers: who is compared with whom, and what of it is wanted.
#[derive(Debug)]
pub(super) struct Peers {
    pub label: String,
    pub value: Arc<dyn PhysicalExpr>,
    pub within: Vec<Arc<dyn PhysicalExpr>>,
    pub base: Option<Arc<dyn PhysicalExpr>>,
    /// With the aggregate of the values that a part is, if it is one.
    pub parts: Vec<(Part, Option<Arc<AggregateFunctionExpr>>)>,
}

/// One row that is compared.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Entry {
    /// The value; among equal ones the lower key has the lower row.
    pub word: i64,
    pub row: u32,
    pub group: u32,
}

/// What some batches hold.
#[derive(Debug)]
pub(super) struct Found {
    pub groups: Groups,
    pub entries: Vec<Entry>,
    /// Of each batch: who is in the base and cannot be compared. None where there is nobody.
    pub open: Vec<Option<BooleanBuffer>>,
}

/// The numbers of the values in their order: what they are, or for each row its own.
pub(super) enum Words<'a> {
    Own,
    Ranked(&'a [u32]),
}

impl Peers {
    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        std::iter::once(&self.value).chain(&self.within).chain(&self.base)
    }

    pub fn groups(&self, schema: &SchemaRef) -> Result<Groups> {
        let types = self.within.iter().map(|w| w.data_type(schema)).collect::<Result<Vec<_>>>()?;
        Ok(Groups::new(&types))
    }

    pub fn values(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        self.value.evaluate(batch)?.into_array(batch.num_rows())
    }

    fn takes(&self) -> bool {
        self.parts.iter().any(|(part, _)| matches!(part, Part::Taken(_)))
    }

    /// What these batches hold; none where a value is no number that fits a word.
    pub fn find(
        &self,
        rows: &Rows,
        batches: std::ops::Range<usize>,
        schema: &SchemaRef,
        words: &Words<'_>,
    ) -> Result<Option<Found>> {
        let mut found = Found { groups: self.groups(schema)?, entries: Vec::new(), open: Vec::new() };
        found.entries.reserve_exact(rows.place(batches.end) - rows.place(batches.start));
        for at in batches {
            let (batch, numbers) = rows.batch(at)?;
            if !self.add(&mut found, &batch, &numbers, rows.place(at), words)? {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    fn add(
        &self,
        found: &mut Found,
        batch: &RecordBatch,
        numbers: &Numbered<'_>,
        place: usize,
        words: &Words<'_>,
    ) -> Result<bool> {
        let count = batch.num_rows();
        let values = self.values(batch)?;
        let mut known = known(&values);
        let own;
        let word: &dyn Fn(usize) -> i64 = match words {
            Words::Own => match numbered(&values)? {
                Some(numbers) => {
                    own = numbers;
                    &|row| own.get(row).copied().unwrap_or_default()
                }
                None => return Ok(false),
            },
            Words::Ranked(ranked) => &|row| ranked.get(place + row).copied().map_or(0, i64::from),
        };
        let mut columns = Vec::with_capacity(self.within.len());
        for group in &self.within {
            let column = group.evaluate(batch)?.into_array(count)?;
            known = NullBuffer::union(known.as_ref(), self::known(&column).as_ref());
            columns.push(column);
        }
        let based = match &self.base {
            Some(base) => Some(truth(&base.evaluate(batch)?.into_array(count)?)?),
            None => None,
        };
        let groups = found.groups.of(&columns)?;
        let known = known.filter(|known| known.null_count() > 0);
        if self.takes() {
            let open = known.as_ref().map(|known| {
                let lacking = !known.inner();
                based.as_ref().map_or(lacking.clone(), |based| based & &lacking)
            });
            found.open.push(open);
        }
        let taken = match (known, based) {
            (Some(known), Some(based)) => Some(known.inner() & &based),
            (Some(known), None) => Some(known.into_inner()),
            (None, based) => based,
        };
        let group = |row: usize| match &groups {
            Some(groups) => groups.get(row).copied().unwrap_or(MISSING),
            None => 0,
        };
        let entry = |row: usize| Entry { word: word(row), row: numbers.of(row), group: group(row) };
        match taken {
            Some(taken) => found.entries.extend(taken.set_indices().map(entry)),
            None => found.entries.extend((0..count).map(entry)),
        }
        Ok(true)
    }

    /// For each row, in the order of the batches, the place of its value among all the different ones; for values that
    /// fit no word.
    pub fn ranked(&self, rows: &Rows, schema: &SchemaRef) -> Result<Vec<u32>> {
        let mut interner = Interner::new(&self.value.data_type(schema)?);
        let mut codes = Vec::with_capacity(rows.count());
        for batch in rows.batches(0..rows.len()) {
            codes.extend(interner.codes(&self.values(&batch?.0)?)?);
        }
        let mut order: Vec<u32> = (0..).take(interner.len()).collect();
        order.sort_unstable_by(|a, b| interner.compare(*a, *b));
        let mut ranks = vec![0; order.len()];
        for (rank, code) in (0..).zip(order) {
            if let Some(slot) = ranks.get_mut(code as usize) {
                *slot = rank;
            }
        }
        for code in &mut codes {
            *code = ranks.get(*code as usize).copied().unwrap_or(MISSING);
        }
        Ok(codes)
    }
}

/// The values as whole numbers of the same order, any for what is missing; none where one fits no word.
fn numbered(values: &ArrayRef) -> Result<Option<ScalarBuffer<i64>>> {
    Ok(match values.data_type() {
        DataType::Utf8View => None,
        DataType::Decimal128(..) => {
            let units = values.as_primitive::<Decimal128Type>().values();
            units.iter().map(|n| i64::try_from(*n).ok()).collect()
        }
        _ => Some(narrow(values)?.values().clone()),
    })
}
