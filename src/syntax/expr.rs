//! Expressions: precedence, comparisons, primaries.

use super::ast::*;
use super::grammar::Rule;
use super::literal;
use super::moment::{self, Moment};
use super::tree::{Builder, Kids, Node, unit};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

fn make(kind: ExprKind, span: Span) -> Expr {
    Expr { kind: Box::new(kind), span }
}

impl<'t> Builder<'t, '_> {
    /// `or` binds looser than `and`; chains of each stay flat.
    pub fn expr(&mut self, node: Node<'t>) -> Option<Expr> {
        let mut kids = Kids::of(node);
        let mut any: Vec<Expr> = Vec::new();
        let mut all = vec![self.comparison(kids.next()?)?];
        while let Some(op) = kids.next() {
            let op = Kids::of(op).next()?;
            let operand = self.comparison(kids.next()?)?;
            self.logic_sign(&op);
            if matches!(op.as_rule(), Rule::OR | Rule::PIPES) {
                any.extend(chain(LogicOp::And, std::mem::take(&mut all)));
            }
            all.push(operand);
        }
        any.extend(chain(LogicOp::And, all));
        chain(LogicOp::Or, any)
    }

    fn logic_sign(&mut self, op: &Node<'_>) {
        let word = match op.as_rule() {
            Rule::AMPERSANDS => "and",
            Rule::PIPES => "or",
            _ => return,
        };
        self.error(
            Code::Syntax,
            self.span(op),
            format!("`{}` is written `{word}`", op.as_str()),
            format!("write `{word}`"),
        );
    }

    /// `not` before it, the value, and what follows the value.
    fn comparison(&mut self, node: Node<'t>) -> Option<Expr> {
        let mut kids = Kids::of(node);
        let mut nots = Vec::new();
        let value = loop {
            let kid = kids.next()?;
            match kid.as_rule() {
                Rule::NOT => nots.push(self.span(&kid)),
                Rule::BANG => {
                    let span = self.span(&kid);
                    self.error(Code::Syntax, span, "`!` is written `not`", "write `not`");
                    nots.push(span);
                }
                _ => break self.arith(kid)?,
            }
        };
        let low = value.span;
        let mut expr = match kids.next() {
            None => value,
            Some(first) => {
                let (expr, op) = self.tail(value, first)?;
                if let Some(second) = kids.next() {
                    self.chained(low, &expr, op, &second);
                }
                expr
            }
        };
        while let Some(span) = nots.pop() {
            let span = span.to(expr.span);
            expr = make(ExprKind::Unary { op: UnaryOp::Not, operand: expr }, span);
        }
        Some(expr)
    }

    /// `1 < x < 5`, `a = b is missing`
    fn chained(&mut self, low: Span, first: &Expr, op: Option<(Span, Span)>, second: &Node<'t>) {
        let span = self.span(second);
        let mut diagnostic =
            Diagnostic::new(Code::Syntax, "comparisons do not chain").label(span, "a second comparison");
        let second_op = second.clone().into_inner().next().filter(|n| n.as_rule() == Rule::compare_tail);
        let second_op = second_op.map(Kids::of);
        if let (Some((op, middle)), Some(mut kids)) = (op, second_op)
            && let (Some(sign), Some(high)) = (kids.next(), kids.next())
        {
            let [low, op, middle] = [low, op, middle].map(|s| self.slice(s));
            let high = self.slice(self.span(&high));
            let sign = sign.as_str();
            diagnostic = diagnostic.help(format!("write `{low} {op} {middle} and {middle} {sign} {high}`"));
            if op.starts_with('<') && sign.starts_with('<') {
                diagnostic =
                    diagnostic.help(format!("with both ends included: `{middle} between {low} and {high}`"));
            }
        } else {
            let first = self.slice(first.span);
            diagnostic =
                diagnostic.help(format!("put the first in parentheses, or join two with `and`: `({first})`"));
        }
        self.report(diagnostic);
    }

    /// What follows a value; with the spans of the sign and of the right side where it is a comparison.
    fn tail(&mut self, value: Expr, node: Node<'t>) -> Option<(Expr, Option<(Span, Span)>)> {
        let span = value.span.to(self.span(&node));
        let mut kids = Kids::of(node);
        let negated = kids.take(Rule::NOT).is_some();
        let node = kids.next()?;
        let kind = match node.as_rule() {
            Rule::compare_tail => {
                let mut kids = Kids::of(node);
                let sign = kids.next()?;
                let right = self.arith(kids.next()?)?;
                let spans = (self.span(&sign), right.span);
                return Some((self.compare(value, &sign, right, span)?, Some(spans)));
            }
            Rule::is_tail => {
                let mut kids = Kids::of(node);
                kids.take(Rule::IS)?;
                let not = kids.take(Rule::NOT).is_some();
                let what = kids.next()?;
                if what.as_rule() == Rule::NULL {
                    let say = if not { "is known" } else { "is missing" };
                    let message = format!("`null` is not a word of Segue; the test is `{say}`");
                    let help = format!("write `{} {say}`", self.slice(value.span));
                    self.error(Code::Syntax, self.span(&what), message, help);
                }
                ExprKind::IsMissing { value, negated: not != (what.as_rule() == Rule::KNOWN) }
            }
            Rule::in_tail => self.in_tail(value, node, negated)?,
            Rule::between_tail => {
                let (low, high) = self.between(node)?;
                ExprKind::Between { value, ends: Box::new([low, high]), negated }
            }
            Rule::text_tail => {
                let mut kids = Kids::of(node);
                let test = match Kids::of(kids.next()?).next()?.as_rule() {
                    Rule::LIKE => TextTest::Like,
                    Rule::CONTAINS => TextTest::Contains,
                    Rule::STARTS => TextTest::StartsWith,
                    Rule::ENDS => TextTest::EndsWith,
                    _ => TextTest::Matches,
                };
                ExprKind::TextTest { test, value, pattern: self.arith(kids.next()?)?, negated }
            }
            _ => return None,
        };
        Some((make(kind, span), None))
    }

    /// `between a and b`: the two ends.
    pub fn between(&mut self, node: Node<'t>) -> Option<(Expr, Expr)> {
        let mut ends = Kids::of(node).all(Rule::arith);
        Some((self.arith(ends.next()?)?, self.arith(ends.next()?)?))
    }

    fn compare(&mut self, left: Expr, sign: &Node<'_>, mut right: Expr, span: Span) -> Option<Expr> {
        let op_span = self.span(sign);
        let folded = literal::fold(sign.as_str());
        let (op, written) = match folded.as_str() {
            "=" => (BinaryOp::Equal, "="),
            "==" => (BinaryOp::Equal, "="),
            "!=" | "≠" => (BinaryOp::NotEqual, "!="),
            "<>" => (BinaryOp::NotEqual, "!="),
            "<" => (BinaryOp::Less, "<"),
            "<=" | "≤" | "=<" => (BinaryOp::LessEqual, "<="),
            ">" => (BinaryOp::Greater, ">"),
            ">=" | "≥" | "=>" => (BinaryOp::GreaterEqual, ">="),
            _ => return None,
        };
        if matches!(folded.as_str(), "==" | "<>" | "=<" | "=>") {
            let message = format!("`{}` is written `{written}`", sign.as_str());
            self.error(Code::Syntax, op_span, message, format!("write `{written}`"));
        }
        if self.is_null(&right) && matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
            let say = if op == BinaryOp::Equal { "is missing" } else { "is known" };
            let message = format!("`null` is not a word of Segue; the test is `{say}`");
            let help = format!("write `{} {say}`", self.slice(left.span));
            self.error(Code::Syntax, right.span, message, help);
            right = make(ExprKind::Error, right.span);
        }
        Some(make(ExprKind::Binary { op, op_span, left, right }, span))
    }

    fn is_null(&self, expr: &Expr) -> bool {
        matches!(&*expr.kind, ExprKind::Name(_)) && self.slice(expr.span).eq_ignore_ascii_case("null")
    }

    fn in_tail(&mut self, value: Expr, node: Node<'t>, negated: bool) -> Option<ExprKind> {
        let mut list = Vec::new();
        let mut filter = None;
        let inside = std::mem::take(&mut self.inside_case);
        for kid in node.into_inner() {
            match kid.as_rule() {
                Rule::expr => list.push(self.expr(kid)?),
                Rule::where_clause => filter = Some(self.where_clause(kid)?),
                _ => {}
            }
        }
        self.inside_case = inside;
        let Some((filter, where_span)) = filter else {
            return Some(ExprKind::InList { value, list, negated });
        };
        if let (Some(Expr { kind, .. }), true) = (list.first(), list.len() == 1)
            && let ExprKind::Name(column) = &**kind
        {
            let column = column.clone();
            return Some(ExprKind::InSource(Box::new(InSource { value, column, filter, negated })));
        }
        self.error(
            Code::Syntax,
            where_span,
            "a `where` in a list follows one column of a source",
            "write `x in (source.column where …)`",
        );
        Some(ExprKind::InList { value, list, negated })
    }

    /// A `where` with its span.
    pub fn where_clause(&mut self, node: Node<'t>) -> Option<(Expr, Span)> {
        let span = self.span(&node);
        Some((self.expr(Kids::of(node).find(Rule::expr)?)?, span))
    }

    // ---- arithmetic ----

    /// One flat list of operands and signs, climbed with two stacks: all of them are left-associative.
    pub fn arith(&mut self, node: Node<'t>) -> Option<Expr> {
        let mut kids = Kids::of(node);
        let mut values = vec![self.signed(&mut kids)?];
        let mut ops: Vec<(BinaryOp, Span)> = Vec::new();
        while let Some(sign) = kids.next() {
            let op = arith_op(sign.as_str())?;
            let span = self.span(&sign);
            while ops.last().is_some_and(|(before, _)| binding(*before) >= binding(op)) {
                reduce(&mut values, &mut ops)?;
            }
            ops.push((op, span));
            values.push(self.signed(&mut kids)?);
        }
        while !ops.is_empty() {
            reduce(&mut values, &mut ops)?;
        }
        values.pop()
    }

    fn signed(&mut self, kids: &mut Kids<'t>) -> Option<Expr> {
        let mut signs = Vec::new();
        while let Some(minus) = kids.take(Rule::MINUS) {
            signs.push(self.span(&minus));
        }
        let mut expr = self.operand(kids.next()?)?;
        while let Some(sign) = signs.pop() {
            let span = sign.to(expr.span);
            expr = make(ExprKind::Unary { op: UnaryOp::Negate, operand: expr }, span);
        }
        Some(expr)
    }

    // ---- primaries ----

    fn operand(&mut self, node: Node<'t>) -> Option<Expr> {
        let node = Kids::of(node).next()?;
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::paren => return self.paren(node),
            Rule::TEXT => ExprKind::Text(literal::text_value(node.as_str())),
            Rule::MOMENT => match moment::moment_value(node.as_str())? {
                Moment::Date(date) => ExprKind::Date(date),
                Moment::Instant(instant) => ExprKind::Instant(instant),
            },
            Rule::quantity => {
                let mut kids = Kids::of(node);
                let number = kids.next()?;
                match kids.next() {
                    Some(word) => ExprKind::Duration(Duration {
                        amount: self.whole(&number, "a length of time"),
                        unit: unit(&word)?,
                    }),
                    None => ExprKind::Number(self.number(&number)?),
                }
            }
            Rule::case_expr => return self.case(node),
            Rule::outside => ExprKind::Outside(self.ident(&Kids::of(node).find(Rule::NAME)?)),
            Rule::timed => {
                let mut kids = Kids::of(node);
                let word = kids.next()?;
                match kids.next() {
                    Some(elapsed) => {
                        let mut kids = Kids::of(elapsed);
                        let until = kids.next()?.as_rule() == Rule::UNTIL;
                        ExprKind::Elapsed { unit: unit(&word)?, until, moment: self.operand(kids.next()?)? }
                    }
                    None => {
                        let name = self.ident(&word);
                        ExprKind::Name(Path { span: name.span, parts: vec![name] })
                    }
                }
            }
            Rule::happened => self.happened(node)?,
            Rule::boolean => {
                let word = Kids::of(node).next()?.as_str();
                ExprKind::Bool(word.eq_ignore_ascii_case("yes") || word.eq_ignore_ascii_case("true"))
            }
            Rule::named => {
                let mut kids = Kids::of(node);
                let path = self.path(kids.next()?);
                match kids.next() {
                    Some(call) => self.call(path, call)?,
                    None => ExprKind::Name(path),
                }
            }
            _ => return None,
        };
        Some(make(kind, span))
    }

    /// Parentheses leave no node; their span is the expression's.
    fn paren(&mut self, node: Node<'t>) -> Option<Expr> {
        let span = self.span(&node);
        let inside = std::mem::take(&mut self.inside_case);
        let mut kids = Kids::of(node);
        let value = self.expr(kids.find(Rule::expr)?)?;
        let date = match kids.take(Rule::on_date) {
            Some(on) => Some(self.arith(Kids::of(on).find(Rule::arith)?)?),
            None => None,
        };
        self.inside_case = inside;
        Some(match date {
            Some(date) => make(ExprKind::OnDate { value, date }, span),
            None => Expr { span, ..value },
        })
    }

    fn case(&mut self, node: Node<'t>) -> Option<Expr> {
        let span = self.span(&node);
        let outer = std::mem::replace(&mut self.inside_case, true);
        let mut branches = Vec::new();
        let mut otherwise = None;
        let mut ended = false;
        for kid in node.into_inner() {
            match kid.as_rule() {
                Rule::branch => {
                    let mut parts = Kids::of(kid).all(Rule::expr);
                    branches.push((self.expr(parts.next()?)?, self.expr(parts.next()?)?));
                }
                Rule::otherwise => otherwise = Some(self.expr(Kids::of(kid).find(Rule::expr)?)?),
                Rule::END => ended = true,
                _ => {}
            }
        }
        self.inside_case = outer;
        if !ended && outer {
            self.report(
                Diagnostic::new(Code::Syntax, "a `case` inside another needs its `end`")
                    .label(span.end_point(), "`end` is missing here")
                    .help("only the outermost `case` may do without `end`"),
            );
        }
        self.open_case |= !ended;
        Some(make(ExprKind::Case { branches, otherwise }, span))
    }
}

/// A chain of two or more, or the one operand itself.
fn chain(op: LogicOp, mut operands: Vec<Expr>) -> Option<Expr> {
    if operands.len() < 2 {
        return operands.pop();
    }
    let span = operands.first()?.span.to(operands.last()?.span);
    Some(make(ExprKind::Logic { op, operands }, span))
}

fn arith_op(sign: &str) -> Option<BinaryOp> {
    Some(match literal::fold(sign).as_str() {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" | "×" => BinaryOp::Multiply,
        "/" | "÷" => BinaryOp::Divide,
        "%" => BinaryOp::Modulo,
        "??" => BinaryOp::Coalesce,
        _ => return None,
    })
}

fn binding(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => 3,
        BinaryOp::Add | BinaryOp::Subtract => 2,
        _ => 1,
    }
}

fn reduce(values: &mut Vec<Expr>, ops: &mut Vec<(BinaryOp, Span)>) -> Option<()> {
    let (op, op_span) = ops.pop()?;
    let right = values.pop()?;
    let left = values.pop()?;
    let span = left.span.to(right.span);
    values.push(make(ExprKind::Binary { op, op_span, left, right }, span));
    Some(())
}
