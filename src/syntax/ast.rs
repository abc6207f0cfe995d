//! The syntax tree: what was written, with spans; nothing is resolved and nothing is judged.

mod expression;

pub use expression::*;

use crate::source::Span;
use chrono::NaiveDate;

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
