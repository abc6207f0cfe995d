//! The typed program: what a script means for one run (one `as of`, its parameters bound). Data and printing only.
//!
//! Expressions are a hash-consed graph: equal expressions are one node, so that a count that ten tags use is
//! computed once. A definition's body is a node; a use of the definition is a [`Node::Definition`], one column of
//! the portrait.

pub mod formula;
pub mod graph;
mod model;
pub mod print;
pub mod sequence;
pub mod time;

pub use crate::syntax::ast::TextTest;
pub use formula::Formula;
pub use graph::{
    Aggregate, ArithmeticOp, CompareOp, ExprId, Graph, InSource, Literal, Node, OwnWindow, OwnWords, Points,
    Population, Score, Top, TopSize,
};
pub use model::{Model, RfmPart};
pub use sequence::{Sequence, SequencePart, SequenceStep, StepLink};
pub use time::{AsOf, Moment, Window, Zone};

use crate::catalog::Location;
use crate::diagnostic::{Allowed, Diagnostic};
use crate::source::Span;
use crate::types::Type;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// Index of a source in [`Program::sources`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SourceId(pub u32);

/// Index of a column in [`Source::columns`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ColumnId(pub u32);

/// Index of a link in [`Source::links`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LinkId(pub u32);

/// Index of a tag or segment in [`Program::definitions`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DefId(pub u32);

/// All that one script (with what it `use`s) says, checked.
#[derive(Clone, Debug)]
pub struct Program {
    pub zone: Zone,
    pub as_of: AsOf,
    pub sources: Vec<Source>,
    /// Tags and segments that were reached, in the order written.
    pub definitions: Vec<Definition>,
    pub params: Vec<Param>,
    pub audiences: Vec<Audience>,
    /// Definitions that gave several tags.
    pub models: Vec<Model>,
    /// Commands that stand in the script, in the order written.
    pub commands: Vec<(Command, Span)>,
    pub graph: Graph,
    /// Of aggregates, how what they leave out is counted.
    pub lost: BTreeMap<ExprId, Lost>,
    /// Warnings of what is missing: the data says for how many.
    pub doubts: Vec<Doubt>,
    /// What `@allow` silences of what the data shows.
    pub allowed: Allowed,
    /// Warnings; a program with errors is not made.
    pub warnings: Vec<Diagnostic>,
}

/// Counts of a customer's events that an aggregate leaves out, or of which a part has no value.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Events of its window for which its `where` is unknown.
    pub undecided: Option<ExprId>,
    /// Events of which a value is divided by zero.
    pub by_zero: Option<ExprId>,
}

/// A warning of what becomes of those about whom something is unknown, and who they are.
#[derive(Clone, Debug)]
pub struct Doubt {
    pub warning: Diagnostic,
    pub entity: SourceId,
    /// Whether the value is missing.
    pub missing: ExprId,
    pub beside: Beside,
}

/// What else is so for those whom a [`Doubt`] is about.
#[derive(Clone, Debug)]
pub enum Beside {
    /// The condition is unknown.
    Unknown(ExprId),
    /// None of the conditions is true.
    NoneTrue(Vec<ExprId>),
}

/// What an expression divides by on its own row, but for constants.
pub fn divisors(graph: &Graph, expr: ExprId) -> Vec<ExprId> {
    let mut found = Vec::new();
    graph.walk(expr, &mut |_, node| {
        if let Node::Arithmetic { op: ArithmeticOp::Divide | ArithmeticOp::Modulo, right, .. } = node
            && !matches!(graph.node(*right), Node::Literal(_))
            && !found.contains(right)
        {
            found.push(*right);
        }
    });
    found
}

/// What the clauses of a source make it, as written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Shape {
    /// One row per key.
    pub entity: bool,
    /// Rows belong to an entity.
    pub events: bool,
}

impl Shape {
    /// The word for it in answers.
    pub fn word(self) -> &'static str {
        match (self.entity, self.events) {
            (true, _) => "entity",
            (false, true) => "events",
            (false, false) => "list",
        }
    }
}

/// A source as the run reads it.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub title: Option<String>,
    pub span: Span,
    pub location: Location,
    /// What its clauses make it, known before it is opened.
    pub shape: Shape,
    /// It has no table: its rows are the keys that stand in a source of events.
    pub keys_of: Option<KeysOf>,
    pub columns: Vec<Column>,
    /// One row per key: an entity.
    pub key: Option<ColumnId>,
    /// The entities that rows belong to, and by which column.
    pub of: Vec<Owner>,
    pub time: Option<TimeColumn>,
    pub links: Vec<Link>,
    /// `latest by valid_from`: per key, the newest row not after the day counts.
    pub latest: Option<ColumnId>,
    /// A second look at a source with a history, as it stood on another day: the source, and the day.
    pub copy: Option<(SourceId, AsOf)>,
    /// Rows for which this is not true are not there.
    pub filter: Option<ExprId>,
    /// Columns that say to what a row has agreed, such as one for each channel.
    pub consent: Vec<ColumnId>,
    /// Whether anything asked for needs the source.
    pub opened: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    pub name: String,
    /// As read: after `column … as`.
    pub ty: Type,
    /// As the file has it.
    pub stored: Type,
    /// `column … as` says the type: a CSV or NDJSON file delivers it as written.
    pub overruled: bool,
    /// Masked wherever it is shown unless an audience lists it.
    pub pii: bool,
    /// Never changes, and so is known on any date.
    pub fixed: bool,
}

/// `of customers by customer_id`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Owner {
    pub entity: SourceId,
    pub by: ColumnId,
}

/// `from keys of purchases`: the events, and their column with the keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeysOf {
    pub events: SourceId,
    pub by: ColumnId,
}

/// `at txn_time, basket_id`.
#[derive(Clone, PartialEq, Debug)]
pub struct TimeColumn {
    pub column: ColumnId,
    pub ties: Vec<ColumnId>,
}

/// `link branch_id -> branches as branch`.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    pub name: String,
    pub column: ColumnId,
    pub target: SourceId,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DefinitionKind {
    Tag,
    Segment,
}

/// A tag or a segment: one column of its entity's portrait.
#[derive(Clone, PartialEq, Debug)]
pub struct Definition {
    pub name: String,
    pub title: Option<String>,
    pub kind: DefinitionKind,
    pub entity: SourceId,
    pub body: ExprId,
    pub ty: Type,
    pub span: Span,
    pub meta: Vec<(String, String)>,
    /// The definition as written, from its word to its end.
    pub text: String,
    /// The name of an entity used as a segment: everyone.
    pub is_entity: bool,
    /// A tag or a segment as it was on another day, and which one it is then.
    pub on: Option<(DefId, AsOf)>,
}

/// A parameter with the value that this run has for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    pub name: String,
    pub title: Option<String>,
    pub value: Literal,
    pub ty: Type,
    /// Given with `--set`.
    pub overridden: bool,
    pub span: Span,
}

/// Endings of the files that lists are written into.
pub const LIST_ENDINGS: [&str; 6] = ["parquet", "csv", "ndjson", "jsonl", "arrow", "feather"];

/// From a segment to a list that may be sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Audience {
    pub name: String,
    pub title: Option<String>,
    pub span: Span,
    pub segment: DefId,
    pub require: Vec<ExprId>,
    pub exclude: Vec<ExprId>,
    /// Who has had enough: `count(contacts in last 30 days) >= 2`. Never unknown.
    pub cap: Vec<ExprId>,
    pub limit: Option<Limit>,
    pub control: Option<Control>,
    pub split: Option<Split>,
    /// What each row shows; the key alone where nothing is listed.
    pub columns: Vec<OutputColumn>,
    pub to: Option<Location>,
    pub min_size: Option<u64>,
    /// `via`, `offer`, `benefit`, `message` and `@…`, as written.
    pub notes: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limit {
    pub most: u64,
    /// Largest first; by key alone where nothing is said.
    pub by: Option<ExprId>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Control {
    /// From 0 to 1.
    pub share: f64,
    pub salt: String,
}

/// The list divided into named arms, whose shares make the whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Split {
    pub arms: Vec<Arm>,
    pub salt: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Arm {
    pub name: String,
    /// Above 0, at most 1.
    pub share: f64,
}

#[derive(Clone, PartialEq, Debug)]
pub struct OutputColumn {
    pub name: String,
    pub expr: ExprId,
}

/// A question, names resolved.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    Show {
        segment: DefId,
        limit: usize,
    },
    Count {
        segment: DefId,
    },
    Explain {
        segment: DefId,
    },
    Why {
        key: String,
        segment: DefId,
    },
    Portrait {
        key: String,
    },
    Describe {
        definition: DefId,
    },
    /// How many are left after each step of a tag that is a sequence, or each condition of a segment.
    Funnel {
        definition: DefId,
    },
    /// What members are like against everyone.
    Profile {
        segment: DefId,
    },
    /// How segments of one entity, two at least, lie over each other.
    Overlap {
        segments: Vec<DefId>,
    },
    /// Who entered and who left a segment from one day to another.
    Diff {
        segment: DefId,
        from: Dated,
        to: Dated,
    },
    /// Who moved from which of a tag's values to which.
    Transitions {
        tag: DefId,
        from: Dated,
        to: Dated,
    },
    /// A model with its tags: an index of [`Program::models`].
    Model {
        model: usize,
    },
    List,
}

/// A definition as it is on a day.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dated {
    pub definition: DefId,
    pub on: AsOf,
}

impl Definition {
    /// Whether a script says it: no entity's own name, and none seen from another day.
    pub fn is_written(&self) -> bool {
        !self.is_entity && self.on.is_none()
    }
}

impl Program {
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    pub fn definition(&self, id: DefId) -> Option<&Definition> {
        self.definitions.get(id.0 as usize)
    }

    pub fn find_definition(&self, name: &str) -> Option<(DefId, &Definition)> {
        self.definition_ids().find(|(_, d)| d.name == name)
    }

    pub fn definition_ids(&self) -> impl Iterator<Item = (DefId, &Definition)> {
        self.definitions.iter().enumerate().map(|(i, d)| (DefId(u32::try_from(i).unwrap_or(u32::MAX)), d))
    }

    /// The node of a definition's column in the portrait.
    pub fn definition_node(&self, id: DefId) -> Option<ExprId> {
        self.graph.find(&Node::Definition(id))
    }

    pub fn find_audience(&self, name: &str) -> Option<&Audience> {
        self.audiences.iter().find(|a| a.name == name)
    }

    pub fn column(&self, source: SourceId, column: ColumnId) -> Option<&Column> {
        self.source(source)?.column(column)
    }

    /// Whether an expression is the key of an entity's own row.
    pub fn is_key(&self, entity: SourceId, expr: ExprId) -> bool {
        match self.node(expr) {
            Node::Column { source, via, column } => {
                *source == entity
                    && via.is_empty()
                    && self.source(entity).is_some_and(|s| s.key == Some(*column))
            }
            _ => false,
        }
    }

    /// The name of a source, for messages; empty for an id of another program.
    pub fn source_name(&self, id: SourceId) -> &str {
        self.source(id).map_or("", |s| s.name.as_str())
    }

    pub fn ty(&self, expr: ExprId) -> &Type {
        self.graph.ty(expr)
    }

    pub fn node(&self, expr: ExprId) -> &Node {
        self.graph.node(expr)
    }

    /// The run's day in the script's zone.
    pub fn today(&self) -> NaiveDate {
        self.as_of.day(&self.zone)
    }
}

impl Source {
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.get(id.0 as usize)
    }

    pub fn find_column(&self, name: &str) -> Option<(ColumnId, &Column)> {
        let index = self.columns.iter().position(|c| c.name == name)?;
        Some((ColumnId(u32::try_from(index).ok()?), self.columns.get(index)?))
    }

    /// Columns that a CSV or NDJSON file delivers as written.
    pub fn as_text(&self) -> Vec<String> {
        self.columns.iter().filter(|c| c.overruled).map(|c| c.name.clone()).collect()
    }

    pub fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(id.0 as usize)
    }

    pub fn find_link(&self, name: &str) -> Option<(LinkId, &Link)> {
        let index = self.links.iter().position(|l| l.name == name)?;
        Some((LinkId(u32::try_from(index).ok()?), self.links.get(index)?))
    }

    /// Whether rows belong to an entity: a source of events.
    pub fn is_events(&self) -> bool {
        self.shape.events
    }

    pub fn is_entity(&self) -> bool {
        self.shape.entity
    }
}
