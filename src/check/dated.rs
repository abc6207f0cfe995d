//! The same definition seen from another day: `(life_stage on 2026-07-31)`.
//!
//! A definition on another day is a definition of its own, checked with that day in the place of the run's: windows
//! and ages move with it, and so do the definitions that it names. What a column was then is known where it says so
//! itself: events do not change, a source with `latest by` has its history, and `fixed` columns never change.

use super::definition::{Body, DefinitionState, Made};
use super::names::index;
use super::scope::Row;
use super::source::SourceState;
use super::{Checker, Item, Progress};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::time::next_day;
use crate::ir::{AsOf, ColumnId, Dated, DefId, ExprId, Link, LinkId, Literal, Moment, Node, SourceId};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Ident, Path, SourceClause};

/// How many days ahead `why` looks.
const AHEAD: usize = 400;

impl Checker<'_> {
    /// The day that expressions are seen from, where it is not the run's.
    pub(super) fn other_day(&self) -> Option<AsOf> {
        (self.as_of != self.run_as_of).then_some(self.as_of)
    }

    /// Seen from a day after the run's, tables are taken as they are and no event is added: what time alone does.
    fn is_ahead(&self) -> bool {
        self.as_of.cut().utc(&self.zone) > self.run_as_of.cut().utc(&self.zone)
    }

    /// Events at this moment or later are not seen.
    pub(super) fn seen_until(&self) -> Moment {
        if self.is_ahead() { self.run_as_of.cut() } else { self.as_of.cut() }
    }

    /// A segment on each of the days to come, until one differs no more: where time alone may end a membership.
    pub(super) fn days_to_come(&mut self, id: DefId) -> Vec<Dated> {
        let mut day = self.run_as_of.day(&self.zone);
        let mut found = Vec::new();
        for _ in 0..AHEAD {
            day = next_day(day);
            let on = AsOf::Day(day);
            let definition = self.seen_from(on, |checker| checker.at_hand(id));
            if self.define(definition).is_none() {
                return Vec::new();
            }
            if let (Some(then), Some(now)) = (self.body_of(definition), self.body_of(id))
                && !self.differs(then, now)
            {
                return Vec::new();
            }
            found.push(Dated { definition, on });
        }
        found
    }

    /// Whether two days make a difference to an expression: one that does not speak of time is the same on both, but
    /// for the definitions that it names, which are seen from their own day.
    fn differs(&self, then: ExprId, now: ExprId) -> bool {
        if then == now {
            return false;
        }
        match (self.graph.node(then), self.graph.node(now)) {
            (Node::Definition(a), Node::Definition(b)) | (Node::Outside(a), Node::Outside(b)) => {
                match (self.body_of(*a), self.body_of(*b)) {
                    (Some(a), Some(b)) => self.differs(a, b),
                    _ => true,
                }
            }
            (Node::Elapsed { .. } | Node::Aggregate(_), _) => true,
            (Node::Call { arguments: a, .. }, Node::Call { arguments: b, .. }) if a.len() != b.len() => true,
            (a, b) => {
                let (a, b) = (a.operands(), b.operands());
                a.is_empty() || a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| self.differs(*a, *b))
            }
        }
    }

    /// Checks something as seen from another day.
    pub(super) fn seen_from<T>(&mut self, day: AsOf, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.as_of, day);
        let done = work(self);
        self.as_of = before;
        done
    }

    /// `value on date`.
    pub(super) fn on_date(&mut self, row: &Row, value: &Expr, date: &Expr, span: Span) -> ExprId {
        let Some(day) = self.day(date) else { return self.faulty() };
        let ExprKind::Name(path) = &*value.kind else {
            return self.report(
                Diagnostic::new(Code::WrongKind, "`on` takes a tag, a segment or a column")
                    .at(value.span)
                    .help(format!(
                        "give it a name: `tag NAME = {}`, then `(NAME on {})`",
                        self.map.text(value.span).trim(),
                        self.map.text(date.span).trim()
                    )),
            );
        };
        if matches!(row, Row::Source(_) | Row::Constant) {
            return self.report(
                Diagnostic::new(Code::WrongKind, "a tag on another date needs a customer, and this has none")
                    .at(span),
            );
        }
        self.seen_from(day, |checker| checker.name(row, path))
    }

    /// Whether nothing may lie between two ends that are known before the run: where `today` is one of them, or they
    /// are seen from another day, it hangs on the day, and on some days there is nothing.
    pub(super) fn may_be_empty(&self, from: &Expr, to: &Expr) -> bool {
        self.other_day().is_some() || names_today(from) || names_today(to)
    }

    /// A day known before the run and not after it; seen from a day ahead, not after that one.
    fn day(&mut self, date: &Expr) -> Option<AsOf> {
        let (literal, ty) = self.constant(date)?;
        let day = match literal {
            Literal::Date(day) => AsOf::Day(day),
            Literal::Local(t) => AsOf::Instant(self.zone.to_utc(t)),
            Literal::Utc(t) => AsOf::Instant(t),
            Literal::Number(_) | Literal::Text(_) | Literal::Bool(_) | Literal::Duration(_) => {
                self.error(
                    Diagnostic::new(
                        Code::TypeMismatch,
                        format!("a date is needed here; this is {}", ty.described()),
                    )
                    .at(date.span)
                    .help("write a date like 2026-10-31, without quotes"),
                );
                return None;
            }
        };
        let latest = if self.is_ahead() { self.as_of } else { self.run_as_of };
        if day.cut().utc(&self.zone) > latest.cut().utc(&self.zone) {
            let (day, run) = (day.text(&self.zone), self.run_as_of.text(&self.zone));
            self.error(
                Diagnostic::new(
                    Code::BadWindow,
                    format!("{day} is after {run}, the run's day: what is then is not known"),
                )
                .at(date.span)
                .help("give a later day with --as-of, or an earlier one here"),
            );
            return None;
        }
        Some(day)
    }

    /// The definition as it is on the day at hand.
    pub(super) fn at_hand(&mut self, id: DefId) -> DefId {
        let Some(day) = self.other_day() else { return id };
        let Some(state) = self.state(id) else { return id };
        if matches!(state.body, Body::Everyone(..)) {
            return id;
        }
        // Already one on another day: it keeps its body's day.
        let base = state.on.map_or(id, |(base, _)| base);
        match self.made.get(&Made::On(base, day)) {
            Some(found) => *found,
            None => {
                let entity = self.entity_of(base);
                let Some(state) = self.state(base) else { return id };
                let state = DefinitionState {
                    body: state.body,
                    statement: state.statement,
                    entity: Progress::Done(entity),
                    checked: Progress::Todo,
                    on: Some((base, day)),
                };
                self.make(Made::On(base, day), state)
            }
        }
    }

    /// A definition on each of two days, the earlier first: what `diff` and `transitions` compare.
    pub(super) fn between_days(&mut self, id: DefId, from: &Expr, to: &Expr) -> Option<(Dated, Dated)> {
        let (first, second) = (self.day(from)?, self.day(to)?);
        if first.cut().utc(&self.zone) >= second.cut().utc(&self.zone) {
            self.error(
                Diagnostic::new(Code::BadWindow, "the first day must be before the second")
                    .at(from.span.to(to.span))
                    .help("write the earlier date first"),
            );
            return None;
        }
        let mut on = |day: AsOf| -> Option<Dated> {
            let definition = self.seen_from(day, |checker| checker.at_hand(id));
            self.define(definition)?;
            Some(Dated { definition, on: day })
        };
        Some((on(first)?, on(second)?))
    }

    /// The way to a column as it was on the day at hand: over `via` from the row of `source`, with a look into a
    /// source's history where it has one. `None` where the past is not known (reported).
    pub(super) fn dated_path(
        &mut self,
        row: &Row,
        source: SourceId,
        via: Vec<LinkId>,
        column: ColumnId,
        span: Span,
    ) -> Option<Vec<LinkId>> {
        let Some(day) = self.other_day().filter(|_| !self.is_ahead()) else { return Some(via) };
        let mut path = Vec::new();
        // Where the path stands: the source as written, and the one looked into.
        let (mut written, mut at) = (source, source);
        // An event is what it was.
        let mut known = matches!(row, Row::Event { events, .. } if *events == source);
        for link in via {
            let l = self.source(written)?.link(link)?.clone();
            if !known {
                at = self.known_on(day, written, at, l.column, &mut path, span)?;
            }
            self.open(l.target);
            if self.source(l.target)?.latest.is_some() {
                let copy = self.copy(l.target, day);
                path.push(self.link_to(at, l.column, copy, &l.name));
                at = copy;
            } else {
                path.push(link);
                at = l.target;
            }
            written = l.target;
            known = false;
        }
        if !known {
            self.known_on(day, written, at, column, &mut path, span)?;
        }
        Some(path)
    }

    /// Where a column of `written` is found as it was on a day.
    fn known_on(
        &mut self,
        day: AsOf,
        written: SourceId,
        at: SourceId,
        column: ColumnId,
        path: &mut Vec<LinkId>,
        span: Span,
    ) -> Option<SourceId> {
        let source = self.source(written)?;
        let (key, fixed) = (source.key, source.column(column)?.fixed);
        if fixed || key == Some(column) || at != written || source.copy.is_some() {
            return Some(at);
        }
        if let (Some(_), Some(key)) = (source.latest, key) {
            let copy = self.copy(written, day);
            let name = self.source_name(written).to_string();
            path.push(self.link_to(at, key, copy, &name));
            return Some(copy);
        }
        let (of, name) = (source.name.clone(), source.column(column)?.name.clone());
        let day = day.text(&self.zone);
        self.error(
            Diagnostic::new(
                Code::NoPast,
                format!("what `{name}` of {of} was on {day} is not known: the file says only what it is"),
            )
            .at(span)
            .help(format!("if it never changes, say so in its source: `fixed {name}`"))
            .help("a file with a row for every change has a past: `latest by COLUMN`"),
        );
        None
    }

    /// The source that the script has, of a copy of it as it stood on a day.
    pub(super) fn as_written(&self, source: SourceId) -> SourceId {
        self.source(source).and_then(|s| s.copy).map_or(source, |(of, _)| of)
    }

    /// The source as it stood on a day.
    fn copy(&mut self, of: SourceId, day: AsOf) -> SourceId {
        if let Some(found) = self.sources.iter().position(|s| s.source.copy == Some((of, day))) {
            return SourceId(index(found));
        }
        let Some(state) = self.sources.get(of.0 as usize) else { return of };
        let (def, mut source) = (state.def, state.source.clone());
        source.copy = Some((of, day));
        source.name = format!("{} on {}", source.name, day.text(&self.zone));
        let copy = SourceState {
            def,
            source,
            looked: Progress::Done(!state.broken),
            opened: Progress::Done(()),
            empty: state.empty,
            bad_time: state.bad_time,
            broken: state.broken,
        };
        self.sources.push(copy);
        let copy = SourceId(index(self.sources.len() - 1));
        // Which of its rows are taken is asked of the copy's own columns, as they were then.
        for clause in &def.clauses {
            if let SourceClause::Where(condition, _) = clause {
                self.taken_where(copy, condition);
            }
        }
        copy
    }

    /// A link of `from` over `column` to `target`, made at its first use.
    fn link_to(&mut self, from: SourceId, column: ColumnId, target: SourceId, name: &str) -> LinkId {
        let link = Link { name: name.to_string(), column, target };
        let Some(state) = self.sources.get_mut(from.0 as usize) else { return LinkId(u32::MAX) };
        let links = &mut state.source.links;
        let position = links.iter().position(|l| *l == link).unwrap_or_else(|| {
            links.push(link);
            links.len() - 1
        });
        LinkId(index(position))
    }

    /// Events without a time have no past.
    pub(super) fn events_have_past(&mut self, events: SourceId, span: Span) -> bool {
        let Some(day) = self.other_day().filter(|_| !self.is_ahead()) else { return true };
        let reported = self.sources.get(events.0 as usize).is_none_or(|s| s.bad_time);
        if reported || self.source(events).is_some_and(|s| s.time.is_some()) {
            return true;
        }
        let (name, day) = (self.source_name(events).to_string(), day.text(&self.zone));
        self.error(
            Diagnostic::new(
                Code::NoPast,
                format!("{name} have no time: which there were on {day} is not known"),
            )
            .at(span)
            .help("say which column is their time: `of … by … at COLUMN`"),
        );
        false
    }

    /// A tag by name, for `transitions`: also a part, as `value.cell` or `bought.steps`.
    pub(super) fn tag_at(&mut self, path: &Path) -> Option<DefId> {
        match (path.parts.as_slice(), self.model_tag(path)) {
            (_, Some(tag)) => self.tag_named(&tag),
            ([name], None) => self.tag_named(name),
            ([model, part, ..], None) if matches!(self.item(&model.text), Some(Item::Model(_))) => {
                self.no_such_part(model, Some(part));
                None
            }
            ([name, rest @ ..], None) => {
                let tag = self.tag_named(name)?;
                self.part_named(tag, rest)
            }
            ([], None) => None,
        }
    }

    fn tag_named(&mut self, name: &Ident) -> Option<DefId> {
        match self.item(&name.text) {
            Some(Item::Definition(id)) if !self.is_segment(id) => Some(id),
            Some(Item::Definition(_)) => {
                self.error(
                    Diagnostic::new(Code::WrongKind, format!("`{}` is a segment, not a tag", name.text))
                        .at(name.span)
                        .help(format!("`diff {} between … and …` says who entered and who left", name.text)),
                );
                None
            }
            _ => self.definition_named(name),
        }
    }

    /// What a definition is called: its name, and the day where it is another than the run's.
    pub(super) fn called(&self, id: DefId) -> String {
        let Some(state) = self.state(id) else { return String::new() };
        let name = match state.body {
            Body::Part(_, part, _) => format!("{}.{}", state.name(), part.name()),
            _ => state.name().to_string(),
        };
        match state.on {
            Some((_, day)) => format!("{name} on {}", day.text(&self.zone)),
            None => name,
        }
    }

    /// Whole units are counted from the day at hand; the node says so where it is not the run's.
    pub(super) fn counted_from(&self) -> Option<chrono::NaiveDate> {
        self.other_day().map(|day| day.day(&self.zone))
    }

    /// The hidden argument of `age` on another day.
    pub(super) fn age_from(&mut self) -> Option<ExprId> {
        let day = self.counted_from()?;
        Some(self.graph.add(Node::Literal(Literal::Date(day)), crate::types::Type::Date))
    }
}

/// Whether a value known before the run is counted from `today`.
fn names_today(expr: &Expr) -> bool {
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match &*expr.kind {
            ExprKind::Name(path) => match path.parts.as_slice() {
                [one] if one.text.eq_ignore_ascii_case("today") => return true,
                _ => {}
            },
            ExprKind::Unary { operand, .. } => rest.push(operand),
            ExprKind::Binary { left, right, .. } => rest.extend([left, right]),
            _ => {}
        }
    }
    false
}
