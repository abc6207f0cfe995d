//! One pass over a source of events: what is worked out on each of its rows, and what becomes of it.
//!
//! Equal conditions, arguments and selections of events are worked out once for each batch, however many aggregates
//! share them. Windows over one thing become disjoint *bands*: an event is added to the one band that it lies in, and
//! a window's value is put together from its bands at the end.

use super::node::{self, Item};
use super::slots::{Bands, Finish, Op, Slot, Slots};
use super::taken::Choices;
use super::values::Texts;
use crate::functions::AggregateFn;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, internal_datafusion_err, internal_err};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::prelude::Expr;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A sum of so many of the largest numbers should fit its cell.
const SUMMED: i64 = 64;

/// Bytes that a call keeps of a row, and of each of its events at most, about.
const CALLED: usize = 64;
const CALLED_EVENT: usize = 48;

/// Which events an aggregate takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Selection {
    /// Places of the conditions that must be true.
    pub conditions: Vec<usize>,
    /// For each interval, whether it is taken; none where the time does not matter.
    pub intervals: Option<Vec<bool>>,
}

impl Selection {
    /// Whether events in an interval may be taken.
    pub fn takes(&self, interval: usize) -> bool {
        let some = |intervals: &Vec<bool>| intervals.get(interval).copied().unwrap_or(false);
        self.intervals.as_ref().is_none_or(some)
    }
}

/// An aggregate that keeps state of its own kind.
#[derive(Debug)]
pub(super) struct Call {
    pub function: Arc<AggregateFunctionExpr>,
    pub arguments: Vec<usize>,
    pub selection: usize,
}

/// What is read of events, by the interval that they lie in.
#[derive(Debug)]
pub struct ByTime {
    /// The column of the times.
    pub column: usize,
    /// The ends of the intervals.
    pub bounds: Vec<i64>,
    /// For each interval, the columns that are read of its events; none where none of them is taken.
    pub reads: Vec<Option<Arc<BTreeSet<usize>>>>,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub expr: Arc<dyn PhysicalExpr>,
    /// The one column that it is about, where it is one of texts.
    pub about: Option<usize>,
}

/// Where an item's values come from.
#[derive(Debug)]
pub(super) enum Source {
    Slots(Finish),
    Call(usize),
}

#[derive(Debug)]
pub(super) struct Pass {
    pub label: String,
    pub key: Arc<dyn PhysicalExpr>,
    pub time: Option<Arc<dyn PhysicalExpr>>,
    /// The entity's columns that stand behind the events' own in `row`.
    pub inputs: Vec<usize>,
    pub row: SchemaRef,
    pub arguments: Vec<Arc<dyn PhysicalExpr>>,
    /// Columns of the events that anything but the key reads.
    pub reads: BTreeSet<usize>,
    /// Those that must be in their types, row by row; others may stay as they are stored.
    pub plainly: BTreeSet<usize>,
    /// The texts of arguments whose different values are counted.
    pub texts: Vec<Option<Arc<Texts>>>,
    /// What is read of each event, where its time is a column.
    pub by_time: Option<Arc<ByTime>>,
    /// The ends of the intervals that the windows cut time into.
    pub bounds: Vec<i64>,
    pub choices: Arc<Choices>,
    pub slots: Arc<Slots>,
    pub calls: Vec<Call>,
    pub sources: Vec<Source>,
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
            self.choices.conditions().len()
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
        let plainly: BTreeSet<usize> = conditions
            .iter()
            .filter(|c| c.about.is_none())
            .map(|c| &c.expr)
            .chain(arguments.iter().filter(|a| own_column(a, width).is_none()))
            .flat_map(collect_columns)
            .map(|c| c.index())
            .collect();
        let time = pass.time.as_ref().map(|t| lower(t, own)).transpose()?;
        let key = lower(&pass.key, own)?;
        let columns = |exprs: &mut dyn Iterator<Item = &Arc<dyn PhysicalExpr>>| -> BTreeSet<usize> {
            exprs.flat_map(collect_columns).map(|c| c.index()).filter(|at| *at < width).collect()
        };
        // What each selection's conditions are about, and what is done with the events that it takes.
        let asked =
            |s: &Selection| columns(&mut s.conditions.iter().filter_map(|c| Some(&conditions.get(*c)?.expr)));
        let mut of_selections: Vec<BTreeSet<usize>> = selections.iter().map(asked).collect();
        let of_slots = slots.laid().iter().map(|laid| (laid.slot.selection, laid.slot.argument.as_slice()));
        let of_calls = calls.iter().map(|call| (call.selection, call.arguments.as_slice()));
        for (selection, all) in of_slots.chain(of_calls) {
            if let Some(reads) = of_selections.get_mut(selection) {
                reads.extend(columns(&mut all.iter().filter_map(|at| arguments.get(*at))));
            }
        }
        let of_key = columns(&mut [&key].into_iter());
        let reads_in = |interval: usize| {
            let taking = selections.iter().zip(&of_selections).filter(|(s, _)| s.takes(interval));
            let reads = taking.map(|(_, reads)| reads.clone()).reduce(|all, reads| &all | &reads)?;
            Some(Arc::new(&reads | &of_key))
        };
        let by_time = time.as_ref().and_then(|time| {
            Some(Arc::new(ByTime {
                column: time.downcast_ref::<Column>()?.index(),
                reads: (0..=bounds.len()).map(reads_in).collect(),
                bounds: bounds.clone(),
            }))
        });
        let reads =
            conditions.iter().map(|c| &c.expr).chain(&arguments).chain(&time).flat_map(collect_columns);
        Ok(Pass {
            label: pass.key.to_string(),
            reads: reads.map(|c| c.index()).collect(),
            key,
            time,
            inputs,
            row,
            arguments,
            plainly,
            texts,
            by_time,
            bounds,
            choices: Arc::new(Choices::new(&selections, conditions)),
            slots: Arc::new(slots),
            calls,
            sources,
        })
    }

    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        let conditions = self.choices.conditions().iter().map(|c| &c.expr);
        std::iter::once(&self.key).chain(&self.time).chain(conditions).chain(&self.arguments)
    }

    /// Bytes of a row's cells.
    pub fn bytes_of_cells(&self) -> usize {
        self.slots.stride()
    }

    /// Bytes that calls keep of a row beside them, about.
    pub fn bytes_of_calls(&self) -> usize {
        self.calls.len() * CALLED
    }

    /// How much each event may add to that, about.
    pub fn bytes_of_event(&self) -> usize {
        self.calls.len() * CALLED_EVENT
    }

    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// The column of the events that an argument is, where it is one.
    pub fn own(&self, argument: &Arc<dyn PhysicalExpr>) -> Option<usize> {
        own_column(argument, self.row.fields().len() - self.inputs.len())
    }
}

fn own_column(expr: &Arc<dyn PhysicalExpr>, width: usize) -> Option<usize> {
    Some(expr.downcast_ref::<Column>()?.index()).filter(|at| *at < width)
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
