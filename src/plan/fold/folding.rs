//! What is done with each batch of a pass's events: their rows are found, conditions and arguments worked out, and what
//! is known of the rows grows.

use super::super::operator::truth;
use super::keys::{Found, Keys};
use super::pass::{Condition, Pass, Selection, Source};
use super::stripes::{Closed, Stripes};
use super::table::Batch;
use super::values::Values;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array,
    new_null_array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int32Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use std::ops::Range;
use std::sync::Arc;

/// So many events are taken at once: what they touch stays near the processor.
const AT_ONCE: usize = 8192;

/// The cells of so many rows are read at a time.
const NEAR: usize = 512;

/// The interval of an event without a time.
const NEVER: u8 = u8::MAX;

/// What a part of a pass has found by calls.
pub(super) struct Calls(Vec<Box<dyn GroupsAccumulator>>);

/// What is known of the entity's rows after all of it.
#[derive(Debug)]
pub(super) struct Tallied {
    known: Closed,
    /// The calls' values.
    values: Vec<ArrayRef>,
}

impl Calls {
    /// Adds what another part of the pass has found.
    pub fn merge(&mut self, other: Calls, rows: usize) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let everyone: Vec<usize> = (0..rows).collect();
        for (mine, mut theirs) in self.0.iter_mut().zip(other.0) {
            mine.merge_batch(&theirs.state(EmitTo::All)?, &everyone, rows)?;
        }
        Ok(())
    }
}

impl Tallied {
    /// All events are in.
    pub fn new(known: Stripes, calls: Calls) -> Result<Tallied> {
        let values = calls.0.into_iter().map(|mut call| call.evaluate(EmitTo::All));
        Ok(Tallied { values: values.collect::<Result<Vec<_>>>()?, known: known.close() })
    }

    /// The aggregates' values of some rows.
    pub fn values(&self, pass: &Pass, rows: &[usize]) -> Result<Vec<ArrayRef>> {
        let mut made: Vec<Vec<ArrayRef>> = vec![Vec::new(); pass.sources.len()];
        // One value after the other is made of cells that stay near the processor for the while.
        for near in rows.chunks(NEAR) {
            for (made, source) in made.iter_mut().zip(&pass.sources) {
                if let Source::Slots(finish) = source {
                    made.push(self.known.values(finish, near)?);
                }
            }
        }
        let columns = pass.sources.iter().zip(made).map(|(source, made)| match source {
            Source::Slots(finish) if made.is_empty() => self.known.values(finish, rows),
            Source::Slots(_) => Ok(concat(&made.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
            Source::Call(at) => match self.values.get(*at) {
                // Of whom nothing was folded, nothing is known.
                Some(values) => {
                    let known = rows.iter().map(|row| (*row < values.len()).then_some(*row as u32));
                    Ok(take(values, &known.collect::<UInt32Array>(), None)?)
                }
                None => internal_err!("a call without values"),
            },
        });
        columns.collect()
    }
}

/// One thread's part of a pass.
pub(super) struct Folding {
    pass: Arc<Pass>,
    inputs: Arc<Vec<ArrayRef>>,
    rows: usize,
    known: Arc<Stripes>,
    /// Where the events of each stripe end among those of the batch at hand, which are in the order of their stripes.
    ends: Vec<usize>,
    /// The place and the row of each event of a stripe, while they are dealt out.
    dealt: Vec<Vec<(u32, u32)>>,
    /// Columns of which nothing is known, one for each type that was asked for.
    nothing: Vec<ArrayRef>,
    /// The row of each event at hand.
    found: Vec<u32>,
    /// The same within its stripe.
    within: Vec<u32>,
    /// The interval of its time.
    intervals: Vec<u8>,
    /// The outcome of each condition for each text of the dictionary at hand, then for a missing one.
    outcomes: Vec<Option<(ArrayRef, Vec<bool>)>>,
    /// The code of each text of the dictionary at hand, for each argument that is counted.
    codes: Vec<Option<(ArrayRef, Vec<u32>)>>,
    calls: Calls,
    /// What the calls keep of the engine's memory.
    memory: MemoryReservation,
}

impl Folding {
    /// Nothing is known of `rows` rows. `inputs`: the entity's columns that the events are tested against; `known`: where
    /// what all threads find comes together.
    pub fn new(
        pass: &Arc<Pass>,
        rows: usize,
        inputs: &Arc<Vec<ArrayRef>>,
        known: &Arc<Stripes>,
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
            known: Arc::clone(known),
            ends: Vec::new(),
            dealt: Vec::new(),
            nothing: Vec::new(),
            found: Vec::new(),
            within: Vec::new(),
            intervals: Vec::new(),
            outcomes: vec![None; pass.conditions.len()],
            codes: vec![None; pass.arguments.len()],
            calls: Calls(calls),
            memory: MemoryConsumer::new("FoldExec (calls)").register(context.memory_pool()),
        })
    }

    pub fn end(self) -> Calls {
        self.calls
    }

    pub fn add(&mut self, batch: &RecordBatch, keys: &Keys) -> Result<()> {
        let count = batch.num_rows();
        if count == 0 || self.rows == 0 {
            return Ok(());
        }
        // On events of nobody nothing is worked out; those of a stripe come one after the other.
        let mut found = self.find(&self.pass.key.evaluate(batch)?.into_array(count)?, keys)?;
        self.deal(&mut found);
        let Found { places, rows } = found;
        let some;
        let batch = if self.known.deal().stripes() > 1 || places.len() < count {
            some = self.only(batch, places.into())?;
            &some
        } else {
            batch
        };
        let mut start = 0;
        for rows in rows.chunks(AT_ONCE) {
            let deal = self.known.deal();
            self.found.clear();
            self.found.extend_from_slice(rows);
            self.within.clear();
            self.within.extend(rows.iter().map(|row| deal.within(*row as usize) as u32));
            let parts = self.parts(start, rows.len());
            self.take(&batch.slice(start, rows.len()), &parts)?;
            start += rows.len();
        }
        self.memory.try_resize(self.calls.0.iter().map(|call| call.size()).sum())
    }

    /// Puts events in the order of their stripes, and notes where those of each end.
    fn deal(&mut self, found: &mut Found) {
        let deal = self.known.deal();
        self.ends.clear();
        if deal.stripes() == 1 {
            self.ends.push(found.rows.len());
            return;
        }
        self.dealt.resize_with(deal.stripes(), Vec::new);
        for (place, row) in found.places.iter().zip(&found.rows) {
            if let Some(dealt) = self.dealt.get_mut(deal.stripe_of(*row as usize)) {
                dealt.push((*place, *row));
            }
        }
        found.places.clear();
        found.rows.clear();
        for dealt in &mut self.dealt {
            found.places.extend(dealt.iter().map(|(place, _)| place));
            found.rows.extend(dealt.iter().map(|(_, row)| row));
            self.ends.push(found.rows.len());
            dealt.clear();
        }
    }

    /// Some events of a batch. Columns that nothing reads hold nothing.
    fn only(&mut self, batch: &RecordBatch, places: UInt32Array) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (at, column) in batch.columns().iter().enumerate() {
            columns.push(match self.pass.reads.contains(&at) {
                true => take(column, &places, None)?,
                false => self.nothing(column.data_type(), places.len()),
            });
        }
        let fields = batch.schema_ref().fields().iter().map(|f| f.as_ref().clone().with_nullable(true));
        batch_of(&Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns, places.len())
    }

    /// A column of which nothing is known.
    fn nothing(&mut self, data_type: &DataType, count: usize) -> ArrayRef {
        let known = self.nothing.iter_mut().find(|known| known.data_type() == data_type);
        if let Some(known) = known {
            if known.len() < count {
                *known = new_null_array(data_type, count);
            }
            return known.slice(0, count);
        }
        let column = new_null_array(data_type, count);
        self.nothing.push(Arc::clone(&column));
        column
    }

    /// The stripes of so many events from `start`, and where theirs are among them.
    fn parts(&self, start: usize, count: usize) -> Vec<(usize, Range<usize>)> {
        let mut parts = Vec::new();
        let mut first = 0;
        for (stripe, end) in self.ends.iter().enumerate() {
            let within = |at: usize| at.clamp(start, start + count) - start;
            let places = within(first)..within(*end);
            first = *end;
            if !places.is_empty() {
                parts.push((stripe, places));
            }
        }
        parts
    }

    /// Takes events whose rows are found.
    fn take(&mut self, batch: &RecordBatch, parts: &[(usize, Range<usize>)]) -> Result<()> {
        let (pass, count) = (Arc::clone(&self.pass), batch.num_rows());
        let array =
            |expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch| expr.evaluate(batch)?.into_array(count);
        if let Some(time) = &pass.time {
            intervals(&array(time, batch)?, &pass.bounds, &mut self.intervals)?;
        }
        let interval = the_one(&self.intervals);
        let row = self.row(batch)?;
        let mut conditions = Vec::with_capacity(pass.conditions.len());
        for (at, condition) in pass.conditions.iter().enumerate() {
            conditions.push(self.outcome(at, condition, batch, &row)?);
        }
        let mut arguments = Vec::with_capacity(pass.arguments.len());
        for argument in &pass.arguments {
            arguments.push(match pass.own(argument).and_then(|at| batch.columns().get(at)) {
                // As it is stored.
                Some(column) => Arc::clone(column),
                None => array(argument, &row)?,
            });
        }
        let picked: Vec<Vec<u32>> =
            pass.selections.iter().map(|s| self.pick(s, &conditions, interval, count)).collect();
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
        let batch = Batch {
            rows: &self.within,
            intervals: &self.intervals,
            interval,
            picked: &picked,
            values: &values,
        };
        self.known.add(&batch, parts);
        if pass.calls.is_empty() {
            return Ok(());
        }
        let groups: Vec<usize> = self.found.iter().map(|row| *row as usize).collect();
        for (call, state) in pass.calls.iter().zip(&mut self.calls.0) {
            let args = call.arguments.iter().filter_map(|at| pass.arguments.get(*at).zip(arguments.get(*at)));
            let args = args.map(|(expr, array)| typed(array, &expr.data_type(&pass.row)?));
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

    /// Whose the events with some keys are.
    fn find(&self, keys: &ArrayRef, known: &Keys) -> Result<Found> {
        let mut found = Found::default();
        let Some(codes) = keys.as_dictionary_opt::<Int32Type>() else {
            known.find(&typed(keys, &DataType::Utf8View)?, &mut found)?;
            return Ok(found);
        };
        let mut each = Found::default();
        known.find(&typed(codes.values(), &DataType::Utf8View)?, &mut each)?;
        found.of_codes(codes.keys(), &each, codes.values().len());
        Ok(found)
    }

    /// The events' columns with those of the entity behind them; what is stored otherwise and not read row by row is
    /// left out.
    fn row(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let pass = Arc::clone(&self.pass);
        let mut columns = Vec::with_capacity(pass.row.fields().len());
        for ((at, column), field) in batch.columns().iter().enumerate().zip(pass.row.fields()) {
            let is_as_stored =
                matches!(column.data_type(), DataType::Dictionary(..) | DataType::Decimal64(..));
            columns.push(match is_as_stored && !pass.plainly.contains(&at) {
                true => self.nothing(field.data_type(), batch.num_rows()),
                false => typed(column, field.data_type())?,
            });
        }
        if !self.inputs.is_empty() {
            let rows = UInt32Array::from(self.found.clone());
            for input in self.inputs.iter() {
                columns.push(take(input, &rows, None)?);
            }
        }
        batch_of(&pass.row, columns, batch.num_rows())
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
            let each = concat(&[typed(texts, &DataType::Utf8View)?.as_ref(), none.as_ref()])?;
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
        let outcome_at = |place: usize| codes_of.get(place).is_some_and(|code| outcome(*code));
        Ok(match codes.keys().nulls().filter(|known| known.null_count() > 0) {
            None => BooleanBuffer::collect_bool(count, outcome_at),
            Some(known) => BooleanBuffer::collect_bool(count, |place| match known.is_valid(place) {
                true => outcome_at(place),
                false => missing,
            }),
        })
    }

    /// The places in the batch of the events that are taken. `interval`: the one that all are in, where it is one.
    fn pick(
        &self,
        selection: &Selection,
        conditions: &[BooleanBuffer],
        interval: Option<u8>,
        count: usize,
    ) -> Vec<u32> {
        let mut mask: Option<BooleanBuffer> = None;
        for condition in selection.conditions.iter().filter_map(|at| conditions.get(*at)) {
            mask = Some(match mask {
                Some(mask) => &mask & condition,
                None => condition.clone(),
            });
        }
        let all = 0..count as u32;
        let taken = |interval: u8| {
            let taken = |intervals: &Vec<bool>| {
                interval != NEVER && intervals.get(usize::from(interval)).copied().unwrap_or(false)
            };
            selection.intervals.as_ref().is_none_or(taken)
        };
        if selection.intervals.is_none() || interval.is_some_and(taken) {
            return match &mask {
                Some(mask) => mask.set_indices_u32().collect(),
                None => all.collect(),
            };
        }
        if interval.is_some() {
            return Vec::new();
        }
        let taken: [bool; 256] = std::array::from_fn(|interval| u8::try_from(interval).is_ok_and(taken));
        let in_time = |place: &u32| {
            let interval = self.intervals.get(*place as usize).copied().unwrap_or(NEVER);
            taken.get(usize::from(interval)).copied().unwrap_or(false)
        };
        match &mask {
            Some(mask) => mask.set_indices_u32().filter(in_time).collect(),
            None => all.filter(in_time).collect(),
        }
    }
}

/// The one interval that all are, where it is one.
fn the_one(intervals: &[u8]) -> Option<u8> {
    let first = *intervals.first()?;
    intervals.iter().all(|interval| *interval == first).then_some(first)
}

fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Texts and decimals in their types, whatever they are stored as.
fn typed(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Dictionary(..) | DataType::Utf8 | DataType::Decimal64(..) => cast(array, data_type)?,
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
