//! The aggregates as DataFusion sees them: names, types, states.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, not_impl_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};

use super::common::coerced;
use super::distinct::Distinct;
use super::extremes::Extremes;
use super::groups::{Groups, ManyGroups, OneGroup};
use super::median;
use super::moments::{Moment, Moments};
use super::most_common::MostCommon;
use super::ordered::{End, Ordered};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Sum,
    Average,
    Deviation,
    Median,
    First,
    Last,
    Distinct,
    MostCommon,
    Least,
    Greatest,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Aggregate {
    kind: Kind,
    signature: Signature,
}

impl Aggregate {
    pub(super) fn new(kind: Kind) -> Self {
        Aggregate { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn groups(&self, args: &AccumulatorArgs) -> Result<Box<dyn Groups>> {
        if args.is_distinct || args.ignore_nulls || !args.order_bys.is_empty() {
            return not_impl_err!("{} takes no DISTINCT, IGNORE NULLS or ORDER BY", self.name());
        }
        let types = types(args.expr_fields);
        let x = first(&types)?;
        Ok(match self.kind {
            Kind::Sum => Box::new(Moments::new(Moment::Sum, x)?),
            Kind::Average => Box::new(Moments::new(Moment::Average, x)?),
            Kind::Deviation => Box::new(Moments::new(Moment::Deviation, x)?),
            Kind::Median => median::median(x)?,
            Kind::First => Box::new(Ordered::new(End::First, &types)?),
            Kind::Last => Box::new(Ordered::new(End::Last, &types)?),
            Kind::Distinct => Box::new(Distinct::new(x)),
            Kind::MostCommon => Box::new(MostCommon::new(x)),
            Kind::Least => Box::new(Extremes::least()),
            Kind::Greatest => Box::new(Extremes::greatest()),
        })
    }

    fn state_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let x = first(types)?;
        Ok(match self.kind {
            Kind::Sum | Kind::Average | Kind::Deviation => Moments::state_types(x),
            Kind::Median => median::state_types(x),
            Kind::First | Kind::Last => Ordered::state_types(types),
            Kind::Distinct => Distinct::state_types(x),
            Kind::MostCommon => MostCommon::state_types(x),
            Kind::Least | Kind::Greatest => vec![x.clone()],
        })
    }
}

fn types(fields: &[FieldRef]) -> Vec<DataType> {
    fields.iter().map(|field| field.data_type().clone()).collect()
}

fn first(types: &[DataType]) -> Result<&DataType> {
    match types.first() {
        Some(data_type) => Ok(data_type),
        None => plan_err!("an aggregate needs an argument"),
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Sum => "segue_sum",
            Kind::Average => "segue_avg",
            Kind::Deviation => "segue_stddev",
            Kind::Median => "segue_median",
            Kind::First => "segue_first",
            Kind::Last => "segue_last",
            Kind::Distinct => "segue_distinct",
            Kind::MostCommon => "segue_most_common",
            Kind::Least => "segue_min",
            Kind::Greatest => "segue_max",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let wanted = arg_types.iter().map(coerced).collect::<Result<Vec<_>>>()?;
        let fits = match (self.kind, wanted.as_slice()) {
            (Kind::First | Kind::Last, [_, time, ..]) => {
                matches!(time, DataType::Int64 | DataType::Date32 | DataType::Timestamp(..))
            }
            (Kind::Distinct | Kind::MostCommon, [_]) => true,
            (Kind::Least | Kind::Greatest, [x]) => *x == DataType::Float64,
            (Kind::Sum | Kind::Average | Kind::Deviation | Kind::Median, [x]) => {
                matches!(x, DataType::Int64 | DataType::Float64 | DataType::Decimal128(..))
            }
            _ => false,
        };
        if fits { Ok(wanted) } else { plan_err!("{} does not take {arg_types:?}", self.name()) }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let x = first(arg_types)?;
        Ok(match (self.kind, x) {
            (Kind::Sum, DataType::Decimal128(_, scale)) => DataType::Decimal128(38, *scale),
            (Kind::Sum | Kind::First | Kind::Last | Kind::MostCommon, x) => x.clone(),
            (Kind::Average | Kind::Deviation | Kind::Median | Kind::Least | Kind::Greatest, _) => {
                DataType::Float64
            }
            (Kind::Distinct, _) => DataType::Int64,
        })
    }

    fn is_nullable(&self) -> bool {
        self.kind != Kind::Distinct
    }

    /// The value over no rows at all.
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        match self.kind {
            Kind::Sum | Kind::Distinct => ScalarValue::new_zero(data_type),
            _ => ScalarValue::try_from(data_type),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types = self.state_types(&types(args.input_fields))?;
        let name = |at: usize| format_state_name(args.name, &format!("state{at}"));
        Ok(types
            .into_iter()
            .enumerate()
            .map(|(at, data_type)| Arc::new(Field::new(name(at), data_type, true)))
            .collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(self.groups(&args)?)?))
    }

    fn create_sliding_accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("{} over a window", self.name())
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(ManyGroups(self.groups(&args)?)))
    }

    /// Nothing here depends on the order of rows.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
