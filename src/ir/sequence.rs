//! `happened(A then B within 7 days then not C)`: events in an order.

use super::graph::{CompareOp, ExprId};
use super::time::Window;
use super::{Program, SourceId};
use crate::syntax::ast::Duration;

/// Whether a customer's events followed each other as the steps say. All steps lie in the window.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sequence {
    /// As written; the first is not negated.
    pub steps: Vec<SequenceStep>,
    pub window: Window,
}

/// One step: an event that there must be, or (`not`) must not be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SequenceStep {
    pub negated: bool,
    /// A source with a time.
    pub events: SourceId,
    /// From the events to the entity: indices into each source's `of`, in turn.
    pub path: Vec<u32>,
    /// On the event's row; taken only where true.
    pub filter: Option<ExprId>,
    /// How long after the positive step before it may be, that included.
    pub within: Option<Duration>,
    /// Comparisons with the positive step before, all of which must be true.
    pub links: Vec<StepLink>,
}

/// `product = step1.product`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StepLink {
    pub op: CompareOp,
    /// On the step's own row.
    pub own: ExprId,
    /// On the row of the positive step before.
    pub earlier: ExprId,
}

/// What a match tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SequencePart {
    /// How many positive steps in a row were reached.
    Steps,
    /// The time of the event that the match has for a step: an index into [`Sequence::steps`].
    Time(u32),
}

impl Sequence {
    /// The positive steps, with their places among all.
    pub fn positive(&self) -> impl Iterator<Item = (usize, &SequenceStep)> {
        self.steps.iter().enumerate().filter(|(_, s)| !s.negated)
    }

    /// The positive step before the one at `place`.
    pub fn before(&self, place: usize) -> Option<&SequenceStep> {
        self.steps.get(..place)?.iter().rev().find(|s| !s.negated)
    }

    /// Each expression with the source on whose row it stands: filters, and both sides of comparisons.
    pub fn on_events(&self) -> Vec<(SourceId, ExprId)> {
        let mut found = Vec::new();
        for (place, step) in self.steps.iter().enumerate() {
            found.extend(step.filter.map(|f| (step.events, f)));
            for link in &step.links {
                found.push((step.events, link.own));
                found.extend(self.before(place).map(|b| (b.events, link.earlier)));
            }
        }
        found
    }

    /// The entity that the steps lead to.
    pub fn entity(&self, program: &Program) -> Option<SourceId> {
        let first = self.steps.first()?;
        first.path.iter().try_fold(first.events, |at, step| {
            Some(program.source(at)?.of.get(usize::try_from(*step).ok()?)?.entity)
        })
    }
}

impl SequencePart {
    /// The word after the dot: `step2`, counted from 1, or `steps`.
    pub fn name(self) -> String {
        match self {
            SequencePart::Steps => "steps".to_string(),
            SequencePart::Time(place) => format!("step{}", place + 1),
        }
    }
}
