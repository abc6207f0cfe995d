//! Row functions of ours. Each takes its operands once: spelt with `CASE` a guard copies what it guards, and a chain of
//! tags that each use the one before would double with every step. DataFusion also asks a nested cast for the type of
//! what stands below it more than once; a function's type is known where it is made.

use super::time::first_stored;
use crate::ir::{ArithmeticOp, Zone};
use chrono::DateTime;
use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Datum, Decimal128Array, Float64Array,
    PrimitiveArray, Scalar, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::kernels::{cmp, concat_elements, nullif, numeric, zip};
use datafusion::arrow::compute::{CastOptions, and_kleene, binary, cast_with_options, or_kleene};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal64Type, Decimal128Type, Float64Type, TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result as EngineResult, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::datum;
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

const MICROS_OF_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// What a function does with the values of a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Step {
    /// Two values by an operator. Whole numbers and decimals are exact or the run ends with an error; what has no
    /// result (a division by zero, ∞ − ∞) is missing.
    Arithmetic(ArithmeticOp),
    /// A float without NaN (which is missing) and with one zero.
    Known,
    /// The first value unless it is missing, then the second.
    FirstKnown,
    /// Texts one after the other; missing where one is.
    Joined,
    /// The square root; of what is below zero, none.
    Sqrt,
    /// The natural logarithm; of what is not above zero, none.
    Ln,
    /// `power(x, n)`; zero to a power below zero has no result, as a division by zero.
    Power,
    /// The nearest value from a low to a high one.
    Clamped,
    /// A text's number; what is none, or not finite, is missing.
    Number,
    /// `and` of yes/no columns, three-valued.
    All,
    /// `or` of them.
    Any,
    /// Whether it is yes: not no, not unknown.
    Truth,
    /// The moment at which a zone's wall clock shows a time.
    Moment(Zone),
    /// The day that a wall clock shows.
    Day,
    /// A value in another type, to the nearest; what does not fit is missing.
    Converted,
}

#[derive(PartialEq, Eq, Hash, Debug)]
struct Function {
    step: Step,
    result: DataType,
    signature: Signature,
}

fn call(step: Step, result: DataType, operands: Vec<Expr>) -> Expr {
    let signature = Signature::any(operands.len(), Volatility::Immutable);
    ScalarUDF::from(Function { step, result, signature }).call(operands)
}

/// `left op right` in the type `result`.
pub(super) fn arithmetic(op: ArithmeticOp, left: Expr, right: Expr, result: DataType) -> Expr {
    call(Step::Arithmetic(op), result, vec![left, right])
}

/// NaN is missing, and there is one zero: arrow tells −0.0 from 0.0 where it compares.
pub(super) fn known(float: Expr) -> Expr {
    call(Step::Known, DataType::Float64, vec![float])
}

/// `a ?? b`, both of the type `result`.
pub(super) fn first_known(a: Expr, b: Expr, result: DataType) -> Expr {
    call(Step::FirstKnown, result, vec![a, b])
}

/// Texts joined to one; missing where one is.
pub(super) fn joined(texts: Vec<Expr>) -> Expr {
    call(Step::Joined, DataType::Utf8View, texts)
}

/// The square root of a float.
pub(super) fn sqrt(x: Expr) -> Expr {
    call(Step::Sqrt, DataType::Float64, vec![x])
}

/// The natural logarithm of a float.
pub(super) fn ln(x: Expr) -> Expr {
    call(Step::Ln, DataType::Float64, vec![x])
}

/// `x` to the power `n`, both floats.
pub(super) fn power(x: Expr, n: Expr) -> Expr {
    call(Step::Power, DataType::Float64, vec![x, n])
}

/// `x`, or the end of the range that it lies beyond; all three of the type `result`.
pub(super) fn clamped(x: Expr, low: Expr, high: Expr, result: DataType) -> Expr {
    call(Step::Clamped, result, vec![x, low, high])
}

/// The number that a text spells.
pub(super) fn number(text: Expr) -> Expr {
    call(Step::Number, DataType::Float64, vec![text])
}

/// `and` of columns. DataFusion's own keeps asking whether it pays to leave rows out of what comes next, and filters all
/// columns to do so; columns that are there cost nothing more.
pub(super) fn all(columns: Vec<Expr>) -> Expr {
    call(Step::All, DataType::Boolean, columns)
}

/// `or` of columns.
pub(super) fn any(columns: Vec<Expr>) -> Expr {
    call(Step::Any, DataType::Boolean, columns)
}

/// `x is true`, which DataFusion compares bit by bit.
pub(super) fn truth(condition: Expr) -> Expr {
    call(Step::Truth, DataType::Boolean, vec![condition])
}

/// Whether it is a column, or logic of columns.
pub(super) fn is_logic(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Not(inner) => is_logic(inner),
        Expr::ScalarFunction(call) => {
            ours(&call.func).is_some_and(|f| matches!(f.step, Step::All | Step::Any | Step::Truth))
        }
        _ => false,
    }
}

/// Whether a function is one of these that does little for each row and has no error.
pub(super) fn is_quick(call: &ScalarFunction) -> bool {
    ours(&call.func).is_some_and(|f| match f.step {
        Step::Arithmetic(_) => f.result == DataType::Float64,
        Step::Joined | Step::Number | Step::Moment(_) => false,
        _ => true,
    })
}

fn ours(function: &ScalarUDF) -> Option<&Function> {
    function.inner().downcast_ref()
}

/// The columns that expressions only add and subtract, which takes decimals of 64 bits, too.
pub(crate) fn short_operands(exprs: &[Arc<dyn PhysicalExpr>]) -> BTreeSet<usize> {
    fn find(
        expr: &Arc<dyn PhysicalExpr>,
        is_operand: bool,
        short: &mut BTreeSet<usize>,
        others: &mut BTreeSet<usize>,
    ) {
        if let Some(column) = expr.downcast_ref::<Column>() {
            (if is_operand { short } else { others }).insert(column.index());
            return;
        }
        let function = ScalarFunctionExpr::try_downcast_func::<Function>(expr.as_ref());
        let adds = function.and_then(|f| ours(f.fun())).is_some_and(|f| {
            matches!(f.step, Step::Arithmetic(ArithmeticOp::Add | ArithmeticOp::Subtract))
                && matches!(f.result, DataType::Decimal128(..))
        });
        for operand in expr.children() {
            find(operand, adds, short, others);
        }
    }
    let (mut short, mut others) = (BTreeSet::new(), BTreeSet::new());
    for expr in exprs {
        find(expr, false, &mut short, &mut others);
    }
    &short - &others
}

/// The exact moment, of the type `result`, of a wall clock's time.
pub(super) fn moment(clock: Expr, zone: Zone, result: DataType) -> Expr {
    call(Step::Moment(zone), result, vec![clock])
}

/// The day of a wall clock's time. Arrow's cast goes by way of the calendar, which takes several times as long.
pub(super) fn day(clock: Expr) -> Expr {
    call(Step::Day, DataType::Date32, vec![clock])
}

/// A value in the type `result`, to the nearest; what does not fit is missing. Where a cast is compared, DataFusion compares what
/// is below it with the constant, cast back: as if 0.31 in one digit were not 0.3, and one moment of microseconds could be
/// said in seconds.
pub(super) fn converted(value: Expr, result: DataType) -> Expr {
    call(Step::Converted, result, vec![value])
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.step {
            Step::Arithmetic(ArithmeticOp::Add) => "segue_add",
            Step::Arithmetic(ArithmeticOp::Subtract) => "segue_subtract",
            Step::Arithmetic(ArithmeticOp::Multiply) => "segue_multiply",
            Step::Arithmetic(ArithmeticOp::Divide) => "segue_divide",
            Step::Arithmetic(ArithmeticOp::Modulo) => "segue_modulo",
            Step::Known => "segue_known",
            Step::FirstKnown => "segue_first_known",
            Step::Joined => "segue_concat",
            Step::Sqrt => "segue_sqrt",
            Step::Ln => "segue_ln",
            Step::Power => "segue_power",
            Step::Clamped => "segue_clamp",
            Step::Number => "segue_number",
            Step::All => "segue_all",
            Step::Any => "segue_any",
            Step::Truth => "segue_true",
            Step::Moment(_) => "segue_moment",
            Step::Day => "segue_day",
            Step::Converted => "segue_converted",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> EngineResult<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        // A function of constants is a constant, computed once.
        let one = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let result = match (self.step, args.args.as_slice()) {
            (Step::Arithmetic(op), [a, b]) => datum::apply(a, b, |a, b| operate(op, a, b, &self.result))?,
            (_, operands) => {
                let rows = if one { 1 } else { args.number_rows };
                let arrays =
                    operands.iter().map(|a| a.to_array(rows)).collect::<EngineResult<Vec<ArrayRef>>>()?;
                ColumnarValue::Array(self.of_arrays(&arrays)?)
            }
        };
        match result {
            ColumnarValue::Array(array) if one => {
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
            }
            other => Ok(other),
        }
    }

    /// Of which of the stored times a time or a day is made: those between two of them. So a scan knows what to skip. One of
    /// seconds or milliseconds that is beyond all microseconds (the year 294,247) is missing where it is read, and compared
    /// as what it is.
    fn preimage(
        &self,
        operands: &[Expr],
        constant: &Expr,
        context: &SimplifyContext,
    ) -> EngineResult<PreimageResult> {
        let none = Ok(PreimageResult::None);
        let ([operand], Expr::Literal(constant, _)) = (operands, constant) else { return none };
        let DataType::Timestamp(unit, zone) = context.get_data_type(operand)? else { return none };
        let micros = match (self.step, constant) {
            (Step::Converted, ScalarValue::TimestampMicrosecond(Some(t), _)) => {
                t.checked_add(1).map(|end| *t..end)
            }
            (Step::Day, ScalarValue::Date32(Some(day))) => {
                let start = |day: i64| day.checked_mul(MICROS_OF_DAY);
                start(i64::from(*day)).zip(start(i64::from(*day) + 1)).map(|(from, end)| from..end)
            }
            _ => None,
        };
        let bound = |t: i64| first_stored(unit, t, zone.clone());
        let bounds = micros.and_then(|micros| Some((bound(micros.start)?, bound(micros.end)?)));
        let Some((from, end)) = bounds else { return none };
        let interval = Box::new(Interval::try_new(from, end)?);
        Ok(PreimageResult::Range { expr: operand.clone(), interval })
    }
}

impl Function {
    fn of_arrays(&self, operands: &[ArrayRef]) -> EngineResult<ArrayRef> {
        Ok(match (self.step, operands) {
            (Step::Known, [x]) => only_known(x),
            (Step::FirstKnown, [a, b]) => match a.nulls() {
                None => Arc::clone(a),
                Some(known) => zip::zip(&BooleanArray::new(known.inner().clone(), None), a, b)?,
            },
            (Step::Joined, [first, rest @ ..]) => {
                let mut text = Arc::clone(first);
                for next in rest {
                    text = concat_elements::concat_elements_dyn(&text, next)?;
                }
                text
            }
            (Step::Sqrt, [x]) => computed(x, f64::sqrt),
            (Step::Ln, [x]) => computed(x, |x| if x > 0.0 { x.ln() } else { f64::NAN }),
            (Step::Power, [x, n]) => {
                let (x, n) = (x.as_primitive::<Float64Type>(), n.as_primitive::<Float64Type>());
                let power = |x: f64, n: f64| if x == 0.0 && n < 0.0 { f64::NAN } else { x.powf(n) };
                let powers: Float64Array = binary(x, n, power)?;
                only_known(&powers)
            }
            (Step::Clamped, [x, low, high]) => {
                let upper = zip::zip(&cmp::gt(x, high)?, high, x)?;
                zip::zip(&cmp::lt(x, low)?, low, &upper)?
            }
            (Step::Number, [text]) => {
                let safe = CastOptions { safe: true, ..CastOptions::default() };
                let read = cast_with_options(text, &DataType::Float64, &safe)?;
                let read: Float64Array =
                    read.as_primitive::<Float64Type>().unary_opt(|x| x.is_finite().then_some(x + 0.0));
                Arc::new(read)
            }
            (Step::All, operands) => logic(operands, and_kleene)?,
            (Step::Any, operands) => logic(operands, or_kleene)?,
            (Step::Truth, [x]) => {
                let x = x.as_boolean();
                let yes = match x.nulls() {
                    Some(known) => x.values() & known.inner(),
                    None => x.values().clone(),
                };
                Arc::new(BooleanArray::new(yes, None))
            }
            (Step::Moment(zone), [clock]) => {
                let clock = micros(clock)?;
                let moment = |t: i64| {
                    let local = DateTime::from_timestamp_micros(t)?.naive_utc();
                    Some(zone.to_utc(local).timestamp_micros())
                };
                let moments: TimestampMicrosecondArray = clock.unary_opt(moment);
                cast_with_options(&moments.with_timezone_utc(), &self.result, &CastOptions::default())?
            }
            (Step::Day, [clock]) => {
                let clock = micros(clock)?;
                // Days of 64 bits of microseconds are fewer than 2³¹.
                Arc::new(clock.unary::<_, Date32Type>(|t| t.div_euclid(MICROS_OF_DAY) as i32))
            }
            (Step::Converted, [x]) => cast_with_options(x, &self.result, &CastOptions::default())?,
            (step, operands) => return plan_err!("{step:?} of {} values", operands.len()),
        })
    }
}

/// A wall clock's times in microseconds.
fn micros(clock: &ArrayRef) -> EngineResult<TimestampMicrosecondArray> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let clock = cast_with_options(clock, &micros, &CastOptions::default())?;
    Ok(clock.as_primitive().clone())
}

/// Yes/no columns joined by an operator.
fn logic(
    columns: &[ArrayRef],
    operator: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>,
) -> EngineResult<ArrayRef> {
    let mut columns = columns.iter().map(|c| c.as_boolean());
    let Some(first) = columns.next() else { return plan_err!("logic of nothing") };
    let joined = columns.try_fold(first.clone(), |all, next| operator(&all, next))?;
    Ok(Arc::new(joined))
}

/// A function of each float; NaN where it has no value.
fn computed(floats: &dyn Array, f: impl Fn(f64) -> f64) -> ArrayRef {
    let values: Float64Array = floats.as_primitive::<Float64Type>().unary(f);
    only_known(&values)
}

/// NaN as missing, −0.0 as 0.0.
fn only_known(floats: &dyn Array) -> ArrayRef {
    let floats = floats.as_primitive::<Float64Type>();
    if floats.values().iter().any(|x| x.is_nan()) {
        let known: Float64Array = floats.unary_opt(|x| (!x.is_nan()).then_some(x + 0.0));
        Arc::new(known)
    } else {
        Arc::new(floats.unary::<_, Float64Type>(|x| x + 0.0))
    }
}

/// Two columns (or a column and a constant) by an operator.
fn operate(
    op: ArithmeticOp,
    left: &dyn Datum,
    right: &dyn Datum,
    result: &DataType,
) -> std::result::Result<ArrayRef, ArrowError> {
    if let Some(sums) = sums(op, left, right, result)? {
        return Ok(sums);
    }
    let (longer_left, longer_right) = (longer(left)?, longer(right)?);
    let (left, right) = (longer_left.as_deref().unwrap_or(left), longer_right.as_deref().unwrap_or(right));
    // What does not fit is an error and not a missing value.
    let exact = CastOptions { safe: false, ..CastOptions::default() };
    let values = match op {
        ArithmeticOp::Add => numeric::add(left, right),
        ArithmeticOp::Subtract => numeric::sub(left, right),
        ArithmeticOp::Multiply => numeric::mul(left, right),
        ArithmeticOp::Divide => numeric::div(left, without_zeros(right)?.as_ref()),
        ArithmeticOp::Modulo => numeric::rem(left, without_zeros(right)?.as_ref()),
    }?;
    let values = cast_with_options(&values, result, &exact)?;
    Ok(if *result == DataType::Float64 { only_known(&values) } else { values })
}

/// Sums or differences of decimals of one scale, told apart from those that are too large at the end and not one by one,
/// which takes three times as long. None where this is not the way, or where one is too large.
fn sums(
    op: ArithmeticOp,
    left: &dyn Datum,
    right: &dyn Datum,
    result: &DataType,
) -> Result<Option<ArrayRef>, ArrowError> {
    let ((left, false), (right, false)) = (left.get(), right.get()) else { return Ok(None) };
    let (Some((p, s)), Some((q, t))) = (digits(left.data_type()), digits(right.data_type())) else {
        return Ok(None);
    };
    // A digit more than the longer one has is enough for every sum.
    if s != t || !matches!(result, DataType::Decimal128(r, u) if *u == s && *r > p && *r > q) {
        return Ok(None);
    }
    let sums = match op {
        ArithmeticOp::Add => of_decimals(left, right, i128::overflowing_add)?,
        ArithmeticOp::Subtract => of_decimals(left, right, i128::overflowing_sub)?,
        _ => None,
    };
    Ok(sums.map(|sums| Arc::new(sums.with_data_type(result.clone())) as ArrayRef))
}

/// The digits of a decimal, and those after its point.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal64(digits, scale) | DataType::Decimal128(digits, scale) => Some((*digits, *scale)),
        _ => None,
    }
}

fn of_decimals(
    left: &dyn Array,
    right: &dyn Array,
    operate: impl Fn(i128, i128) -> (i128, bool),
) -> Result<Option<Decimal128Array>, ArrowError> {
    let short = |array: &dyn Array| array.as_primitive_opt::<Decimal64Type>().cloned();
    let long = |array: &dyn Array| array.as_primitive_opt::<Decimal128Type>().cloned();
    match (short(left), short(right), long(left), long(right)) {
        (Some(a), Some(b), ..) => unless_too_large(&a, &b, operate),
        (Some(a), _, _, Some(b)) => unless_too_large(&a, &b, operate),
        (_, Some(b), Some(a), _) => unless_too_large(&a, &b, operate),
        (_, _, Some(a), Some(b)) => unless_too_large(&a, &b, operate),
        _ => Ok(None),
    }
}

fn unless_too_large<A: ArrowPrimitiveType, B: ArrowPrimitiveType>(
    left: &PrimitiveArray<A>,
    right: &PrimitiveArray<B>,
    operate: impl Fn(i128, i128) -> (i128, bool),
) -> Result<Option<Decimal128Array>, ArrowError>
where
    i128: From<A::Native> + From<B::Native>,
{
    let too_large = Cell::new(false);
    let results = binary(left, right, |a, b| {
        let (result, over) = operate(a.into(), b.into());
        too_large.set(too_large.get() | over);
        result
    })?;
    Ok((!too_large.get()).then_some(results))
}

/// Decimals as those of their type are, where a scan has left them as short as they are stored.
fn longer(values: &dyn Datum) -> Result<Option<Box<dyn Datum>>, ArrowError> {
    let (array, scalar) = values.get();
    let DataType::Decimal64(digits, scale) = array.data_type() else { return Ok(None) };
    let array = cast_with_options(array, &DataType::Decimal128(*digits, *scale), &CastOptions::default())?;
    Ok(Some(if scalar { Box::new(Scalar::new(array)) } else { Box::new(array) }))
}

/// Divisors with their zeros as missing.
fn without_zeros(divisors: &dyn Datum) -> std::result::Result<Box<dyn Datum>, ArrowError> {
    let (array, scalar) = divisors.get();
    let zero = ScalarValue::new_zero(array.data_type()).and_then(|z| z.to_scalar());
    let zero = zero.map_err(|e| ArrowError::ComputeError(e.to_string()))?;
    let array = nullif::nullif(array, &cmp::eq(&array, &zero)?)?;
    Ok(if scalar { Box::new(Scalar::new(array)) } else { Box::new(array) })
}

#[cfg(test)]
mod tests;
