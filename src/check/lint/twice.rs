//! The same formula under two names.

use super::super::Checker;
use super::super::definition::Body;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{DefId, ExprId, Node, SourceId};
use crate::source::FileId;
use crate::syntax::ast::{Expr, SegmentBody};
use hashbrown::HashMap;
use std::collections::BTreeSet;

impl Checker<'_> {
    /// Tags, and segments, of one entity with one body. Equal expressions are one node.
    pub(super) fn defined_twice(&self, ids: &[(DefId, ExprId)], used: &BTreeSet<FileId>) -> Vec<Diagnostic> {
        let mut first: HashMap<(ExprId, Option<SourceId>, bool), DefId> = HashMap::new();
        let mut found = Vec::new();
        for (id, body) in ids {
            // Another name for a column or a tag is no formula.
            if matches!(
                self.graph.node(*body),
                Node::Literal(_) | Node::Column { .. } | Node::Definition(_) | Node::Error
            ) {
                continue;
            }
            let Some(state) = self.state(*id) else { continue };
            let is_segment = match state.body {
                Body::Tag(_) => false,
                Body::Segment(_) => true,
                _ => continue,
            };
            let entity = match state.entity {
                super::super::Progress::Done(entity) => entity,
                _ => None,
            };
            let earlier = *first.entry((*body, entity, is_segment)).or_insert(*id);
            if earlier != *id {
                found.extend(self.same_formula(earlier, *id, used));
            }
        }
        found
    }

    fn same_formula(&self, first: DefId, second: DefId, used: &BTreeSet<FileId>) -> Option<Diagnostic> {
        let (one, other) = (self.state(first)?, self.state(second)?);
        let (at, before) = (other.span()?, one.span()?);
        if used.contains(&at.file) && used.contains(&before.file) {
            return None;
        }
        // Two parameters, or a day and today, may differ in another run.
        if [one.body, other.body].into_iter().filter_map(formula).any(|e| self.differs_by_run(e)) {
            return None;
        }
        let (name, earlier) = (other.name(), one.name());
        Some(
            Diagnostic::new(Code::SameFormula, format!("`{name}` is defined as `{earlier}` is"))
                .label(at, "the same once more")
                .related(before, "the first")
                .help(format!("use `{earlier}` for both, or say what differs")),
        )
    }
}

fn formula<'a>(body: Body<'a>) -> Option<&'a Expr> {
    match body {
        Body::Tag(def) => Some(&def.value),
        Body::Segment(def) => match &def.body {
            SegmentBody::Where(condition) => Some(condition),
            SegmentBody::Top(top) => Some(&top.by),
        },
        _ => None,
    }
}
