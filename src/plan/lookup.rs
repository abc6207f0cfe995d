//! `x in (coupons.product_id where …)`: the list joined as a mark, so that it may be of any length.

use super::expr::Lowering;
use super::scan::{Needs, Tables, column, need, rows};
use super::{Result, internal};
use crate::ir::{ExprId, InSource, Node, Program};
use crate::types::Type;
use datafusion::logical_expr::{JoinType, LogicalPlanBuilder};
use datafusion::prelude::lit;
use std::collections::HashMap;

/// Columns of a plan that hold the value of an expression.
pub(super) type Columns = HashMap<ExprId, String>;

/// Lists that were joined to a plan: for each, the column that is known where the value is in the list.
#[derive(Default)]
pub(super) struct Marks {
    pub columns: Columns,
}

impl Marks {
    /// Joins every list that `exprs` ask on their own row. `have`: what the plan already holds.
    pub fn join(
        &mut self,
        program: &Program,
        tables: &Tables,
        mut plan: LogicalPlanBuilder,
        exprs: &[ExprId],
        have: &Columns,
    ) -> Result<LogicalPlanBuilder> {
        let mut wanted: Vec<(ExprId, InSource)> = Vec::new();
        for expr in exprs {
            program.graph.walk(*expr, &mut |id, node| {
                if let Node::InSource(list) = node
                    && !have.contains_key(&id)
                    && !self.columns.contains_key(&id)
                    && !wanted.iter().any(|(w, _)| *w == id)
                {
                    wanted.push((id, list.clone()));
                }
            });
        }
        for (id, list) in wanted {
            plan = self.join_one(program, tables, plan, id, &list, have)?;
        }
        Ok(plan)
    }

    fn join_one(
        &mut self,
        program: &Program,
        tables: &Tables,
        plan: LogicalPlanBuilder,
        id: ExprId,
        list: &InSource,
        have: &Columns,
    ) -> Result<LogicalPlanBuilder> {
        let mut needs = Needs::new();
        need(program, list.list, list.column, &mut needs);
        if let Some(filter) = list.filter {
            need(program, list.list, filter, &mut needs);
        }
        let mut members = rows(program, tables, list.list, &needs, |_, _| None)?;
        let common = Type::common(program.ty(list.value), program.ty(list.column))
            .ok_or_else(|| internal("a list of another type"))?;
        let none = Columns::new();
        let on_list = Lowering::new(program, &none);
        if let Some(filter) = list.filter {
            members = members.filter(on_list.expr(filter)?)?;
        }
        let (key, mark) = (format!("m{}_key", id.0), format!("m{}", id.0));
        let value = on_list.cast(list.column, &common)?;
        let members = members
            .filter(value.clone().is_not_null())?
            .project(vec![value.alias(&key)])?
            .distinct()?
            .project(vec![column(&key), lit(true).alias(&mark)])?
            .build()?;
        let probe = Lowering::with_marks(program, have, &self.columns).cast(list.value, &common)?;
        let plan =
            plan.join_with_expr_keys(members, JoinType::Left, (vec![probe], vec![column(&key)]), None)?;
        self.columns.insert(id, mark);
        Ok(plan)
    }
}
