//! What is done with each batch of a pass's events: their rows are found, conditions and arguments worked out, and what
//! is known of the rows grows.

use super::super::operator::truth;
use super::keys::{Keys, NOBODY};
use super::pass::{Condition, Pass, Selection, Source};
use super::table::{Batch, Table};
use super::values::Values;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array,
    new_null_array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{cast, concat, take, take_record_batch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int32Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use std::sync::Arc;

/// So many events are taken at once: what they touch stays near the processor.
const AT_ONCE: usize = 8192;

/// The interval of an event without a time.
const NEVER: u8 = u8::MAX;

/// What is known of the entity's rows after a part of a pass.
pub(super) struct Tallies {
    table: Table,
    calls: Vec<Box<dyn GroupsAccumulator>>,
}

/// What is known of them after all of it.
#[derive(Debug)]
pub(super) struct Tallied {
    table: Table,
    /// The calls' values.
    values: Vec<ArrayRef>,
}

impl Tallies {
    /// Adds what another part of the pass has found.
    pub fn merge(&mut self, other: Tallies, rows: usize) -> Result<()> {
        self.table.merge(other.table);
        let everyone: Vec<usize> = (0..rows).collect();
        for (mine, mut theirs) in self.calls.iter_mut().zip(other.calls) {
            mine.merge_batch(&theirs.state(EmitTo::All)?, &everyone, rows)?;
        }
        Ok(())
    }

    /// All events are in.
    pub fn close(self) -> Result<Tallied> {
        let values = self.calls.into_iter().map(|mut call| call.evaluate(EmitTo::All));
        Ok(Tallied { values: values.collect::<Result<Vec<_>>>()?, table: self.table })
    }
}

impl Tallied {
    /// The aggregates' values of some rows.
    pub fn values(&self, pass: &Pass, rows: &[usize]) -> Result<Vec<ArrayRef>> {
        pass.sources
            .iter()
            .map(|source| match source {
                Source::Slots(finish) => self.table.finish(finish, rows),
                Source::Call(at) => match self.values.get(*at) {
                    // Of whom nothing was folded, nothing is known.
                    Some(values) => {
                        let known = rows.iter().map(|row| (*row < values.len()).then_some(*row as u32));
                        Ok(take(values, &known.collect::<UInt32Array>(), None)?)
                    }
                    None => internal_err!("a call without values"),
                },
            })
            .collect()
    }
}

/// One thread's part of a pass.
pub(super) struct Folding {
    pass: Arc<Pass>,
    inputs: Arc<Vec<ArrayRef>>,
    rows: usize,
    /// The row of each event of the batch at hand.
    found: Vec<u32>,
    /// The interval of its time.
    intervals: Vec<u8>,
    /// The outcome of each condition for each text of the dictionary at hand, then for a missing one.
    outcomes: Vec<Option<(ArrayRef, Vec<bool>)>>,
    /// The code of each text of the dictionary at hand, for each argument that is counted.
    codes: Vec<Option<(ArrayRef, Vec<u32>)>>,
    tallies: Tallies,
    /// What the calls keep of the engine's memory.
    memory: MemoryReservation,
}

impl Folding {
    /// Nothing is known of `rows` rows. `inputs`: the entity's columns that the events are tested against.
    pub fn new(
        pass: &Arc<Pass>,
        rows: usize,
        inputs: &Arc<Vec<ArrayRef>>,
        context: &TaskContext,
    ) -> Result<Folding> {
        let mut calls = Vec::new();
        for call in &pass.calls {
            let mut state = call.function.create_groups_accumulator()?;
            let none = call.function.expressions();
            let none = none.iter().map(|e| Ok(new_empty_array(&e.data_type(&pass.row)?)));
            let none = none.collect::<Result<Vec<_>>>()?;
            // Without a filter, DataFusion's own functions take every row for one that has a value.
            state.update_batch(&none, &[], Some(&BooleanArray::new_null(0)), rows)?;
            calls.push(state);
        }
        Ok(Folding {
            pass: Arc::clone(pass),
            inputs: Arc::clone(inputs),
            rows,
            found: Vec::new(),
            intervals: Vec::new(),
            outcomes: vec![None; pass.conditions.len()],
            codes: vec![None; pass.arguments.len()],
            tallies: Tallies { table: Table::new(&pass.slots, rows)?, calls },
            memory: MemoryConsumer::new("FoldExec (calls)").register(context.memory_pool()),
        })
    }

    pub fn end(self) -> Tallies {
        self.tallies
    }

    pub fn add(&mut self, batch: &RecordBatch, keys: &Keys) -> Result<()> {
        let count = batch.num_rows();
        if count == 0 || self.rows == 0 {
            return Ok(());
        }
        let mut rows = Vec::new();
        self.find(&self.pass.key.evaluate(batch)?.into_array(count)?, keys, &mut rows)?;
        let mut places: Vec<u32> = Vec::with_capacity(count);
        places.extend((0u32..).zip(&rows).filter(|(_, row)| **row != NOBODY).map(|(place, _)| place));
        // Where most events are nobody's, nothing is worked out on them.
        let some;
        let batch = if places.len() < count / 4 * 3 {
            rows = places.iter().filter_map(|place| rows.get(*place as usize).copied()).collect();
            some = take_record_batch(batch, &UInt32Array::from(places))?;
            &some
        } else {
            batch
        };
        let mut start = 0;
        for rows in rows.chunks(AT_ONCE) {
            self.found.clear();
            self.found.extend_from_slice(rows);
            self.take(&batch.slice(start, rows.len()))?;
            start += rows.len();
        }
        self.memory.try_resize(self.tallies.calls.iter().map(|call| call.size()).sum())
    }

    /// Takes events whose rows are found.
    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let (pass, count) = (Arc::clone(&self.pass), batch.num_rows());
        let array =
            |expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch| expr.evaluate(batch)?.into_array(count);
        if let Some(time) = &pass.time {
            intervals(&array(time, batch)?, &pass.bounds, &mut self.intervals)?;
        }
        let row = self.row(batch)?;
        let mut conditions = Vec::with_capacity(pass.conditions.len());
        for (at, condition) in pass.conditions.iter().enumerate() {
            conditions.push(self.outcome(at, condition, batch, &row)?);
        }
        let mut arguments = Vec::with_capacity(pass.arguments.len());
        for (at, argument) in pass.arguments.iter().enumerate() {
            arguments.push(match (pass.texts.get(at), argument.downcast_ref::<Column>()) {
                (Some(Some(_)), Some(column)) => Arc::clone(batch.column(column.index())),
                _ => array(argument, &row)?,
            });
        }
        let picked: Vec<Vec<u32>> =
            pass.selections.iter().map(|s| self.pick(s, &conditions, count)).collect();
        let mut values: Vec<Option<Values>> = Vec::new();
        for (at, argument) in arguments.iter().enumerate() {
            values.push(match pass.texts.get(at) {
                Some(Some(texts)) => {
                    let known = self.codes.get_mut(at);
                    Some(texts.values(argument, known.ok_or_else(|| internal_datafusion_err!("no codes"))?)?)
                }
                _ if pass.slots.reads(at) => Some(Values::new(argument)?),
                _ => None,
            });
        }
        let batch = Batch { rows: &self.found, intervals: &self.intervals, picked: &picked, values: &values };
        self.tallies.table.add(&batch);
        if pass.calls.is_empty() {
            return Ok(());
        }
        let groups: Vec<usize> =
            self.found.iter().map(|row| if *row == NOBODY { 0 } else { *row as usize }).collect();
        for (call, state) in pass.calls.iter().zip(&mut self.tallies.calls) {
            let args = call.arguments.iter().filter_map(|at| arguments.get(*at)).map(unpacked);
            let args = args.collect::<Result<Vec<ArrayRef>>>()?;
            let mut taken = vec![false; count];
            for place in picked.get(call.selection).into_iter().flatten() {
                if let Some(taken) = taken.get_mut(*place as usize) {
                    *taken = true;
                }
            }
            state.update_batch(&args, &groups, Some(&BooleanArray::from(taken)), self.rows)?;
        }
        Ok(())
    }

    /// The rows of the events' keys.
    fn find(&self, keys: &ArrayRef, known: &Keys, rows: &mut Vec<u32>) -> Result<()> {
        let Some(codes) = keys.as_dictionary_opt::<Int32Type>() else {
            return known.find(&unpacked(keys)?, rows);
        };
        let mut each = Vec::new();
        known.find(&unpacked(codes.values())?, &mut each)?;
        let row = |code: Option<i32>| each.get(usize::try_from(code?).ok()?).copied();
        rows.extend(codes.keys().iter().map(|code| row(code).unwrap_or(NOBODY)));
        Ok(())
    }

    /// The events' columns with those of the entity behind them.
    fn row(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.pass.row.fields().len());
        for (at, column) in batch.columns().iter().enumerate() {
            columns.push(match column.data_type() {
                DataType::Dictionary(..) if !self.pass.plainly.contains(&at) => {
                    new_null_array(&DataType::Utf8View, batch.num_rows())
                }
                _ => unpacked(column)?,
            });
        }
        if !self.inputs.is_empty() {
            let rows = UInt32Array::from_iter(self.found.iter().map(|r| (*r != NOBODY).then_some(*r)));
            for input in self.inputs.iter() {
                columns.push(take(input, &rows, None)?);
            }
        }
        batch_of(&self.pass.row, columns, batch.num_rows())
    }

    /// For which events a condition is true.
    fn outcome(
        &mut self,
        at: usize,
        condition: &Condition,
        batch: &RecordBatch,
        row: &RecordBatch,
    ) -> Result<BooleanBuffer> {
        let count = batch.num_rows();
        let about = condition.about.and_then(|about| Some((about, batch.columns().get(about)?)));
        let Some((about, codes)) =
            about.and_then(|(at, column)| Some((at, column.as_dictionary_opt::<Int32Type>()?)))
        else {
            return truth(&condition.expr.evaluate(row)?.into_array(count)?);
        };
        let known = self.outcomes.get_mut(at).ok_or_else(|| internal_datafusion_err!("no outcomes"))?;
        let texts = codes.values();
        if !known.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, texts)) {
            let none = new_null_array(&DataType::Utf8View, 1);
            let each = concat(&[unpacked(texts)?.as_ref(), none.as_ref()])?;
            let fields = self.pass.row.fields().iter().enumerate();
            let columns = fields.map(|(at, field)| match at == about {
                true => Arc::clone(&each),
                false => new_null_array(field.data_type(), each.len()),
            });
            let rows = batch_of(&self.pass.row, columns.collect(), each.len())?;
            let outcomes = truth(&condition.expr.evaluate(&rows)?.into_array(each.len())?)?;
            *known = Some((Arc::clone(texts), outcomes.iter().collect()));
        }
        let Some((_, outcomes)) = known else { return internal_err!("a condition without outcomes") };
        let missing = outcomes.last().copied().unwrap_or(false);
        let outcome = |code: i32| {
            usize::try_from(code).ok().and_then(|code| outcomes.get(code)).copied().unwrap_or(false)
        };
        let codes_of = codes.keys().values();
        Ok(match codes.keys().nulls().filter(|known| known.null_count() > 0) {
            None => codes_of.iter().map(|code| outcome(*code)).collect(),
            Some(known) => codes_of
                .iter()
                .zip(known)
                .map(|(code, known)| if known { outcome(*code) } else { missing })
                .collect(),
        })
    }

    /// The places in the batch of the events that are taken and are somebody's.
    fn pick(&self, selection: &Selection, conditions: &[BooleanBuffer], count: usize) -> Vec<u32> {
        let mut mask: Option<BooleanBuffer> = None;
        for condition in selection.conditions.iter().filter_map(|at| conditions.get(*at)) {
            mask = Some(match mask {
                Some(mask) => &mask & condition,
                None => condition.clone(),
            });
        }
        let somebody = |place: usize| self.found.get(place).is_some_and(|row| *row != NOBODY);
        let mut picked = Vec::with_capacity(mask.as_ref().map_or(count, BooleanBuffer::count_set_bits));
        let mut each = |place: usize, taken: bool| {
            if taken && somebody(place) {
                picked.push(place as u32);
            }
        };
        let taken: Option<[bool; 256]> = selection.intervals.as_ref().map(|intervals| {
            std::array::from_fn(|i| intervals.get(i).copied().unwrap_or(false) && i != usize::from(NEVER))
        });
        let in_time = |taken: &[bool; 256], place: usize| {
            let interval = self.intervals.get(place).copied().unwrap_or(NEVER);
            taken.get(usize::from(interval)).copied().unwrap_or(false)
        };
        match (&mask, &taken) {
            (Some(mask), Some(taken)) => mask.set_indices().for_each(|i| each(i, in_time(taken, i))),
            (Some(mask), None) => mask.set_indices().for_each(|i| each(i, true)),
            (None, Some(taken)) => (0..count).for_each(|i| each(i, in_time(taken, i))),
            (None, None) => (0..count).for_each(|i| each(i, true)),
        }
        picked
    }
}

fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Texts as texts, whatever they are stored as.
fn unpacked(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Dictionary(..) | DataType::Utf8 => cast(array, &DataType::Utf8View)?,
        _ => Arc::clone(array),
    })
}

/// The number of bounds that are not after each time.
fn intervals(times: &ArrayRef, bounds: &[i64], intervals: &mut Vec<u8>) -> Result<()> {
    fn count(times: impl Iterator<Item = i64>, bounds: &[i64], intervals: &mut Vec<u8>) {
        // Bound by bound, since that is done for many times at once.
        let times: Vec<i64> = times.collect();
        intervals.clear();
        intervals.resize(times.len(), 0);
        for bound in bounds {
            for (interval, t) in intervals.iter_mut().zip(&times) {
                *interval += u8::from(bound <= t);
            }
        }
    }
    match times.data_type() {
        DataType::Date32 => count(
            times.as_primitive::<Date32Type>().values().iter().map(|t| i64::from(*t)),
            bounds,
            intervals,
        ),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = times.as_primitive::<TimestampMicrosecondType>();
            count(times.values().iter().copied(), bounds, intervals);
        }
        other => return internal_err!("times of the type {other}"),
    }
    if let Some(known) = times.nulls() {
        for (interval, known) in intervals.iter_mut().zip(known) {
            if !known {
                *interval = NEVER;
            }
        }
    }
    Ok(())
}
