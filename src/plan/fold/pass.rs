//! One pass over a source of events: what is worked out on each of its rows, and what becomes of it.
//!
//! Equal conditions, arguments and selections of events are worked out once for each batch, however many aggregates
//! share them. Windows over one thing become disjoint *bands*: an event is added to the one band that it lies in, and
//! a window's value is put together from its bands at the end.

use super::keys::{Keys, NOBODY};
use super::node::{self, Item};
use super::slots::{Bands, Batch, Finish, Op, Slot, Slots, Table};
use super::values::{Texts, Values};
use crate::functions::AggregateFn;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{cast, concat, take, take_record_batch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, Int32Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, internal_datafusion_err, internal_err};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::prelude::Expr;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// So many events are taken at once: what they touch stays near the processor.
const AT_ONCE: usize = 8192;

/// A sum of so many of the largest numbers should fit its cell.
const SUMMED: i64 = 64;

/// The interval of an event without a time.
const NEVER: u8 = u8::MAX;

/// Which events an aggregate takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Selection {
    /// Places of the conditions that must be true.
    conditions: Vec<usize>,
    /// For each interval, whether it is taken; none where the time does not matter.
    intervals: Option<Vec<bool>>,
}

/// An aggregate that keeps state of its own kind.
#[derive(Debug)]
struct Call {
    function: Arc<AggregateFunctionExpr>,
    arguments: Vec<usize>,
    selection: usize,
}

#[derive(Debug)]
struct Condition {
    expr: Arc<dyn PhysicalExpr>,
    /// The one column that it is about, where it is one of texts.
    about: Option<usize>,
}

/// Where an item's values come from.
#[derive(Debug)]
enum Source {
    Slots(Finish),
    Call(usize),
}

#[derive(Debug)]
pub(super) struct Pass {
    label: String,
    key: Arc<dyn PhysicalExpr>,
    time: Option<Arc<dyn PhysicalExpr>>,
    /// The entity's columns that stand behind the events' own in `row`.
    inputs: Vec<usize>,
    row: SchemaRef,
    conditions: Vec<Condition>,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// Columns that are read row by row; others may stay codes.
    plainly: BTreeSet<usize>,
    /// The texts of arguments whose different values are counted.
    texts: Vec<Option<Arc<Texts>>>,
    /// The column of the times, where they are only compared with `bounds`.
    times: Option<usize>,
    /// The ends of the intervals that the windows cut time into.
    bounds: Vec<i64>,
    selections: Vec<Selection>,
    slots: Slots,
    calls: Vec<Call>,
    sources: Vec<Source>,
}

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

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({} values: {} bytes a row, {} others; {} conditions)",
            self.label,
            self.sources.len(),
            self.slots.stride(),
            self.calls.len(),
            self.conditions.len()
        )
    }
}

/// Makes physical expressions of a row's logical ones.
pub(super) type Lower<'a> = &'a dyn Fn(&Expr, &DFSchema) -> Result<Arc<dyn PhysicalExpr>>;

impl Pass {
    ///
    /// `ranges`: of each column of the events, between which numbers its values lie, where that is known.
    pub fn new(
        pass: &node::Pass,
        entity: &LogicalPlan,
        ranges: &[Option<(i64, i64)>],
        lower: Lower<'_>,
    ) -> Result<Pass> {
        let own = pass.events.schema();
        let both = own.join(entity.schema())?;
        let width = own.fields().len();
        let mut exprs = Exprs::default();
        let mut bounds: BTreeSet<i64> = BTreeSet::new();
        if pass.time.is_some() {
            for window in pass.items.iter().filter_map(|i| i.window) {
                bounds.extend(window.start);
                bounds.insert(window.end);
            }
        }
        let bounds: Vec<i64> = bounds.into_iter().collect();
        if bounds.len() > super::MOST_BOUNDS {
            return internal_err!("{} bounds of windows in one pass", bounds.len());
        }
        let mut selections: Vec<Selection> = Vec::new();
        let mut slots = Slots::default();
        let mut calls = Vec::new();
        let mut sources = Vec::new();
        // Slots of the same kind are known before their bands are: all windows of one make its bands.
        let mut wanted: Vec<Wanted> = Vec::new();
        for item in &pass.items {
            wanted.push(Wanted::new(item, &bounds, &both, &mut exprs)?);
        }
        let range = |argument: Option<usize>| -> Option<(i64, i64)> {
            let column = exprs.arguments.get(argument?)?.try_as_col()?;
            ranges.get(own.maybe_index_of_column(column)?).copied().flatten()
        };
        for (item, want) in pass.items.iter().zip(&wanted) {
            let source = match &want.ops {
                Some(ops) => {
                    let mut places = Vec::new();
                    for op in ops {
                        let covered: Vec<&Option<Range<usize>>> = wanted
                            .iter()
                            .filter(|w| w.ops.iter().flatten().any(|other| other == op))
                            .map(|w| &w.intervals)
                            .collect();
                        let bands = Bands::new(&covered, bounds.len() + 1);
                        let selection = place_of(
                            &mut selections,
                            Selection {
                                conditions: op.conditions.clone(),
                                intervals: bands.as_ref().map(Bands::taken),
                            },
                        );
                        let narrow = range(op.argument).is_some_and(|(low, high)| {
                            let limit =
                                if op.op == Op::Sum { i64::from(i32::MAX) / SUMMED } else { i32::MAX.into() };
                            low > -limit && high < limit
                        });
                        let slot = Slot { op: op.op, argument: op.argument, selection, bands, narrow };
                        places.push(slots.place(slot, &want.intervals)?);
                    }
                    Source::Slots(Finish::new(item.function, places, want.data_type.clone())?)
                }
                None => {
                    let selection = place_of(
                        &mut selections,
                        Selection {
                            conditions: want.conditions.clone(),
                            intervals: want
                                .intervals
                                .as_ref()
                                .map(|r| (0..=bounds.len()).map(|i| r.contains(&i)).collect()),
                        },
                    );
                    calls.push((item.function(), want.call.clone(), selection, item.name.clone()));
                    Source::Call(calls.len() - 1)
                }
            };
            sources.push(source);
        }
        slots.settle();

        // The entity's columns that anything reads.
        let lowered = |exprs: &[Expr]| exprs.iter().map(|e| lower(e, &both)).collect::<Result<Vec<_>>>();
        let (conditions, arguments) = (lowered(&exprs.conditions)?, lowered(&exprs.arguments)?);
        let read: BTreeSet<usize> =
            conditions.iter().chain(&arguments).flat_map(collect_columns).map(|c| c.index()).collect();
        let inputs: Vec<usize> = read.into_iter().filter_map(|at| at.checked_sub(width)).collect();
        let fields: Vec<Arc<Field>> = own
            .fields()
            .iter()
            .cloned()
            .chain(inputs.iter().filter_map(|at| entity.schema().fields().get(*at).cloned()))
            // What is said of missing values is not relied on.
            .map(|f| Arc::new(f.as_ref().clone().with_nullable(true)))
            .collect();
        let row = Arc::new(Schema::new(fields));
        let moved = |expr: Arc<dyn PhysicalExpr>| -> Result<Arc<dyn PhysicalExpr>> {
            let moved = expr.transform_up(|e| {
                let Some(column) = e.downcast_ref::<Column>() else { return Ok(Transformed::no(e)) };
                let at = match column.index().checked_sub(width) {
                    None => column.index(),
                    Some(of_entity) => {
                        width + inputs.iter().position(|i| *i == of_entity).unwrap_or(usize::MAX - width)
                    }
                };
                let name = row.fields().get(at).map_or("", |f| f.name());
                Ok(Transformed::yes(Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>))
            });
            Ok(moved?.data)
        };
        let all =
            |exprs: Vec<Arc<dyn PhysicalExpr>>| exprs.into_iter().map(moved).collect::<Result<Vec<_>>>();
        let (conditions, arguments) = (all(conditions)?, all(arguments)?);
        let calls = calls
            .into_iter()
            .map(|(function, call, selection, name)| {
                let function = function.ok_or_else(|| internal_datafusion_err!("a call of no function"))?;
                let args = call.iter().filter_map(|at| arguments.get(*at).cloned()).collect();
                let built =
                    AggregateExprBuilder::new(function, args).schema(Arc::clone(&row)).alias(name).build()?;
                Ok(Call { function: Arc::new(built), arguments: call, selection })
            })
            .collect::<Result<Vec<_>>>()?;
        let about = |expr: &Arc<dyn PhysicalExpr>| {
            let mut columns = collect_columns(expr).into_iter();
            let (Some(column), None) = (columns.next(), columns.next()) else { return None };
            let field = own.fields().get(column.index())?;
            (*field.data_type() == DataType::Utf8View).then_some(column.index())
        };
        let conditions: Vec<Condition> =
            conditions.into_iter().map(|expr| Condition { about: about(&expr), expr }).collect();
        let mut texts: Vec<Option<Arc<Texts>>> = vec![None; arguments.len()];
        for argument in slots.counted() {
            if let Some(texts) = texts.get_mut(argument) {
                *texts = Some(Arc::default());
            }
        }
        let coded = |(at, expr): (usize, &Arc<dyn PhysicalExpr>)| {
            let counted = texts.get(at).is_some_and(Option::is_some);
            let called = calls.iter().any(|c: &Call| c.arguments.contains(&at));
            (counted && !called).then(|| expr.downcast_ref::<Column>()).flatten().is_none()
        };
        let plainly = conditions
            .iter()
            .filter(|c| c.about.is_none())
            .map(|c| &c.expr)
            .chain(arguments.iter().enumerate().filter(|a| coded(*a)).map(|(_, e)| e))
            .flat_map(collect_columns)
            .map(|c| c.index())
            .collect();
        let time = pass.time.as_ref().map(|t| lower(t, own)).transpose()?;
        let times = time.as_ref().and_then(|t| Some(t.downcast_ref::<Column>()?.index())).filter(|at| {
            let exprs = conditions.iter().map(|c| &c.expr).chain(&arguments);
            !exprs.flat_map(collect_columns).any(|c| c.index() == *at)
        });
        Ok(Pass {
            label: pass.key.to_string(),
            key: lower(&pass.key, own)?,
            time,
            inputs,
            row,
            conditions,
            arguments,
            plainly,
            texts,
            times,
            bounds,
            selections,
            slots,
            calls,
            sources,
        })
    }

    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        let conditions = self.conditions.iter().map(|c| &c.expr);
        std::iter::once(&self.key).chain(&self.time).chain(conditions).chain(&self.arguments)
    }

    /// The column of the times and what they are compared with, where nothing else is done with them.
    pub fn times(&self) -> Option<(usize, &[i64])> {
        Some((self.times?, &self.bounds))
    }

    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// Nothing is known of `rows` rows.
    pub fn begin(self: &Arc<Self>, rows: usize, inputs: &Arc<Vec<ArrayRef>>) -> Result<Folding> {
        let mut calls = Vec::new();
        for call in &self.calls {
            let mut state = call.function.create_groups_accumulator()?;
            let none = call.function.expressions();
            let none = none
                .iter()
                .map(|e| Ok(datafusion::arrow::array::new_empty_array(&e.data_type(&self.row)?)))
                .collect::<Result<Vec<_>>>()?;
            // Without a filter, DataFusion's own functions take every row for one that has a value.
            state.update_batch(&none, &[], Some(&BooleanArray::new_null(0)), rows)?;
            calls.push(state);
        }
        Ok(Folding {
            pass: Arc::clone(self),
            inputs: Arc::clone(inputs),
            rows,
            found: Vec::new(),
            intervals: Vec::new(),
            outcomes: vec![None; self.conditions.len()],
            codes: vec![None; self.arguments.len()],
            tallies: Tallies { table: self.slots.table(rows)?, calls },
        })
    }

    /// The aggregates' values of some rows.
    pub fn finish(&self, tallies: &Tallied, rows: &[usize]) -> Result<Vec<ArrayRef>> {
        let places = UInt32Array::from_iter_values(rows.iter().map(|row| *row as u32));
        self.sources
            .iter()
            .map(|source| match source {
                Source::Slots(finish) => self.slots.finish(finish, &tallies.table, rows),
                Source::Call(at) => match tallies.values.get(*at) {
                    // Of whom nothing was folded, nothing is known.
                    Some(values) => {
                        let known = UInt32Array::from_iter(
                            places.values().iter().map(|p| ((*p as usize) < values.len()).then_some(*p)),
                        );
                        Ok(take(values, &known, None)?)
                    }
                    None => internal_err!("a call without values"),
                },
            })
            .collect()
    }
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
}

impl Folding {
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
        Ok(())
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
        self.tallies.table.add(
            &pass.slots,
            &Batch { rows: &self.found, intervals: &self.intervals, picked: &picked, values: &values },
        );
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

/// Where it is true: not false, not unknown.
fn truth(outcome: &ArrayRef) -> Result<BooleanBuffer> {
    let Some(outcome) = outcome.as_boolean_opt() else {
        return internal_err!("a condition of the type {}", outcome.data_type());
    };
    Ok(match outcome.nulls() {
        Some(known) => outcome.values() & known.inner(),
        None => outcome.values().clone(),
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

fn place_of<T: PartialEq>(known: &mut Vec<T>, one: T) -> usize {
    known.iter().position(|k| *k == one).unwrap_or_else(|| {
        known.push(one);
        known.len() - 1
    })
}

/// The different expressions of a pass.
#[derive(Default)]
struct Exprs {
    conditions: Vec<Expr>,
    arguments: Vec<Expr>,
}

impl Exprs {
    /// The places of the parts of conditions that must all be true.
    fn conditions<'a>(&mut self, exprs: impl Iterator<Item = &'a Expr>) -> Vec<usize> {
        let parts = exprs.flat_map(split_conjunction);
        let mut places: Vec<usize> = parts.map(|e| place_of(&mut self.conditions, e.clone())).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// A slot as an item asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Ask {
    op: Op,
    argument: Option<usize>,
    conditions: Vec<usize>,
}

/// What an item needs.
struct Wanted {
    /// None: a call.
    ops: Option<Vec<Ask>>,
    conditions: Vec<usize>,
    /// The intervals of its window; none where the time does not matter.
    intervals: Option<Range<usize>>,
    call: Vec<usize>,
    /// Of the argument.
    data_type: Option<DataType>,
}

impl Wanted {
    fn new(item: &Item, bounds: &[i64], row: &DFSchema, exprs: &mut Exprs) -> Result<Wanted> {
        use datafusion::logical_expr::ExprSchemable;
        let all = exprs.conditions(item.own.iter());
        let conditions = exprs.conditions(item.own.iter().chain(&item.filter));
        let data_type = item.argument.as_ref().map(|e| e.get_type(row)).transpose()?;
        let argument = item.argument.as_ref().map(|e| place_of(&mut exprs.arguments, e.clone()));
        let call: Vec<usize> = argument
            .into_iter()
            .chain(item.order.iter().map(|e| place_of(&mut exprs.arguments, e.clone())).collect::<Vec<_>>())
            .collect();
        let intervals = item.window.map(|w| {
            let after = |t: i64| bounds.partition_point(|b| *b <= t);
            w.start.map_or(0, after)..after(w.end)
        });
        let ask = |op: Op, argument: Option<usize>, conditions: &Vec<usize>| Ask {
            op,
            argument,
            conditions: conditions.clone(),
        };
        let ordered = matches!(
            data_type,
            Some(
                DataType::Int64
                    | DataType::Float64
                    | DataType::Date32
                    | DataType::Timestamp(TimeUnit::Microsecond, _)
            )
        ) || matches!(data_type, Some(DataType::Decimal128(p, _)) if p <= 18);
        // The sum of so many digits fits 128 bits, whatever the number of events.
        let summed = matches!(data_type, Some(DataType::Int64))
            || matches!(data_type, Some(DataType::Decimal128(p, _)) if p <= 28);
        let ops = match item.function {
            AggregateFn::Count | AggregateFn::Any => Some(vec![ask(Op::Count, None, &conditions)]),
            AggregateFn::Share => Some(vec![ask(Op::Count, None, &conditions), ask(Op::Count, None, &all)]),
            AggregateFn::Sum if summed => Some(vec![ask(Op::Sum, argument, &conditions)]),
            AggregateFn::Avg if summed => {
                Some(vec![ask(Op::Sum, argument, &conditions), ask(Op::Count, argument, &conditions)])
            }
            AggregateFn::Distinct if data_type == Some(DataType::Utf8View) => {
                Some(vec![ask(Op::Kinds, argument, &conditions)])
            }
            AggregateFn::Min if ordered => Some(vec![ask(Op::Min, argument, &conditions)]),
            AggregateFn::Max if ordered => Some(vec![ask(Op::Max, argument, &conditions)]),
            AggregateFn::First if ordered && item.order.is_empty() => {
                Some(vec![ask(Op::Min, argument, &conditions)])
            }
            AggregateFn::Last if ordered && item.order.is_empty() => {
                Some(vec![ask(Op::Max, argument, &conditions)])
            }
            _ => None,
        };
        Ok(Wanted { ops, conditions, intervals, call, data_type })
    }
}
