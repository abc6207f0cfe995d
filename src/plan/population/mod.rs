//! `top N by x within g in S`, `percentile(x)`, `ntile(x, 5)`, `rank(x)`, `zscore(x)`: customers compared with those
//! of the base whose value and groups are known.
//!
//! There are two ways to compute it, with the same results:
//!
//! * [`beside`] makes it a [`node::CompareNode`], whose operator ([`exec`]) numbers groups, sorts (value, row) within them and
//!   puts places beside the rows: the fast way;
//! * [`add`] lowers it to DataFusion's window functions: the oracle of the tests, and the way that spills. A window
//!   function holds its whole input in memory. So it sees a narrow projection of the level before (key, value, groups),
//!   and its result is joined to the rows by key. Sizes, means and deviations are aggregates, joined by group.
//!
//! ```text
//! node.rs    the logical plan's node            planner.rs   from the node to the operator
//! exec.rs    the operator: collect, compare, finish
//! order.rs   rows in the order of their keys    values.rs    what is worked out on each batch of rows
//! groups.rs  groups as numbers                  gather.rs    what is compared, group by group
//! places.rs  selecting and sorting            stored.rs    rows in memory, and on disk
//! ```

mod exec;
mod gather;
mod groups;
mod node;
mod order;
mod places;
mod planner;
mod stored;
#[cfg(test)]
mod tests;
mod values;

pub(super) use planner::Comparisons;

use self::node::{Among, CompareNode, Part, Take};
use super::aggregates as ours;
use super::expr::Lowering;
use super::lookup::Columns;
use super::portrait::qualified;
use super::scalar::known;
use super::scan::column;
use super::{Result, internal};
use crate::functions::PopulationFn;
use crate::ir::{DefId, ExprId, Node, Population, Program, TopSize};
use crate::syntax::ast::Number;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_window::expr_fn::{rank, row_number};
use datafusion::logical_expr::{
    ExprFunctionExt, Extension, JoinType, LogicalPlan, LogicalPlanBuilder, SortExpr, cast, when,
};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;
use std::collections::HashMap;
use std::sync::Arc;

/// Who is compared with whom: nodes with equal peers are computed together.
#[derive(Clone, PartialEq, Eq)]
struct Peers {
    value: ExprId,
    within: Vec<ExprId>,
    base: Option<DefId>,
}

impl Peers {
    fn of(node: &Node) -> Option<Peers> {
        let (value, within, base) = match node {
            Node::Top(top) => (top.by, &top.within, top.base),
            Node::Population(p) => (p.value, &p.within, p.base),
            _ => return None,
        };
        Some(Peers { value, within: within.clone(), base })
    }
}

/// What of the peers a node is made of, in DataFusion's windows and aggregates.
fn parts_of(node: &Node) -> &'static [Part] {
    match node {
        Node::Top(top) => match top.size {
            TopSize::Count(_) => &[Part::Downwards],
            TopSize::Share(_) => &[Part::Downwards, Part::Size],
        },
        Node::Population(p) => match (p.function, p.ties_together) {
            (PopulationFn::Percentile, _) | (PopulationFn::Ntile, true) => &[Part::Below, Part::Size],
            (PopulationFn::Ntile, false) => &[Part::Upwards, Part::Size],
            (PopulationFn::Rank, _) => &[Part::Above],
            (PopulationFn::Zscore, _) => &[Part::Mean, Part::Deviation],
        },
        _ => &[],
    }
}

/// The column with a part of the peers of a node.
fn name(part: Part, id: ExprId) -> String {
    let word = match part {
        Part::Below => "below",
        Part::Upwards => "upwards",
        Part::Above => "above",
        Part::Downwards => "downwards",
        Part::Size => "size",
        Part::Mean => "mean",
        Part::Deviation => "deviation",
        Part::Tile { .. } => "tile",
        Part::Taken(_) => "taken",
    };
    format!("p{}_{word}", id.0)
}

/// The nodes of each set of peers.
fn by_peers(program: &Program, wanted: &[ExprId]) -> Result<Vec<(Peers, Vec<ExprId>)>> {
    let mut groups: Vec<(Peers, Vec<ExprId>)> = Vec::new();
    for id in wanted {
        let peers = Peers::of(program.node(*id)).ok_or_else(|| internal("what compares nobody"))?;
        match groups.iter_mut().find(|(p, _)| *p == peers) {
            Some((_, ids)) => ids.push(*id),
            None => groups.push((peers, vec![*id])),
        }
    }
    Ok(groups)
}

/// The parts that nodes with the same peers are made of, each once.
fn parts_of_all(program: &Program, ids: &[ExprId]) -> Vec<Part> {
    let mut parts = Vec::new();
    for part in ids.iter().flat_map(|id| parts_of(program.node(*id))) {
        if !parts.contains(part) {
            parts.push(*part);
        }
    }
    parts
}

/// Puts beside the rows of `plan` what `wanted` (nodes that compare customers) is made of, and gives their values: by
/// the operator. `columns`: those of the level before, which the plan still has.
pub(super) fn beside(
    program: &Program,
    plan: LogicalPlanBuilder,
    wanted: &[ExprId],
    key: &str,
    columns: &Columns,
) -> Result<(LogicalPlanBuilder, Vec<(ExprId, Expr)>)> {
    let lowering = Lowering::new(program, columns);
    let plan = plan.build()?;
    let held: HashMap<String, Column> =
        plan.schema().columns().into_iter().map(|c| (c.name.clone(), c)).collect();
    let mut among = Vec::new();
    let mut values = Vec::new();
    for (peers, ids) in by_peers(program, wanted)? {
        let Some(first) = ids.first() else { continue };
        let mut parts = Vec::new();
        let mut ranked = Vec::new();
        for id in ids.iter().copied() {
            match program.node(id) {
                Node::Top(top) => {
                    let taken = Part::Taken(take(top.size)?);
                    parts.push((name(taken, id), taken));
                    values.push((id, column(name(taken, id))));
                }
                Node::Population(Population {
                    function: PopulationFn::Ntile, tiles, ties_together, ..
                }) => {
                    let tile = Part::Tile { tiles: tiles_of(*tiles)?, together: *ties_together };
                    parts.push((name(tile, id), tile));
                    values.push((id, column(name(tile, id))));
                }
                _ => ranked.push(id),
            }
        }
        parts.extend(parts_of_all(program, &ranked).into_iter().map(|part| (name(part, *first), part)));
        for id in ranked {
            let own = lowering.expr(peers.value)?;
            values.push((id, value(program, &lowering, &peers, *first, own, id)?));
        }
        let base = peers.base.map(|_| based(program, &lowering, &peers)).transpose()?;
        let within = peers.within.iter().map(|w| lowering.expr(*w)).collect::<Result<Vec<_>>>()?;
        let of = Among { value: lowering.expr(peers.value)?, within, base, parts };
        among.push(of.map(|e| qualified(e, &held))?);
    }
    let key = qualified(column(key), &held)?;
    let node = CompareNode::try_new(plan, key, among)?;
    Ok((LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: Arc::new(node) })), values))
}

fn take(size: TopSize) -> Result<Take> {
    Ok(match size {
        TopSize::Count(n) => Take::Count(n),
        TopSize::Share(share) => {
            let (digits, scale) = whole(share)?;
            Take::Share { digits, scale }
        }
    })
}

/// The n of `ntile`.
fn tiles_of(written: Option<u64>) -> Result<u32> {
    u32::try_from(written.unwrap_or(1)).map_err(|_| internal("too many tiles"))
}

/// A share as `digits / scale`.
fn whole(share: Number) -> Result<(i64, i64)> {
    let digits = i64::try_from(share.digits).map_err(|_| internal("a share"))?;
    let scale = 10i64.checked_pow(u32::from(share.scale)).ok_or_else(|| internal("a share"))?;
    Ok((digits, scale))
}

/// Joins what `wanted` is made of, and gives their values: by DataFusion's operators.
///
/// `rows`: the rows of the level before, whose columns `columns` names; `plan`: these rows with what was joined since.
pub(super) fn add(
    program: &Program,
    rows: &LogicalPlan,
    mut plan: LogicalPlanBuilder,
    wanted: &[ExprId],
    key: &str,
    columns: &Columns,
) -> Result<(LogicalPlanBuilder, Vec<(ExprId, Expr)>)> {
    let lowering = Lowering::new(program, columns);
    let mut values = Vec::new();
    for (peers, ids) in &by_peers(program, wanted)? {
        let Some(first) = ids.first() else { continue };
        let parts = parts_of_all(program, ids);
        let compared = compared(program, rows, &lowering, peers, *first, &parts, key)?;
        // The narrow side first: a hash join keeps it in memory and streams the other.
        plan = LogicalPlanBuilder::from(compared).join_with_expr_keys(
            plan.build()?,
            JoinType::Right,
            (vec![column(format!("p{}_key", first.0))], vec![column(key)]),
            None,
        )?;
        for id in ids {
            let own = column(format!("p{}_value", first.0));
            values.push((*id, value(program, &lowering, peers, *first, own, *id)?));
        }
    }
    Ok((plan, values))
}

/// One row per customer that is compared: the key, and the parts.
fn compared(
    program: &Program,
    rows: &LogicalPlan,
    lowering: &Lowering<'_>,
    peers: &Peers,
    id: ExprId,
    parts: &[Part],
    key: &str,
) -> Result<LogicalPlan> {
    let (own_key, own_value) = (format!("p{}_key", id.0), format!("p{}_value", id.0));
    let group = |i: usize, side: &str| format!("p{}_{side}{i}", id.0);
    let mut narrow = vec![column(key).alias(&own_key), lowering.expr(peers.value)?.alias(&own_value)];
    for (i, w) in peers.within.iter().enumerate() {
        narrow.push(lowering.expr(*w)?.alias(group(i, "group")));
    }
    let taken = eligible(lowering, peers)?.and(based(program, lowering, peers)?);
    let narrow = LogicalPlanBuilder::from(rows.clone()).filter(taken)?.project(narrow)?.build()?;

    let groups: Vec<Expr> = (0..peers.within.len()).map(|i| column(group(i, "group"))).collect();
    let mut plan = LogicalPlanBuilder::from(narrow.clone());
    for part in parts.iter().filter(|p| p.is_place()) {
        let upwards = matches!(part, Part::Below | Part::Upwards);
        let mut order: Vec<SortExpr> = vec![column(&own_value).sort(upwards, false)];
        let place = if matches!(part, Part::Below | Part::Above) {
            rank()
        } else {
            order.push(column(&own_key).sort(true, false));
            row_number()
        };
        let place = place.partition_by(groups.clone()).order_by(order).build()?.alias(name(*part, id));
        plan = plan.window(vec![place])?;
    }
    let mut sums: Vec<Expr> = Vec::new();
    for part in parts {
        let sum = match part {
            Part::Size => count_udaf().call(vec![lit(1i64)]),
            Part::Mean => ours::exact_avg().call(vec![column(&own_value)]),
            Part::Deviation => ours::exact_stddev().call(vec![column(&own_value)]),
            _ => continue,
        };
        sums.push(sum.alias(name(*part, id)));
    }
    if !sums.is_empty() {
        let names: Vec<Expr> = (0..groups.len()).map(|i| column(group(i, "of"))).collect();
        let by: Vec<Expr> = groups.iter().enumerate().map(|(i, g)| g.clone().alias(group(i, "of"))).collect();
        let sums = LogicalPlanBuilder::from(narrow).aggregate(by, sums)?.build()?;
        plan = match names.is_empty() {
            true => plan.cross_join(sums)?,
            false => plan.join_with_expr_keys(sums, JoinType::Inner, (groups, names), None)?,
        };
    }
    let keep = [own_key, own_value].into_iter().chain(parts.iter().map(|p| name(*p, id))).map(column);
    Ok(plan.project(keep)?.build()?)
}

/// A node's value from the parts of its peers; missing for who is not compared. `own`: the column that is compared.
fn value(
    program: &Program,
    lowering: &Lowering<'_>,
    peers: &Peers,
    first: ExprId,
    own: Expr,
    id: ExprId,
) -> Result<Expr> {
    let of = |part: Part| column(name(part, first));
    // Windows count without a sign.
    let place = |part: Part| cast(of(part), DataType::Int64);
    match program.node(id) {
        Node::Top(top) => {
            let place = place(Part::Downwards);
            let chosen = match top.size {
                TopSize::Count(n) => place.lt_eq(lit(i64::try_from(n).unwrap_or(i64::MAX))),
                TopSize::Share(share) => {
                    // place ≤ ⌈size · d / s⌉  ⟺  (place − 1) · s < size · d, in whole numbers.
                    let (digits, scale) = whole(share)?;
                    ((place - lit(1i64)) * lit(scale)).lt(of(Part::Size) * lit(digits))
                }
            };
            // Who is in the base and could not be ranked is undecided.
            let open = based(program, lowering, peers)?.and(Expr::Not(Box::new(eligible(lowering, peers)?)));
            Ok(when(open, lit(ScalarValue::Boolean(None))).otherwise(chosen.is_true())?)
        }
        Node::Population(p) => match p.function {
            PopulationFn::Percentile => {
                let float = |n: Expr| cast(n - lit(1i64), DataType::Float64);
                let size = of(Part::Size);
                let share = float(place(Part::Below)) / float(size.clone());
                Ok(when(size.gt(lit(1i64)), share).when(of(Part::Size).eq(lit(1i64)), lit(0.0)).end()?)
            }
            PopulationFn::Ntile => {
                let from = if p.ties_together { Part::Below } else { Part::Upwards };
                tile(place(from), of(Part::Size), tiles_of(p.tiles)?.into())
            }
            PopulationFn::Rank => Ok(place(Part::Above)),
            PopulationFn::Zscore => {
                let above = cast(own, DataType::Float64) - of(Part::Mean);
                let spread = of(Part::Deviation);
                Ok(when(spread.clone().gt(lit(0.0)), known(above / spread)).end()?)
            }
        },
        _ => Err(internal("what compares nobody")),
    }
}

/// The tile of a place among `size`: the first `size mod tiles` tiles are one larger than the others.
fn tile(place: Expr, size: Expr, tiles: i64) -> Result<Expr> {
    let small = size.clone() / lit(tiles);
    let larger = size % lit(tiles);
    let large = small.clone() + lit(1i64);
    let in_larger = larger.clone() * large.clone();
    let first = (place.clone() - lit(1i64)) / large;
    // Where there are fewer customers than tiles, every one is in a larger tile; the guard keeps the division off zero.
    let floor = datafusion::functions::core::expr_fn::greatest(vec![small, lit(1i64)]);
    let rest = (place.clone() - lit(1i64) - in_larger.clone()) / floor + larger;
    Ok(when(place.clone().lt_eq(in_larger.clone()), first + lit(1i64))
        .when(place.gt(in_larger), rest + lit(1i64))
        .end()?)
}

/// The value and the groups are known.
fn eligible(lowering: &Lowering<'_>, peers: &Peers) -> Result<Expr> {
    let mut all = lowering.expr(peers.value)?.is_not_null();
    for w in &peers.within {
        all = all.and(lowering.expr(*w)?.is_not_null());
    }
    Ok(all)
}

fn based(program: &Program, lowering: &Lowering<'_>, peers: &Peers) -> Result<Expr> {
    let Some(base) = peers.base else { return Ok(lit(true)) };
    let node = program.definition_node(base).ok_or_else(|| internal("a base without a column"))?;
    Ok(lowering.expr(node)?.is_true())
}
