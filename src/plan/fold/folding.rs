//! What is done with each batch of a pass's events: their rows are found, conditions and arguments worked out, and what
//! is known of the rows grows.

use super::super::operator::{batch_of, typed};
use super::keys::{Found, Keys};
use super::near::Hand;
use super::pass::{Pass, Source};
use super::stripes::{Closed, Span, Stripes};
use super::table::Batch;
use super::taken::{Chooser, NEVER};
use super::values::Values;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_empty_array, new_null_array,
};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int32Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// What is worked out on so many events stays near the processor until it is added.
const BATCH: usize = 8192;

/// The cells of so many rows are read at a time.
const NEAR: usize = 512;

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
    pub fn values(&self, pass: &Pass, span: &Span) -> Result<Vec<ArrayRef>> {
        let mut made: Vec<Vec<ArrayRef>> = vec![Vec::new(); pass.sources.len()];
        // One value after the other is made of cells that stay near the processor for the while.
        for near in span.parts(NEAR) {
            for (made, source) in made.iter_mut().zip(&pass.sources) {
                if let Source::Slots(finish) = source {
                    made.push(self.known.values(finish, &near)?);
                }
            }
        }
        let columns = pass.sources.iter().zip(made).map(|(source, made)| match source {
            Source::Slots(_) => Ok(concat(&made.iter().map(AsRef::as_ref).collect::<Vec<_>>())?),
            Source::Call(at) => match self.values.get(*at) {
                // Of whom nothing was folded, nothing is known.
                Some(values) => {
                    let rows = span.rows.clone().map(|row| (row < values.len()).then_some(row as u32));
                    let rows = rows.chain(span.and_nobody.then_some(None));
                    Ok(take(values, &rows.collect::<UInt32Array>(), None)?)
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
    /// The places of the events of each stripe among those at hand.
    dealt: Vec<Vec<u32>>,
    /// Columns of which nothing is known, one for each type that was asked for.
    nothing: Vec<ArrayRef>,
    /// The row of each event at hand.
    found: Vec<u32>,
    /// The same within its stripe.
    within: Vec<u32>,
    /// The interval of its time.
    intervals: Vec<u8>,
    chooser: Chooser,
    hand: Hand,
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
            dealt: vec![Vec::new(); known.deal().stripes()],
            nothing: Vec::new(),
            found: Vec::new(),
            within: Vec::new(),
            intervals: Vec::new(),
            chooser: Chooser::new(&pass.choices),
            hand: known.hand(),
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
        let Found { places, rows } = self.find(&self.pass.key.evaluate(batch)?.into_array(count)?, keys)?;
        // On events of nobody nothing is worked out.
        let some;
        let batch = if places.len() < count {
            some = self.only(batch, places.into())?;
            &some
        } else {
            batch
        };
        let mut start = 0;
        for rows in rows.chunks(BATCH) {
            let deal = self.known.deal();
            self.found.clear();
            self.found.extend_from_slice(rows);
            self.within.clear();
            self.within.extend(rows.iter().map(|row| deal.within(*row as usize) as u32));
            self.take(&batch.slice(start, rows.len()))?;
            start += rows.len();
        }
        self.memory.try_resize(self.calls.0.iter().map(|call| call.size()).sum())
    }

    /// Deals out those of the events at hand that any selection takes.
    fn deal(&mut self) {
        let deal = self.known.deal();
        self.dealt.iter_mut().for_each(Vec::clear);
        let mut one = |place: u32| {
            let row = self.found.get(place as usize).map_or(0, |row| *row as usize);
            if let Some(dealt) = self.dealt.get_mut(deal.stripe_of(row)) {
                dealt.push(place);
            }
        };
        match self.chooser.places() {
            None => (0..self.found.len() as u32).for_each(one),
            Some(places) => places.iter().for_each(|place| one(*place)),
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

    /// Takes events whose rows are found.
    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let (pass, count) = (Arc::clone(&self.pass), batch.num_rows());
        let array =
            |expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch| expr.evaluate(batch)?.into_array(count);
        if let Some(time) = &pass.time {
            intervals(&array(time, batch)?, &pass.bounds, &mut self.intervals)?;
        }
        let interval = the_one(&self.intervals);
        let row = self.row(batch)?;
        self.chooser.choose(batch, &row, &self.intervals, interval)?;
        self.deal();
        if pass.calls.is_empty() && self.dealt.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let mut arguments = Vec::with_capacity(pass.arguments.len());
        for argument in &pass.arguments {
            arguments.push(match pass.own(argument).and_then(|at| batch.columns().get(at)) {
                // As it is stored.
                Some(column) => Arc::clone(column),
                None => array(argument, &row)?,
            });
        }
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
            taken: self.chooser.taken(),
            values: &values,
        };
        self.known.add(&batch, &self.dealt, &mut self.hand);
        if pass.calls.is_empty() {
            return Ok(());
        }
        let groups: Vec<usize> = self.found.iter().map(|row| *row as usize).collect();
        for (call, state) in pass.calls.iter().zip(&mut self.calls.0) {
            let args = call.arguments.iter().filter_map(|at| pass.arguments.get(*at).zip(arguments.get(*at)));
            let args = args.map(|(expr, array)| typed(array, &expr.data_type(&pass.row)?));
            let args = args.collect::<Result<Vec<ArrayRef>>>()?;
            let taken = BooleanArray::new(self.chooser.taken_by(call.selection), None);
            state.update_batch(&args, &groups, Some(&taken), self.rows)?;
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
}

/// The one interval that all are, where it is one.
fn the_one(intervals: &[u8]) -> Option<u8> {
    let first = *intervals.first()?;
    intervals.iter().all(|interval| *interval == first).then_some(first)
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
