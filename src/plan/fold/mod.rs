//! One pass over one source of events for all the aggregates that an entity's portrait asks of it.
//!
//! [`Fold`] says what is read and what is aggregated. There are two ways to compute it, with the same results:
//!
//! * [`pass`] makes it a part of a [`node::FoldNode`], whose operator ([`exec`]) numbers the entity's rows and folds the
//!   events into them as they stream by: the fast way;
//! * [`plain`] lowers it to DataFusion's own scan, filter, join and aggregate: the oracle of the tests, and the way for
//!   what the operator cannot do.
//!
//! ```text
//! node.rs     the logical plan's node          exec.rs     the operator: collect, fold, merge, finish
//! planner.rs  from the one to the other        pass.rs     what is worked out on events, equal things once
//! keys.rs     keys as rows' numbers (ranks.rs,  folding.rs  what is done with each batch of them
//!             sieve.rs)                        taken.rs    which selections take which of them
//! slots.rs    what is known of each row        values.rs   the numbers that are added
//! table.rs    tables in few bytes (cells.rs),  stripes.rs  one table for all threads, dealt out to
//!             a few events at a time (near.rs)             stripes
//! divided/    the same in parts, where memory is short
//! ```

mod cells;
mod divided;
mod exec;
mod folding;
mod hashed;
mod keys;
mod near;
mod node;
mod pass;
mod planner;
mod ranks;
mod rows;
mod sieve;
mod slots;
mod stripes;
mod table;
mod taken;
#[cfg(test)]
mod tests;
mod values;

pub use divided::{FOLDING_TIME, PARTS, PARTS_FOLDED};
pub use exec::FoldExec;
pub use pass::ByTime;
pub use planner::Planner;

use self::node::{Bounds, FoldNode, Item, Pass};
use super::aggregates as ours;
use super::expr::Lowering;
use super::lookup::{Columns, Marks};
use super::portrait::qualified;
use super::scan::{Early, Needs, Tables, column, column_name, early, need, rows, rows_within, within};
use super::{Result, internal, time};
use crate::functions::AggregateFn;
use crate::ir::{Aggregate, ColumnId, ExprId, Node, Program, SourceId, Window};
use crate::types::Type;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::{
    ExprFunctionExt, Extension, JoinType, LogicalPlan, LogicalPlanBuilder, cast, when,
};
use datafusion::prelude::{Expr, lit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The operator tells so many bounds of windows apart.
const MOST_BOUNDS: usize = 250;

/// What one pass over a source of events computes for each row of an entity.
#[derive(Clone, Debug)]
pub struct Fold {
    pub events: SourceId,
    /// Steps from the events to the entity: indices into each source's `of`.
    pub path: Vec<u32>,
    pub entity: SourceId,
    /// The aggregate nodes, in the order of their ids.
    pub aggregates: Vec<(ExprId, Aggregate)>,
    /// Expressions on the entity's row that filters or values use; their rows are joined to the events.
    pub inputs: Vec<ExprId>,
}

/// The entity's rows of the level before, for folds with `inputs`.
pub struct Entity<'a> {
    pub plan: &'a LogicalPlan,
    /// The column that holds the entity's key.
    pub key: String,
    /// The columns that hold the fold's inputs.
    pub columns: &'a Columns,
}

impl Fold {
    /// Groups aggregates that one pass can compute: equal events, equal path.
    pub fn group(program: &Program, entity: SourceId, aggregates: &BTreeSet<ExprId>) -> Vec<Fold> {
        let mut folds: BTreeMap<(SourceId, Vec<u32>), Fold> = BTreeMap::new();
        for id in aggregates {
            let Node::Aggregate(a) = program.node(*id) else { continue };
            let fold = folds.entry((a.events, a.path.clone())).or_insert_with(|| Fold {
                events: a.events,
                path: a.path.clone(),
                entity,
                aggregates: Vec::new(),
                inputs: Vec::new(),
            });
            for input in inputs(program, a) {
                if !fold.inputs.contains(&input) {
                    fold.inputs.push(input);
                }
            }
            fold.aggregates.push((*id, a.clone()));
        }
        folds.into_values().collect()
    }

    /// The smallest window that holds all of them: what the scan may skip row groups by.
    pub fn reach(&self, program: &Program) -> Option<Window> {
        let mut windows = self.aggregates.iter().filter_map(|(_, a)| a.window.as_ref());
        let first = windows.next()?.clone();
        let zone = &program.zone;
        Some(windows.fold(first, |all, w| Window {
            start: match (all.start, w.start) {
                (Some(a), Some(b)) => Some(if a.utc(zone) <= b.utc(zone) { a } else { b }),
                _ => None,
            },
            end: if all.end.utc(zone) >= w.end.utc(zone) { all.end } else { w.end },
            written: None,
        }))
    }

    /// The name of the column that is known where an entity has any event in reach.
    pub fn marker(&self) -> String {
        let path: String = self.path.iter().map(|p| format!("_{p}")).collect();
        format!("f{}{path}", self.events.0)
    }
}

/// Expressions on the entity's row that an aggregate uses on the event's row: tags, segments, columns.
pub(super) fn inputs(program: &Program, a: &Aggregate) -> Vec<ExprId> {
    let mut found = Vec::new();
    for expr in a.on_events() {
        of_entity(program, a.events, expr, &mut found);
    }
    found
}

/// Adds what an expression on the row of `events` uses of the entity's row.
pub(super) fn of_entity(program: &Program, events: SourceId, expr: ExprId, found: &mut Vec<ExprId>) {
    program.graph.walk(expr, &mut |id, node| {
        let of_entity = match node {
            Node::Column { source, .. } => *source != events,
            Node::Definition(_) | Node::Outside(_) => true,
            _ => false,
        };
        if of_entity && !found.contains(&id) {
            found.push(id);
        }
    });
}

/// The name of the column that holds an aggregate's value.
pub(super) fn aggregate_column(id: ExprId) -> String {
    format!("g{}", id.0)
}

/// Lowers a fold to DataFusion's own operators: one row per entity that has events, with the group's key in
/// `…_key`, the marker, and each aggregate's raw columns.
///
/// `only`: the one key whose events are wanted.
pub fn plain(
    program: &Program,
    tables: &Tables,
    fold: &Fold,
    entity: Option<&Entity<'_>>,
    only: Option<Expr>,
) -> Result<LogicalPlan> {
    let needs = needs(program, fold)?;
    let reach = fold.reach(program);
    let exprs: Vec<ExprId> = fold.aggregates.iter().flat_map(|(_, a)| a.on_events()).collect();
    let read = Read { events: fold.events, path: &fold.path, window: reach.as_ref(), exprs: &exprs };
    let Scanned { plan, key, marks } = read.scan(program, tables, &needs, entity, only.as_ref())?;
    let none = Columns::new();
    let lowering = Lowering::with_marks(program, entity.map_or(&none, |e| e.columns), &marks.columns);

    let mut aggregates = vec![count_udaf().call(vec![lit(1i64)]).alias(fold.marker())];
    for (id, a) in &fold.aggregates {
        aggregates.extend(aggregate(program, fold, &lowering, *id, a, reach.as_ref())?);
    }
    let group = column(&key).alias(format!("{}_key", fold.marker()));
    Ok(plan.aggregate(vec![group], aggregates)?.build()?)
}

/// What is read of each event.
fn needs(program: &Program, fold: &Fold) -> Result<Needs> {
    let spec = program.source(fold.events).ok_or_else(|| internal("an unknown source of events"))?;
    let mut needs = Needs::new();
    for (_, a) in &fold.aggregates {
        for expr in a.on_events() {
            need(program, fold.events, expr, &mut needs);
        }
    }
    let own = needs.entry(Vec::new()).or_default();
    let owner = owner(program, fold.events, &fold.path, 0)?;
    own.insert(owner.by);
    if let Some(t) = &spec.time {
        own.insert(t.column);
        if fold.aggregates.iter().any(|(_, a)| a.function.needs_time()) {
            own.extend(t.ties.iter().copied());
        }
    }
    Ok(needs)
}

/// What an aggregate is of; a value whose type nothing tells is missing in the result's.
fn value(program: &Program, lowering: &Lowering<'_>, id: ExprId, argument: ExprId) -> Result<Expr> {
    if program.ty(argument).is_blank() {
        return super::expr::missing(program.ty(id));
    }
    lowering.expr(argument)
}

/// What puts events in order: their time, then the ties.
fn moments(program: &Program, fold: &Fold) -> Result<Vec<Expr>> {
    let spec = program.source(fold.events).ok_or_else(|| internal("an unknown source of events"))?;
    let t = spec.time.as_ref().ok_or_else(|| internal("events without a time"))?;
    let names = std::iter::once(&t.column).chain(&t.ties);
    Ok(names.map(|c| column(column_name(fold.events, &[], *c))).collect())
}

/// Whether it is about the time itself: the earliest and the latest need no order beside it.
fn is_of_time(program: &Program, fold: &Fold, a: &Aggregate) -> bool {
    let time = program.source(fold.events).and_then(|s| s.time.as_ref());
    time.is_some_and(|t| {
        let own = Node::Column { source: fold.events, via: Vec::new(), column: t.column };
        a.argument.is_some_and(|e| *program.node(e) == own)
    })
}

/// Whether the fold's operator can compute it; if not, DataFusion's own do.
pub(super) fn is_foldable(program: &Program, fold: &Fold) -> bool {
    // A list is asked before the entity's values are beside the event.
    let asks_list = |expr: ExprId| {
        let mut asks = false;
        program.graph.walk(expr, &mut |_, node| asks |= matches!(node, Node::InSource(_)));
        asks
    };
    let lists = fold.aggregates.iter().flat_map(|(_, a)| a.on_events()).any(asks_list);
    let bounds: BTreeSet<_> = fold
        .aggregates
        .iter()
        .filter_map(|(_, a)| a.window.as_ref())
        .flat_map(|w| w.start.into_iter().chain([w.end]))
        .map(|moment| moment.utc(&program.zone))
        .collect();
    (fold.inputs.is_empty() || !lists) && bounds.len() <= MOST_BOUNDS
}

/// The fold as a pass of a [`FoldNode`]. `entity`: the columns that hold its inputs.
pub(super) fn pass(
    program: &Program,
    tables: &Tables,
    fold: &Fold,
    entity: &Columns,
    only: Option<&Expr>,
) -> Result<Pass> {
    let spec = program.source(fold.events).ok_or_else(|| internal("an unknown source of events"))?;
    let reach = fold.reach(program);
    let exprs: Vec<ExprId> = fold.aggregates.iter().flat_map(|(_, a)| a.on_events()).collect();
    let plan = rows(program, tables, fold.events, &needs(program, fold)?, |source, provider| {
        early(program, source, provider, reach.as_ref()?).map(Early::Skip)
    })?;
    let (mut plan, key) = to_entity(program, tables, fold.events, &fold.path, plan)?;
    if let Some(only) = only {
        plan = plan.filter(column(&key).eq(only.clone()))?;
    }
    let mut marks = Marks::default();
    plan = marks.join(program, tables, plan, &exprs, entity)?;
    let lowering = Lowering::with_marks(program, entity, &marks.columns);
    let time = spec.time.as_ref().map(|t| (t, spec.column(t.column)));
    let time = match time {
        Some((t, Some(c))) => Some((column(column_name(fold.events, &[], t.column)), &c.ty)),
        Some((_, None)) => return Err(internal("an unknown time column")),
        None => None,
    };
    let mut items = Vec::new();
    for (id, a) in &fold.aggregates {
        let window = match (&time, &a.window) {
            (Some((_, ty)), Some(w)) => Some(Bounds {
                start: w.start.map(|m| time::number(m, ty, &program.zone, false)),
                end: time::number(w.end, ty, &program.zone, true),
            }),
            _ => None,
        };
        let ordered =
            matches!(a.function, AggregateFn::First | AggregateFn::Last) && !is_of_time(program, fold, a);
        items.push(Item {
            name: aggregate_column(*id),
            function: a.function,
            argument: match a.argument {
                Some(argument) => Some(value(program, &lowering, *id, argument)?),
                None => None,
            },
            order: if ordered { moments(program, fold)? } else { Vec::new() },
            own: a.own.map(|own| lowering.expr(own.condition)).transpose()?,
            filter: a.filter.map(|f| lowering.expr(f)).transpose()?,
            window,
        });
    }
    Ok(Pass { events: plan.build()?, key: column(key), time: time.map(|(t, _)| t), items })
}

/// The entity's rows with the values of the passes' aggregates.
///
/// `candidates`: for whom alone they need be right.
pub(super) fn folded(
    plan: LogicalPlan,
    key: Expr,
    candidates: Option<Expr>,
    passes: Vec<Pass>,
    divided: bool,
) -> Result<LogicalPlan> {
    let held = |plans: &[&LogicalPlan]| -> HashMap<String, Column> {
        plans.iter().flat_map(|p| p.schema().columns()).map(|c| (c.name.clone(), c)).collect()
    };
    let named = |pass: Pass| -> Result<Pass> {
        let held = held(&[&plan, &pass.events]);
        let name = |e: Expr| qualified(e, &held);
        let names = |e: Vec<Expr>| e.into_iter().map(name).collect::<Result<Vec<_>>>();
        let item = |item: Item| -> Result<Item> {
            Ok(Item {
                argument: item.argument.map(name).transpose()?,
                order: names(item.order)?,
                own: item.own.map(name).transpose()?,
                filter: item.filter.map(name).transpose()?,
                ..item
            })
        };
        Ok(Pass {
            key: name(pass.key)?,
            time: pass.time.map(name).transpose()?,
            items: pass.items.into_iter().map(item).collect::<Result<Vec<_>>>()?,
            events: pass.events,
        })
    };
    let key = qualified(key, &held(&[&plan]))?;
    let candidates = candidates.map(|c| qualified(c, &held(&[&plan]))).transpose()?;
    let passes = passes.into_iter().map(named).collect::<Result<Vec<_>>>()?;
    let node = FoldNode::try_new(plan, key, candidates, passes, divided)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// Which events are read, and what of them: the part that folds and sequences have in common.
pub(super) struct Read<'a> {
    pub events: SourceId,
    pub path: &'a [u32],
    /// `None` where the events have no time.
    pub window: Option<&'a Window>,
    /// What is computed on the events' rows: lists that it names are joined.
    pub exprs: &'a [ExprId],
}

/// The events, with their entity's values beside them.
pub(super) struct Scanned {
    pub plan: LogicalPlanBuilder,
    /// The column with the entity's key.
    pub key: String,
    pub marks: Marks,
}

impl Read<'_> {
    /// `needs`: the columns beside the time and the owner. `entity`: where its values are used.
    pub(super) fn scan(
        &self,
        program: &Program,
        tables: &Tables,
        needs: &Needs,
        entity: Option<&Entity<'_>>,
        only: Option<&Expr>,
    ) -> Result<Scanned> {
        let plan = rows_within(program, tables, self.events, needs, self.window)?;
        let (mut plan, key) = to_entity(program, tables, self.events, self.path, plan)?;
        if let Some(only) = only {
            plan = plan.filter(column(&key).eq(only.clone()))?;
        }
        if let Some(entity) = entity {
            plan = LogicalPlanBuilder::from(entity.plan.clone()).join_with_expr_keys(
                plan.build()?,
                JoinType::Inner,
                (vec![column(&entity.key)], vec![column(&key)]),
                None,
            )?;
        }
        let none = Columns::new();
        let mut marks = Marks::default();
        plan = marks.join(program, tables, plan, self.exprs, entity.map_or(&none, |e| e.columns))?;
        Ok(Scanned { plan, key, marks })
    }
}

pub(super) fn owner(
    program: &Program,
    events: SourceId,
    path: &[u32],
    step: usize,
) -> Result<crate::ir::Owner> {
    let mut at = events;
    for (i, of) in path.iter().enumerate() {
        let owner = program
            .source(at)
            .and_then(|s| s.of.get(*of as usize))
            .ok_or_else(|| internal("an unknown step"))?;
        if i == step {
            return Ok(*owner);
        }
        at = owner.entity;
    }
    Err(internal("a path without steps"))
}

/// Joins the entities between the events and the portrait's entity; the name of the column with its key.
fn to_entity(
    program: &Program,
    tables: &Tables,
    events: SourceId,
    path: &[u32],
    mut plan: LogicalPlanBuilder,
) -> Result<(LogicalPlanBuilder, String)> {
    let first = owner(program, events, path, 0)?;
    let mut key = column_name(events, &[], first.by);
    let mut at = first.entity;
    for step in 1..path.len() {
        let next = owner(program, events, path, step)?;
        let spec = program.source(at).ok_or_else(|| internal("an unknown step"))?;
        let own_key = spec.key.ok_or_else(|| internal("a step without a key"))?;
        let columns: BTreeSet<ColumnId> = [own_key, next.by].into();
        let between = rows(program, tables, at, &Needs::from([(Vec::new(), columns)]), |_, _| None)?;
        // Renamed, since the events may also look the same table up over a link.
        let (k, by) = (format!("p{step}_key"), format!("p{step}_by"));
        let between = between.project(vec![
            column(column_name(at, &[], own_key)).alias(&k),
            column(column_name(at, &[], next.by)).alias(&by),
        ])?;
        plan = between.join_with_expr_keys(
            plan.build()?,
            JoinType::Inner,
            (vec![column(&k)], vec![column(&key)]),
            None,
        )?;
        key = by;
        at = next.entity;
    }
    Ok((plan, key))
}

/// The aggregate expressions of one node: one, or two for a share.
fn aggregate(
    program: &Program,
    fold: &Fold,
    lowering: &Lowering<'_>,
    id: ExprId,
    a: &Aggregate,
    reach: Option<&Window>,
) -> Result<Vec<Expr>> {
    let spec = program.source(fold.events).ok_or_else(|| internal("an unknown source of events"))?;
    let in_window = match (&spec.time, &a.window) {
        (Some(t), Some(w)) if reach.is_none_or(|r| (r.start, r.end) != (w.start, w.end)) => {
            let c = spec.column(t.column).ok_or_else(|| internal("an unknown time column"))?;
            let name = column_name(fold.events, &[], t.column);
            within(column(name), w, |m, end| Some(time::canonical(m, &c.ty, &program.zone, end)))
        }
        _ => None,
    };
    let in_window = match a.own {
        Some(own) => {
            let own = lowering.expr(own.condition)?;
            Some(in_window.map_or(own.clone(), |w| w.and(own)))
        }
        None => in_window,
    };
    let taken = match a.filter {
        Some(f) => {
            let f = lowering.expr(f)?;
            Some(match &in_window {
                Some(w) => w.clone().and(f),
                None => f,
            })
        }
        None => in_window.clone(),
    };
    let filtered = |call: Expr, by: &Option<Expr>| -> Result<Expr> {
        match by {
            Some(f) => Ok(call.filter(f.clone()).build()?),
            None => Ok(call),
        }
    };
    let value = || -> Result<Expr> {
        value(program, lowering, id, a.argument.ok_or_else(|| internal("an aggregate of nothing"))?)
    };
    let count = || count_udaf().call(vec![lit(1i64)]);
    let of_time = is_of_time(program, fold, a);
    let of_floats = a.argument.is_some_and(|argument| *program.ty(argument) == Type::Float);
    let name = aggregate_column(id);
    let call = match a.function {
        AggregateFn::Count | AggregateFn::Any => count(),
        AggregateFn::Share => {
            return Ok(vec![
                filtered(count(), &taken)?.alias(&name),
                filtered(count(), &in_window)?.alias(format!("{name}_all")),
            ]);
        }
        AggregateFn::Sum => ours::exact_sum().call(vec![value()?]),
        AggregateFn::Avg => ours::exact_avg().call(vec![value()?]),
        AggregateFn::Stddev => ours::exact_stddev().call(vec![value()?]),
        AggregateFn::Median => ours::median().call(vec![value()?]),
        AggregateFn::First if of_time => min_udaf().call(vec![value()?]),
        AggregateFn::Last if of_time => max_udaf().call(vec![value()?]),
        AggregateFn::Min if of_floats => ours::least().call(vec![value()?]),
        AggregateFn::Max if of_floats => ours::greatest().call(vec![value()?]),
        AggregateFn::Min => min_udaf().call(vec![value()?]),
        AggregateFn::Max => max_udaf().call(vec![value()?]),
        AggregateFn::First => {
            ours::first().call(std::iter::once(value()?).chain(moments(program, fold)?).collect())
        }
        AggregateFn::Last => {
            ours::last().call(std::iter::once(value()?).chain(moments(program, fold)?).collect())
        }
        AggregateFn::Distinct => ours::distinct().call(vec![value()?]),
        AggregateFn::MostCommon => ours::most_common().call(vec![value()?]),
    };
    Ok(vec![filtered(call, &taken)?.alias(name)])
}

/// The aggregate's value after the join: an entity without events has no row in the fold, and one whose own date is
/// missing has no window.
pub(super) fn value_of(
    program: &Program,
    fold: &Fold,
    id: ExprId,
    a: &Aggregate,
    entity: &Columns,
) -> Result<Expr> {
    anchored(program, a, raw(program, fold, id, a)?, entity)
}

/// The aggregate's value as the operator gives it.
pub(super) fn value_of_folded(
    program: &Program,
    id: ExprId,
    a: &Aggregate,
    entity: &Columns,
) -> Result<Expr> {
    anchored(program, a, column(aggregate_column(id)), entity)
}

fn anchored(program: &Program, a: &Aggregate, value: Expr, entity: &Columns) -> Result<Expr> {
    match a.own {
        Some(own) => {
            let anchor = Lowering::new(program, entity).expr(own.anchor)?;
            Ok(when(anchor.is_not_null(), value).end()?)
        }
        None => Ok(value),
    }
}

fn raw(program: &Program, fold: &Fold, id: ExprId, a: &Aggregate) -> Result<Expr> {
    let raw = column(aggregate_column(id));
    let seen = column(fold.marker()).is_not_null();
    Ok(match a.function {
        AggregateFn::Count | AggregateFn::Distinct => when(seen, raw).otherwise(lit(0i64))?,
        AggregateFn::Any => when(seen, raw.gt(lit(0i64))).otherwise(lit(false))?,
        AggregateFn::Share => {
            let all = column(format!("{}_all", aggregate_column(id)));
            let share = cast(raw, DataType::Float64) / cast(all.clone(), DataType::Float64);
            when(all.gt(lit(0i64)), share).end()?
        }
        AggregateFn::Sum => {
            let zero = match program.ty(id) {
                Type::Float => lit(0.0),
                ty => cast(lit(0i64), super::arrow_type(ty).ok_or_else(|| internal("a sum's type"))?),
            };
            when(seen, raw).otherwise(zero)?
        }
        AggregateFn::Avg
        | AggregateFn::Min
        | AggregateFn::Max
        | AggregateFn::Median
        | AggregateFn::Stddev
        | AggregateFn::First
        | AggregateFn::Last
        | AggregateFn::MostCommon => raw,
    })
}
