//! Small plans that look at sources before or beside a run: keys that stand twice, days without events.

use super::scan::{Needs, Tables, column, column_name, rows};
use super::{Result, internal, time};
use crate::ir::{Moment, Program, SourceId, time::next_day};
use chrono::NaiveDate;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::lit;

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
        Some(raw.clone().gt_eq(bound(start, false)?).and(raw.lt(bound(end, true)?)))
    })?;
    let read = column(column_name(source, &[], t.column));
    let bound = |m, end| time::canonical(m, &c.ty, &program.zone, end);
    let plan = plan.filter(read.clone().gt_eq(bound(start, false)).and(read.lt(bound(end, true))))?;
    Ok(Some(plan.limit(0, Some(1))?.build()?))
}
