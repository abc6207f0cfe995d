//! Arithmetic, comparison and `??`: which types go together, and what to write where they do not.

use super::Checker;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::ir::time::{back, forth};
use crate::ir::{ArithmeticOp, CompareOp, ExprId, Literal, Node, print};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Number, TimeUnit};
use crate::types::Type;

/// The most units by which a date can be moved: beyond it dates leave what the engine can hold.
const LONGEST: u32 = 100_000;

/// Two operands that are compared.
pub(super) struct Comparison {
    pub op: CompareOp,
    pub left: ExprId,
    pub right: ExprId,
    pub span: Span,
    pub left_span: Span,
    pub right_span: Span,
}

impl Checker<'_> {
    pub(super) fn operator(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: (ExprId, Span),
        right: (ExprId, Span),
    ) -> ExprId {
        use BinaryOp as B;
        match op {
            B::Add => self.arithmetic(ArithmeticOp::Add, op_span, left, right),
            B::Subtract => self.arithmetic(ArithmeticOp::Subtract, op_span, left, right),
            B::Multiply => self.arithmetic(ArithmeticOp::Multiply, op_span, left, right),
            B::Divide => self.arithmetic(ArithmeticOp::Divide, op_span, left, right),
            B::Modulo => self.arithmetic(ArithmeticOp::Modulo, op_span, left, right),
            B::Coalesce => self.coalesce(op_span, left, right),
            B::Equal => self.compare(CompareOp::Equal, op_span, left, right),
            B::NotEqual => self.compare(CompareOp::NotEqual, op_span, left, right),
            B::Less => self.compare(CompareOp::Less, op_span, left, right),
            B::LessEqual => self.compare(CompareOp::LessEqual, op_span, left, right),
            B::Greater => self.compare(CompareOp::Greater, op_span, left, right),
            B::GreaterEqual => self.compare(CompareOp::GreaterEqual, op_span, left, right),
        }
    }

    fn arithmetic(
        &mut self,
        op: ArithmeticOp,
        op_span: Span,
        left: (ExprId, Span),
        right: (ExprId, Span),
    ) -> ExprId {
        let (l, r) = (self.graph.ty(left.0).clone(), self.graph.ty(right.0).clone());
        if l.is_error() || r.is_error() {
            return self.faulty();
        }
        if let (Node::Literal(Literal::Number(a)), Node::Literal(Literal::Number(b))) =
            (self.graph.node(left.0), self.graph.node(right.0))
            && let Some(folded) = fold(op, *a, *b)
        {
            return self.literal(Literal::Number(folded));
        }
        if let (Node::Literal(Literal::Date(day)), Node::Literal(Literal::Duration(by))) =
            (self.graph.node(left.0), self.graph.node(right.0))
        {
            let moved = match op {
                ArithmeticOp::Add => forth(*day, *by),
                ArithmeticOp::Subtract => back(*day, *by),
                _ => None,
            };
            if let Some(day) = moved {
                return self.literal(Literal::Date(day));
            }
        }
        let ty = match op {
            ArithmeticOp::Add => Type::sum(&l, &r).or_else(|| moved(&l, &r)).or_else(|| moved(&r, &l)),
            ArithmeticOp::Subtract => {
                Type::sum(&l, &r).or_else(|| moved(&l, &r)).or_else(|| days_between(&l, &r))
            }
            ArithmeticOp::Multiply => Type::product(&l, &r),
            ArithmeticOp::Divide => Type::quotient(&l, &r),
            ArithmeticOp::Modulo => Type::remainder(&l, &r),
        };
        if let Some(ty) = ty {
            let hours = [left.0, right.0].iter().any(|id| {
                matches!(self.graph.node(*id), Node::Literal(Literal::Duration(d)) if matches!(d.unit, TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second))
            });
            let long = [left.0, right.0].iter().any(|id| {
                matches!(self.graph.node(*id), Node::Literal(Literal::Duration(d)) if d.amount > LONGEST)
            });
            if long {
                let message = format!("no calendar holds this: at most {LONGEST} of a unit can be added");
                return self.report(Diagnostic::new(Code::BadWindow, message).at(op_span));
            }
            if hours && ty == Type::Date {
                return self.report(
                    Diagnostic::new(
                        Code::TypeMismatch,
                        "a date has no hours: add days, weeks, months or years to it",
                    )
                    .at(op_span),
                );
            }
            // A date or instant stands first, so that equal expressions are one node.
            let (a, b) = if op == ArithmeticOp::Add && l == Type::Duration {
                (right.0, left.0)
            } else {
                (left.0, right.0)
            };
            return self.graph.add(Node::Arithmetic { op, left: a, right: b }, ty);
        }
        let sign = op.symbol();
        let mut diagnostic = Diagnostic::new(
            Code::TypeMismatch,
            format!("`{sign}` does not go with {} and {}", l.described(), r.described()),
        )
        .at(op_span)
        .related(left.1, l.described())
        .related(right.1, r.described());
        if l.is_text() && r.is_text() {
            diagnostic = diagnostic.help("texts are joined with `concat(a, b)`");
        } else if l.is_text() || r.is_text() {
            diagnostic = diagnostic
                .help("a text is no number: `column NAME as decimal(18,2)` in the source reads it as one");
        } else if matches!(
            (&l, &r),
            (Type::Date | Type::Instant(_), Type::Int) | (Type::Int, Type::Date | Type::Instant(_))
        ) {
            diagnostic = diagnostic.help("say of what: `open_date + 30 days`");
        } else if matches!((&l, &r), (Type::Instant(_), Type::Instant(_))) {
            diagnostic = diagnostic.help("the days between two instants: `date(a) - date(b)`");
        }
        self.report(diagnostic)
    }

    fn coalesce(&mut self, op_span: Span, left: (ExprId, Span), right: (ExprId, Span)) -> ExprId {
        let (l, mut r) = (self.graph.ty(left.0).clone(), self.graph.ty(right.0).clone());
        if l.is_error() || r.is_error() {
            return self.faulty();
        }
        if let (Type::Label(_), Node::Literal(Literal::Text(t))) = (&l, self.graph.node(right.0)) {
            r = Type::Label([t.clone()].into());
        }
        match Type::common(&l, &r) {
            Some(ty) => self.graph.add(Node::Coalesce(left.0, right.0), ty),
            None => self.report(
                Diagnostic::new(
                    Code::TypeMismatch,
                    format!("`??` needs two values of one kind, not {} and {}", l.described(), r.described()),
                )
                .at(op_span),
            ),
        }
    }

    fn compare(
        &mut self,
        op: CompareOp,
        op_span: Span,
        left: (ExprId, Span),
        right: (ExprId, Span),
    ) -> ExprId {
        let comparison = Comparison {
            op,
            left: left.0,
            right: right.0,
            span: op_span,
            left_span: left.1,
            right_span: right.1,
        };
        if !self.comparable(&comparison) {
            return self.faulty();
        }
        self.graph.add(Node::Compare { op, left: left.0, right: right.0 }, Type::Bool)
    }

    /// Whether two values can be compared; where not, the error is reported.
    pub(super) fn comparable(&mut self, c: &Comparison) -> bool {
        let (l, r) = (self.graph.ty(c.left).clone(), self.graph.ty(c.right).clone());
        if l.is_error() || r.is_error() {
            return false;
        }
        if !self.label_known(c.left, c.right, c.right_span) || !self.label_known(c.right, c.left, c.left_span)
        {
            return false;
        }
        let orders = !matches!(c.op, CompareOp::Equal | CompareOp::NotEqual);
        match Type::common(&l, &r) {
            Some(Type::Bool) if orders => {
                self.error(
                    Diagnostic::new(Code::TypeMismatch, "yes and no have no order")
                        .at(c.span)
                        .help("write `= yes`, or just the name"),
                );
                false
            }
            Some(Type::Duration) => {
                self.error(
                    Diagnostic::new(Code::TypeMismatch, "durations are not compared")
                        .at(c.span)
                        .help("count units: `days since X > 30`"),
                );
                false
            }
            Some(_) => true,
            None => {
                let diagnostic = self.mismatch(c, &l, &r);
                self.error(diagnostic);
                false
            }
        }
    }

    fn mismatch(&self, c: &Comparison, l: &Type, r: &Type) -> Diagnostic {
        let diagnostic = Diagnostic::new(
            Code::TypeMismatch,
            format!("{} cannot be compared with {}", l.described(), r.described()),
        )
        .at(c.span)
        .related(c.left_span, l.described())
        .related(c.right_span, r.described());
        let literal = |id: ExprId| match self.graph.node(id) {
            Node::Literal(Literal::Text(t)) => Some(t.clone()),
            _ => None,
        };
        let text = literal(c.right).or_else(|| literal(c.left));
        let other = if literal(c.right).is_some() { l } else { r };
        match (text, other) {
            (Some(t), Type::Date | Type::Instant(_)) => {
                diagnostic.help(format!("write the date without quotes: {t}"))
            }
            (Some(t), Type::Int | Type::Decimal { .. } | Type::Float) if t.trim().parse::<f64>().is_ok() => {
                diagnostic.help(format!("write the number without quotes: {t}"))
            }
            (Some(_), Type::Bool) => diagnostic.help("compare with `yes` or `no`, or write just the name"),
            _ if matches!(
                (l, r),
                (Type::Text | Type::Label(_), Type::Int | Type::Decimal { .. } | Type::Float)
            ) =>
            {
                let number = self.map.text(c.right_span).trim().to_string();
                if matches!(self.graph.node(c.right), Node::Literal(_)) {
                    diagnostic.help(format!("the column holds text: write \"{number}\", or read the column as a number in its source (`column … as int`)"))
                } else {
                    diagnostic.help("read the text as a number in its source: `column … as decimal(18,2)`")
                }
            }
            _ if matches!((l, r), (Type::Bool, Type::Int) | (Type::Int, Type::Bool)) => {
                diagnostic.help("compare with `yes` or `no`, or write just the name")
            }
            _ if matches!((l, r), (_, Type::Duration)) && l.is_number() => {
                diagnostic.help("compare with the number alone: `days since X <= 90`")
            }
            _ => diagnostic,
        }
    }

    /// A label compared with a text that it never is: always a slip.
    fn label_known(&mut self, label: ExprId, text: ExprId, span: Span) -> bool {
        let (Type::Label(labels), Node::Literal(Literal::Text(t))) =
            (self.graph.ty(label), self.graph.node(text))
        else {
            return true;
        };
        if labels.contains(t) {
            return true;
        }
        let quoted: Vec<String> = labels.iter().map(|l| print::quoted(l)).collect();
        let near = suggest::nearest(t, labels.iter().map(String::as_str))
            .map(|n| format!("did you mean {}?", print::quoted(n)));
        let diagnostic = Diagnostic::new(Code::UnknownLabel, format!("it is never {}", print::quoted(t)))
            .at(span)
            .help_if(near)
            .help(format!("it is one of {}", quoted.join(", ")));
        self.error(diagnostic);
        false
    }
}

/// A date or an instant moved by a duration.
fn moved(moment: &Type, by: &Type) -> Option<Type> {
    match (moment, by) {
        (Type::Date | Type::Instant(_) | Type::Blank, Type::Duration) => Some(moment.clone()),
        _ => None,
    }
}

/// Whole days between two dates; of two instants the reader must say that days are meant.
fn days_between(l: &Type, r: &Type) -> Option<Type> {
    match (l, r) {
        (Type::Date, Type::Date | Type::Instant(_)) | (Type::Instant(_), Type::Date) => Some(Type::Int),
        (Type::Blank, Type::Date | Type::Instant(_)) | (Type::Date | Type::Instant(_), Type::Blank) => {
            Some(Type::Int)
        }
        _ => None,
    }
}

/// Exact arithmetic on constants; `None` where it does not stay exact.
fn fold(op: ArithmeticOp, a: Number, b: Number) -> Option<Number> {
    let has_point = a.has_point || b.has_point;
    let aligned = |n: Number, scale: u8| {
        10i128.checked_pow(u32::from(scale.checked_sub(n.scale)?)).and_then(|f| n.digits.checked_mul(f))
    };
    let scale = a.scale.max(b.scale);
    match op {
        ArithmeticOp::Add => {
            Some(Number { digits: aligned(a, scale)?.checked_add(aligned(b, scale)?)?, scale, has_point })
        }
        ArithmeticOp::Subtract => {
            Some(Number { digits: aligned(a, scale)?.checked_sub(aligned(b, scale)?)?, scale, has_point })
        }
        ArithmeticOp::Multiply => Some(Number {
            digits: a.digits.checked_mul(b.digits)?,
            scale: a.scale.checked_add(b.scale).filter(|s| *s <= 38)?,
            has_point,
        }),
        ArithmeticOp::Divide | ArithmeticOp::Modulo => None,
    }
}
