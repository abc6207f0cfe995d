//! The portrait of an entity from its sources of events, as a node of the logical plan.
//!
//! Its first input is the entity's rows, one for each key; every other input is the events of one [`Pass`]. What comes
//! out is the entity's rows with a column for each aggregate.

use super::super::aggregates as ours;
use crate::functions::AggregateFn;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err, plan_err};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::{AggregateUDF, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::prelude::Expr;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Half-open, in the unit of the time column: days, or microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Bounds {
    /// `None`: from the beginning.
    pub start: Option<i64>,
    pub end: i64,
}

/// One aggregate over the events of a pass.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Item {
    /// The column that holds its value.
    pub name: String,
    pub function: AggregateFn,
    /// What is aggregated, on the event's row; none for `count`, `any` and `share`.
    pub argument: Option<Expr>,
    /// What orders the events of `first` and `last`: the time, then the ties. None where the argument is the time itself.
    pub order: Vec<Expr>,
    /// Which events have a say: the window of a customer's own date.
    pub own: Option<Expr>,
    /// Which of them are taken.
    pub filter: Option<Expr>,
    pub window: Option<Bounds>,
}

/// One pass over a source of events.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pass {
    pub events: LogicalPlan,
    /// The column of the events with the entity's key.
    pub key: Expr,
    /// The column with the events' time.
    pub time: Option<Expr>,
    pub items: Vec<Item>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FoldNode {
    pub entity: LogicalPlan,
    /// The column of the entity with its key.
    pub key: Expr,
    /// Of whom alone the events matter; of all where none.
    pub candidates: Option<Expr>,
    pub passes: Vec<Pass>,
    /// Whether the rows are put away and folded part by part even if memory is not short.
    pub divided: bool,
    schema: DFSchemaRef,
}

impl Item {
    /// The aggregate function of DataFusion's kind that computes it.
    pub fn function(&self) -> Option<Arc<AggregateUDF>> {
        Some(match self.function {
            AggregateFn::Count | AggregateFn::Any | AggregateFn::Share => return None,
            AggregateFn::Sum => ours::exact_sum(),
            AggregateFn::Avg => ours::exact_avg(),
            AggregateFn::Stddev => ours::exact_stddev(),
            AggregateFn::Median => ours::median(),
            AggregateFn::Min => min_udaf(),
            AggregateFn::Max => max_udaf(),
            AggregateFn::First if self.order.is_empty() => min_udaf(),
            AggregateFn::Last if self.order.is_empty() => max_udaf(),
            AggregateFn::First => ours::first(),
            AggregateFn::Last => ours::last(),
            AggregateFn::Distinct => ours::distinct(),
            AggregateFn::MostCommon => ours::most_common(),
        })
    }

    /// The type of its column, given that of its argument.
    pub fn data_type(&self, argument: Option<&DataType>) -> Result<DataType> {
        Ok(match (self.function, argument) {
            (AggregateFn::Count | AggregateFn::Distinct, _) => DataType::Int64,
            (AggregateFn::Any, _) => DataType::Boolean,
            (AggregateFn::Share | AggregateFn::Avg | AggregateFn::Stddev | AggregateFn::Median, _) => {
                DataType::Float64
            }
            (AggregateFn::Sum, Some(DataType::Decimal128(_, scale))) => DataType::Decimal128(38, *scale),
            (_, Some(argument)) => argument.clone(),
            (function, None) => return plan_err!("{function:?} of nothing"),
        })
    }

    /// Its expressions, in the order in which [`Item::with`] takes them back.
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.argument.iter().chain(&self.order).chain(&self.own).chain(&self.filter)
    }

    fn with(&self, next: &mut impl Iterator<Item = Expr>) -> Item {
        Item {
            name: self.name.clone(),
            function: self.function,
            argument: self.argument.as_ref().and_then(|_| next.next()),
            order: next.by_ref().take(self.order.len()).collect(),
            own: self.own.as_ref().and_then(|_| next.next()),
            filter: self.filter.as_ref().and_then(|_| next.next()),
            window: self.window,
        }
    }
}

impl FoldNode {
    pub fn try_new(
        entity: LogicalPlan,
        key: Expr,
        candidates: Option<Expr>,
        passes: Vec<Pass>,
        divided: bool,
    ) -> Result<FoldNode> {
        let mut fields: Vec<_> =
            entity.schema().iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        for pass in &passes {
            let row = pass.events.schema().join(entity.schema())?;
            for item in &pass.items {
                let argument = item.argument.as_ref().map(|e| e.get_type(&row)).transpose()?;
                let data_type = item.data_type(argument.as_ref())?;
                fields.push((None, Arc::new(Field::new(&item.name, data_type, true))));
            }
        }
        let schema = DFSchema::new_with_metadata(fields, Default::default())?;
        Ok(FoldNode { entity, key, candidates, passes, divided, schema: Arc::new(schema) })
    }
}

impl PartialOrd for FoldNode {
    /// Two of them are equal, or nothing is known of their order.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for FoldNode {
    fn name(&self) -> &str {
        "Fold"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        std::iter::once(&self.entity).chain(self.passes.iter().map(|p| &p.events)).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let of_passes = self.passes.iter().flat_map(|pass| {
            let items = pass.items.iter().flat_map(Item::expressions);
            std::iter::once(&pass.key).chain(&pass.time).chain(items)
        });
        std::iter::once(&self.key).chain(&self.candidates).chain(of_passes).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Fold: by {}", self.key)?;
        if let Some(candidates) = &self.candidates {
            write!(f, " of {candidates}")?;
        }
        for pass in &self.passes {
            write!(f, "; {} ({})", pass.key, pass.items.len())?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let (mut exprs, mut inputs) = (exprs.into_iter(), inputs.into_iter());
        let (Some(entity), Some(key)) = (inputs.next(), exprs.next()) else {
            return internal_err!("a fold without an entity");
        };
        let candidates = self.candidates.as_ref().and_then(|_| exprs.next());
        let mut passes = Vec::new();
        for pass in &self.passes {
            let (Some(events), Some(key)) = (inputs.next(), exprs.next()) else {
                return internal_err!("a fold without its events");
            };
            let time = pass.time.as_ref().and_then(|_| exprs.next());
            let items = pass.items.iter().map(|item| item.with(&mut exprs)).collect();
            passes.push(Pass { events, key, time, items });
        }
        FoldNode::try_new(entity, key, candidates, passes, self.divided)
    }
}
