//! Lints: what is allowed and probably not meant.

mod allow;
mod claims;
mod decided;
mod domain;
mod hidden;
mod left_out;
mod missing;
mod money;
mod otherwise;
mod range;
mod stranger;
mod twice;
mod unused;
mod window;

pub(super) use otherwise::Otherwise;

use super::Checker;
use super::definition::Body;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Beside, Command, DefId, Doubt, ExprId, Node, SourceId};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;
use missing::Gaps;
use stranger::{Known, Stranger};

/// A [`Doubt`] before the question for its value is a node.
pub(super) struct Doubtful {
    warning: Diagnostic,
    entity: SourceId,
    value: ExprId,
    beside: Beside,
}

impl Checker<'_> {
    /// What the definitions show; `commands` are checked, and so are audiences.
    pub(super) fn lint(&mut self, scripts: &[ast::Script], commands: &[(Command, Span)]) {
        let everyone = self.holding_for_strangers();
        let written: Vec<(DefId, ExprId)> =
            self.definition_ids().into_iter().filter_map(|id| Some((id, self.own_body(id)?))).collect();
        let has_floats = self.sources.iter().any(|s| s.source.columns.iter().any(|c| c.ty == Type::Float));
        for (id, body) in &written {
            if everyone.contains(id) {
                self.everyone_matches(*id);
            }
            if has_floats {
                self.float_money(*id, *body);
            }
        }
        // Where something has an error, what depends on it is not there to be seen.
        if self.diagnostics.has_errors() {
            return;
        }
        let used_files = self.used_files(scripts);
        let mut gaps = Gaps::new(self);
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut doubts: Vec<Doubtful> = Vec::new();
        for (id, body) in &written {
            doubts.extend(self.left_out(*id, *body, &mut gaps));
        }
        doubts.extend(self.cases.iter().filter_map(|case| self.unknown_to_else(case, &mut gaps)));
        found.extend(doubts.iter().map(|d| d.warning.clone()));
        found.extend(self.odd_windows(&written));
        found.extend(self.defined_twice(&written, &used_files));
        found.extend(self.hidden_columns());
        found.extend(self.unused(commands, &used_files));
        self.diagnostics.extend(found);
        for Doubtful { warning, entity, value, beside } in doubts {
            let missing = self.graph.add(Node::IsMissing(value), Type::Bool);
            self.doubts.push(Doubt { warning, entity, missing, beside });
        }
    }

    /// The body of a definition as written: what a day was put on is the same formula once more.
    fn own_body(&self, id: DefId) -> Option<ExprId> {
        self.state(id).filter(|s| s.on.is_none())?;
        self.body_of(id)
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
