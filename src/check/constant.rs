//! Values known before the run: parameters, `--set`, bounds of windows.

use super::scope::Row;
use super::{Checker, Progress};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::ir::{Literal, Node, Param};
use crate::source::{FileId, Span};
use crate::syntax::ast::{self, Number};
use crate::types::{Frame, Type};
use crate::value::Value;
use chrono::{DateTime, NaiveDate, NaiveDateTime};

pub(super) struct ParamState<'a> {
    pub def: &'a ast::ParamDef,
    pub value: Progress<Option<(Literal, Type)>>,
    pub overridden: bool,
    /// Whether its name stands anywhere.
    pub used: bool,
}

impl<'a> ParamState<'a> {
    pub fn new(def: &'a ast::ParamDef) -> Self {
        ParamState { def, value: Progress::Todo, overridden: false, used: false }
    }

    pub fn finished(&self) -> Option<Param> {
        let Progress::Done(Some((value, ty))) = &self.value else { return None };
        Some(Param {
            name: self.def.name.text.clone(),
            title: self.def.title.as_ref().map(|t| t.value.clone()),
            value: value.clone(),
            ty: ty.clone(),
            overridden: self.overridden,
            span: self.def.name.span,
        })
    }
}

impl Checker<'_> {
    /// The value of a parameter where its name stands.
    pub(super) fn param_use(&mut self, index: usize) -> Option<(Literal, Type)> {
        if let Some(state) = self.params.get_mut(index) {
            state.used = true;
        }
        self.param(index)
    }

    /// The value that this run has for a parameter; `None` where it is faulty.
    pub(super) fn param(&mut self, index: usize) -> Option<(Literal, Type)> {
        let state = self.params.get_mut(index)?;
        let def = state.def;
        match &state.value {
            Progress::Done(value) => return value.clone(),
            Progress::Doing => {
                self.error(
                    Diagnostic::new(Code::Cycle, format!("the parameter `{}` needs itself", def.name.text))
                        .at(def.name.span),
                );
                return None;
            }
            Progress::Todo => state.value = Progress::Doing,
        }
        let mut value = self.constant(&def.value);
        let given =
            self.options.set.iter().rev().find(|(name, _)| *name == def.name.text).map(|(_, v)| v.clone());
        if let (Some(text), Some((_, ty))) = (&given, &value) {
            value = match parse_as(text, ty) {
                Some(literal) => Some((literal.clone(), literal_type(&literal))),
                None => {
                    let (name, ty) = (def.name.text.clone(), ty.described());
                    self.error(
                        Diagnostic::new(
                            Code::BadCall,
                            format!("--set {name}={text}: the value must be {ty}"),
                        )
                        .related(def.value.span, "the parameter's own value"),
                    );
                    None
                }
            };
        }
        if let Some(state) = self.params.get_mut(index) {
            state.value = Progress::Done(value.clone());
            state.overridden = given.is_some();
        }
        value
    }

    /// `--set` for a name that is no parameter is an error: a campaign must not run with a misspelt threshold.
    pub(super) fn check_set(&mut self) {
        let known: Vec<String> = self.params.iter().map(|p| p.def.name.text.clone()).collect();
        for (name, _) in self.options.set.clone() {
            if !known.contains(&name) {
                self.error(
                    Diagnostic::new(Code::UnknownParam, format!("--set {name}: no parameter has this name"))
                        .help_if(suggest::did_you_mean(&name, known.iter().map(String::as_str))),
                );
            }
        }
    }

    /// An expression that must be known before the run.
    pub(super) fn constant(&mut self, expr: &ast::Expr) -> Option<(Literal, Type)> {
        let id = self.expr(&Row::Constant, expr);
        let ty = self.graph.ty(id).clone();
        if ty.is_error() {
            return None;
        }
        match self.graph.node(id) {
            Node::Literal(literal) => Some((literal.clone(), ty)),
            _ => {
                self.error(
                    Diagnostic::new(Code::NotConstant, "this must be known before the run")
                        .at(expr.span)
                        .help("write a value (a number, a text, a date) or the name of a parameter"),
                );
                None
            }
        }
    }

    /// A constant whole number of at least `least`.
    pub(super) fn whole(&mut self, number: Number, span: Span, least: u64) -> Option<u64> {
        let whole = (number.scale == 0).then_some(number.digits).and_then(|d| u64::try_from(d).ok());
        match whole.filter(|n| *n >= least) {
            Some(n) => Some(n),
            None => {
                self.error(
                    Diagnostic::new(
                        Code::BadShare,
                        format!("a whole number of at least {least} is needed here"),
                    )
                    .at(span),
                );
                None
            }
        }
    }
}

/// The type of a literal on its own.
pub(super) fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Number(n) => number_type(*n),
        Literal::Text(_) => Type::Text,
        Literal::Bool(_) => Type::Bool,
        Literal::Date(_) => Type::Date,
        Literal::Local(_) => Type::Instant(Frame::Local),
        Literal::Utc(_) => Type::Instant(Frame::Utc),
        Literal::Duration(_) => Type::Duration,
    }
}

/// A whole number that fits 64 bits is whole; all else is a decimal.
pub(super) fn number_type(n: Number) -> Type {
    if n.scale == 0 && !n.has_point && i64::try_from(n.digits).is_ok() {
        return Type::Int;
    }
    let digits = n.digits.unsigned_abs().checked_ilog10().map_or(1, |d| d + 1);
    let digits = u8::try_from(digits).unwrap_or(u8::MAX);
    Type::decimal(digits.max(n.scale).max(1), i8::try_from(n.scale).unwrap_or(i8::MAX))
}

/// A literal as a plain value, for explanations.
pub fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::Number(n) => match i64::try_from(n.digits) {
            Ok(whole) if n.scale == 0 => Value::Int(whole),
            _ => Value::Decimal(n.digits, i8::try_from(n.scale).unwrap_or(i8::MAX)),
        },
        Literal::Text(t) => Value::Text(t.clone()),
        Literal::Bool(b) => Value::Bool(*b),
        Literal::Date(d) => Value::Date(*d),
        Literal::Local(t) => Value::Instant(*t),
        Literal::Utc(t) => Value::Instant(t.naive_utc()),
        Literal::Duration(d) => Value::Text(format!("{} {:?}", d.amount, d.unit).to_lowercase()),
    }
}

/// `--set` text read as a literal: as the language reads it; a text may stand without quotes.
fn parse_as(text: &str, ty: &Type) -> Option<Literal> {
    if matches!(ty, Type::Text | Type::Label(_)) {
        return Some(Literal::Text(match read(text) {
            Some(Literal::Text(quoted)) => quoted,
            _ => text.to_string(),
        }));
    }
    let literal = read(text)?;
    let fits = matches!(
        (ty, &literal),
        (Type::Int | Type::Decimal { .. } | Type::Float, Literal::Number(_))
            | (Type::Bool, Literal::Bool(_))
            | (Type::Date, Literal::Date(_))
            | (Type::Instant(_), Literal::Local(_) | Literal::Utc(_))
            | (Type::Duration, Literal::Duration(_))
    );
    fits.then_some(literal)
}

fn read(text: &str) -> Option<Literal> {
    let mut diagnostics = crate::diagnostic::Diagnostics::default();
    let script = crate::syntax::parse(FileId(u32::MAX), &format!("param value = {text}"), &mut diagnostics);
    let [statement] = script.statements.as_slice() else { return None };
    let ast::StatementKind::Param(def) = &statement.kind else { return None };
    if diagnostics.has_errors() {
        return None;
    }
    written(&def.value)
}

fn written(expr: &ast::Expr) -> Option<Literal> {
    match &*expr.kind {
        ast::ExprKind::Number(n) => Some(Literal::Number(*n)),
        ast::ExprKind::Text(t) => Some(Literal::Text(t.clone())),
        ast::ExprKind::Bool(b) => Some(Literal::Bool(*b)),
        ast::ExprKind::Date(d) => Some(Literal::Date(*d)),
        ast::ExprKind::Duration(d) => Some(Literal::Duration(*d)),
        ast::ExprKind::Instant(ast::InstantLiteral::Local(t)) => Some(Literal::Local(*t)),
        ast::ExprKind::Instant(ast::InstantLiteral::WithOffset(t)) => Some(Literal::Utc(t.to_utc())),
        ast::ExprKind::Unary { op: ast::UnaryOp::Negate, operand } => match written(operand)? {
            Literal::Number(n) => Some(Literal::Number(Number { digits: n.digits.checked_neg()?, ..n })),
            _ => None,
        },
        _ => None,
    }
}

/// `--as-of` text: a day, or an instant in the script's zone, or one with an offset.
pub fn parse_as_of(text: &str) -> Option<super::AsOfOption> {
    use super::AsOfOption;
    let text = text.trim();
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return (day.to_string() == text).then_some(AsOfOption::Day(day));
    }
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        return Some(AsOfOption::Utc(t.to_utc()));
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(AsOfOption::Local)
}
