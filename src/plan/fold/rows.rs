//! The entity's rows, numbered, and who of them is folded.

use super::super::operator::truth;
use super::keys::Keys;
use super::pass::Pass;
use super::ranks::Ranks;
use super::stripes::Span;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, UInt32Array, new_empty_array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{concat, filter};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::physical_expr::PhysicalExpr;
use std::ops::Range;
use std::sync::Arc;

/// Leaving out no more than one row of so many costs more, event by event, than it saves.
const FEW: usize = 16;

/// Whose events are folded.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The entity's column with its key.
    pub key: usize,
    /// A condition on its row; none where everybody counts.
    pub candidates: Option<Arc<dyn PhysicalExpr>>,
}

/// A batch of the entity's rows as it comes.
#[derive(Debug)]
pub(super) struct Arrived {
    batch: RecordBatch,
    /// For whom the condition is true; none where there is no condition.
    chosen: Option<BooleanBuffer>,
    /// Their keys: taken while the batch is near the processor.
    keys: ArrayRef,
}

/// The entity's rows, numbered.
#[derive(Debug)]
pub(super) struct Rows {
    /// Each batch with the number of its first row.
    pub batches: Vec<(usize, RecordBatch)>,
    /// Who of them is folded.
    pub chosen: Chosen,
    pub keys: Arc<Keys>,
    count: usize,
}

/// Some of the entity's rows, numbered anew without gaps.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// None where all are.
    chosen: Option<Arc<Ranks>>,
    count: usize,
}

impl Arrived {
    pub fn new(batch: RecordBatch, who: &Who) -> Result<Arrived> {
        let keys = batch.columns().get(who.key);
        let keys = keys.ok_or_else(|| internal_datafusion_err!("an entity without its key"))?;
        let Some(candidates) = &who.candidates else {
            return Ok(Arrived { keys: Arc::clone(keys), chosen: None, batch });
        };
        let chosen = truth(&candidates.evaluate(&batch)?.into_array(batch.num_rows())?)?;
        let keys = filter(keys, &BooleanArray::new(chosen.clone(), None))?;
        Ok(Arrived { keys, chosen: Some(chosen), batch })
    }
}

impl Rows {
    pub fn new(mut arrived: Vec<Arrived>, who: &Who) -> Result<Rows> {
        // Threads take what is next of a file, so that batches come in any order. In that of their keys, a file that has
        // one keeps it, and keys are found from few bytes.
        arrived.sort_by_key(|arrived| {
            let keys = arrived.batch.columns().get(who.key)?.as_primitive_opt::<Int64Type>()?;
            keys.values().first().copied()
        });
        let chosen = Chosen::of(&arrived);
        let mut count = 0;
        let keys = arrived.iter().filter_map(|arrived| chosen.keys(arrived, who)).collect();
        let number = |Arrived { batch, .. }| {
            let start = count;
            count += RecordBatch::num_rows(&batch);
            (start, batch)
        };
        let batches: Vec<(usize, RecordBatch)> = arrived.into_iter().map(number).collect();
        Ok(Rows { keys: Arc::new(Keys::new(keys, count)?), batches, chosen, count })
    }

    /// Bytes that finding rows by their keys takes: keys of those who are chosen are a copy.
    pub fn bytes_of_keys(&self) -> usize {
        let copied = match &self.chosen.chosen {
            Some(chosen) => chosen.size() + self.chosen.count * size_of::<u128>(),
            None => 0,
        };
        self.keys.size() + copied
    }

    /// The whole columns of the entity that the events of a pass are tested against.
    pub fn inputs(&self, pass: &Pass, schema: &SchemaRef) -> Result<Arc<Vec<ArrayRef>>> {
        if pass.inputs().is_empty() {
            return Ok(Arc::default());
        }
        let chosen = self.chosen.mask(self.count);
        let whole = |at: &usize| {
            let parts: Vec<&dyn Array> =
                self.batches.iter().filter_map(|(_, b)| b.columns().get(*at)).map(|c| c.as_ref()).collect();
            if parts.is_empty() {
                let data_type = schema.fields().get(*at).map_or(&DataType::Null, |f| f.data_type());
                return Ok(new_empty_array(data_type));
            }
            let whole = concat(&parts)?;
            Ok(match &chosen {
                Some(chosen) => filter(&whole, chosen)?,
                None => whole,
            })
        };
        Ok(Arc::new(pass.inputs().iter().map(whole).collect::<Result<_>>()?))
    }
}

impl Chosen {
    /// Those for whom the condition is true; all where it leaves out few.
    pub fn of(arrived: &[Arrived]) -> Chosen {
        let count: usize = arrived.iter().map(|arrived| arrived.batch.num_rows()).sum();
        let some: usize = arrived.iter().map(|arrived| arrived.keys.len()).sum();
        if some >= count - count / FEW {
            return Chosen { chosen: None, count };
        }
        let mut chosen = BooleanBufferBuilder::new(count);
        for arrived in arrived {
            match &arrived.chosen {
                Some(these) => chosen.append_buffer(these),
                None => chosen.append_n(arrived.batch.num_rows(), true),
            }
        }
        let words = chosen.finish().bit_chunks().iter_padded().collect();
        Chosen { chosen: Some(Arc::new(Ranks::new(words))), count: some }
    }

    /// The keys of those of a batch who are chosen.
    pub fn keys(&self, arrived: &Arrived, who: &Who) -> Option<ArrayRef> {
        match &self.chosen {
            None => arrived.batch.columns().get(who.key).cloned(),
            Some(_) => Some(Arc::clone(&arrived.keys)),
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Which rows are chosen; none where all are.
    fn mask(&self, count: usize) -> Option<BooleanArray> {
        let chosen = self.chosen.as_ref()?;
        Some(BooleanArray::new(BooleanBuffer::collect_bool(count, |row| chosen.has(row)), None))
    }

    /// The numbers of those of a range of rows who are chosen; and where not all are, which of these each row's own is: that
    /// of nobody, behind the others, where it is not chosen.
    pub fn numbers(&self, rows: Range<usize>) -> (Span, Option<UInt32Array>) {
        let Some(chosen) = &self.chosen else { return (Span { rows, and_nobody: false }, None) };
        let before = |row| chosen.place(row).1 as usize;
        let some = before(rows.start)..before(rows.end);
        let nobody = some.len() as u32;
        let mut next = 0;
        let own = rows.map(|row| {
            let has = chosen.has(row);
            let own = if has { next } else { nobody };
            next += u32::from(has);
            own
        });
        let own = own.collect::<Vec<_>>().into();
        (Span { rows: some, and_nobody: true }, Some(own))
    }
}
