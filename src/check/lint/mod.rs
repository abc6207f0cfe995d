//! Lints: what is allowed and probably not meant.

mod money;
mod stranger;

use super::definition::Body;
use super::{Checker, Progress};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{DefId, ExprId, Node};
use stranger::{Known, Stranger};

impl Checker<'_> {
    pub(super) fn lint(&mut self) {
        let everyone = self.holding_for_strangers();
        for id in self.definition_ids() {
            let Some(body) = self.own_body(id) else { continue };
            if everyone.contains(&id) {
                self.everyone_matches(id);
            }
            self.float_money(id, body);
        }
    }

    /// The body of a definition as written: what a day was put on is the same formula once more.
    fn own_body(&self, id: DefId) -> Option<ExprId> {
        let state = self.state(id).filter(|s| s.on.is_none())?;
        match state.checked {
            Progress::Done(Some((body, _))) => Some(body),
            _ => None,
        }
    }

    /// Segments that hold for a customer about whom nothing is known.
    fn holding_for_strangers(&self) -> Vec<DefId> {
        let mut stranger = Stranger::new(self);
        let is_segment = |id: &DefId| self.state(*id).is_some_and(|s| matches!(s.body, Body::Segment(_)));
        let holds = |id: &DefId| {
            self.own_body(*id).is_some_and(|body| {
                !matches!(self.graph.node(body), Node::Literal(_)) && stranger.of(body) == Known::Bool(true)
            })
        };
        self.definition_ids().into_iter().filter(is_segment).filter(holds).collect()
    }

    fn everyone_matches(&mut self, id: DefId) {
        let Some(state) = self.state(id) else { return };
        let (name, span) = (state.name().to_string(), state.span());
        let mut diagnostic = Diagnostic::new(
            Code::EveryoneMatches,
            format!("`{name}` would hold for a customer about whom nothing is known"),
        )
        .help("start from a base: `where high_value and …`, or add `… is known`");
        if let Some(span) = span {
            diagnostic = diagnostic.at(span);
        }
        self.error(diagnostic);
    }
}
