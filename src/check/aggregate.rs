//! Aggregates over events: which events, how they reach the entity, what of them, when.

use super::expr::clause_span;
use super::names::list;
use super::scope::Row;
use super::{Checker, Item};
use crate::diagnostic::{Code, Diagnostic};
use crate::functions::{self, AggregateFn};
use crate::ir::{Aggregate, ExprId, Node, OwnWindow, SourceId, Window};
use crate::source::Span;
use crate::syntax::ast::{self, CallClause, Expr, ExprKind};
use crate::types::Type;

/// What an aggregate's clauses say.
pub(super) struct Clauses {
    pub filter: Option<ExprId>,
    pub window: Option<Window>,
    pub own: Option<OwnWindow>,
}

impl Checker<'_> {
    pub(super) fn aggregate(
        &mut self,
        row: &Row,
        function: AggregateFn,
        table: &functions::Row,
        arguments: &[Expr],
        clauses: &[CallClause],
        span: Span,
    ) -> ExprId {
        let Some(entity) = self.standing(
            row,
            "an aggregate",
            "an aggregate cannot stand inside another",
            "name the inner one",
            span,
        ) else {
            return self.faulty();
        };
        let [argument] = arguments else {
            let diagnostic =
                Diagnostic::new(Code::WrongArguments, format!("`{}` takes one value", table.name))
                    .at(span)
                    .help(format!("`{}`: {}", table.signature, table.meaning));
            return self.report(diagnostic);
        };
        if self.holds_aggregate(argument) {
            return self.report(
                Diagnostic::new(Code::NestedAggregate, "an aggregate cannot stand inside another")
                    .at(argument.span)
                    .help("name the inner one: define a tag with it, and use the tag here"),
            );
        }
        let Some(events) = self.events_in(arguments) else {
            return self.no_events(function, table, argument);
        };
        self.open(events);
        self.open(entity);
        let Some(path) = self.path(events, entity, argument.span) else { return self.faulty() };
        if !self.events_have_past(events, argument.span) {
            return self.faulty();
        }
        let event_row = Row::Event { events, entity };

        let value = self.argument(function, table, &event_row, events, argument);
        let clauses = self.clauses(function, &event_row, events, clauses, span);
        let (Ok(value), Some(clauses)) = (value, clauses) else { return self.faulty() };
        let Clauses { filter, window, own } = clauses;
        if function.needs_time()
            && self.source(events).is_some_and(|s| s.time.is_none())
            && !self.is_broken(events)
        {
            return self.no_time(events, table.name, span);
        }
        let ty = match value {
            None => function.result(&Type::Int),
            Some(id) => function.result(self.graph.ty(id)),
        };
        match ty {
            Ok(ty) => self.graph.add(
                Node::Aggregate(Aggregate { function, events, path, argument: value, filter, window, own }),
                ty,
            ),
            Err(error) => {
                let types: Vec<Type> = value.iter().map(|id| self.graph.ty(*id).clone()).collect();
                self.wrong_call(table, &error, &types, arguments, span)
            }
        }
    }

    /// The entity whose events are taken: `what` stands on its row. `None` where it stands elsewhere (reported).
    pub(super) fn standing(
        &mut self,
        row: &Row,
        what: &str,
        inside: &str,
        cure: &str,
        span: Span,
    ) -> Option<SourceId> {
        let diagnostic = match row {
            Row::Entity(entity) => return Some(*entity),
            Row::Event { .. } => Diagnostic::new(Code::NestedAggregate, inside)
                .help(format!("{cure}: define a tag with it, and use the tag here")),
            Row::Source(_) | Row::Constant => Diagnostic::new(
                Code::NotConstant,
                format!("{what} cannot stand here: there is no customer whose events it could take"),
            ),
        };
        self.error(diagnostic.at(span));
        None
    }

    /// The source of events that a name means, and its steps to the entity. `None` where it is none (reported).
    pub(super) fn events_named(
        &mut self,
        entity: SourceId,
        source: &ast::Ident,
        what: &str,
        help: &str,
    ) -> Option<(SourceId, Vec<u32>)> {
        let events = self.source_named(source, what)?;
        if !self.is_events(events) {
            let message = format!("{} is no source of events: its rows belong to no entity", source.text);
            self.error(Diagnostic::new(Code::NotEvents, message).at(source.span).help(help));
            return None;
        }
        self.open(events);
        self.open(entity);
        Some((events, self.path(events, entity, source.span)?))
    }

    /// How many events of a source a customer has in a window: what `cap` counts.
    pub(super) fn events_counted(
        &mut self,
        entity: SourceId,
        source: &ast::Ident,
        window: &ast::Window,
    ) -> Option<ExprId> {
        let of = self.source_name(entity).to_string();
        let help = format!("a cap counts what happened to {of}: a source that says `of {of} by … at …`");
        let (events, path) = self.events_named(entity, source, "what `cap` counts", &help)?;
        if self.source(events).is_some_and(|s| s.time.is_none()) {
            if !self.is_broken(events) {
                self.no_time(events, "a window", window.span);
            }
            return None;
        }
        let window = Some(self.window(window, events)?);
        let count = Aggregate {
            function: AggregateFn::Count,
            events,
            path,
            argument: None,
            filter: None,
            window,
            own: None,
        };
        Some(self.graph.add(Node::Aggregate(count), Type::Int))
    }

    /// What of each event is taken: `None` for those that count events. `Err` where it is faulty.
    fn argument(
        &mut self,
        function: AggregateFn,
        table: &functions::Row,
        row: &Row,
        events: SourceId,
        argument: &Expr,
    ) -> Result<Option<ExprId>, ()> {
        let is_source = matches!(&*argument.kind, ExprKind::Name(path) if path.parts.len() == 1);
        let name = self.source_name(events).to_string();
        match (function.counts_events(), is_source) {
            (true, true) => Ok(None),
            (true, false) => {
                let text = self.map.text(argument.span).to_string();
                let help = if function == AggregateFn::Count {
                    format!(
                        "`count({name})` counts events; `count({name} where {text} is known)` those whose value is known; `distinct({text})` the different values"
                    )
                } else {
                    format!("`{}`: {}", table.signature, table.meaning)
                };
                self.error(
                    Diagnostic::new(
                        Code::WrongArguments,
                        format!("`{}` takes a source of events", table.name),
                    )
                    .at(argument.span)
                    .help(help),
                );
                Err(())
            }
            (false, true) => {
                let columns: Vec<String> = self
                    .source(events)
                    .map_or(Vec::new(), |s| s.columns.iter().map(|c| c.name.clone()).collect());
                self.error(
                    Diagnostic::new(
                        Code::WrongArguments,
                        format!("`{}` needs a value of each event, not the events", table.name),
                    )
                    .at(argument.span)
                    .help(format!(
                        "say which: `{}({name}.COLUMN)`; its columns are {}",
                        table.name,
                        list(&columns)
                    )),
                );
                Err(())
            }
            (false, false) => {
                let id = self.expr(row, argument);
                if self.graph.ty(id).is_error() { Err(()) } else { Ok(Some(id)) }
            }
        }
    }

    /// One window and one `where`, in either order. `None` where a clause is faulty.
    pub(super) fn clauses(
        &mut self,
        function: AggregateFn,
        row: &Row,
        events: SourceId,
        clauses: &[CallClause],
        span: Span,
    ) -> Option<Clauses> {
        let mut filter: Option<Option<ExprId>> = Some(None);
        let mut window: Option<&ast::Window> = None;
        let mut wheres = 0;
        for clause in clauses {
            match clause {
                CallClause::Where(condition, _) if wheres == 0 => {
                    wheres += 1;
                    let id = self.condition(row, condition);
                    filter = if self.graph.ty(id).is_error() { None } else { Some(Some(id)) };
                }
                CallClause::Window(w) if window.is_none() => window = Some(w),
                // The parser has said that it stands twice.
                CallClause::Where(..) | CallClause::Window(_) => filter = None,
                CallClause::Within(..) | CallClause::In(..) | CallClause::TiesTogether(_) => {
                    self.error(
                        Diagnostic::new(
                            Code::WrongArguments,
                            "this belongs to population functions, not to an aggregate over events",
                        )
                        .at(clause_span(clause))
                        .help("an aggregate takes one window and one `where`"),
                    );
                    filter = None;
                }
            }
        }
        if function == AggregateFn::Share && wheres == 0 {
            let name = self.source_name(events).to_string();
            self.error(
                Diagnostic::new(
                    Code::MissingClause,
                    "`share` needs a `where`: the share of the events for which it is true",
                )
                .at(span)
                .help(format!("`share({name} in last 90 days where …)`")),
            );
            filter = None;
        }
        let has_time = self.source(events).is_some_and(|s| s.time.is_some());
        let mut own = None;
        let window = match window {
            Some(w) if !has_time => {
                if !self.is_broken(events) {
                    self.no_time(events, "a window", w.span);
                }
                None
            }
            Some(w) if w.kind.is_own() => {
                own = match row {
                    Row::Event { entity, .. } => self.own_window(w, events, *entity),
                    _ => None,
                };
                own.map(|_| Some(self.everything()))
            }
            Some(w) => self.window(w, events).map(Some),
            None if has_time => Some(Some(self.everything())),
            None => Some(None),
        };
        Some(Clauses { filter: filter?, window: window?, own })
    }

    pub(super) fn no_time(&mut self, events: SourceId, what: &str, span: Span) -> ExprId {
        // One error is enough: its `at` names what is no time.
        if self.sources.get(events.0 as usize).is_some_and(|s| s.bad_time) {
            return self.faulty();
        }
        let name = self.source_name(events).to_string();
        let mut diagnostic =
            Diagnostic::new(Code::NoTime, format!("{name} has no time, and {what} needs one")).at(span);
        if let Some(source) = self.source(events) {
            let times: Vec<&str> =
                source.columns.iter().filter(|c| c.ty.is_time()).map(|c| c.name.as_str()).collect();
            diagnostic = diagnostic.related(source.span, "the source").help(match times.first() {
                Some(column) => format!("say which column is the time: `of … by … at {column}`"),
                None => "say which column is the time: `of … by … at COLUMN`".to_string(),
            });
        }
        self.report(diagnostic)
    }

    fn no_events(&mut self, function: AggregateFn, table: &functions::Row, argument: &Expr) -> ExprId {
        let names: Vec<String> = self
            .sources
            .iter()
            .filter(|s| s.def.clauses.iter().any(|c| matches!(c, ast::SourceClause::Of { .. })))
            .map(|s| s.source.name.clone())
            .collect();
        let mut diagnostic = match &*argument.kind {
            ExprKind::Name(path) if path.parts.len() > 1 || function.counts_events() => {
                let first = path.parts.first().map_or(String::new(), |p| p.text.clone());
                match self.item(&first) {
                    Some(Item::Source(id)) if self.is_entity(id) || !self.is_events(id) => {
                        Diagnostic::new(Code::NotEvents, format!("{first} is no source of events: its rows belong to no entity"))
                            .help(format!("a source of events says whose they are: `source {first} … of customers by customer_id at …`"))
                    }
                    Some(_) => Diagnostic::new(Code::NotEvents, format!("`{first}` is no source of events")),
                    None => {
                        let hint = crate::diagnostic::suggest::did_you_mean(&first, names.iter().map(String::as_str));
                        Diagnostic::new(Code::UnknownName, format!("no source is named `{first}`")).help_if(hint)
                    }
                }
            }
            _ => Diagnostic::new(Code::NotEvents, format!("`{}` does not say of which events", table.name)),
        };
        diagnostic = diagnostic.at(argument.span);
        if !names.is_empty() {
            diagnostic =
                diagnostic.help(format!("the sources of events are {}; `{}`", list(&names), table.signature));
        }
        self.report(diagnostic)
    }

    /// The steps from events to the entity: indices into each source's `of`.
    pub(super) fn path(&mut self, events: SourceId, entity: SourceId, span: Span) -> Option<Vec<u32>> {
        let mut found: Vec<Vec<u32>> = Vec::new();
        let mut next: Vec<(SourceId, Vec<u32>, Vec<SourceId>)> = vec![(events, Vec::new(), vec![events])];
        while let Some((at, path, seen)) = next.pop() {
            self.open(at);
            let owners = self.source(at).map(|s| s.of.clone()).unwrap_or_default();
            for (i, owner) in owners.iter().enumerate() {
                let mut longer = path.clone();
                longer.push(super::names::index(i));
                if owner.entity == entity {
                    found.push(longer);
                } else if !seen.contains(&owner.entity) {
                    let mut seen = seen.clone();
                    seen.push(owner.entity);
                    next.push((owner.entity, longer, seen));
                }
            }
        }
        let shortest = found.iter().map(Vec::len).min();
        let direct: Vec<Vec<u32>> = found.into_iter().filter(|p| Some(p.len()) == shortest).collect();
        let (events_name, entity_name) =
            (self.source_name(events).to_string(), self.source_name(entity).to_string());
        match direct.as_slice() {
            [one] => Some(one.clone()),
            [] if self.is_broken(events) => None,
            // So is whom its rows belong to.
            [] if self.has_faulty_owner(events) => None,
            // That is said where the keys of the entity are named.
            _ if self.is_broken(entity) => None,
            [] => {
                self.error(
                    Diagnostic::new(Code::NoPath, format!("{events_name} do not lead to {entity_name}"))
                        .at(span)
                        .help(format!(
                            "say whose they are: `source {events_name} … of {entity_name} by COLUMN`"
                        )),
                );
                None
            }
            _ => {
                self.error(
                    Diagnostic::new(
                        Code::AmbiguousName,
                        format!("{events_name} lead to {entity_name} in more than one way"),
                    )
                    .at(span)
                    .help("declare the file as two sources, each with one `of`"),
                );
                None
            }
        }
    }
}
