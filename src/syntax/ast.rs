//! The syntax tree: what was written, with spans; nothing is resolved and nothing is judged.

use crate::source::Span;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};

/// A name as compared: NFKC form; the span shows what was typed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ident {
    pub text: String,
    pub span: Span,
}

/// A text literal, escapes resolved.
#[derive(Clone, PartialEq, Debug)]
pub struct Text {
    pub value: String,
    pub span: Span,
}

/// A dotted name: `assets`, `transactions.amount`, `transactions.branch.region`.
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    pub parts: Vec<Ident>,
    pub span: Span,
}

/// What one file (or one entry at the prompt) holds, in the order written.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Script {
    pub statements: Vec<Statement>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Statement {
    pub meta: Vec<Meta>,
    pub kind: StatementKind,
    /// From the statement's word to its last token, metadata lines excluded.
    pub span: Span,
}

/// `@owner "retail-data"`.
#[derive(Clone, PartialEq, Debug)]
pub struct Meta {
    pub name: Ident,
    pub value: MetaValue,
    /// What follows after commas: `@allow W0331, W0336`.
    pub more: Vec<MetaValue>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum MetaValue {
    Word(Ident),
    Text(Text),
    Date(NaiveDate, Span),
    Number(Number, Span),
}

#[derive(Clone, PartialEq, Debug)]
pub enum StatementKind {
    /// `timezone "Asia/Shanghai"`
    Timezone(Text),
    /// `use "tags/common.seg"`
    Use(Text),
    Source(SourceDef),
    Param(ParamDef),
    Tag(TagDef),
    Segment(SegmentDef),
    Audience(AudienceDef),
    Rfm(Box<RfmDef>),
    Score(Box<ScoreDef>),
    Command(Command),
}

// ---- definitions ----

#[derive(Clone, PartialEq, Debug)]
pub struct SourceDef {
    pub name: Ident,
    pub title: Option<Text>,
    pub from: SourceFrom,
    pub clauses: Vec<SourceClause>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum SourceFrom {
    /// `from "data/*.parquet"`
    Location(Text),
    /// `from keys of purchases`
    KeysOf(Ident),
}

#[derive(Clone, PartialEq, Debug)]
pub enum SourceClause {
    /// `key customer_id`
    Key(Ident, Span),
    /// `of customers by customer_id`
    Of { entity: Ident, by: Ident, span: Span },
    /// `at ts, basket_id utc`: the time column, the columns that break its ties, and whether it is UTC
    At { time: Ident, ties: Vec<Ident>, utc: bool, span: Span },
    /// `link branch_id -> branches as branch`
    Link { column: Ident, target: Ident, name: Option<Ident>, span: Span },
    /// `latest by valid_from`
    LatestBy(Ident, Span),
    /// `where amount > 0`
    Where(Expr, Span),
    /// `pii name, phone`
    Pii(Vec<Ident>, Span),
    /// `fixed birth_date, open_date`
    Fixed(Vec<Ident>, Span),
    /// `consent consent_sms, consent_app`
    Consent(Vec<Ident>, Span),
    /// `column amount as decimal(18,2)`
    Column { column: Ident, as_type: TypeName, span: Span },
}

/// A type as written after `as`: `decimal(18,2)`, `text`, `date`.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeName {
    pub name: Ident,
    pub arguments: Vec<u32>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ParamDef {
    pub name: Ident,
    pub title: Option<Text>,
    pub value: Expr,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TagDef {
    pub name: Ident,
    pub title: Option<Text>,
    /// `tag x of accounts = …`
    pub entity: Option<Ident>,
    pub value: Expr,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SegmentDef {
    pub name: Ident,
    pub title: Option<Text>,
    pub entity: Option<Ident>,
    pub body: SegmentBody,
}

#[derive(Clone, PartialEq, Debug)]
pub enum SegmentBody {
    /// `where P`
    Where(Expr),
    /// `= top 1000 by assets within city in high_value`
    Top(Box<Top>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Top {
    pub size: TopSize,
    pub by: Expr,
    pub within: Vec<Expr>,
    pub base: Option<Ident>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum TopSize {
    /// `top 1000`
    Count(Number, Span),
    /// `top 1%`; the number is the share, 0.01
    Share(Number, Span),
}

#[derive(Clone, PartialEq, Debug)]
pub struct AudienceDef {
    pub name: Ident,
    pub title: Option<Text>,
    /// `from high_value`
    pub from: Option<Ident>,
    pub clauses: Vec<AudienceClause>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum AudienceClause {
    Require(Vec<Expr>, Span),
    Exclude(Vec<Expr>, Span),
    /// `cap 2 in 30 days from contacts`
    Cap {
        most: Number,
        window: Window,
        source: Ident,
        span: Span,
    },
    /// `limit 20_000 by assets`
    Limit {
        most: Number,
        by: Option<Expr>,
        span: Span,
    },
    /// `control 10% [salt "x"]`; the number is the share
    Control {
        share: Number,
        salt: Option<Text>,
        span: Span,
    },
    /// `split a 50%, b 50% [salt "x"]`
    Split {
        arms: Vec<(Ident, Number)>,
        salt: Option<Text>,
        span: Span,
    },
    Columns(Vec<Path>, Span),
    To(Text, Span),
    /// `via sms`, `offer "x"`, `benefit "x"`, `message "x"`: word and value
    Plain {
        word: Ident,
        value: MetaValue,
        span: Span,
    },
    MinSize(Number, Span),
}

/// `rfm value from transactions recency txn_time frequency in last 365 days monetary amount in last 365 days bins 5`
#[derive(Clone, PartialEq, Debug)]
pub struct RfmDef {
    pub name: Ident,
    pub title: Option<Text>,
    pub entity: Option<Ident>,
    pub source: Ident,
    pub recency: Option<Expr>,
    pub frequency: Option<Vec<CallClause>>,
    pub monetary: Option<(Expr, Vec<CallClause>)>,
    pub bins: Option<(Number, Span)>,
    pub base: Option<Ident>,
    pub ties_together: bool,
}

/// `score churn_risk base 10 add 30 when idle_days > 60 take 10 when … clamp 0 to 100`
#[derive(Clone, PartialEq, Debug)]
pub struct ScoreDef {
    pub name: Ident,
    pub title: Option<Text>,
    pub entity: Option<Ident>,
    pub base: Option<Expr>,
    pub rules: Vec<ScoreRule>,
    pub clamp: Option<(Expr, Expr)>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ScoreRule {
    /// `take` instead of `add`
    pub take: bool,
    pub points: Expr,
    pub when: Expr,
    pub span: Span,
}

// ---- commands ----

#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// `show X [limit 20]`
    Show {
        name: Ident,
        limit: Option<(Number, Span)>,
    },
    Count(Ident),
    Explain(Ident),
    /// `why KEY in X`
    Why {
        key: KeyLiteral,
        segment: Ident,
    },
    Portrait(KeyLiteral),
    Profile(Ident),
    Overlap(Vec<Ident>),
    Funnel(Ident),
    Describe(Path),
    /// `diff X between D1 and D2`
    Diff {
        segment: Ident,
        from: Expr,
        to: Expr,
    },
    /// `transitions TAG between D1 and D2`
    Transitions {
        tag: Path,
        from: Expr,
        to: Expr,
    },
    List,
}

/// A key as typed: a number or a text.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyLiteral {
    pub value: String,
    pub quoted: bool,
    pub span: Span,
}

// ---- expressions ----

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

impl StatementKind {
    /// The name that a statement defines; none for the zone, `use` and commands.
    pub fn name(&self) -> Option<&str> {
        use StatementKind as S;
        Some(match self {
            S::Source(d) => &d.name.text,
            S::Param(d) => &d.name.text,
            S::Tag(d) => &d.name.text,
            S::Segment(d) => &d.name.text,
            S::Audience(d) => &d.name.text,
            S::Rfm(d) => &d.name.text,
            S::Score(d) => &d.name.text,
            S::Timezone(_) | S::Use(_) | S::Command(_) => return None,
        })
    }
}

impl SourceDef {
    /// The columns whose type the script says: a CSV or NDJSON file delivers them as written.
    pub fn overruled(&self) -> Vec<String> {
        let columns = self.clauses.iter().filter_map(|c| match c {
            SourceClause::Column { column, .. } => Some(column.text.clone()),
            _ => None,
        });
        columns.collect()
    }

    /// The columns with the keys of an entity to which its rows belong.
    pub fn owner_columns(&self, entity: &str) -> impl Iterator<Item = &Ident> {
        self.clauses.iter().filter_map(move |c| match c {
            SourceClause::Of { entity: of, by, .. } if of.text == entity => Some(by),
            _ => None,
        })
    }

    /// Whether its rows are told apart by a key: it is an entity.
    pub fn has_key(&self) -> bool {
        let from_keys = matches!(self.from, SourceFrom::KeysOf(_));
        from_keys || self.clauses.iter().any(|c| matches!(c, SourceClause::Key(..)))
    }
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
