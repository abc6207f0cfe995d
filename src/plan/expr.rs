//! Expressions of the IR as DataFusion expressions.

use super::lookup::Columns;
use super::scalar::{self, known};
use super::scan::{arrow_type, column, column_name, local_time};
use super::time::{epoch_days, epoch_micros, utc_zone};
use super::{Result, internal};
use crate::functions::Function;
use crate::ir::time::seconds;
use crate::ir::{ArithmeticOp, CompareOp, DefinitionKind, ExprId, Literal, Node, Program, Score, TextTest};
use crate::syntax::ast::{Duration, Number, TimeUnit};
use crate::types::{Frame, Type};
use chrono::NaiveDate;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::tree_node::TreeNode;
use datafusion::functions::core::expr_fn as core;
use datafusion::functions::datetime::expr_fn as datetime;
use datafusion::functions::math::expr_fn as math;
use datafusion::functions::string::expr_fn as string;
use datafusion::functions::unicode::expr_fn as unicode;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Case, Operator, binary_expr, cast, try_cast, when};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;
use std::cmp::Ordering;

/// What is asked of no more constants DataFusion asks of each.
const LONG_LIST: usize = 3;

/// Lowers expressions on one row. `columns` says which of them the plan already holds.
pub struct Lowering<'a> {
    program: &'a Program,
    columns: &'a Columns,
    /// Lists that were joined, not yet brought to yes/no: known where the value is in the list.
    marks: Option<&'a Columns>,
    /// All operands of `and` and `or` are worked out for all rows.
    eager: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(program: &'a Program, columns: &'a Columns) -> Self {
        Lowering { program, columns, marks: None, eager: false }
    }

    pub(super) fn with_marks(program: &'a Program, columns: &'a Columns, marks: &'a Columns) -> Self {
        Lowering { program, columns, marks: Some(marks), eager: false }
    }

    /// The expression, in the arrow type of its type.
    pub(super) fn expr(&self, id: ExprId) -> Result<Expr> {
        stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.lower(id))
    }

    /// The expression read as another type.
    pub(super) fn cast(&self, id: ExprId, to: &Type) -> Result<Expr> {
        let from = self.program.ty(id);
        if let Node::Literal(Literal::Number(n)) = self.program.node(id) {
            return number(*n, to);
        }
        convert(self.program, self.expr(id)?, from, to)
    }

    fn lower(&self, id: ExprId) -> Result<Expr> {
        let node = self.program.node(id);
        if let Some(held) = self.columns.get(&id) {
            return Ok(column(held));
        }
        if let (Node::InSource(list), Some(mark)) = (node, self.marks.and_then(|m| m.get(&id))) {
            let (value, unknown) = (self.expr(list.value)?, lit(ScalarValue::Boolean(None)));
            return Ok(when(value.is_null(), unknown).otherwise(column(mark).is_not_null())?);
        }
        let ty = self.program.ty(id);
        Ok(match node {
            Node::Literal(literal) => self.literal(literal, ty)?,
            Node::Column { source, via, column: c } => column(column_name(*source, via, *c)),
            Node::Outside(def) => {
                let inside = self.definition(*def)?;
                Expr::Not(Box::new(inside))
            }
            Node::Negate(_) if ty.is_blank() => missing(ty)?,
            Node::Negate(x) if *ty == Type::Float => known(Expr::Negative(Box::new(self.expr(*x)?))),
            Node::Negate(x) => Expr::Negative(Box::new(self.expr(*x)?)),
            Node::Arithmetic { op, left, right } => self.arithmetic(*op, *left, *right, ty)?,
            Node::Compare { op, left, right } => {
                let (l, r) = self.common(*left, *right)?;
                binary_expr(l, operator(*op), r)
            }
            Node::Between { value, low, high } => {
                let (v, l) = self.common(*value, *low)?;
                let (w, h) = self.common(*value, *high)?;
                let (from, to) = (binary_expr(v, Operator::GtEq, l), binary_expr(w, Operator::LtEq, h));
                if self.crosses(*value, *low, *high) { from.or(to) } else { from.and(to) }
            }
            Node::InList { value, list } => self.in_list(*value, list)?,
            Node::TextTest { test, value, pattern } => self.text_test(*test, *value, pattern)?,
            Node::IsMissing(x) => self.expr(*x)?.is_null(),
            Node::Coalesce(a, b) => {
                scalar::first_known(self.cast(*a, ty)?, self.cast(*b, ty)?, data_type(ty)?)
            }
            Node::And(list) => self.logic(list, Operator::And)?,
            Node::Or(list) => self.logic(list, Operator::Or)?,
            Node::Not(x) => Expr::Not(Box::new(self.expr(*x)?)),
            Node::Case { branches, otherwise } => {
                // DataFusion asks each arm for its type and again whether it may be missing; this cast, which does
                // nothing, answers for the expression below, so that cases within cases are planned in a moment.
                let opaque = |e: Expr, ty: &Type| -> Result<Box<Expr>> {
                    let simple = matches!(e, Expr::Literal(..) | Expr::Column(_));
                    Ok(Box::new(if simple { e } else { try_cast(e, data_type(ty)?) }))
                };
                let arm = |e: ExprId| opaque(self.cast(e, ty)?, ty);
                let mut arms = Vec::with_capacity(branches.len());
                for (when, then) in branches {
                    arms.push((opaque(self.expr(*when)?, &Type::Bool)?, arm(*then)?));
                }
                // DataFusion is quick where nothing is said of the others, who have none then.
                let last = otherwise.map(arm).transpose()?;
                Expr::Case(Case::new(None, arms, last))
            }
            Node::Call { function, arguments } => self.call(*function, arguments, ty)?,
            Node::Elapsed { unit, until, moment, day } => {
                self.elapsed(*unit, *until, *moment, day.unwrap_or_else(|| self.program.today()))?
            }
            Node::Definition(def) => self.definition(*def)?,
            Node::Score(score) => self.score(score, ty)?,
            Node::Cell { parts, apart } => self.cell(parts, *apart)?,
            Node::InSource(_)
            | Node::Aggregate(_)
            | Node::Sequence(_)
            | Node::SequencePart { .. }
            | Node::Top(_)
            | Node::Population(_) => {
                return Err(internal(format!("node {} was used before it was computed", id.0)));
            }
            Node::Error => return Err(internal("a faulty expression reached the planner")),
        })
    }

    /// A definition that is no column of the plan yet: its body, memberships two-valued.
    fn definition(&self, def: crate::ir::DefId) -> Result<Expr> {
        let definition = self.program.definition(def).ok_or_else(|| internal("an unknown definition"))?;
        let held = self.program.graph.find(&Node::Definition(def)).and_then(|id| self.columns.get(&id));
        if let Some(held) = held {
            return Ok(column(held));
        }
        let body = self.expr(definition.body)?;
        Ok(match definition.kind {
            DefinitionKind::Tag => body,
            DefinitionKind::Segment => body.is_true(),
        })
    }

    fn literal(&self, literal: &Literal, ty: &Type) -> Result<Expr> {
        Ok(match literal {
            Literal::Number(n) => number(*n, ty)?,
            Literal::Text(t) => lit(ScalarValue::Utf8View(Some(t.clone()))),
            Literal::Bool(b) => lit(*b),
            Literal::Date(d) => lit(ScalarValue::Date32(Some(epoch_days(*d)))),
            Literal::Local(t) => lit(ScalarValue::TimestampMicrosecond(Some(epoch_micros(*t)), None)),
            Literal::Utc(t) => {
                lit(ScalarValue::TimestampMicrosecond(Some(t.timestamp_micros()), Some(utc_zone())))
            }
            Literal::Duration(d) => lit(interval(*d)),
        })
    }

    /// Two operands in the type that both can be read as. A literal takes the other's type where it fits, so that
    /// the column is compared as it is stored.
    fn common(&self, left: ExprId, right: ExprId) -> Result<(Expr, Expr)> {
        let (l, r) = (self.program.ty(left), self.program.ty(right));
        for (literal, other) in [(right, l), (left, r)] {
            if let Node::Literal(Literal::Number(n)) = self.program.node(literal)
                && fits(*n, other)
            {
                return Ok((self.cast(left, other)?, self.cast(right, other)?));
            }
        }
        let common = Type::common(l, r).ok_or_else(|| internal("operands without a common type"))?;
        Ok((self.cast(left, &common)?, self.cast(right, &common)?))
    }

    /// A lower bound above the upper one, where values go round: over midnight, over the week's end.
    fn crosses(&self, value: ExprId, low: ExprId, high: ExprId) -> bool {
        let number = |id: ExprId| match self.program.node(id) {
            Node::Literal(Literal::Number(n)) if n.scale == 0 => Some(n.digits),
            _ => None,
        };
        self.program.node(value).goes_round() && number(low).zip(number(high)).is_some_and(|(l, h)| l > h)
    }

    fn in_list(&self, value: ExprId, list: &[ExprId]) -> Result<Expr> {
        if list.is_empty() {
            return Ok(lit(false));
        }
        let mut common = self.program.ty(value).widened();
        for item in list {
            common = Type::common(&common, &self.program.ty(*item).widened())
                .ok_or_else(|| internal("a list of another type"))?;
        }
        let items = list.iter().map(|item| self.cast(*item, &common)).collect::<Result<Vec<_>>>()?;
        let value = self.cast(value, &common)?;
        let is_listed = Expr::InList(InList::new(Box::new(value.clone()), items.clone(), false));
        // By the ends of a list of times a scan skips what it cannot by a long list: see `scalar::converted`.
        let times =
            items.iter().map(|item| item.as_literal().filter(|value| value.data_type().is_temporal()));
        let Some(times) = times.collect::<Option<Vec<_>>>().filter(|times| times.len() > LONG_LIST) else {
            return Ok(is_listed);
        };
        let by_time = |a: &&&ScalarValue, b: &&&ScalarValue| a.partial_cmp(b).unwrap_or(Ordering::Equal);
        let ends = times.iter().min_by(by_time).zip(times.iter().max_by(by_time));
        let Some((first, last)) = ends else { return Ok(is_listed) };
        let within = value.clone().gt_eq(lit((*first).clone())).and(value.lt_eq(lit((*last).clone())));
        Ok(within.and(is_listed))
    }

    /// Who is in a segment with this condition, two-valued. Where few rows fulfil the first of two conditions, DataFusion's
    /// own `and` picks these from all columns to ask for the second: of a hundred segments, that takes longer than to ask
    /// for all.
    pub(super) fn membership(&self, condition: ExprId) -> Result<Expr> {
        Ok(scalar::truth(Lowering { eager: true, ..*self }.expr(condition)?))
    }

    /// Balanced, so that a hundred conditions are seven deep.
    fn logic(&self, list: &[ExprId], op: Operator) -> Result<Expr> {
        let mut parts = list.iter().map(|e| self.expr(*e)).collect::<Result<Vec<_>>>()?;
        let at_once = |part| scalar::is_logic(part) || self.eager && !is_delicate(part);
        // Of two lists DataFusion makes one, or yes or no where that is all or nothing, also for what is missing.
        let in_lists = parts.iter().filter(|part| is_in_list(part)).count();
        if parts.len() > 1 && (in_lists > 1 || parts.iter().all(at_once)) {
            return Ok(if op == Operator::And { scalar::all(parts) } else { scalar::any(parts) });
        }
        while parts.len() > 1 {
            let mut halved = Vec::with_capacity(parts.len().div_ceil(2));
            let mut rest = parts.into_iter();
            while let Some(a) = rest.next() {
                halved.push(match rest.next() {
                    Some(b) => binary_expr(a, op, b),
                    None => a,
                });
            }
            parts = halved;
        }
        Ok(parts.pop().unwrap_or_else(|| lit(op == Operator::And)))
    }

    fn arithmetic(&self, op: ArithmeticOp, left: ExprId, right: ExprId, ty: &Type) -> Result<Expr> {
        let (l, r) = (self.program.ty(left), self.program.ty(right));
        if l.is_blank() || r.is_blank() {
            return missing(ty);
        }
        // Moments: moved by a duration, or days between two.
        if matches!(r, Type::Duration) {
            // Days and months are the calendar's of the script's zone; hours are exact.
            let exact = matches!(self.program.node(right), Node::Literal(Literal::Duration(d)) if seconds(*d).is_some());
            if *l == Type::Instant(Frame::Utc) && !exact {
                let clock = data_type(&Type::Instant(Frame::Local))?;
                let moved = scalar::arithmetic(op, self.local(left)?, self.expr(right)?, clock);
                return Ok(scalar::moment(moved, self.program.zone, data_type(ty)?));
            }
            return Ok(scalar::arithmetic(op, self.expr(left)?, self.expr(right)?, data_type(ty)?));
        }
        if l.is_time() && r.is_time() {
            return Ok(self.day_number(left)? - self.day_number(right)?);
        }
        let (left, right) = match (op, ty) {
            (ArithmeticOp::Divide, _) => (self.cast(left, &Type::Float)?, self.cast(right, &Type::Float)?),
            (ArithmeticOp::Modulo, _) | (_, Type::Float) => (self.cast(left, ty)?, self.cast(right, ty)?),
            _ => (self.exact(left, ty)?, self.exact(right, ty)?),
        };
        Ok(scalar::arithmetic(op, left, right, data_type(ty)?))
    }

    /// An operand of exact arithmetic with the result `ty`: beside decimals, whole numbers are decimals of 19 digits.
    fn exact(&self, id: ExprId, ty: &Type) -> Result<Expr> {
        let own = self.program.ty(id);
        match (self.program.node(id), own, ty) {
            (Node::Literal(Literal::Number(n)), Type::Int, Type::Decimal { .. }) => {
                number(*n, &Type::decimal(19, 0))
            }
            (Node::Literal(Literal::Number(n)), ..) => number(*n, own),
            (_, Type::Int, Type::Decimal { .. }) => Ok(cast(self.expr(id)?, DataType::Decimal128(19, 0))),
            _ => self.expr(id),
        }
    }

    /// Days since 1970-01-01 of the local day.
    fn day_number(&self, moment: ExprId) -> Result<Expr> {
        Ok(cast(cast(self.cast(moment, &Type::Date)?, DataType::Int32), DataType::Int64))
    }

    fn elapsed(&self, unit: TimeUnit, until: bool, moment: ExprId, today: NaiveDate) -> Result<Expr> {
        let day = self.cast(moment, &Type::Date)?;
        let days = || -> Result<Expr> {
            let (now, then) = (lit(i64::from(epoch_days(today))), self.day_number(moment)?);
            Ok(if until { then - now } else { now - then })
        };
        let months = || months_between(today, day.clone(), until);
        Ok(match unit {
            TimeUnit::Day => days()?,
            TimeUnit::Week => floor_divided(days()?, 7)?,
            TimeUnit::Month => months()?,
            TimeUnit::Quarter => floor_divided(months()?, 3)?,
            TimeUnit::Year => floor_divided(months()?, 12)?,
            TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second => return Err(internal("elapsed hours")),
        })
    }

    fn text_test(&self, test: TextTest, value: ExprId, pattern: &str) -> Result<Expr> {
        let value = self.expr(value)?;
        let pattern = lit(ScalarValue::Utf8View(Some(pattern.to_string())));
        Ok(match test {
            TextTest::Like => value.like(pattern),
            TextTest::Contains => string::contains(value, pattern),
            TextTest::StartsWith => string::starts_with(value, pattern),
            TextTest::EndsWith => string::ends_with(value, pattern),
            TextTest::Matches => binary_expr(value, Operator::RegexMatch, pattern),
        })
    }

    fn call(&self, function: Function, arguments: &[ExprId], ty: &Type) -> Result<Expr> {
        use Function as F;
        let argument = |i: usize| -> Result<Expr> {
            self.expr(*arguments.get(i).ok_or_else(|| internal("a missing argument"))?)
        };
        let float = |i: usize| -> Result<Expr> {
            self.cast(*arguments.get(i).ok_or_else(|| internal("a missing argument"))?, &Type::Float)
        };
        let of_known_only = matches!(function, F::Least | F::Greatest);
        if !of_known_only && arguments.iter().any(|a| self.program.ty(*a).is_blank()) {
            return missing(ty);
        }
        let first_ty = arguments.first().map_or(&Type::Error, |a| self.program.ty(*a));
        let part = |name: &str| -> Result<Expr> {
            let moment = self.local(*arguments.first().ok_or_else(|| internal("a missing argument"))?)?;
            Ok(datetime::date_part(lit(name), moment))
        };
        let all = || arguments.iter().map(|a| self.cast(*a, ty)).collect::<Result<Vec<_>>>();
        let result = match function {
            F::Abs => math::abs(argument(0)?),
            F::Round => self.round(arguments, ty)?,
            F::Floor | F::Ceil if *first_ty == Type::Int => argument(0)?,
            F::Floor => math::floor(argument(0)?),
            F::Ceil => math::ceil(argument(0)?),
            F::Sqrt => scalar::sqrt(float(0)?),
            F::Exp => math::exp(float(0)?),
            F::Ln => scalar::ln(float(0)?),
            F::Power => scalar::power(float(0)?, float(1)?),
            F::Least => core::least(all()?),
            F::Greatest => core::greatest(all()?),
            F::Lower => string::lower(argument(0)?),
            F::Upper => string::upper(argument(0)?),
            F::Trim => string::btrim(vec![argument(0)?]),
            F::Length => unicode::character_length(argument(0)?),
            // A length below zero takes nothing, a start before the text is its first character.
            F::Left => unicode::left(argument(0)?, at_least(argument(1)?, 0)?),
            F::Right => unicode::right(argument(0)?, at_least(argument(1)?, 0)?),
            F::Substring => {
                unicode::substring(argument(0)?, at_least(argument(1)?, 1)?, at_least(argument(2)?, 0)?)
            }
            F::Replace => string::replace(argument(0)?, argument(1)?, argument(2)?),
            F::Concat => scalar::joined(all()?),
            F::Number => scalar::number(argument(0)?),
            F::Date => {
                self.cast(*arguments.first().ok_or_else(|| internal("a missing argument"))?, &Type::Date)?
            }
            F::Year => part("year")?,
            F::Quarter => part("quarter")?,
            F::Month => part("month")?,
            F::Day => part("day")?,
            F::Hour => part("hour")?,
            F::Weekday => {
                let day =
                    self.day_number(*arguments.first().ok_or_else(|| internal("a missing argument"))?)?;
                // 1970-01-01 was a Thursday; twice the remainder keeps days before it positive.
                ((day + lit(3i64)) % lit(7i64) + lit(7i64)) % lit(7i64) + lit(1i64)
            }
            F::Age => {
                let moment = *arguments.first().ok_or_else(|| internal("a missing argument"))?;
                // On another day, the day is the second argument.
                let day = match arguments.get(1).map(|day| self.program.node(*day)) {
                    Some(Node::Literal(Literal::Date(day))) => *day,
                    _ => self.program.today(),
                };
                self.elapsed(TimeUnit::Year, false, moment, day)?
            }
        };
        Ok(cast(result, data_type(ty)?))
    }

    /// Points of the rules that are true; whole numbers are counted as decimals, which do not wrap around.
    fn score(&self, score: &Score, ty: &Type) -> Result<Expr> {
        let wide = match ty {
            Type::Int => Type::decimal(38, 0),
            other => other.clone(),
        };
        let zero = number(Number { digits: 0, scale: 0, has_point: false }, &wide)?;
        let wide_type = data_type(&wide)?;
        let mut sum = self.cast(score.base, &wide)?;
        for rule in &score.rules {
            let points = self.cast(rule.points, &wide)?;
            let points = when(self.expr(rule.when)?, points).otherwise(zero.clone())?;
            let op = if rule.take { ArithmeticOp::Subtract } else { ArithmeticOp::Add };
            sum = scalar::arithmetic(op, sum, points, wide_type.clone());
        }
        if let Some((low, high)) = score.clamp {
            sum = scalar::clamped(sum, self.cast(low, &wide)?, self.cast(high, &wide)?, wide_type);
        }
        Ok(cast(sum, data_type(ty)?))
    }

    fn cell(&self, parts: &[ExprId], apart: bool) -> Result<Expr> {
        let mut texts: Vec<Expr> = Vec::new();
        let mut all_known = lit(true);
        for (i, part) in parts.iter().enumerate() {
            let part = self.expr(*part)?;
            all_known = all_known.and(part.clone().is_not_null());
            if apart && i > 0 {
                texts.push(lit(ScalarValue::Utf8View(Some("-".to_string()))));
            }
            texts.push(cast(part, DataType::Utf8View));
        }
        Ok(when(all_known, cast(string::concat(texts), DataType::Utf8View)).end()?)
    }

    /// Decimals are rounded as decimals; half away from zero.
    fn round(&self, arguments: &[ExprId], ty: &Type) -> Result<Expr> {
        let value = *arguments.first().ok_or_else(|| internal("a missing argument"))?;
        let digits = match arguments.get(1).map(|d| self.program.node(*d)) {
            None => Some(0),
            Some(Node::Literal(Literal::Number(n))) => i8::try_from(n.digits).ok(),
            Some(_) => None,
        };
        match (ty, digits) {
            (Type::Int, Some(0..)) => self.expr(value),
            (Type::Decimal { precision, scale }, Some(digits)) if (0..*scale).contains(&digits) => {
                Ok(scalar::converted(self.expr(value)?, DataType::Decimal128(*precision, digits)))
            }
            (Type::Decimal { scale, .. }, Some(digits)) if digits >= *scale => self.expr(value),
            _ => {
                let mut call = vec![self.cast(value, &Type::Float)?];
                if let Some(d) = arguments.get(1) {
                    call.push(self.expr(*d)?);
                }
                Ok(known(math::round(call)))
            }
        }
    }

    /// A date, or an instant as the wall clock of the script's zone.
    fn local(&self, moment: ExprId) -> Result<Expr> {
        match self.program.ty(moment) {
            Type::Instant(Frame::Utc) => Ok(local_time(self.expr(moment)?, self.program)),
            _ => self.expr(moment),
        }
    }
}

/// `expr` of the type `from` read as `to`.
pub(super) fn convert(program: &Program, expr: Expr, from: &Type, to: &Type) -> Result<Expr> {
    if from == to || (from.is_text() && to.is_text()) {
        return Ok(expr);
    }
    Ok(match (from, to) {
        (Type::Blank, _) => missing(to)?,
        (Type::Instant(Frame::Utc), Type::Instant(Frame::Local)) => {
            cast(local_time(expr, program), data_type(to)?)
        }
        (Type::Instant(Frame::Utc), Type::Date) => scalar::day(local_time(expr, program)),
        (Type::Instant(Frame::Local), Type::Date) => scalar::day(expr),
        _ => cast(expr, data_type(to)?),
    })
}

fn data_type(ty: &Type) -> Result<DataType> {
    arrow_type(ty).ok_or_else(|| internal(format!("a value of the type {ty}")))
}

/// A missing value of a type.
pub(super) fn missing(ty: &Type) -> Result<Expr> {
    Ok(lit(ScalarValue::try_from(&data_type(ty)?)?))
}

/// A number as a literal of a type.
fn number(n: Number, ty: &Type) -> Result<Expr> {
    let scaled = |scale: i8| -> Option<i128> {
        let up = u32::try_from(scale).ok()?.checked_sub(u32::from(n.scale))?;
        n.digits.checked_mul(10i128.checked_pow(up)?)
    };
    match ty {
        Type::Int => match scaled(0).and_then(|d| i64::try_from(d).ok()) {
            Some(whole) => Ok(lit(whole)),
            None => Err(internal("a number that is not whole")),
        },
        Type::Decimal { precision, scale } => match scaled(*scale) {
            Some(digits) => Ok(lit(ScalarValue::Decimal128(Some(digits), *precision, *scale))),
            None => Err(internal("a number that does not fit its decimal")),
        },
        _ => {
            // Through text, so that the float is the nearest one.
            let float: f64 =
                format!("{}e-{}", n.digits, n.scale).parse().map_err(|_| internal("a number"))?;
            Ok(lit(float))
        }
    }
}

/// A whole number, or the least that it may be; missing stays missing.
fn at_least(n: Expr, least: i64) -> Result<Expr> {
    Ok(when(n.clone().lt(lit(least)), lit(least)).otherwise(n)?)
}

/// Whether a literal can be written exactly in another number's type.
fn fits(n: Number, ty: &Type) -> bool {
    match ty {
        Type::Int => n.scale == 0 && i64::try_from(n.digits).is_ok(),
        Type::Decimal { precision, scale } => {
            let up = i16::from(*scale) - i16::from(n.scale);
            let digits = n.digits.unsigned_abs().checked_ilog10().map_or(1, |d| d + 1);
            up >= 0 && digits.saturating_add(u32::from(up.unsigned_abs())) <= u32::from(*precision)
        }
        _ => false,
    }
}

fn interval(d: Duration) -> ScalarValue {
    let n = i64::from(d.amount);
    let month = |k: i64| (i32::try_from(n * k).unwrap_or(i32::MAX), 0, 0);
    let day = |k: i64| (0, i32::try_from(n * k).unwrap_or(i32::MAX), 0);
    let second = |k: i64| (0, 0, n.saturating_mul(k).saturating_mul(1_000_000_000));
    let (months, days, nanos) = match d.unit {
        TimeUnit::Year => month(12),
        TimeUnit::Quarter => month(3),
        TimeUnit::Month => month(1),
        TimeUnit::Week => day(7),
        TimeUnit::Day => day(1),
        TimeUnit::Hour => second(3600),
        TimeUnit::Minute => second(60),
        TimeUnit::Second => second(1),
    };
    ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanos)))
}

fn operator(op: CompareOp) -> Operator {
    match op {
        CompareOp::Equal => Operator::Eq,
        CompareOp::NotEqual => Operator::NotEq,
        CompareOp::Less => Operator::Lt,
        CompareOp::LessEqual => Operator::LtEq,
        CompareOp::Greater => Operator::Gt,
        CompareOp::GreaterEqual => Operator::GtEq,
    }
}

/// The largest n for which the earlier day plus n months (clipped to the month's end) is not after the later.
fn months_between(today: NaiveDate, day: Expr, until: bool) -> Result<Expr> {
    use chrono::Datelike;
    let part = |name: &str, of: Expr| cast(datetime::date_part(lit(name), of), DataType::Int64);
    let there = part("year", day.clone()) * lit(12i64) + part("month", day.clone());
    let here = lit(i64::from(today.year()) * 12 + i64::from(today.month()));
    let (d, t) = (part("day", day.clone()), i64::from(today.day()));
    let end_of_month = |day: NaiveDate| day.succ_opt().is_none_or(|next| next.month() != day.month());
    if !until {
        // X + n months lands in today's month, on min(d, its last day): not after today unless d is later.
        let whole = here - there;
        if end_of_month(today) {
            return Ok(whole);
        }
        return Ok(whole - when(d.gt(lit(t)), lit(1i64)).otherwise(lit(0i64))?);
    }
    // today + n months lands in X's month, on min(t, its last day): not after X unless t is later and X is no last day.
    let next =
        binary_expr(day.clone(), Operator::Plus, lit(interval(Duration { amount: 1, unit: TimeUnit::Day })));
    let last = part("month", cast(next, DataType::Date32)).not_eq(part("month", day));
    let late = d.lt(lit(t)).and(Expr::Not(Box::new(last)));
    Ok(there - here - when(late, lit(1i64)).otherwise(lit(0i64))?)
}

/// Whether it asks for one of several values, or for none of them.
fn is_in_list(expr: &Expr) -> bool {
    match expr {
        Expr::InList(_) => true,
        Expr::Not(inner) => is_in_list(inner),
        _ => false,
    }
}

/// Whether it had better not be worked out where another condition decides: it may take a while for each row (a search in a
/// text, a function of DataFusion's), or end the run because a number is too large.
fn is_delicate(expr: &Expr) -> bool {
    let delicate = |expr: &Expr| match expr {
        Expr::Like(_) | Expr::SimilarTo(_) => true,
        Expr::BinaryExpr(binary) => binary.op == Operator::RegexMatch,
        Expr::Cast(cast) => cast.field.data_type().is_decimal(),
        Expr::ScalarFunction(call) => !scalar::is_quick(call),
        _ => false,
    };
    expr.exists(|expr| Ok(delicate(expr))).unwrap_or(true)
}

/// Division that rounds down, for numbers below zero too.
fn floor_divided(n: Expr, by: i64) -> Result<Expr> {
    Ok(when(n.clone().gt_eq(lit(0i64)), n.clone() / lit(by)).otherwise((n - lit(by - 1)) / lit(by))?)
}
