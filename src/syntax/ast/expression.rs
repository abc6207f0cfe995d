//! Expressions, and the clauses inside calls.

use super::{Ident, Path};
use crate::source::Span;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};

/// An exact decimal number: `digits × 10^-scale`. `1_000_000`, `0.5`, `30%` and `600万` are all of this form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Number {
    pub digits: i128,
    pub scale: u8,
    /// Written with a point or a percent sign: a decimal even where it is whole.
    pub has_point: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    pub kind: Box<ExprKind>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    Number(Number),
    Text(String),
    Bool(bool),
    Date(NaiveDate),
    Instant(InstantLiteral),
    Duration(Duration),
    /// `today`: soft; a name that nothing defines and that the checker knows
    Name(Path),
    Unary {
        op: UnaryOp,
        operand: Expr,
    },
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Expr,
        right: Expr,
    },
    /// Chains of `and` (or of `or`) are flat, so that depth is what a person wrote
    Logic {
        op: LogicOp,
        operands: Vec<Expr>,
    },
    /// `a between b and c`, `a not between b and c`: `[b, c]`
    Between {
        value: Expr,
        ends: Box<[Expr; 2]>,
        negated: bool,
    },
    /// `a in (1, 2, 3)`
    InList {
        value: Expr,
        list: Vec<Expr>,
        negated: bool,
    },
    InSource(Box<InSource>),
    /// `like`, `contains`, `starts with`, `ends with`, `matches`
    TextTest {
        test: TextTest,
        value: Expr,
        pattern: Expr,
        negated: bool,
    },
    /// `a is missing`, `a is known`, `a is not missing`
    IsMissing {
        value: Expr,
        negated: bool,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Expr>,
    },
    Call(Box<Call>),
    /// `days since X`, `months until X`
    Elapsed {
        unit: TimeUnit,
        until: bool,
        moment: Expr,
    },
    /// `outside high_value`
    Outside(Ident),
    /// `life_stage on 2026-07-31`
    OnDate {
        value: Expr,
        date: Expr,
    },
    /// `happened(A then B within 7 days then not C …)`
    Happened {
        steps: Vec<SequenceStep>,
        clauses: Vec<CallClause>,
    },
    /// In the place of an expression that could not be read; its error was reported.
    Error,
}

/// `a in (coupons.product_id where campaign_id = 13)`
#[derive(Clone, PartialEq, Debug)]
pub struct InSource {
    pub value: Expr,
    pub column: Path,
    pub filter: Expr,
    pub negated: bool,
}

/// Scalar, aggregate and population functions alike: `floor(x)`, `sum(t.amount in last 90 days where …)`,
/// `ntile(x, 5 within city)`
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    pub function: Ident,
    pub arguments: Vec<Expr>,
    pub clauses: Vec<CallClause>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SequenceStep {
    pub negated: bool,
    pub source: Ident,
    pub filter: Option<Expr>,
    /// `within 7 days` of the step before
    pub within: Option<Duration>,
    pub span: Span,
}

/// What may stand after a call's arguments, inside its parentheses.
#[derive(Clone, PartialEq, Debug)]
pub enum CallClause {
    Window(Window),
    Where(Expr, Span),
    /// `within city`
    Within(Vec<Expr>, Span),
    /// `in high_value`
    In(Ident, Span),
    TiesTogether(Span),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Window {
    pub kind: WindowKind,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum WindowKind {
    /// `in last 90 days [ending 30 days ago]`
    Last {
        length: Duration,
        ending: Option<Duration>,
    },
    /// `in this month`, `in previous quarter`
    Calendar {
        previous: bool,
        unit: TimeUnit,
    },
    /// `in last month`: an error that offers `last 1 month` and `previous month`
    LastUnit(TimeUnit),
    /// `from A to B`
    FromTo {
        from: Expr,
        to: Expr,
    },
    Since(Expr),
    Before(Expr),
    On(Expr),
    /// `within 30 days after X`
    WithinAfter {
        length: Duration,
        anchor: Expr,
    },
    /// `in days 1 to 7 after X`
    DaysAfter {
        first: u32,
        last: u32,
        anchor: Expr,
    },
    /// `after X`
    After(Expr),
}

impl WindowKind {
    /// Whether it begins at a date of the customer's.
    pub fn is_own(&self) -> bool {
        matches!(self, WindowKind::WithinAfter { .. } | WindowKind::DaysAfter { .. } | WindowKind::After(_))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Duration {
    pub amount: u32,
    pub unit: TimeUnit,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum TimeUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InstantLiteral {
    /// In the script's zone.
    Local(NaiveDateTime),
    WithOffset(DateTime<FixedOffset>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    Negate,
    Not,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LogicOp {
    And,
    Or,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    /// `??`
    Coalesce,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TextTest {
    Like,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
}

impl TimeUnit {
    /// `day`, `month`, …
    pub fn word(self) -> &'static str {
        match self {
            TimeUnit::Second => "second",
            TimeUnit::Minute => "minute",
            TimeUnit::Hour => "hour",
            TimeUnit::Day => "day",
            TimeUnit::Week => "week",
            TimeUnit::Month => "month",
            TimeUnit::Quarter => "quarter",
            TimeUnit::Year => "year",
        }
    }
}
