//! Sequences of events: `happened(A then B within 7 days then not C in last 90 days)`.

use super::definition::{Body, DefinitionState, Made};
use super::entity::operands;
use super::names::{index, list};
use super::operators::Comparison;
use super::scope::Row;
use super::{Checker, Item, Progress};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::time::seconds;
use crate::ir::{CompareOp, DefId, ExprId, Node, Sequence, SequencePart, SequenceStep, SourceId, StepLink};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, CallClause, Expr, ExprKind, Ident, LogicOp};
use crate::types::Type;

/// The most steps that a sequence may have.
const MOST: usize = 32;

/// The positive step before: its number from 1, and its events.
type Before = Option<(usize, SourceId)>;

impl Checker<'_> {
    pub(super) fn happened(
        &mut self,
        row: &Row,
        steps: &[ast::SequenceStep],
        clauses: &[CallClause],
        span: Span,
    ) -> ExprId {
        let inside = "a sequence cannot stand inside an aggregate";
        let Some(entity) = self.standing(row, "a sequence", inside, "name it", span) else {
            return self.faulty();
        };
        if let Some(first) = steps.first().filter(|s| s.negated) {
            return self.report(
                Diagnostic::new(Code::SequenceStart, "a sequence cannot begin with `not`")
                    .at(first.span)
                    .help("begin with what did happen; who never did something is `not any(EVENTS where …)`"),
            );
        }
        if let Some(over) = steps.get(MOST) {
            return self.report(
                Diagnostic::new(Code::SequenceLength, format!("a sequence has at most {MOST} steps"))
                    .at(over.span),
            );
        }
        let mut checked = Vec::with_capacity(steps.len());
        let mut before: Before = None;
        for (place, step) in steps.iter().enumerate() {
            let Some(step) = self.step(entity, place + 1, step, before) else { return self.faulty() };
            if !step.negated {
                before = Some((place + 1, step.events));
            }
            checked.push(step);
        }
        let window = clauses.iter().find_map(|c| match c {
            CallClause::Window(window) => Some(window),
            _ => None,
        });
        let window = match window {
            Some(w) => match self.sequence_window(w, &checked) {
                Some(window) => window,
                None => return self.faulty(),
            },
            None => self.everything(),
        };
        self.graph.add(Node::Sequence(Sequence { steps: checked, window }), Type::Bool)
    }

    /// One window for all steps: each source must be able to have it.
    fn sequence_window(&mut self, w: &ast::Window, steps: &[SequenceStep]) -> Option<crate::ir::Window> {
        let mut window = None;
        for step in steps {
            window = Some(self.window(w, step.events)?);
        }
        window
    }

    fn step(
        &mut self,
        entity: SourceId,
        number: usize,
        step: &ast::SequenceStep,
        before: Before,
    ) -> Option<SequenceStep> {
        let name = step.source.text.clone();
        let help = format!(
            "a source of events says whose they are: `source {name} … of customers by customer_id at …`"
        );
        let (events, path) = self.events_named(entity, &step.source, "a step", &help)?;
        if !self.events_have_past(events, step.source.span) || self.is_broken(events) {
            return None;
        }
        if self.source(events).is_some_and(|s| s.time.is_none()) {
            self.no_time(events, "`happened`", step.source.span);
            return None;
        }
        let within = match step.within {
            Some(length) => {
                self.gap(step, length, events, before)?;
                Some(length)
            }
            None => None,
        };
        let (filter, links) = match &step.filter {
            Some(filter) => self.step_conditions(entity, events, number, filter, before)?,
            None => (None, Vec::new()),
        };
        Some(SequenceStep { negated: step.negated, events, path, filter, within, links })
    }

    /// Whether a step can be `within` a length of the positive step before.
    fn gap(
        &mut self,
        step: &ast::SequenceStep,
        length: ast::Duration,
        events: SourceId,
        before: Before,
    ) -> Option<()> {
        let Some((_, earlier)) = before else {
            self.error(
                Diagnostic::new(Code::StepGap, "the first step has no step before it to be within reach of")
                    .at(step.span)
                    .help("`within` stands in a later step; `in last 90 days` at the end bounds them all"),
            );
            return None;
        };
        let dated = [events, earlier].into_iter().find(|s| self.time_of(*s) == Some(Type::Date));
        if let (Some(_), Some(dated)) = (seconds(length), dated) {
            let name = self.source_name(dated).to_string();
            self.error(
                Diagnostic::new(
                    Code::StepGap,
                    format!("{name} have dates, and a gap in hours needs a time of day"),
                )
                .at(step.span)
                .help("count in days"),
            );
            return None;
        }
        Some(())
    }

    /// What is asked of a step's event: on its own row, and in comparison with the step before.
    fn step_conditions(
        &mut self,
        entity: SourceId,
        events: SourceId,
        number: usize,
        filter: &Expr,
        before: Before,
    ) -> Option<(Option<ExprId>, Vec<StepLink>)> {
        let all: Vec<&Expr> = match &*filter.kind {
            ExprKind::Logic { op: LogicOp::And, operands } => operands.iter().collect(),
            _ => vec![filter],
        };
        let row = Row::Event { events, entity };
        let (mut own, mut links) = (Vec::new(), Vec::new());
        for condition in all {
            if references(condition).is_empty() {
                let id = self.condition(&row, condition);
                if self.graph.ty(id).is_error() {
                    return None;
                }
                own.push(id);
            } else {
                links.push(self.step_link(&row, number, condition, before)?);
            }
        }
        let filter = match own.as_slice() {
            [] => None,
            [one] => Some(*one),
            _ => Some(self.graph.add(Node::And(own), Type::Bool)),
        };
        Some((filter, links))
    }

    /// `product = step1.product`.
    fn step_link(&mut self, row: &Row, number: usize, condition: &Expr, before: Before) -> Option<StepLink> {
        let Row::Event { entity, .. } = *row else { return None };
        for (step, span) in references(condition) {
            if before.is_none_or(|(n, _)| step != n.to_string()) {
                let message = format!("`step{step}` is not the step before");
                let help = match before {
                    Some((n, _)) => format!(
                        "step {number} can be compared with `step{n}`, the nearest step before it that did happen"
                    ),
                    None => "the first step has no step before it".to_string(),
                };
                self.error(Diagnostic::new(Code::StepReference, message).at(span).help(help));
                return None;
            }
        }
        let (n, earlier_events) = before?;
        let example = format!("`amount > step{n}.amount`");
        let ExprKind::Binary { op, op_span, left, right } = &*condition.kind else {
            return self.no_link(condition.span, &example);
        };
        let Some(op) = comparison(*op) else { return self.no_link(condition.span, &example) };
        let (own, earlier, op) = match (references(left).is_empty(), references(right).is_empty()) {
            (true, false) => (left, right, op),
            (false, true) => (right, left, op.mirrored()),
            _ => return self.no_link(condition.span, &example),
        };
        if let Some(span) = self.stranger_beside_step(earlier) {
            return self.no_link(span, &example);
        }
        let own_id = self.expr(row, own);
        let outer = self.earlier.replace((format!("step{n}"), earlier_events));
        let earlier_id = self.expr(&Row::Event { events: earlier_events, entity }, earlier);
        self.earlier = outer;
        let ok = self.comparable(&Comparison {
            op,
            left: own_id,
            right: earlier_id,
            span: *op_span,
            left_span: own.span,
            right_span: earlier.span,
        });
        ok.then_some(StepLink { op, own: own_id, earlier: earlier_id })
    }

    fn no_link<T>(&mut self, span: Span, example: &str) -> Option<T> {
        self.error(
            Diagnostic::new(Code::StepComparison, "an earlier step can only stand alone on one side of a comparison")
                .at(span)
                .help(format!("write a comparison of this step's own value with one of the earlier step, such as {example}; join several with `and`")),
        );
        None
    }

    /// A name beside `step1.…` that is neither of that step nor known before the run.
    fn stranger_beside_step(&self, expr: &Expr) -> Option<Span> {
        match &*expr.kind {
            ExprKind::Name(path) => {
                let first = path.parts.first()?;
                let known = match path.parts.as_slice() {
                    [one] => {
                        matches!(self.item(&one.text), Some(Item::Param(_)))
                            || one.text.eq_ignore_ascii_case("today")
                    }
                    _ => step_number(first).is_some(),
                };
                (!known).then_some(path.span)
            }
            ExprKind::Outside(_) | ExprKind::Happened { .. } => Some(expr.span),
            kind => operands(kind).into_iter().find_map(|e| self.stranger_beside_step(e)),
        }
    }

    // ---- parts ----

    /// Makes the definitions of a tag's parts, where the tag is a sequence.
    pub(super) fn add_parts(&mut self, id: DefId) {
        let Some(state) = self.state(id) else { return };
        let (Body::Tag(def), Some(body)) = (state.body, self.body_of(id)) else { return };
        let statement = state.statement;
        let entity = state.entity.clone();
        for part in self.parts_of(body) {
            let state = DefinitionState {
                body: Body::Part(id, part, def),
                statement,
                entity: entity.clone(),
                checked: Progress::Todo,
                on: None,
            };
            let part = self.make(Made::Part(id, part), state);
            self.define(part);
        }
    }

    /// What the match of a sequence tells; nothing of any other expression.
    fn parts_of(&self, body: ExprId) -> Vec<SequencePart> {
        let Node::Sequence(sequence) = self.graph.node(body) else { return Vec::new() };
        let times = sequence.positive().map(|(place, _)| SequencePart::Time(index(place)));
        times.chain([SequencePart::Steps]).collect()
    }

    /// What a part is made of, on the day at hand.
    pub(super) fn part_value(&mut self, tag: DefId, part: SequencePart) -> ExprId {
        let tag = self.at_hand(tag);
        self.define(tag);
        let Some(body) = self.body_of(tag) else { return self.faulty() };
        let Node::Sequence(sequence) = self.graph.node(body) else { return self.faulty() };
        let ty = match part {
            SequencePart::Steps => Some(Type::Int),
            SequencePart::Time(place) => {
                sequence.steps.get(place as usize).and_then(|s| self.time_of(s.events))
            }
        };
        match ty {
            Some(ty) => self.graph.add(Node::SequencePart { sequence: body, part }, ty),
            None => self.faulty(),
        }
    }

    /// `bought.step2` on the row of `entity`.
    pub(super) fn part(&mut self, def: DefId, rest: &[Ident], entity: SourceId, span: Span) -> ExprId {
        match self.part_named(def, rest) {
            Some(part) => self.definition_use(part, entity, span),
            None => self.faulty(),
        }
    }

    /// The definition of a part of a tag; `None` where there is none (reported).
    pub(super) fn part_named(&mut self, def: DefId, rest: &[Ident]) -> Option<DefId> {
        let base = self.state(def)?.on.map_or(def, |(base, _)| base);
        self.define(base)?;
        let name = self.definition_name(base);
        let parts: Vec<(String, DefId)> = self
            .body_of(base)
            .map_or(Vec::new(), |body| self.parts_of(body))
            .into_iter()
            .filter_map(|part| Some((part.name(), *self.made.get(&Made::Part(base, part))?)))
            .collect();
        let (word, more) = rest.split_first()?;
        if let (Some((_, part)), true) = (parts.iter().find(|(n, _)| *n == word.text), more.is_empty()) {
            return Some(*part);
        }
        let diagnostic = if parts.is_empty() {
            Diagnostic::new(Code::NoSuchPart, format!("`{name}` has no parts"))
                .help("a tag that is nothing but `happened(…)` has `step1`, `step2`, … and `steps`")
        } else {
            let all: Vec<&str> = parts.iter().map(|(n, _)| n.as_str()).collect();
            let negated = step_number(word).is_some_and(|n| self.is_negated(base, n));
            let message = match negated {
                true => format!("`{}` of `{name}` is what did not happen: it has no time", word.text),
                false => format!("`{name}` has no part `{}`", word.text),
            };
            Diagnostic::new(Code::NoSuchPart, message).help(format!("its parts are {}", list(&all)))
        };
        self.error(diagnostic.at(more.last().map_or(word.span, |last| word.span.to(last.span))));
        None
    }

    /// What `funnel` can count the steps of.
    pub(super) fn funnel_of(&mut self, name: &Ident) -> Option<DefId> {
        let Some(Item::Definition(def)) = self.item(&name.text).filter(|item| match item {
            Item::Definition(def) => !self.is_segment(*def),
            _ => false,
        }) else {
            return self.asked_segment(name);
        };
        self.define(def)?;
        if let Some(body) = self.body_of(def)
            && matches!(self.graph.node(body), Node::Sequence(_))
        {
            return Some(def);
        }
        self.error(
            Diagnostic::new(Code::NotFunnel, format!("`{}` has no steps to count", name.text))
                .at(name.span)
                .help("a funnel is made of a tag that is nothing but `happened(…)`, or of a segment's conditions"),
        );
        None
    }

    fn is_negated(&self, tag: DefId, number: &str) -> bool {
        let Some(body) = self.body_of(tag) else { return false };
        let Node::Sequence(sequence) = self.graph.node(body) else { return false };
        let place = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        place.and_then(|p| sequence.steps.get(p)).is_some_and(|s| s.negated)
    }
}

/// The number in `step1`.
fn step_number(word: &Ident) -> Option<&str> {
    let digits = word.text.strip_prefix("step")?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// The steps that an expression refers to, as `stepN.x`, with their numbers as written.
fn references(expr: &Expr) -> Vec<(String, Span)> {
    if let ExprKind::Name(path) = &*expr.kind {
        let (Some(first), true) = (path.parts.first(), path.parts.len() > 1) else { return Vec::new() };
        return step_number(first).map(|n| (n.to_string(), path.span)).into_iter().collect();
    }
    let mut found: Vec<(String, Span)> = operands(&expr.kind).into_iter().flat_map(references).collect();
    if let ExprKind::InSource(list) = &*expr.kind {
        found.extend(references(&list.filter));
    }
    found
}

pub(super) fn comparison(op: BinaryOp) -> Option<CompareOp> {
    Some(match op {
        BinaryOp::Equal => CompareOp::Equal,
        BinaryOp::NotEqual => CompareOp::NotEqual,
        BinaryOp::Less => CompareOp::Less,
        BinaryOp::LessEqual => CompareOp::LessEqual,
        BinaryOp::Greater => CompareOp::Greater,
        BinaryOp::GreaterEqual => CompareOp::GreaterEqual,
        _ => return None,
    })
}
