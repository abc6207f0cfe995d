//! A `case` whose `else` takes in those about whom a `when` could not be decided.

use super::super::Checker;
use super::super::scope::Row;
use super::Doubtful;
use super::missing::{Gaps, Why};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Beside, CompareOp, ExprId, Literal, Node, SourceId};
use crate::source::Span;
use crate::syntax::ast::Expr;
use hashbrown::HashSet;

/// A `case` with an `else`, kept until it is known what may be missing.
pub(in super::super) struct Otherwise {
    /// Each `when`, and where it stands.
    whens: Vec<(ExprId, Span)>,
    /// Whose rows it is about.
    entity: SourceId,
    /// The value of the `else`.
    value: ExprId,
    span: Span,
}

/// Words of an `else` that say that nothing is known.
const UNKNOWN: [&str; 14] = [
    "unknown", "missing", "none", "n/a", "other", "rest", "未知", "不明", "不详", "缺失", "没有", "无",
    "其他", "其它",
];

impl Checker<'_> {
    /// Keeps a `case` on a customer's row.
    pub(in super::super) fn note_case(
        &mut self,
        row: &Row,
        branches: &[(Expr, Expr)],
        conditions: &[ExprId],
        otherwise: (ExprId, Span),
    ) {
        if let (None, Row::Entity(entity)) = (self.other_day(), row) {
            let whens = conditions.iter().copied().zip(branches.iter().map(|(c, _)| c.span)).collect();
            let entity = *entity;
            self.cases.push(Otherwise { whens, entity, value: otherwise.0, span: otherwise.1 });
        }
    }

    pub(super) fn unknown_to_else(&self, case: &Otherwise, gaps: &mut Gaps<'_, '_>) -> Option<Doubtful> {
        if let Node::Literal(Literal::Text(t)) = self.graph.node(case.value)
            && UNKNOWN.iter().any(|word| t.to_lowercase().contains(word))
        {
            return None;
        }
        let mut asked = HashSet::new();
        for (when, _) in &case.whens {
            self.graph.walk(*when, &mut |_, node| {
                if let Node::IsMissing(x) = node {
                    asked.insert(*x);
                }
            });
        }
        for (when, at) in &case.whens {
            let Some((subject, why)) = self.undecidable(*when, gaps) else { continue };
            if asked.contains(&subject) {
                return None;
            }
            let name = self.value_name(subject);
            let shown = name.as_deref().unwrap_or("value");
            let text = self.quoted(case.span, "…");
            let text = text.trim_matches('`');
            let first = match &name {
                Some(name) => format!("`when {} is missing then …`", name.trim_matches('`')),
                None => "`when … is missing then …`".to_string(),
            };
            let warning = Diagnostic::new(
                Code::UnknownToElse,
                format!("`else {text}` also takes those whose {shown} is missing"),
            )
            .at(case.span)
            .related(*at, "unknown for them")
            .help(format!(
                "give them a branch before: {first}; or write the last condition out and no `else`"
            ))
            .help(gaps.said(why));
            let whens = case.whens.iter().map(|(when, _)| *when).collect();
            let (entity, beside) = (case.entity, Beside::NoneTrue(whens));
            return Some(Doubtful { warning, entity, value: subject, beside });
        }
        None
    }

    /// What a `when` compares by its size, or takes for a yes, although it may be missing.
    fn undecidable(&self, when: ExprId, gaps: &mut Gaps<'_, '_>) -> Option<(ExprId, Why)> {
        let ordered = |op: &CompareOp| !matches!(op, CompareOp::Equal | CompareOp::NotEqual);
        let is_literal = |id: ExprId| matches!(self.graph.node(id), Node::Literal(_));
        match self.graph.node(when) {
            Node::And(list) | Node::Or(list) => list.iter().find_map(|e| self.undecidable(*e, gaps)),
            Node::Compare { op, left, right } if ordered(op) => {
                let (subject, below) = match (is_literal(*left), is_literal(*right)) {
                    (false, true) => (*left, matches!(op, CompareOp::Less | CompareOp::LessEqual)),
                    (true, false) => (*right, matches!(op, CompareOp::Greater | CompareOp::GreaterEqual)),
                    _ => return None,
                };
                let why = gaps.why(subject)?;
                (!(below && self.never_is_long_ago(subject, why))).then_some((subject, why))
            }
            Node::Between { value, .. } => {
                let why = gaps.why(*value)?;
                (!self.never_is_long_ago(*value, why)).then_some((*value, why))
            }
            Node::Column { .. } => gaps.why(when).map(|why| (when, why)),
            _ => None,
        }
    }

    /// Days since an event that never was are more than any number: who is beyond the last limit may well be who
    /// never did it.
    fn never_is_long_ago(&self, subject: ExprId, why: Why) -> bool {
        matches!(why, Why::NoEvents(_) | Why::NoMatch)
            && matches!(self.graph.node(self.unnamed(subject)), Node::Elapsed { until: false, .. })
    }
}
