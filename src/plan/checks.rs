//! Small plans that look at sources before or beside a run: keys that stand twice, days without events.

use super::portrait::Key;
use super::scan::{Early, Needs, Tables, column, column_name, read_as, rows};
use super::{Result, internal, time};
use crate::ir::{ColumnId, Moment, Program, SourceId, time::next_day};
use chrono::NaiveDate;
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::lit;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys of an entity that stand more than once, with how often; at most `most` of them, the smallest first.
pub fn duplicate_keys(
    program: &Program,
    tables: &Tables,
    source: SourceId,
    most: usize,
) -> Result<LogicalPlan> {
    let key =
        program.source(source).and_then(|s| s.key).ok_or_else(|| internal("an entity without a key"))?;
    let name = column_name(source, &[], key);
    let plan = rows(program, tables, source, &Needs::from([(Vec::new(), [key].into())]), |_, _| None)?
        .filter(column(&name).is_not_null())?
        .aggregate(vec![column(&name)], vec![count_udaf().call(vec![lit(1i64)]).alias("times")])?
        .filter(column("times").gt(lit(1i64)))?
        .sort_with_limit(vec![column(&name).sort(true, false)], Some(most))?;
    Ok(plan.build()?)
}

/// A source's own rows, as stored, that belong to one key (over `by`), or to those whose keys `owners` gives: what is
/// left of a source for one customer. Only the columns that the program reads.
pub fn rows_of(
    program: &Program,
    tables: &Tables,
    source: SourceId,
    by: ColumnId,
    owners: &Owners,
) -> Result<LogicalPlan> {
    let spec = program.source(source).ok_or_else(|| internal("an unknown source"))?;
    let provider = tables.get(&source).ok_or_else(|| internal("a source that was not opened"))?;
    let schema = provider.schema();
    let c = spec.column(by).ok_or_else(|| internal("an unknown column"))?;
    let field = schema.field_with_name(&c.name).map_err(|_| internal("a lost column"))?;
    let owner = read_as(column(&c.name), field.data_type(), &c.ty, program)?;
    let plan = LogicalPlanBuilder::scan(spec.name.as_str(), provider_as_source(Arc::clone(provider)), None)?;
    let plan = match owners {
        Owners::Key(key) => plan.filter(owner.eq(key.literal()))?,
        Owners::Keys(keys) => plan.filter(owner.in_list(keys.iter().map(Key::literal).collect(), false))?,
    };
    let read = read_columns(program, source);
    let names = spec.columns.iter().enumerate().filter(|(i, _)| read.contains(i)).map(|(_, c)| &c.name);
    Ok(plan.project(names.map(|name| column(name).alias(name)).collect::<Vec<_>>())?.build()?)
}

/// Whose rows are wanted.
#[derive(Clone, Debug)]
pub enum Owners {
    Key(Key),
    Keys(Vec<Key>),
}

/// The columns of a source that anything in the program may read.
fn read_columns(program: &Program, source: SourceId) -> BTreeSet<usize> {
    let Some(spec) = program.source(source) else { return BTreeSet::new() };
    let mut read: Vec<ColumnId> = spec.key.into_iter().chain(spec.latest).collect();
    read.extend(spec.of.iter().map(|o| o.by).chain(spec.links.iter().map(|l| l.column)));
    read.extend(spec.time.iter().flat_map(|t| std::iter::once(t.column).chain(t.ties.iter().copied())));
    for i in 0..program.graph.len() {
        let node = program.node(crate::ir::ExprId(u32::try_from(i).unwrap_or(u32::MAX)));
        if let crate::ir::Node::Column { source: of, via, column } = node
            && *of == source
            && via.is_empty()
        {
            read.push(*column);
        }
    }
    read.into_iter().map(|c| c.0 as usize).collect()
}

/// At most one row, where a source has an event on the day; `None` where the source has no time.
pub fn events_on(
    program: &Program,
    tables: &Tables,
    source: SourceId,
    day: NaiveDate,
) -> Result<Option<LogicalPlan>> {
    let spec = program.source(source).ok_or_else(|| internal("an unknown source"))?;
    let Some(t) = &spec.time else { return Ok(None) };
    let c = spec.column(t.column).ok_or_else(|| internal("an unknown time column"))?;
    let (start, end) = (Moment::Day(day), Moment::Day(next_day(day)));
    let needs = Needs::from([(Vec::new(), [t.column].into())]);
    let plan = rows(program, tables, source, &needs, |_, provider| {
        let schema = provider.schema();
        let stored = schema.field_with_name(&c.name).ok()?.data_type();
        let bound = |m, end| time::stored(m, stored, &c.ty, &program.zone, end);
        let raw = column(&c.name);
        Some(Early::Filter(raw.clone().gt_eq(bound(start, false)?).and(raw.lt(bound(end, true)?))))
    })?;
    let read = column(column_name(source, &[], t.column));
    let bound = |m, end| time::canonical(m, &c.ty, &program.zone, end);
    let plan = plan.filter(read.clone().gt_eq(bound(start, false)).and(read.lt(bound(end, true))))?;
    Ok(Some(plan.limit(0, Some(1))?.build()?))
}
