//! Tags and segments: checked on demand, each once, cycles shown with their path.

use super::model::part_name;
use super::scope::Row;
use super::{Checker, Item, Progress};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{
    AsOf, DefId, Definition, DefinitionKind, ExprId, Literal, Node, RfmPart, SequencePart, SourceId, Top,
    TopSize,
};
use crate::source::Span;
use crate::syntax::ast::{self, MetaValue, SegmentBody};
use crate::types::Type;
use std::borrow::Cow;

#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    Tag(&'a ast::TagDef),
    Segment(&'a ast::SegmentDef),
    Score(&'a ast::ScoreDef),
    /// One of the tags of an rfm.
    Rfm(&'a ast::RfmDef, RfmPart),
    /// The name of an entity, used as the segment of all its rows.
    Everyone(SourceId, &'a str),
    /// What the match of a tag that is a sequence tells; named after the tag.
    Part(DefId, SequencePart, &'a ast::TagDef),
}

/// What a definition is made of that stands in no line of its own: the key by which it is found again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Made {
    Everyone(SourceId),
    /// A definition on another day.
    On(DefId, AsOf),
    /// A part of a sequence.
    Part(DefId, SequencePart),
    /// A tag of the rfm whose name stands there.
    Rfm(Span, RfmPart),
}

pub(super) struct DefinitionState<'a> {
    pub body: Body<'a>,
    pub statement: Option<&'a ast::Statement>,
    pub entity: Progress<Option<SourceId>>,
    pub checked: Progress<Option<(ExprId, Type)>>,
    /// A definition on another day: which, and when.
    pub on: Option<(DefId, AsOf)>,
}

impl<'a> DefinitionState<'a> {
    pub fn new(body: Body<'a>, statement: &'a ast::Statement) -> Self {
        DefinitionState {
            body,
            statement: Some(statement),
            entity: Progress::Todo,
            checked: Progress::Todo,
            on: None,
        }
    }

    pub fn name(&self) -> Cow<'a, str> {
        Cow::Borrowed(match self.body {
            Body::Tag(def) => &def.name.text,
            Body::Segment(def) => &def.name.text,
            Body::Score(def) => &def.name.text,
            Body::Rfm(def, part) => return Cow::Owned(part_name(def, part)),
            Body::Everyone(_, name) => name,
            Body::Part(_, _, def) => &def.name.text,
        })
    }

    pub fn span(&self) -> Option<Span> {
        match self.body {
            Body::Tag(def) => Some(def.name.span),
            Body::Segment(def) => Some(def.name.span),
            Body::Score(def) => Some(def.name.span),
            Body::Rfm(def, _) => Some(def.name.span),
            Body::Part(_, _, def) => Some(def.name.span),
            Body::Everyone(..) => None,
        }
    }
}

impl<'a> Checker<'a> {
    pub(super) fn state(&self, id: DefId) -> Option<&DefinitionState<'a>> {
        self.definitions.get(id.0 as usize)
    }

    /// The checked body of a definition; `None` where it has an error or is not checked yet.
    pub(super) fn body_of(&self, id: DefId) -> Option<ExprId> {
        match &self.state(id)?.checked {
            Progress::Done(Some((body, _))) => Some(*body),
            _ => None,
        }
    }

    fn state_mut(&mut self, id: DefId) -> Option<&mut DefinitionState<'a>> {
        self.definitions.get_mut(id.0 as usize)
    }

    /// Adds a definition that is found again by what it is made of.
    pub(super) fn make(&mut self, made: Made, state: DefinitionState<'a>) -> DefId {
        self.definitions.push(state);
        let id = DefId(super::names::index(self.definitions.len() - 1));
        self.made.insert(made, id);
        id
    }

    /// The type of a definition's value; `None` where it is faulty (its error was reported).
    pub(super) fn define(&mut self, id: DefId) -> Option<Type> {
        let state = self.state_mut(id)?;
        match &state.checked {
            Progress::Done(done) => return done.as_ref().map(|(_, ty)| ty.clone()),
            Progress::Doing => {
                self.cycle(id);
                return None;
            }
            Progress::Todo => state.checked = Progress::Doing,
        }
        let on = state.on;
        if let Some((base, _)) = on {
            // What is wrong with it on any day is said once.
            self.define(base)?;
        }
        self.trail.push(id);
        // A chain of thousands of tags is deep, not wrong: the stack grows on the heap.
        let day = on.map_or(self.run_as_of, |(_, day)| day);
        let body = self.seen_from(day, |checker| {
            stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || checker.define_now(id))
        });
        self.trail.pop();
        let state = self.state_mut(id)?;
        if matches!(state.checked, Progress::Doing) {
            state.checked = Progress::Done(body.clone());
        }
        if on.is_none() {
            self.add_parts(id);
        }
        body.map(|(_, ty)| ty)
    }

    fn define_now(&mut self, id: DefId) -> Option<(ExprId, Type)> {
        let entity = self.entity_of(id)?;
        let row = Row::Entity(entity);
        self.open(entity);
        let body = match self.state(id)?.body {
            Body::Tag(def) => {
                let body = self.expr(&row, &def.value);
                if let Some(fixed) = self.tag_value(def, body) { fixed } else { body }
            }
            Body::Segment(def) => match &def.body {
                SegmentBody::Where(condition) => self.condition(&row, condition),
                SegmentBody::Top(top) => self.top(entity, top),
            },
            Body::Score(def) => self.score(&row, def),
            Body::Rfm(def, part) => self.rfm_part(entity, def, part),
            Body::Everyone(..) => self.graph.add(Node::Literal(Literal::Bool(true)), Type::Bool),
            Body::Part(tag, part, _) => self.part_value(tag, part),
        };
        let is_part = matches!(self.state(id)?.body, Body::Part(..));
        if self.other_day().is_none() && !is_part {
            self.shadow(id, entity);
        }
        let ty = self.graph.ty(body).clone();
        (!ty.is_error()).then_some((body, ty))
    }

    /// A tag must be a value that a portrait can hold.
    fn tag_value(&mut self, def: &ast::TagDef, body: ExprId) -> Option<ExprId> {
        if *self.graph.ty(body) != Type::Duration {
            return None;
        }
        let diagnostic = Diagnostic::new(Code::TypeMismatch, "a tag cannot be a duration")
            .at(def.value.span)
            .help("count it in whole units: `days since …`");
        Some(self.report(diagnostic))
    }

    /// The whole path, so that the reader sees where to cut it.
    fn cycle(&mut self, id: DefId) {
        let from = self.trail.iter().position(|t| *t == id).unwrap_or(0);
        let members: Vec<DefId> = self.trail.get(from..).unwrap_or_default().to_vec();
        let mut names: Vec<String> = members.iter().map(|m| format!("`{}`", self.called(*m))).collect();
        names.push(format!("`{}`", self.called(id)));
        let mut diagnostic =
            Diagnostic::new(Code::Cycle, format!("a definition needs itself: {}", names.join(" → ")))
                .help("a definition may use others in any order, but not come back to itself");
        let name = self.definition_name(id);
        if let Some(entity) = self.entity_of(id)
            && self.source(entity).is_some_and(|s| s.find_column(&name).is_some())
        {
            let of = self.source_name(entity).to_string();
            diagnostic = diagnostic.help(format!("where the column is meant, write `{of}.{name}`"));
        }
        if let Some(span) = self.state(id).and_then(DefinitionState::span) {
            diagnostic = diagnostic.at(span);
        }
        for member in members.iter().skip(1) {
            if let Some(span) = self.state(*member).and_then(DefinitionState::span) {
                diagnostic = diagnostic.related(span, "and this one");
            }
            if let Some(state) = self.state_mut(*member) {
                state.checked = Progress::Done(None);
            }
        }
        if let Some(state) = self.state_mut(id) {
            state.checked = Progress::Done(None);
        }
        self.error(diagnostic);
    }

    /// A definition that is named like a column wins, and says so: a new column upstream must neither break a
    /// nightly run nor change its meaning silently.
    fn shadow(&mut self, id: DefId, entity: SourceId) {
        let Some((name, span)) = self.state(id).and_then(|s| Some((s.name().to_string(), s.span()?))) else {
            return;
        };
        self.open(entity);
        if self.source(entity).is_some_and(|s| s.find_column(&name).is_some()) {
            let of = self.source_name(entity).to_string();
            self.error(
                Diagnostic::new(
                    Code::ShadowsColumn,
                    format!("`{name}` is also a column of {of}; the definition wins"),
                )
                .at(span)
                .help(format!("write `{of}.{name}` where the column is meant, or rename the definition")),
            );
        }
    }

    fn top(&mut self, entity: SourceId, top: &ast::Top) -> ExprId {
        let row = Row::Entity(entity);
        let size = match top.size {
            ast::TopSize::Count(n, span) => self.whole(n, span, 1).map(TopSize::Count),
            ast::TopSize::Share(n, span) => {
                let share = super::literal_value(&Literal::Number(n)).as_f64().unwrap_or(0.0);
                if share > 0.0 && share <= 1.0 {
                    Some(TopSize::Share(n))
                } else {
                    self.error(
                        Diagnostic::new(Code::BadShare, "a share must be above 0% and at most 100%").at(span),
                    );
                    None
                }
            }
        };
        let by = self.expr(&row, &top.by);
        let by_ty = self.graph.ty(by).clone();
        if !by_ty.is_ordered() || matches!(by_ty, Type::Bool) {
            self.error(
                Diagnostic::new(
                    Code::TypeMismatch,
                    format!("`top … by` needs a value with an order; this is {}", by_ty.described()),
                )
                .at(top.by.span),
            );
        }
        let within: Vec<ExprId> = top.within.iter().map(|e| self.expr(&row, e)).collect();
        let base = match &top.base {
            Some(name) => match self.segment_named(name) {
                Some(def) => {
                    if self.define(def).is_none() {
                        return self.faulty();
                    }
                    Some(def)
                }
                None => return self.faulty(),
            },
            None => None,
        };
        let faulty = by_ty.is_error() || within.iter().any(|w| self.graph.ty(*w).is_error());
        match size {
            Some(size) if !faulty => {
                self.graph.add(Node::Top(Top { entity, size, by, within, base }), Type::Bool)
            }
            _ => self.faulty(),
        }
    }

    /// The segment of all rows of an entity, made at its first use.
    pub(super) fn everyone(&mut self, entity: SourceId) -> DefId {
        let id = self.made.get(&Made::Everyone(entity)).copied().unwrap_or_else(|| {
            let name = self.sources.get(entity.0 as usize).map_or("", |s| s.def.name.text.as_str());
            let state = DefinitionState {
                body: Body::Everyone(entity, name),
                statement: None,
                entity: Progress::Done(Some(entity)),
                checked: Progress::Todo,
                on: None,
            };
            self.make(Made::Everyone(entity), state)
        });
        self.define(id);
        id
    }

    /// The finished definition for the program; `None` where it has an error.
    pub(super) fn finished(&self, id: DefId) -> Option<Definition> {
        let state = self.state(id)?;
        let (Progress::Done(Some((body, ty))), Progress::Done(Some(entity))) =
            (&state.checked, &state.entity)
        else {
            return None;
        };
        let (title, kind) = match state.body {
            Body::Tag(def) => (def.title.as_ref(), DefinitionKind::Tag),
            Body::Segment(def) => (def.title.as_ref(), DefinitionKind::Segment),
            Body::Score(def) => (def.title.as_ref(), DefinitionKind::Tag),
            Body::Rfm(..) => (None, DefinitionKind::Tag),
            Body::Part(..) => (None, DefinitionKind::Tag),
            Body::Everyone(..) => (None, DefinitionKind::Segment),
        };
        let span = match state.statement {
            Some(statement) => statement.span,
            None => self.source(*entity)?.span,
        };
        Some(Definition {
            name: self.called(id),
            title: title.map(|t| t.value.clone()),
            kind,
            entity: *entity,
            body: *body,
            ty: ty.clone(),
            span,
            meta: state.statement.map_or(Vec::new(), meta_of),
            text: self.map.text(span).trim().to_string(),
            is_entity: matches!(state.body, Body::Everyone(..)),
            on: state.on,
        })
    }

    pub(super) fn definition_named(&mut self, name: &ast::Ident) -> Option<DefId> {
        match self.item(&name.text) {
            Some(Item::Definition(id)) => Some(id),
            _ => self.segment_named(name),
        }
    }
}

/// The `@name value` lines before a statement.
pub(super) fn meta_of(statement: &ast::Statement) -> Vec<(String, String)> {
    statement.meta.iter().map(|m| (m.name.text.clone(), meta_text(m))).collect()
}

/// What stands behind the name.
pub(super) fn meta_text(meta: &ast::Meta) -> String {
    let values: Vec<String> = std::iter::once(&meta.value).chain(&meta.more).map(value_text).collect();
    values.join(", ")
}

pub(super) fn value_text(value: &MetaValue) -> String {
    match value {
        MetaValue::Word(word) => word.text.clone(),
        MetaValue::Text(text) => text.value.clone(),
        MetaValue::Date(day, _) => day.to_string(),
        MetaValue::Number(n, _) => super::literal_value(&Literal::Number(*n)).plain(),
    }
}
