//! Answers as plain data: what the renderers draw and `--format json` prints.

use crate::value::Value;
use serde::Serialize;

/// The answer to one command.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Count(Count),
    Show(Show),
    Explain(Explain),
    Why(Why),
    Portrait(Portrait),
    Describe(Describe),
    Model(Model),
    Profile(Profile),
    Overlap(Overlap),
    List(List),
    Funnel(Funnel),
    Diff(Diff),
    Transitions(Transitions),
}

/// How many customers a segment has.
#[derive(Clone, Debug, Serialize)]
pub struct Count {
    pub segment: String,
    pub title: Option<String>,
    pub entity: String,
    pub as_of: String,
    pub zone: String,
    pub members: u64,
    pub total: u64,
    pub undecided: Undecided,
}

/// For how many the condition is unknown, and what was missing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Undecided {
    pub count: u64,
    /// Of the undecided, how many lack this tag; one customer may lack several.
    pub by: Vec<(String, u64)>,
    /// For each complement (`outside S`): the segment, and how many are undecided about it.
    pub complements: Vec<(String, u64)>,
}

/// Some members, in the order of their keys.
#[derive(Clone, Debug, Serialize)]
pub struct Show {
    pub segment: String,
    pub as_of: String,
    pub members: u64,
    pub headers: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// One step of the way from everyone to the members.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub condition: String,
    /// Segments through whose `and` it came, outermost first.
    pub from: Vec<String>,
    pub remaining: u64,
    /// For whom it is false, of those who remained before.
    pub lost: u64,
    /// For whom it is unknown, of those who remained before.
    pub undecided: u64,
    /// How many pass it alone, of all.
    pub alone: u64,
}

/// A segment explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explain {
    pub count: Count,
    pub definition: String,
    pub metadata: Vec<(String, String)>,
    /// Where its entity's keys come from, where it has no table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<SourceUse>,
    pub attrition: Vec<Step>,
    pub tags: Vec<Tag>,
    /// A few members, where asked for.
    pub sample: Option<Show>,
}

/// A tag explained.
#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    pub name: String,
    pub title: Option<String>,
    /// The type as the language names it.
    pub type_name: String,
    pub formula: String,
    pub metadata: Vec<(String, String)>,
    /// What it is made of, directly.
    pub uses: Vec<String>,
    pub sources: Vec<SourceUse>,
    pub spread: Option<Spread>,
}

/// How a tag reads a source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceUse {
    pub source: String,
    pub files: String,
    /// With real dates; none for the entity's own columns.
    pub window: Option<String>,
    /// What one row is, in a sentence.
    pub row: String,
}

/// How a tag's values lie among all customers.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Spread {
    pub known: u64,
    pub total: u64,
    pub min: Option<Value>,
    pub median: Option<Value>,
    pub max: Option<Value>,
    /// Most frequent first, for text, labels and yes/no.
    pub top: Vec<(Value, u64)>,
    /// How many different values, for text and labels.
    pub distinct: Option<u64>,
    /// Events that were left out because their `where` is unknown.
    #[serde(skip_serializing_if = "is_none")]
    pub undecided_events: u64,
    /// Divisions by zero, whose result is missing.
    #[serde(skip_serializing_if = "is_none")]
    pub divided_by_zero: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands it over so
fn is_none(n: &u64) -> bool {
    *n == 0
}

/// Why a customer is in a segment, or is not.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    pub key: String,
    pub segment: String,
    pub as_of: String,
    pub member: bool,
    /// The condition with names expanded is unknown.
    pub undecided: bool,
    pub conditions: Vec<Tested>,
    /// The fewest conditions that would have to change, for one who is not a member.
    pub nearest_miss: Vec<String>,
    /// For a member whose condition speaks of time.
    pub leaves: Option<Leaves>,
}

/// When a membership ends if nothing happens: tables stay as they are and no event is added.
#[derive(Clone, Debug, Serialize)]
pub struct Leaves {
    /// The first day without it; none up to `looked_until`.
    pub on: Option<String>,
    pub looked_until: String,
    /// The conditions that no longer hold then.
    pub conditions: Vec<String>,
}

/// One condition with a customer's values.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    pub condition: String,
    pub from: Vec<String>,
    /// Yes, no, or unknown.
    pub outcome: Option<bool>,
    /// The condition with the values in it: `assets 1,250,000 ≥ 1,000,000`.
    pub values: String,
    /// Tags of the condition in their own terms: the branch of a stage, the points of a score, the bins of an rfm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<String>,
    /// The parts of a condition with `or` or `not`.
    pub parts: Vec<Tested>,
}

/// All tags and segments of one customer.
#[derive(Clone, Debug, Serialize)]
pub struct Portrait {
    pub key: String,
    pub entity: String,
    pub as_of: String,
    pub columns: Vec<(String, Value)>,
    pub tags: Vec<(String, Value)>,
    pub segments: Vec<(String, bool)>,
}

/// A tag or segment described.
#[derive(Clone, Debug, Serialize)]
pub struct Describe {
    pub tag: Tag,
    pub kind: String,
    pub entity: String,
    pub as_of: String,
    pub definition: String,
    pub used_by: Vec<String>,
}

/// How many are left after each step.
#[derive(Clone, Debug, Serialize)]
pub struct Funnel {
    /// A tag that is a sequence, or a segment.
    pub name: String,
    pub title: Option<String>,
    pub entity: String,
    pub as_of: String,
    pub zone: String,
    pub total: u64,
    pub steps: Vec<FunnelStep>,
}

/// One step, and how many reached it.
#[derive(Clone, Debug, Serialize)]
pub struct FunnelStep {
    pub step: String,
    /// Segments through whose `and` a condition came, outermost first.
    pub from: Vec<String>,
    pub reached: u64,
}

/// Who entered and who left a segment from one day to another.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    pub segment: String,
    pub title: Option<String>,
    pub entity: String,
    pub from: String,
    pub to: String,
    pub zone: String,
    pub total: u64,
    pub before: u64,
    pub after: u64,
    pub stayed: u64,
    pub undecided_before: u64,
    pub undecided_after: u64,
    pub entered: Moved,
    pub left: Moved,
}

/// Those who moved in one direction.
#[derive(Clone, Debug, Serialize)]
pub struct Moved {
    pub count: u64,
    /// The most frequent first.
    pub flips: Vec<Flip>,
    /// The first by key.
    pub sample: Vec<MovedRow>,
}

/// A condition that changed for some of those who moved.
#[derive(Clone, Debug, Serialize)]
pub struct Flip {
    pub condition: String,
    pub from: Vec<String>,
    /// For how many it changed, perhaps with others.
    pub count: u64,
    /// For how many it alone changed.
    pub alone: u64,
}

/// One who moved, with the conditions that changed: `tx_90d > 5: 3 → 7`.
#[derive(Clone, Debug, Serialize)]
pub struct MovedRow {
    pub key: Value,
    pub changes: Vec<String>,
}

/// How many moved from which of a tag's values to which.
#[derive(Clone, Debug, Serialize)]
pub struct Transitions {
    pub tag: String,
    pub title: Option<String>,
    pub entity: String,
    pub from: String,
    pub to: String,
    pub zone: String,
    pub total: u64,
    /// Who has the same value on both days.
    pub stayed: u64,
    /// A `case`'s labels in the order written, missing last.
    pub values: Vec<Value>,
    /// A row for each value on the first day, a column for each on the second.
    pub counts: Vec<Vec<u64>>,
}

/// A model with the tags that it defines.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    pub name: String,
    pub title: Option<String>,
    pub entity: String,
    pub as_of: String,
    /// What it does, a sentence to each.
    pub words: Vec<String>,
    pub metadata: Vec<(String, String)>,
    pub tags: Vec<Tag>,
    pub used_by: Vec<String>,
    pub definition: String,
}

/// What members are like against everyone.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    pub count: Count,
    /// What stands out most comes first.
    pub features: Vec<Feature>,
}

/// One tag or column among the members and among all.
#[derive(Clone, Debug, Serialize)]
pub struct Feature {
    pub name: String,
    pub title: Option<String>,
    pub type_name: String,
    /// Personal data: only coverage is told.
    pub masked: bool,
    pub members: Figures,
    pub all: Figures,
    /// How many different values there are among all, for text and labels.
    pub distinct: Option<u64>,
    /// The members' most frequent values, for text, labels and yes/no; what they have more often than all first.
    pub values: Vec<FeatureValue>,
    /// How far the members lie from all, in standard deviations; 0 where they are alike.
    pub distinction: f64,
}

/// Of those whose value is known; mean and median of numbers, the median of days too.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub known: u64,
    pub total: u64,
    pub mean: Option<f64>,
    pub median: Option<Value>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FeatureValue {
    pub value: Value,
    pub members: u64,
    pub all: u64,
    /// The members' share over everyone's, of those whose value is known, times 100; none where nobody is a member.
    pub index: Option<f64>,
}

/// How segments of one entity lie over each other.
#[derive(Clone, Debug, Serialize)]
pub struct Overlap {
    pub entity: String,
    pub as_of: String,
    pub zone: String,
    pub total: u64,
    /// In the order asked.
    pub segments: Vec<Overlapping>,
    /// Each pair, then all together where they are more than two.
    pub together: Vec<Together>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Overlapping {
    pub segment: String,
    pub title: Option<String>,
    pub members: u64,
    pub undecided: u64,
    /// In none of the others.
    pub only: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Together {
    pub segments: Vec<String>,
    /// In each of them.
    pub all: u64,
    /// In at least one of them.
    pub any: u64,
    /// Of each segment, the share that is in all of them, from 0 to 1; none of an empty one.
    pub shares: Vec<Option<f64>>,
    /// `all` over `any`.
    pub jaccard: Option<f64>,
}

/// What a script defines.
#[derive(Clone, Debug, Serialize)]
pub struct List {
    pub as_of: String,
    pub zone: String,
    pub sources: Vec<(String, String, String)>,
    pub params: Vec<(String, Value, Option<String>)>,
    pub tags: Vec<Listed>,
    pub segments: Vec<Listed>,
    pub audiences: Vec<Listed>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub name: String,
    pub title: Option<String>,
    pub entity: String,
    pub type_name: String,
    pub formula: String,
}
