//! On whose row an expression stands, and what its names mean there.

use super::definition::Body;
use super::names::{is_function, kind, list};
use super::{Checker, Item};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::ir::{ColumnId, DefId, ExprId, LinkId, Literal, Node, SourceId, print};
use crate::source::Span;
use crate::syntax::ast::{Ident, Path};
use crate::types::Type;

/// So many findings are compared with all names of the script.
const ENOUGH: usize = 100;

/// The row that an expression is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Row {
    /// A customer's row: columns, look-ups, tags, segments, aggregates.
    Entity(SourceId),
    /// An event's row inside an aggregate, with the customer that it belongs to.
    Event { events: SourceId, entity: SourceId },
    /// A source's own row: `where` of a source, the list of `in (…)`.
    Source(SourceId),
    /// No row: literals and parameters.
    Constant,
}

impl Checker<'_> {
    pub(super) fn name(&mut self, row: &Row, path: &Path) -> ExprId {
        let Some((first, rest)) = path.parts.split_first() else { return self.faulty() };
        if rest.is_empty() {
            return self.bare(row, first);
        }
        if let Some(tag) = self.model_tag(path) {
            return self.bare(row, &tag);
        }
        // Beside an earlier step of a sequence stand only that step's columns and what is known before the run.
        if let Some((step, events)) = self.earlier.clone()
            && step == first.text
        {
            return self.along(row, events, events, Vec::new(), rest);
        }
        match self.dotted(row, first, rest) {
            Some(id) => id,
            None => match (self.item(&first.text), row) {
                (Some(Item::Definition(def)), Row::Entity(entity) | Row::Event { entity, .. }) => {
                    self.part(def, rest, *entity, path.span)
                }
                _ => self.unknown_qualifier(row, first, path),
            },
        }
    }

    /// A name without a dot.
    fn bare(&mut self, row: &Row, name: &Ident) -> ExprId {
        let column = match row {
            Row::Entity(source) => self.own_column(row, *source, name),
            Row::Source(source) => match self.item(&name.text) {
                None => self.made_column(row, *source, name),
                Some(_) => self.own_column(row, *source, name),
            },
            Row::Event { events, entity } => {
                let event = self.own_column(row, *events, name);
                let customer = self.own_column(row, *entity, name).filter(|_| events != entity);
                let tag = matches!(self.item(&name.text), Some(Item::Definition(_)));
                // Of an empty file every name that nothing else has is a column.
                let event = match (event, customer, self.item(&name.text)) {
                    (None, None, None) if !name.text.eq_ignore_ascii_case("today") => {
                        self.made_column(row, *events, name)
                    }
                    _ => event,
                };
                if event.is_some() && (customer.is_some() || tag) {
                    return self.ambiguous(name, *events, *entity, tag);
                }
                event.or(customer)
            }
            Row::Constant => None,
        };
        match (self.item(&name.text), row) {
            (Some(Item::Param(index)), _) => match self.param_use(index) {
                Some((literal, ty)) => self.graph.add(Node::Literal(literal), ty),
                None => self.faulty(),
            },
            (Some(Item::Definition(def)), Row::Entity(entity) | Row::Event { entity, .. }) => {
                self.definition_use(def, *entity, name.span)
            }
            (Some(Item::Definition(_)), Row::Source(_)) if column.is_none() => self.report(
                Diagnostic::new(
                    Code::WrongKind,
                    format!("`{}` is a definition; only the source's own columns can stand here", name.text),
                )
                .at(name.span),
            ),
            (Some(Item::Source(id)), Row::Entity(entity)) if id == *entity && column.is_none() => {
                let def = self.everyone(id);
                self.graph.add(Node::Definition(def), Type::Bool)
            }
            (_, _) if column.is_some() => column.unwrap_or_else(|| self.faulty()),
            (None, _) if name.text.eq_ignore_ascii_case("today") => {
                let today = self.as_of.day(&self.zone);
                self.graph.add(Node::Literal(Literal::Date(today)), Type::Date)
            }
            (Some(Item::Model(_)), _) => self.no_such_part(name, None),
            (Some(Item::Definition(_)), Row::Constant) => self.not_constant(name),
            (None, Row::Constant) if self.is_any_column(&name.text) => self.not_constant(name),
            (Some(item), _) => self.wrong_kind(row, item, name),
            (None, _) => self.unknown(row, name),
        }
    }

    fn not_constant(&mut self, name: &Ident) -> ExprId {
        let message = format!(
            "`{}` differs from customer to customer, and this must be known before the run",
            name.text
        );
        self.report(
            Diagnostic::new(Code::NotConstant, message).at(name.span).help("make it a tag: `tag NAME = …`"),
        )
    }

    fn is_any_column(&mut self, name: &str) -> bool {
        self.subjects().into_iter().any(|s| {
            self.open(s);
            self.source(s).is_some_and(|s| s.find_column(name).is_some())
        })
    }

    pub(super) fn definition_use(&mut self, def: DefId, entity: SourceId, span: Span) -> ExprId {
        self.named.insert(def);
        let def = self.at_hand(def);
        let Some(ty) = self.define(def) else { return self.faulty() };
        let owner = self.entity_of(def);
        if owner.is_some_and(|o| o != entity) {
            let (name, of) =
                (self.definition_name(def), owner.map_or("", |o| self.source_name(o)).to_string());
            let here = self.source_name(entity).to_string();
            return self.report(
                Diagnostic::new(Code::TwoEntities, format!("`{name}` is about {of}, and this is about {here}"))
                    .at(span)
                    .help(format!("an expression stands on one entity, and a tag of {of} is no column: aggregate events for each of the {here}, or look a column up over a link")),
            );
        }
        self.graph.add(Node::Definition(def), ty)
    }

    fn ambiguous(&mut self, name: &Ident, events: SourceId, entity: SourceId, tag: bool) -> ExprId {
        let (events, entity) = (self.source_name(events).to_string(), self.source_name(entity).to_string());
        let other = if tag { "a tag".to_string() } else { format!("a column of {entity}") };
        let diagnostic = Diagnostic::new(
            Code::AmbiguousName,
            format!("`{}` is a column of {events} and {other}", name.text),
        )
        .at(name.span)
        .help(format!("say which: `{events}.{}` or `{entity}.{}`", name.text, name.text));
        self.report(diagnostic)
    }

    /// A column of the source's own row.
    fn own_column(&mut self, row: &Row, source: SourceId, name: &Ident) -> Option<ExprId> {
        self.open(source);
        let (column, ty) = self.source(source)?.find_column(&name.text).map(|(id, c)| (id, c.ty.clone()))?;
        Some(self.column_node(row, source, Vec::new(), column, ty, name.span))
    }

    /// A column of the source's own row, which an empty file has under any name.
    fn made_column(&mut self, row: &Row, source: SourceId, name: &Ident) -> Option<ExprId> {
        self.open(source);
        self.column_named(source, &name.text);
        self.own_column(row, source, name)
    }

    fn column_node(
        &mut self,
        row: &Row,
        source: SourceId,
        via: Vec<LinkId>,
        column: ColumnId,
        ty: Type,
        span: Span,
    ) -> ExprId {
        if let Type::Unsupported(stored) = &ty {
            let diagnostic = Diagnostic::new(
                Code::ColumnType,
                format!("this column is of the type {stored}, which Segue does not read"),
            )
            .at(span)
            .help("numbers, text, yes/no, dates and timestamps can be used");
            return self.report(diagnostic);
        }
        match self.dated_path(row, source, via, column, span) {
            Some(via) => self.graph.add(Node::Column { source, via, column }, ty),
            None => self.faulty(),
        }
    }

    /// `a.b…`: a source's own name, a link, or in an aggregate the events' or the customer's. `None` where the
    /// first word means nothing here.
    fn dotted(&mut self, row: &Row, first: &Ident, rest: &[Ident]) -> Option<ExprId> {
        let starts = match row {
            Row::Entity(s) | Row::Source(s) => vec![*s],
            Row::Event { events, entity } => vec![*events, *entity],
            Row::Constant => Vec::new(),
        };
        for source in starts {
            let row_of_entity = matches!(row, Row::Entity(_))
                || matches!(row, Row::Event { entity, .. } if *entity == source);
            if self.source_name(self.as_written(source)) == first.text {
                // `customers.city` is the column where there is one; `customers.assets` may name a tag, where a
                // bare name would be ambiguous.
                self.open(source);
                let is_column =
                    |name: &Ident| self.source(source).is_some_and(|s| s.find_column(&name.text).is_some());
                if let ([name], true) = (rest, row_of_entity)
                    && !is_column(name)
                    && let Some(Item::Definition(def)) = self.item(&name.text)
                {
                    return Some(self.definition_use(def, source, name.span));
                }
                if let ([name, rest @ ..], true) = (rest, row_of_entity)
                    && !rest.is_empty()
                    && self.source(source).is_none_or(|s| s.find_link(&name.text).is_none())
                    && let Some(Item::Definition(def)) = self.item(&name.text)
                {
                    return Some(self.part(def, rest, source, name.span));
                }
                return Some(self.along(row, source, source, Vec::new(), rest));
            }
            self.open(source);
            if let Some((link, target)) =
                self.source(source)?.find_link(&first.text).map(|(id, l)| (id, l.target))
            {
                return Some(self.along(row, source, target, vec![link], rest));
            }
        }
        None
    }

    /// The rest of a dotted name: further links, then a column.
    fn along(
        &mut self,
        row: &Row,
        source: SourceId,
        at: SourceId,
        via: Vec<LinkId>,
        rest: &[Ident],
    ) -> ExprId {
        self.open(at);
        let Some((name, rest)) = rest.split_first() else { return self.faulty() };
        if rest.is_empty() {
            self.column_named(at, &name.text);
        }
        let Some(here) = self.source(at) else { return self.faulty() };
        if rest.is_empty() {
            if let Some((column, ty)) = here.find_column(&name.text).map(|(id, c)| (id, c.ty.clone())) {
                return self.column_node(row, source, via, column, ty, name.span);
            }
            if self.is_broken(at) {
                return self.faulty();
            }
            return self.no_column(at, name);
        }
        match here.find_link(&name.text).map(|(id, l)| (id, l.target)) {
            Some((link, target)) => {
                let mut via = via;
                via.push(link);
                self.along(row, source, target, via, rest)
            }
            None if self.is_broken(at) => self.faulty(),
            None => {
                let links: Vec<String> =
                    self.source(at).map_or(Vec::new(), |s| s.links.iter().map(|l| l.name.clone()).collect());
                let diagnostic = Diagnostic::new(
                    Code::UnknownName,
                    format!("{} has no link named `{}`", self.source_name(at), name.text),
                )
                .at(name.span)
                .help_if(suggest::did_you_mean(&name.text, links.iter().map(String::as_str)))
                .help_if((!links.is_empty()).then(|| format!("its links are {}", list(&links))));
                self.report(diagnostic)
            }
        }
    }

    pub(super) fn no_column(&mut self, source: SourceId, name: &Ident) -> ExprId {
        let tag = match self.item(&name.text) {
            Some(Item::Definition(def)) => self.entity_of(def) == Some(source),
            _ => false,
        };
        let columns: Vec<String> =
            self.source(source).map_or(Vec::new(), |s| s.columns.iter().map(|c| c.name.clone()).collect());
        let diagnostic = Diagnostic::new(
            Code::ColumnMissing,
            format!("{} has no column `{}`", self.source_name(source), name.text),
        )
        .at(name.span)
        .help_if(
            tag.then(|| format!("`{}` is a definition: of another row, only columns can be read", name.text)),
        )
        .help_if(
            suggest::did_you_mean(&name.text, columns.iter().map(String::as_str))
                .or_else(|| (!columns.is_empty()).then(|| format!("its columns are {}", list(&columns)))),
        );
        self.report(diagnostic)
    }

    fn wrong_kind(&mut self, row: &Row, item: Item, name: &Ident) -> ExprId {
        let mut diagnostic =
            Diagnostic::new(Code::WrongKind, format!("`{}` is {}, not a value", name.text, kind(item)))
                .at(name.span);
        if let Item::Source(id) = item
            && self.is_events(id)
        {
            diagnostic = diagnostic
                .help(format!("aggregate it: `count({})`, `any({} in last 90 days)`", name.text, name.text));
        }
        if matches!(row, Row::Constant) {
            diagnostic = diagnostic.help("only values and parameters can stand here");
        }
        self.report(diagnostic)
    }

    fn unknown(&mut self, row: &Row, name: &Ident) -> ExprId {
        let sources: Vec<SourceId> = match row {
            Row::Entity(s) | Row::Source(s) => vec![*s],
            Row::Event { events, entity } => vec![*events, *entity],
            Row::Constant => Vec::new(),
        };
        // A source that cannot be opened has an error of its own; which columns it lacks is not known.
        if sources.iter().any(|s| self.is_broken(*s)) {
            return self.faulty();
        }
        let mut known: Vec<String> = Vec::new();
        // After so many findings nobody reads on, and each of them would be compared with every name.
        let few = self.diagnostics.len() < ENOUGH;
        if few && !matches!(row, Row::Source(_) | Row::Constant) {
            known.extend(self.definitions.iter().map(|d| d.name().to_string()));
        }
        known.extend(self.params.iter().filter(|_| few).map(|p| p.def.name.text.clone()));
        for source in &sources {
            known.extend(
                self.source(*source).into_iter().flat_map(|s| s.columns.iter().map(|c| c.name.clone())),
            );
        }
        let mut diagnostic =
            Diagnostic::new(Code::UnknownName, format!("nothing is named `{}`", name.text)).at(name.span);
        let near = suggest::did_you_mean(&name.text, known.iter().map(String::as_str));
        let elsewhere = self.event_sources_with(&name.text);
        if let Some(hint) = near {
            diagnostic = diagnostic.help(hint);
        } else if is_function(&name.text) {
            diagnostic = diagnostic.help(format!("`{}` is a function: it needs parentheses", name.text));
        } else if let (Row::Entity(_), Some(events)) = (row, elsewhere) {
            diagnostic = diagnostic.help(format!(
                "{events} has a column `{0}`: aggregate it, as in `sum({events}.{0} in last 90 days)`",
                name.text
            ));
        } else if name.text.eq_ignore_ascii_case("null") {
            diagnostic = diagnostic.help("write `is missing` or `is known`");
        } else if self.beside_text {
            diagnostic = diagnostic.help(format!("a text goes in quotes: {}", print::quoted(&name.text)));
        } else {
            let places: Vec<&str> =
                sources.iter().map(|s| self.source_name(*s)).filter(|n| !n.is_empty()).collect();
            if !places.is_empty() {
                diagnostic = diagnostic.help(format!(
                    "it is no tag, no segment, no parameter and no column of {}",
                    places.join(" or ")
                ));
            }
        }
        self.report(diagnostic)
    }

    fn unknown_qualifier(&mut self, row: &Row, first: &Ident, path: &Path) -> ExprId {
        if let (Some(Item::Source(id)), Row::Entity(entity)) = (self.item(&first.text), row) {
            let (events, here) = (first.text.clone(), self.source_name(*entity).to_string());
            let written: Vec<&str> = path.parts.iter().map(|p| p.text.as_str()).collect();
            let diagnostic = if self.is_events(id) {
                Diagnostic::new(
                    Code::EventOutside,
                    format!("`{}` is a value of each of many {events}, not one of {here}", written.join(".")),
                )
                .at(path.span)
                .help(format!(
                    "aggregate it: `sum({} in last 90 days)`, `last(…)`, `any({events} where …)`",
                    written.join(".")
                ))
            } else {
                Diagnostic::new(
                    Code::TwoEntities,
                    format!("`{}` is of {events}, and this is about {here}", written.join(".")),
                )
                .at(path.span)
                .help(format!("reach it over a link: add `link COLUMN -> {events}` to the source {here}"))
            };
            return self.report(diagnostic);
        }
        if matches!(self.item(&first.text), Some(Item::Model(_))) {
            return self.no_such_part(first, path.parts.get(1));
        }
        let mut known: Vec<String> = self.sources.iter().map(|s| s.source.name.clone()).collect();
        known.extend(self.sources.iter().flat_map(|s| s.source.links.iter().map(|l| l.name.clone())));
        let diagnostic =
            Diagnostic::new(Code::UnknownName, format!("no source and no link is named `{}`", first.text))
                .at(first.span)
                .help_if(suggest::did_you_mean(&first.text, known.iter().map(String::as_str)));
        self.report(diagnostic)
    }

    /// The first source of events that has a column of this name, among those already opened.
    fn event_sources_with(&self, column: &str) -> Option<String> {
        self.sources
            .iter()
            .find(|s| s.source.is_events() && s.source.find_column(column).is_some())
            .map(|s| s.source.name.clone())
    }

    pub(super) fn is_segment(&self, def: DefId) -> bool {
        self.definitions
            .get(def.0 as usize)
            .is_some_and(|d| matches!(d.body, Body::Segment(_) | Body::Everyone(..)))
    }

    pub(super) fn definition_name(&self, def: DefId) -> String {
        self.definitions.get(def.0 as usize).map_or(String::new(), |d| d.name().to_string())
    }
}
