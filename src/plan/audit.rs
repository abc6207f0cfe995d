//! `check --data`: every row of a source read once, what is wrong with it counted.

use super::scan::{Needs, Tables, column, column_name, read_as, rows};
use super::{Result, internal, time};
use crate::ir::{ColumnId, Program, SourceId};
use crate::types::Type;
use datafusion::datasource::provider_as_source;
use datafusion::functions::string::expr_fn::btrim;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::{ExprFunctionExt, JoinType, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, lit};
use std::sync::Arc;

/// What a count is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// No trouble: all rows.
    Rows,
    NoKey(ColumnId),
    /// Rows that belong to nobody because their column is empty.
    NoOwner(ColumnId),
    NoTime(ColumnId),
    /// Events after the run's day: never seen by a run.
    Future(ColumnId),
    /// A value that `column … as` cannot read.
    DoesNotFit(ColumnId),
    StrayBlanks(ColumnId),
}

/// One row of counts, a column for each trouble in turn.
pub fn audit(program: &Program, tables: &Tables, source: SourceId) -> Result<(LogicalPlan, Vec<Trouble>)> {
    let spec = program.source(source).ok_or_else(|| internal("an unknown source"))?;
    // Nothing is wrong with keys: what is wrong with their events is counted there.
    if spec.keys_of.is_some() {
        let count = count_udaf().call(vec![lit(1i64)]).alias("n0");
        let plan = rows(program, tables, source, &Needs::new(), |_, _| None)?;
        return Ok((plan.aggregate(Vec::<Expr>::new(), vec![count])?.build()?, vec![Trouble::Rows]));
    }
    let provider = tables.get(&source).ok_or_else(|| internal("a source that was not opened"))?;
    let schema = provider.schema();
    let mut troubles = vec![(Trouble::Rows, lit(true))];
    let read = |id: ColumnId| -> Result<Expr> {
        let c = spec.column(id).ok_or_else(|| internal("an unknown column"))?;
        let field = schema.field_with_name(&c.name).map_err(|_| internal("a lost column"))?;
        read_as(column(&c.name), field.data_type(), &c.ty, program)
    };
    if let Some(key) = spec.key {
        troubles.push((Trouble::NoKey(key), read(key)?.is_null()));
    }
    for owner in &spec.of {
        troubles.push((Trouble::NoOwner(owner.by), read(owner.by)?.is_null()));
    }
    if let Some(t) = &spec.time {
        let c = spec.column(t.column).ok_or_else(|| internal("an unknown time column"))?;
        let moment = read(t.column)?;
        let cut = time::canonical(program.as_of.cut(), &c.ty, &program.zone, true);
        troubles.push((Trouble::NoTime(t.column), moment.clone().is_null()));
        troubles.push((Trouble::Future(t.column), moment.gt_eq(cut)));
    }
    if let Some(latest) = spec.latest {
        troubles.push((Trouble::NoTime(latest), read(latest)?.is_null()));
    }
    for (i, c) in spec.columns.iter().enumerate() {
        let id = ColumnId(u32::try_from(i).unwrap_or(u32::MAX));
        if c.ty != c.stored && !matches!(c.stored, Type::Unsupported(_)) {
            let lost = column(&c.name).is_not_null().and(read(id)?.is_null());
            troubles.push((Trouble::DoesNotFit(id), lost));
        }
        if c.ty == Type::Text {
            let text = read(id)?;
            troubles.push((Trouble::StrayBlanks(id), text.clone().not_eq(btrim(vec![text]))));
        }
    }
    let counts = troubles.iter().enumerate().map(|(i, (_, test))| -> Result<Expr> {
        let count = count_udaf().call(vec![lit(1i64)]);
        Ok(count.filter(test.clone()).build()?.alias(format!("n{i}")))
    });
    let counts = counts.collect::<Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::scan(spec.name.as_str(), provider_as_source(Arc::clone(provider)), None)?
        .aggregate(Vec::<Expr>::new(), counts)?
        .build()?;
    Ok((plan, troubles.into_iter().map(|(t, _)| t).collect()))
}

/// How many rows have an owner that is not there: one row, one count.
pub fn orphans(program: &Program, tables: &Tables, source: SourceId, owner: usize) -> Result<LogicalPlan> {
    let spec = program.source(source).ok_or_else(|| internal("an unknown source"))?;
    let owner = spec.of.get(owner).ok_or_else(|| internal("an unknown owner"))?;
    let entity = program.source(owner.entity).ok_or_else(|| internal("an unknown entity"))?;
    let key = entity.key.ok_or_else(|| internal("an entity without a key"))?;
    let need = |id: ColumnId| Needs::from([(Vec::new(), [id].into())]);
    let events = rows(program, tables, source, &need(owner.by), |_, _| None)?;
    let by = column(column_name(source, &[], owner.by));
    let known = rows(program, tables, owner.entity, &need(key), |_, _| None)?
        .project(vec![column(column_name(owner.entity, &[], key)).alias("owner_key")])?
        .build()?;
    let plan = events
        .filter(by.clone().is_not_null())?
        .join_with_expr_keys(known, JoinType::LeftAnti, (vec![by], vec![column("owner_key")]), None)?
        .aggregate(Vec::<Expr>::new(), vec![count_udaf().call(vec![lit(1i64)]).alias("orphans")])?;
    Ok(plan.build()?)
}
