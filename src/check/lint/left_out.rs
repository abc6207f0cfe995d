//! `!=` and `not` of what may be missing: those about whom it is unknown fall out, and nothing says so.

use super::super::definition::Body;
use super::super::{Checker, Progress};
use super::Doubtful;
use super::missing::{Gaps, Why};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Beside, CompareOp, DefId, ExprId, Node};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, SegmentBody, UnaryOp};
use hashbrown::HashSet;

/// A condition that is written with a negation, and what it is about.
struct Negation {
    condition: Span,
    subject: ExprId,
    why: Why,
}

impl<'a> Checker<'a> {
    /// The negations of a segment's condition that leave people out.
    pub(super) fn left_out<'c>(&'c self, id: DefId, body: ExprId, gaps: &mut Gaps<'c, 'a>) -> Vec<Doubtful> {
        let Some(state) = self.state(id) else { return Vec::new() };
        let (Body::Segment(def), Progress::Done(Some(entity))) = (state.body, &state.entity) else {
            return Vec::new();
        };
        let SegmentBody::Where(condition) = &def.body else { return Vec::new() };
        if !self.negates(body) {
            return Vec::new();
        }
        // Whoever asks whether it is missing, or compares it in another way, has thought of it or needs it known.
        let mut settled = HashSet::new();
        self.graph.walk(body, &mut |_, node| {
            if let Node::IsMissing(x) | Node::Coalesce(x, _) = node {
                settled.insert(*x);
            }
        });
        self.needed(body, &mut settled);
        let mut walk = Walk { checker: self, gaps, settled, within: None, found: Vec::new() };
        walk.visit(condition, body, false);
        let found = walk.found;
        let doubtful = |negation: Negation| Doubtful {
            warning: self.falls_out(&negation, gaps),
            entity: *entity,
            value: negation.subject,
            beside: Beside::Unknown(body),
        };
        found.into_iter().map(doubtful).collect()
    }

    /// Whether there is a negation in a condition, as far as `and` and `or` go.
    fn negates(&self, id: ExprId) -> bool {
        match self.graph.node(id) {
            Node::And(list) | Node::Or(list) => list.iter().any(|e| self.negates(*e)),
            Node::Not(_) => true,
            Node::Compare { op, .. } => *op == CompareOp::NotEqual,
            _ => false,
        }
    }

    /// What must be known for an `and` to be true, apart from its negations.
    fn needed(&self, id: ExprId, found: &mut HashSet<ExprId>) {
        match self.graph.node(id) {
            Node::And(list) => list.iter().for_each(|e| self.needed(*e, found)),
            Node::Compare { op, left, right } if *op != CompareOp::NotEqual => {
                found.extend([*left, *right]);
            }
            Node::Between { value, .. } | Node::InList { value, .. } | Node::TextTest { value, .. } => {
                found.insert(*value);
            }
            _ => {}
        }
    }

    fn falls_out(&self, negation: &Negation, gaps: &Gaps<'_, '_>) -> Diagnostic {
        let text = self.quoted(negation.condition, "this");
        let name = self.value_name(negation.subject);
        let shown = name.as_deref().unwrap_or("value");
        let diagnostic =
            Diagnostic::new(Code::LeftOut, format!("{text} leaves out those whose {shown} is missing"))
                .at(negation.condition);
        let bare = name.map(|n| n.trim_matches('`').to_string());
        let diagnostic = match (bare, text.strip_prefix('`')) {
            (Some(name), Some(written)) => diagnostic.help(format!(
                "to take them in: `({name} is missing or {})`, or say that they are out: `… and {name} is known`",
                written.trim_end_matches('`')
            )),
            _ => diagnostic.help("say what shall happen: `… is missing or …`, `… is known and …` or `… ?? …`"),
        };
        diagnostic.help(gaps.said(negation.why))
    }

    /// A value as it is called in a script, in backquotes; `None` where it has no name.
    pub(super) fn value_name(&self, id: ExprId) -> Option<String> {
        match self.graph.node(id) {
            Node::Definition(def) => Some(format!("`{}`", self.called(*def))),
            Node::Column { source, via, column } => {
                let mut at = *source;
                let mut path = String::new();
                for link in via {
                    let link = self.source(at)?.link(*link)?;
                    path.push_str(&link.name);
                    path.push('.');
                    at = link.target;
                }
                Some(format!("`{path}{}`", self.source(at)?.column(*column)?.name))
            }
            _ => None,
        }
    }
}

/// Goes through a condition as written and as checked, side by side.
struct Walk<'w, 'c, 's> {
    checker: &'c Checker<'s>,
    gaps: &'w mut Gaps<'c, 's>,
    settled: HashSet<ExprId>,
    /// The outermost `not` that holds what is looked at.
    within: Option<Span>,
    found: Vec<Negation>,
}

impl Walk<'_, '_, '_> {
    fn visit(&mut self, expr: &Expr, id: ExprId, negative: bool) {
        let graph = &self.checker.graph;
        match (&*expr.kind, graph.node(id)) {
            (ExprKind::Logic { operands, .. }, Node::And(list) | Node::Or(list))
                if operands.len() == list.len() =>
            {
                for (operand, id) in operands.iter().zip(list) {
                    self.visit(operand, *id, negative);
                }
            }
            (ExprKind::Unary { op: UnaryOp::Not, operand }, Node::Not(inner)) => {
                let outer = self.within.replace(self.within.unwrap_or(expr.span));
                self.visit(operand, *inner, !negative);
                self.within = outer;
            }
            // Twice negated is asked for plainly.
            (_, Node::Not(_)) if negative => {}
            (_, Node::Not(inner)) => self.subjects(*inner, expr.span),
            (_, Node::Compare { op, .. }) if negative == (*op == CompareOp::NotEqual) => {}
            (_, Node::Compare { .. }) => self.subjects(id, expr.span),
            _ if negative => self.subjects(id, expr.span),
            _ => {}
        }
    }

    fn subjects(&mut self, id: ExprId, condition: Span) {
        let checker = self.checker;
        let condition = self.within.unwrap_or(condition);
        let subjects = match checker.graph.node(id) {
            Node::Compare { left, right, .. } => vec![*left, *right],
            Node::Between { value, .. } | Node::InList { value, .. } | Node::TextTest { value, .. } => {
                vec![*value]
            }
            Node::InSource(list) => vec![list.value],
            Node::Definition(_) | Node::Column { .. } => vec![id],
            _ => Vec::new(),
        };
        for subject in subjects {
            if let Some(why) = self.gaps.why(subject)
                && self.settled.insert(subject)
            {
                self.found.push(Negation { condition, subject, why });
            }
        }
    }
}

impl Checker<'_> {
    /// The body of a tag, through names of tags.
    pub(super) fn unnamed(&self, id: ExprId) -> ExprId {
        let mut at = id;
        for _ in 0..32 {
            match self.graph.node(at) {
                Node::Definition(def) if !self.is_segment(*def) => match self.body_of(*def) {
                    Some(body) => at = body,
                    None => break,
                },
                _ => break,
            }
        }
        at
    }
}
