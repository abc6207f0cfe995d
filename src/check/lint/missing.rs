//! Which values may be missing, and why, as far as the script tells. Nothing is known of the data: a column counts
//! only where the script itself says somewhere that it can be missing.

use super::super::Checker;
use crate::functions::Function;
use crate::ir::{ExprId, Node, SequencePart, SourceId};
use hashbrown::{HashMap, HashSet};

/// Why a value may be missing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Why {
    /// It is made of events, and not everyone has one.
    NoEvents(SourceId),
    /// `… is missing`, `… is known` or `… ?? …` stands elsewhere in the script.
    Said,
    /// A `case` without an `else`.
    NoBranch,
    /// The time of a step of a sequence.
    NoMatch,
    /// Compared among the members of a segment only.
    OutOfBase,
}

/// What was worked out is kept: expressions are shared.
pub(super) struct Gaps<'c, 's> {
    checker: &'c Checker<'s>,
    said: HashSet<ExprId>,
    known: HashMap<ExprId, Option<Why>>,
}

impl<'c, 's> Gaps<'c, 's> {
    pub(super) fn new(checker: &'c Checker<'s>) -> Self {
        let ids = (0..checker.graph.len()).map(|i| ExprId(u32::try_from(i).unwrap_or(u32::MAX)));
        let said = ids.filter_map(|id| match checker.graph.node(id) {
            Node::IsMissing(x) | Node::Coalesce(x, _) => Some(*x),
            _ => None,
        });
        Gaps { checker, said: said.collect(), known: HashMap::new() }
    }

    /// Why the value may be missing; `None` where nothing tells that it may.
    pub(super) fn why(&mut self, id: ExprId) -> Option<Why> {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let why = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.work_out(id));
        self.known.insert(id, why);
        why
    }

    fn work_out(&mut self, id: ExprId) -> Option<Why> {
        let checker = self.checker;
        match checker.graph.node(id) {
            Node::Column { .. } => self.said.contains(&id).then_some(Why::Said),
            Node::Definition(def) if checker.is_segment(*def) => None,
            Node::Definition(def) => self.why(checker.body_of(*def)?),
            Node::Aggregate(a) => match a.own.and_then(|own| self.why(own.anchor)) {
                None if !a.function.over_nothing_is_zero() => Some(Why::NoEvents(a.events)),
                why => why,
            },
            Node::SequencePart { part: SequencePart::Time(_), .. } => Some(Why::NoMatch),
            Node::Coalesce(a, b) => self.why(*a).and_then(|_| self.why(*b)),
            Node::Case { branches, otherwise } => match otherwise {
                None => Some(Why::NoBranch),
                Some(last) => {
                    let values: Vec<ExprId> = branches.iter().map(|(_, v)| *v).chain([*last]).collect();
                    self.any(&values)
                }
            },
            Node::Call { function: Function::Least | Function::Greatest, arguments } => {
                let why = self.any(arguments)?;
                arguments.iter().all(|a| self.why(*a).is_some()).then_some(why)
            }
            Node::Population(p) => self.why(p.value).or_else(|| p.base.map(|_| Why::OutOfBase)),
            Node::Negate(_)
            | Node::Arithmetic { .. }
            | Node::Compare { .. }
            | Node::Between { .. }
            | Node::InList { .. }
            | Node::InSource(_)
            | Node::TextTest { .. }
            | Node::And(_)
            | Node::Or(_)
            | Node::Not(_)
            | Node::Call { .. }
            | Node::Elapsed { .. }
            | Node::Cell { .. } => self.any(&checker.graph.node(id).operands()),
            Node::Literal(_)
            | Node::Outside(_)
            | Node::IsMissing(_)
            | Node::Sequence(_)
            | Node::SequencePart { .. }
            | Node::Top(_)
            | Node::Score(_)
            | Node::Error => None,
        }
    }

    fn any(&mut self, ids: &[ExprId]) -> Option<Why> {
        ids.iter().find_map(|id| self.why(*id))
    }

    /// For whom the value is missing.
    pub(super) fn said(&self, why: Why) -> String {
        match why {
            Why::NoEvents(events) => {
                format!("it is missing for those without such {}", self.checker.source_name(events))
            }
            Why::Said => "the script says elsewhere that it can be missing".to_string(),
            Why::NoBranch => {
                "it is missing where no `when` of its `case` holds, and there is no `else`".to_string()
            }
            Why::NoMatch => "it is missing for those without a match of the sequence".to_string(),
            Why::OutOfBase => "it is missing for those outside the segment that it compares".to_string(),
        }
    }
}
