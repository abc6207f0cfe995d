//! Expressions: names resolved, types judged, one node of the graph each.

use super::constant::literal_type;
use super::entity::operands;
use super::operators::Comparison;
use super::scope::Row;
use super::{Checker, Item};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::functions::{self, CallError, Kind};
use crate::ir::{CompareOp, ExprId, InSource, Literal, Node, TextTest};
use crate::source::Span;
use crate::syntax::ast::{
    BinaryOp, Call, CallClause, Expr, ExprKind, Ident, InstantLiteral, LogicOp, Number, Path, TimeUnit,
    UnaryOp,
};
use crate::types::Type;

impl Checker<'_> {
    /// A condition: yes/no, or the error that says how to make one of it.
    pub(super) fn condition(&mut self, row: &Row, expr: &Expr) -> ExprId {
        let id = self.expr(row, expr);
        let ty = self.graph.ty(id).clone();
        if ty.is_blank() {
            let yes = self.literal(Literal::Bool(true));
            return self.graph.add(Node::Compare { op: CompareOp::Equal, left: id, right: yes }, Type::Bool);
        }
        if ty.is_bool() {
            self.lint_atom(id, expr);
            return id;
        }
        let text = self.map.text(expr.span).trim().to_string();
        let text = if text.chars().count() > 40 { "…".to_string() } else { text };
        let hint = match &ty {
            Type::Int | Type::Decimal { .. } | Type::Float => format!("compare it: `{text} > 0`"),
            Type::Text | Type::Label(_) => format!("compare it: `{text} = \"…\"`, or ask `{text} is known`"),
            Type::Date | Type::Instant(_) => {
                format!("compare it: `days since {text} <= 30`, or ask `{text} is known`")
            }
            _ => {
                "a condition is a comparison, a yes/no column, a segment, or several with `and`, `or`, `not`"
                    .into()
            }
        };
        self.report(
            Diagnostic::new(
                Code::NotBoolean,
                format!("a condition must be yes or no; this is {}", ty.described()),
            )
            .at(expr.span)
            .help(hint),
        )
    }

    pub(super) fn expr(&mut self, row: &Row, expr: &Expr) -> ExprId {
        // The parser caps the depth; definitions inside definitions still add up.
        stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.expr_now(row, expr))
    }

    fn expr_now(&mut self, row: &Row, expr: &Expr) -> ExprId {
        match &*expr.kind {
            ExprKind::Error => self.faulty(),
            ExprKind::Number(n) => self.literal(Literal::Number(*n)),
            ExprKind::Text(t) => self.literal(Literal::Text(t.clone())),
            ExprKind::Bool(b) => self.literal(Literal::Bool(*b)),
            ExprKind::Date(d) => self.literal(Literal::Date(*d)),
            ExprKind::Duration(d) => self.literal(Literal::Duration(*d)),
            ExprKind::Instant(InstantLiteral::Local(t)) => self.literal(Literal::Local(*t)),
            ExprKind::Instant(InstantLiteral::WithOffset(t)) => self.literal(Literal::Utc(t.to_utc())),
            ExprKind::Name(path) => self.name(row, path),
            ExprKind::Unary { op: UnaryOp::Negate, operand } => self.negate(row, operand),
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.not(row, operand, expr.span),
            ExprKind::Logic { op, operands } => self.logic(row, *op, operands),
            ExprKind::Binary { op, op_span, left, right } => self.binary(row, *op, *op_span, left, right),
            ExprKind::Between { value, ends, negated } => self.between(row, value, ends, *negated, expr.span),
            ExprKind::InList { value, list, negated } => self.in_list(row, value, list, *negated),
            ExprKind::InSource(list) => {
                self.in_source(row, &list.value, &list.column, Some(&list.filter), list.negated)
            }
            ExprKind::TextTest { test, value, pattern, negated } => {
                self.text_test(row, *test, value, pattern, *negated)
            }
            ExprKind::IsMissing { value, negated } => {
                let inner = self.expr(row, value);
                if self.graph.ty(inner).is_error() {
                    return inner;
                }
                let id = self.graph.add(Node::IsMissing(inner), Type::Bool);
                self.negated(id, *negated)
            }
            ExprKind::Case { branches, otherwise } => self.case(row, branches, otherwise.as_ref()),
            ExprKind::Call(call) => self.call(row, call, expr.span),
            ExprKind::Elapsed { unit, until, moment } => self.elapsed(row, *unit, *until, moment, expr.span),
            ExprKind::Outside(name) => self.outside(row, name),
            ExprKind::OnDate { value, date } => self.on_date(row, value, date, expr.span),
            ExprKind::Happened { steps, clauses } => self.happened(row, steps, clauses, expr.span),
        }
    }

    pub(super) fn literal(&mut self, literal: Literal) -> ExprId {
        let ty = literal_type(&literal);
        self.graph.add(Node::Literal(literal), ty)
    }

    pub(super) fn negated(&mut self, id: ExprId, negated: bool) -> ExprId {
        if negated && !self.graph.ty(id).is_error() { self.graph.add(Node::Not(id), Type::Bool) } else { id }
    }

    fn negate(&mut self, row: &Row, operand: &Expr) -> ExprId {
        let inner = self.expr(row, operand);
        let ty = self.graph.ty(inner).clone();
        if let Node::Literal(Literal::Number(n)) = self.graph.node(inner) {
            let negative = Number { digits: n.digits.saturating_neg(), ..*n };
            return self.literal(Literal::Number(negative));
        }
        if !ty.is_number() {
            return self.report(
                Diagnostic::new(
                    Code::TypeMismatch,
                    format!("`-` needs a number; this is {}", ty.described()),
                )
                .at(operand.span),
            );
        }
        if ty.is_error() { inner } else { self.graph.add(Node::Negate(inner), ty) }
    }

    fn not(&mut self, row: &Row, operand: &Expr, span: Span) -> ExprId {
        let inner = self.condition(row, operand);
        if let Node::Definition(def) = *self.graph.node(inner)
            && self.is_segment(def)
        {
            let name = self.definition_name(def);
            self.error(
                Diagnostic::new(
                    Code::NotSegment,
                    format!("`not {name}` also takes those about whom `{name}` is undecided"),
                )
                .at(span)
                .help(format!("write `outside {name}`: it means the same, and says so")),
            );
        }
        self.negated(inner, true)
    }

    fn logic(&mut self, row: &Row, op: LogicOp, operands: &[Expr]) -> ExprId {
        let ids: Vec<ExprId> = operands.iter().map(|e| self.condition(row, e)).collect();
        if ids.iter().any(|id| self.graph.ty(*id).is_error()) {
            return self.faulty();
        }
        self.lint_logic(op, &ids, operands);
        self.graph.add(
            match op {
                LogicOp::And => Node::And(ids),
                LogicOp::Or => Node::Or(ids),
            },
            Type::Bool,
        )
    }

    fn between(
        &mut self,
        row: &Row,
        value: &Expr,
        [low, high]: &[Expr; 2],
        negated: bool,
        span: Span,
    ) -> ExprId {
        let ids = [self.expr(row, value), self.expr(row, low), self.expr(row, high)];
        let [v, l, h] = ids;
        for (bound, at) in [(l, low), (h, high)] {
            let comparison = Comparison {
                op: CompareOp::LessEqual,
                left: v,
                right: bound,
                span,
                left_span: value.span,
                right_span: at.span,
            };
            if !self.comparable(&comparison) {
                return self.faulty();
            }
        }
        if let (Node::Literal(a), Node::Literal(b)) = (self.graph.node(l), self.graph.node(h))
            && constant_order(a, b) == Some(std::cmp::Ordering::Greater)
            && !self.graph.node(v).goes_round()
            && !self.may_be_empty(low, high)
        {
            return self.report(
                Diagnostic::new(
                    Code::BadShare,
                    "the lower bound of `between` is above the upper one: nothing is in it",
                )
                .at(low.span.to(high.span))
                .help("write the smaller bound first; both ends are included; only `hour`, `weekday` and `month` go round"),
            );
        }
        let id = self.graph.add(Node::Between { value: v, low: l, high: h }, Type::Bool);
        self.negated(id, negated)
    }

    fn in_list(&mut self, row: &Row, value: &Expr, list: &[Expr], negated: bool) -> ExprId {
        // `in (coupons.product_id)`: the grammar cannot tell a list's column from a list of one value.
        if let [only] = list
            && let ExprKind::Name(path) = &*only.kind
            && path.parts.len() > 1
            && path.parts.first().is_some_and(|first| self.is_list(&first.text, row))
        {
            return self.in_source(row, value, path, None, negated);
        }
        let v = self.expr(row, value);
        let mut items = Vec::with_capacity(list.len());
        let mut ok = !self.graph.ty(v).is_error();
        for item in list {
            let id = self.beside(v, item, |checker| checker.expr(row, item));
            let comparison = Comparison {
                op: CompareOp::Equal,
                left: v,
                right: id,
                span: item.span,
                left_span: value.span,
                right_span: item.span,
            };
            ok &= self.comparable(&comparison);
            items.push(id);
        }
        if !ok {
            return self.faulty();
        }
        let id = self.graph.add(Node::InList { value: v, list: items }, Type::Bool);
        self.negated(id, negated)
    }

    fn in_source(
        &mut self,
        row: &Row,
        value: &Expr,
        column: &Path,
        filter: Option<&Expr>,
        negated: bool,
    ) -> ExprId {
        let v = self.expr(row, value);
        let Some((first, rest)) = column.parts.split_first() else { return self.faulty() };
        if rest.is_empty() {
            // `x in (name)`: one column or tag in parentheses is a list of one value.
            let item = Expr { kind: Box::new(ExprKind::Name(column.clone())), span: column.span };
            if filter.is_none() && !matches!(self.item(&first.text), Some(Item::Source(_))) {
                return self.in_list(row, value, &[item], negated);
            }
            return self.report(
                Diagnostic::new(
                    Code::WrongKind,
                    format!("`{}` is a source: say which of its columns", first.text),
                )
                .at(column.span)
                .help(format!("`in ({}.COLUMN where …)`", first.text)),
            );
        }
        let Some(list) = self.source_named(first, "the list of `in (…)`") else { return self.faulty() };
        let list_row = Row::Source(list);
        let c = self.name(&list_row, column);
        let f = filter.map(|f| self.condition(&list_row, f));
        let comparison = Comparison {
            op: CompareOp::Equal,
            left: v,
            right: c,
            span: column.span,
            left_span: value.span,
            right_span: column.span,
        };
        let ok = self.comparable(&comparison) && f.is_none_or(|f| !self.graph.ty(f).is_error());
        if !ok {
            return self.faulty();
        }
        let id =
            self.graph.add(Node::InSource(InSource { value: v, list, column: c, filter: f }), Type::Bool);
        self.negated(id, negated)
    }

    /// Whether a name is a source that the row at hand has nothing to do with.
    fn is_list(&self, name: &str, row: &Row) -> bool {
        let Some(Item::Source(id)) = self.item(name) else { return false };
        match row {
            Row::Entity(own) | Row::Source(own) => id != self.as_written(*own),
            Row::Event { events, entity } => id != *events && id != *entity,
            Row::Constant => false,
        }
    }

    fn text_test(
        &mut self,
        row: &Row,
        test: TextTest,
        value: &Expr,
        pattern: &Expr,
        negated: bool,
    ) -> ExprId {
        let v = self.expr(row, value);
        let ty = self.graph.ty(v).clone();
        if !ty.is_text() {
            return self.report(
                Diagnostic::new(
                    Code::TypeMismatch,
                    format!("only text can be searched; this is {}", ty.described()),
                )
                .at(value.span),
            );
        }
        let constant = self.beside(v, pattern, |checker| checker.constant(pattern));
        let Some((Literal::Text(text), _)) = constant else {
            if !self.diagnostics.has_errors() {
                self.error(Diagnostic::new(Code::NotConstant, "a pattern must be a text").at(pattern.span));
            }
            return self.faulty();
        };
        if test == TextTest::Matches
            && let Err(error) = regex::Regex::new(&text)
        {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            return self.report(
                Diagnostic::new(Code::BadPattern, format!("the pattern cannot be read: {last}"))
                    .at(pattern.span),
            );
        }
        if ty.is_error() {
            return v;
        }
        let id = self.graph.add(Node::TextTest { test, value: v, pattern: text }, Type::Bool);
        self.negated(id, negated)
    }

    fn outside(&mut self, row: &Row, name: &Ident) -> ExprId {
        let Some(def) = self.segment_named(name) else { return self.faulty() };
        let Row::Entity(entity) = row else {
            if let Row::Event { .. } = row {
                if self.define(def).is_none() {
                    return self.faulty();
                }
                return self.graph.add(Node::Outside(def), Type::Bool);
            }
            return self.report(
                Diagnostic::new(Code::WrongKind, "`outside` needs a segment's customers, and this has none")
                    .at(name.span),
            );
        };
        if self.define(def).is_none() {
            return self.faulty();
        }
        if let Some(other) = self.entity_of(def).filter(|e| e != entity) {
            let (other, here) = (self.source_name(other).to_string(), self.source_name(*entity).to_string());
            return self.report(
                Diagnostic::new(
                    Code::TwoEntities,
                    format!("`{}` is about {other}, and this is about {here}", name.text),
                )
                .at(name.span),
            );
        }
        self.graph.add(Node::Outside(def), Type::Bool)
    }

    fn call(&mut self, row: &Row, call: &Call, span: Span) -> ExprId {
        let Call { function, arguments, clauses } = call;
        let Some(found) = functions::find(&function.text) else {
            let names = functions::TABLE.iter().map(|r| r.name);
            let hint = suggest::did_you_mean(&function.text, names).or_else(|| sql_habit(&function.text));
            return self.report(
                Diagnostic::new(Code::UnknownFunction, format!("no function is named `{}`", function.text))
                    .at(function.span)
                    .help_if(hint),
            );
        };
        match found.kind {
            Kind::Aggregate(aggregate) => self.aggregate(row, aggregate, found, arguments, clauses, span),
            Kind::Population(function) => self.population(row, function, found, arguments, clauses, span),
            // The grammar has a rule of its own for it; only its quoted name comes here.
            Kind::Sequence => self.report(
                Diagnostic::new(Code::WrongArguments, format!("`{}` takes steps", found.name))
                    .at(span)
                    .help(format!("`{}`: {}", found.signature, found.meaning)),
            ),
            Kind::Scalar(scalar) => {
                if let Some(clause) = clauses.first() {
                    return self.report(
                        Diagnostic::new(
                            Code::WrongArguments,
                            format!(
                                "`{}` is a function of one row: it takes no window and no `where`",
                                found.name
                            ),
                        )
                        .at(clause_span(clause))
                        .help(found.signature),
                    );
                }
                let ids: Vec<ExprId> = arguments.iter().map(|a| self.expr(row, a)).collect();
                let types: Vec<Type> = ids.iter().map(|id| self.graph.ty(*id).clone()).collect();
                if types.iter().any(Type::is_error) {
                    return self.faulty();
                }
                // What has no type yet fits wherever it stands.
                let judged: Vec<Type> =
                    types.iter().map(|t| if t.is_blank() { Type::Error } else { t.clone() }).collect();
                if let Some(diagnostic) = self.out_of_text(scalar, &ids, arguments) {
                    return self.report(diagnostic.help(found.signature));
                }
                match scalar.result(&judged).map(|ty| if ty.is_error() { Type::Blank } else { ty }) {
                    Ok(ty) => {
                        let day = (scalar == functions::Function::Age).then(|| self.age_from()).flatten();
                        let arguments = ids.into_iter().chain(day).collect();
                        self.graph.add(Node::Call { function: scalar, arguments }, ty)
                    }
                    Err(error) => self.wrong_call(found, &error, &types, arguments, span),
                }
            }
        }
    }

    /// `left(text, -1)`, `substring(text, 0, n)`: lengths and places that no text has.
    fn out_of_text(
        &self,
        function: functions::Function,
        ids: &[ExprId],
        arguments: &[Expr],
    ) -> Option<Diagnostic> {
        use functions::Function as F;
        let limits: &[(usize, i128)] = match function {
            F::Left | F::Right => &[(1, 0)],
            F::Substring => &[(1, 1), (2, 0)],
            _ => return None,
        };
        limits.iter().find_map(|(i, least)| {
            let Node::Literal(Literal::Number(n)) = self.graph.node(*ids.get(*i)?) else { return None };
            let what =
                if *least == 1 { "characters are counted from 1" } else { "a text has no length below 0" };
            (n.digits < *least)
                .then(|| Some(Diagnostic::new(Code::WrongArguments, what).at(arguments.get(*i)?.span)))?
        })
    }

    pub(super) fn wrong_call(
        &mut self,
        row: &functions::Row,
        error: &CallError,
        types: &[Type],
        arguments: &[Expr],
        span: Span,
    ) -> ExprId {
        let diagnostic = match error {
            CallError::Count => Diagnostic::new(
                Code::WrongArguments,
                format!(
                    "`{}` does not take {} value{}",
                    row.name,
                    types.len(),
                    if types.len() == 1 { "" } else { "s" }
                ),
            )
            .at(span),
            CallError::Argument(i, wanted) => {
                let got = types.get(*i).map_or(String::new(), Type::described);
                Diagnostic::new(
                    Code::WrongArguments,
                    format!("`{}` needs {wanted} here; this is {got}", row.name),
                )
                .at(arguments.get(*i).map_or(span, |a| a.span))
            }
        };
        self.report(diagnostic.help(format!("`{}`: {}", row.signature, row.meaning)))
    }

    fn elapsed(&mut self, row: &Row, unit: TimeUnit, until: bool, moment: &Expr, span: Span) -> ExprId {
        let id = self.expr(row, moment);
        let ty = self.graph.ty(id).clone();
        if !ty.is_time() {
            let mut diagnostic = Diagnostic::new(
                Code::TypeMismatch,
                format!(
                    "`days {}` needs a date or an instant; this is {}",
                    if until { "until" } else { "since" },
                    ty.described()
                ),
            )
            .at(moment.span);
            if ty.is_text() {
                diagnostic =
                    diagnostic.help("a text is no date: `column NAME as date` in the source reads it as one");
            }
            return self.report(diagnostic);
        }
        if matches!(unit, TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second) {
            return self.report(
                Diagnostic::new(
                    Code::BadWindow,
                    "time since is counted in days, weeks, months, quarters or years",
                )
                .at(span),
            );
        }
        if ty.is_error() {
            return id;
        }
        let day = self.counted_from();
        self.graph.add(Node::Elapsed { unit, until, moment: id, day }, Type::Int)
    }

    fn binary(&mut self, row: &Row, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr) -> ExprId {
        let l = self.expr(row, left);
        let r = if super::sequence::comparison(op).is_some() {
            self.beside(l, right, |checker| checker.expr(row, right))
        } else {
            self.expr(row, right)
        };
        self.operator(op, op_span, (l, left.span), (r, right.span))
    }

    /// Checks what a value is compared with.
    fn beside<T>(&mut self, value: ExprId, other: &Expr, work: impl FnOnce(&mut Self) -> T) -> T {
        let is_text = matches!(self.graph.ty(value), Type::Text | Type::Label(_));
        let name = matches!(&*other.kind, ExprKind::Name(path) if path.parts.len() == 1);
        let before = std::mem::replace(&mut self.beside_text, is_text && name);
        let done = work(self);
        self.beside_text = before;
        done
    }

    /// Whether an aggregate stands in the expression: for the message that one cannot stand in another.
    pub(super) fn holds_aggregate(&self, expr: &Expr) -> bool {
        match &*expr.kind {
            ExprKind::Call(call) => {
                functions::find(&call.function.text).is_some_and(|r| matches!(r.kind, Kind::Aggregate(_)))
                    || call.arguments.iter().any(|a| self.holds_aggregate(a))
            }
            kind => operands(kind).into_iter().any(|e| self.holds_aggregate(e)),
        }
    }
}

/// The order of two constants of one kind.
fn constant_order(a: &Literal, b: &Literal) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Literal::Number(x), Literal::Number(y)) => {
            let scale = x.scale.max(y.scale);
            let at = |n: &Number| {
                10i128.checked_pow(u32::from(scale - n.scale)).and_then(|factor| n.digits.checked_mul(factor))
            };
            Some(at(x)?.cmp(&at(y)?))
        }
        (Literal::Date(x), Literal::Date(y)) => Some(x.cmp(y)),
        (Literal::Local(x), Literal::Local(y)) => Some(x.cmp(y)),
        (Literal::Text(x), Literal::Text(y)) => Some(x.cmp(y)),
        _ => None,
    }
}

/// Where a clause stands.
pub(super) fn clause_span(clause: &CallClause) -> Span {
    match clause {
        CallClause::Window(window) => window.span,
        CallClause::Where(_, span)
        | CallClause::Within(_, span)
        | CallClause::In(_, span)
        | CallClause::TiesTogether(span) => *span,
    }
}

/// Names from SQL and spreadsheets, with what they are here.
fn sql_habit(name: &str) -> Option<String> {
    let hint = match name.to_lowercase().as_str() {
        "average" | "mean" => "write `avg(…)`",
        "coalesce" | "ifnull" | "nvl" | "isnull" => "write `a ?? b`",
        "if" | "iif" => "write `case when … then … else … end`",
        "count_distinct" | "countd" | "uniq" | "nunique" => "write `distinct(EVENTS.x)`",
        "len" | "char_length" => "write `length(…)`",
        "datediff" | "date_diff" => "write `days since X`, or `a - b` of two dates",
        "now" | "current_date" | "getdate" | "curdate" => "write `today`: the run's day, never the clock",
        "substr" | "mid" => "write `substring(text, start, n)`",
        "ceiling" => "write `ceil(…)`",
        "pow" => "write `power(…)`",
        "log" => "write `ln(…)`",
        "mode" => "write `most_common(EVENTS.x)`",
        "exists" => "write `any(EVENTS where …)`",
        "stdev" | "std" | "stddev_samp" => "write `stddev(…)`",
        _ => return None,
    };
    Some(hint.to_string())
}
