//! `segue_sequence`: whether a group's events followed each other.
//!
//! Arguments: the local day, the clock, the source's own time, the steps that the event may be (bits), then for each
//! comparison of the sequence the step's own value and the earlier step's. A group's events are kept until its value
//! is asked for; only events that can be some step should come here.

mod collected;
pub mod pattern;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use super::common::{kept, list_of};
use super::groups::{ManyGroups, OneGroup};
use collected::Collected;
use pattern::Pattern;

/// How many arguments come before the compared values.
const FIXED: usize = 4;

/// `segue_sequence(day, clock, time, mask, …)`: a struct of `matched`, `steps` and for each positive step `t0`, `t1`,
/// … of the types `times`.
pub fn sequence(pattern: Pattern, times: Vec<DataType>) -> AggregateUDF {
    AggregateUDF::from(SequenceFunction {
        pattern: Arc::new(pattern),
        times,
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SequenceFunction {
    pattern: Arc<Pattern>,
    times: Vec<DataType>,
    signature: Signature,
}

impl SequenceFunction {
    fn fields(&self) -> Fields {
        let times =
            self.times.iter().enumerate().map(|(n, ty)| Field::new(format!("t{n}"), ty.clone(), true));
        let first =
            [Field::new("matched", DataType::Boolean, false), Field::new("steps", DataType::Int64, false)];
        first.into_iter().chain(times).collect()
    }

    fn collected(&self, args: &AccumulatorArgs) -> Result<Collected> {
        if args.is_distinct || args.ignore_nulls || !args.order_bys.is_empty() {
            return not_impl_err!("{} takes no DISTINCT, IGNORE NULLS or ORDER BY", self.name());
        }
        let types = args.expr_fields.iter().map(|f| kept(f.data_type())).collect();
        Ok(Collected::new(Arc::clone(&self.pattern), types, self.fields()))
    }
}

impl AggregateUDFImpl for SequenceFunction {
    fn name(&self) -> &str {
        "segue_sequence"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let fixed = [DataType::Date32, DataType::Int64, DataType::Int64, DataType::Int64];
        Ok(fixed.into_iter().chain(arg_types.iter().skip(FIXED).cloned()).collect())
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |(at, f): (usize, &FieldRef)| {
            let name = format_state_name(args.name, &format!("state{at}"));
            Arc::new(Field::new(name, list_of(kept(f.data_type())), true))
        };
        Ok(args.input_fields.iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::new(Box::new(self.collected(&args)?))?))
    }

    fn create_sliding_accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("{} over a window", self.name())
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(ManyGroups(Box::new(self.collected(&args)?))))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
