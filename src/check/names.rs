//! The one namespace: what each statement defines, and the sentences for names that are not there.

use super::constant::ParamState;
use super::definition::{Body, DefinitionState};
use super::source::SourceState;
use super::{AsOfOption, Checker, Item};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::functions;
use crate::ir::{AsOf, DefId, SourceId, Zone};
use crate::syntax::ast::{self, Ident, StatementKind};
use std::borrow::Cow;

/// About as many nodes are made for a statement.
const NODES: usize = 8;

impl<'a> Checker<'a> {
    /// Enters every statement's name; the zone and the run's day are settled here, since all else needs them.
    pub(super) fn collect(&mut self, scripts: &'a [ast::Script]) {
        self.settle_time(scripts);
        let statements = scripts.iter().map(|s| s.statements.len()).sum::<usize>();
        self.names.reserve(statements);
        self.definitions.reserve(statements);
        self.graph.reserve(statements * NODES);
        for statement in scripts.iter().flat_map(|s| &s.statements) {
            self.enter(statement);
        }
    }

    fn enter(&mut self, statement: &'a ast::Statement) {
        let (name, item) = match &statement.kind {
            StatementKind::Source(def) => {
                self.sources.push(SourceState::new(def, statement));
                (&def.name, Item::Source(SourceId(index(self.sources.len() - 1))))
            }
            StatementKind::Param(def) => {
                self.params.push(ParamState::new(def));
                (&def.name, Item::Param(self.params.len() - 1))
            }
            StatementKind::Tag(def) => (&def.name, self.enter_definition(Body::Tag(def), statement)),
            StatementKind::Segment(def) => (&def.name, self.enter_definition(Body::Segment(def), statement)),
            StatementKind::Audience(def) => {
                self.audiences.push((def, statement));
                (&def.name, Item::Audience(self.audiences.len() - 1))
            }
            StatementKind::Rfm(def) => {
                let model = self.enter_rfm(def, statement);
                (&def.name, model)
            }
            StatementKind::Score(def) => (&def.name, self.enter_definition(Body::Score(def), statement)),
            StatementKind::Command(command) => {
                self.commands.push((command, statement.span));
                return;
            }
            StatementKind::Timezone(_) | StatementKind::Use(_) => return,
        };
        match self.names.get(name.text.as_str()) {
            Some((_, first)) => {
                let first = *first;
                self.error(
                    Diagnostic::new(Code::DuplicateName, format!("`{}` is defined twice", name.text))
                        .label(name.span, "the second definition")
                        .related(first, "the first one")
                        .help("all definitions share one namespace: give one of the two another name"),
                );
            }
            None => {
                self.names.insert(Cow::Borrowed(&name.text), (item, name.span));
            }
        }
    }

    pub(super) fn enter_definition(&mut self, body: Body<'a>, statement: &'a ast::Statement) -> Item {
        self.definitions.push(DefinitionState::new(body, statement));
        Item::Definition(DefId(index(self.definitions.len() - 1)))
    }

    fn settle_time(&mut self, scripts: &'a [ast::Script]) {
        let mut first: Option<&ast::Text> = None;
        for statement in scripts.iter().flat_map(|s| &s.statements) {
            let StatementKind::Timezone(text) = &statement.kind else { continue };
            match (text.value.parse::<chrono_tz::Tz>(), first) {
                (Ok(_), Some(earlier)) if earlier.value != text.value => {
                    let earlier = earlier.span;
                    self.error(
                        Diagnostic::new(Code::DuplicateName, "two time zones in one run")
                            .at(text.span)
                            .related(earlier, "the first one")
                            .help("a run has one zone: every day and every window is relative to it"),
                    );
                }
                (Ok(zone), _) => {
                    self.zone = Zone(zone);
                    first = Some(text);
                }
                (Err(_), _) => {
                    // An abbreviation (CST) is of many zones: a near one would be silently wrong.
                    let known = chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()).filter(|n| n.contains('/'));
                    let typed = Some(text.value.as_str()).filter(|typed| typed.contains('/'));
                    let hint =
                        typed.and_then(|typed| suggest::did_you_mean(typed, known)).unwrap_or_else(|| {
                            "zones are named by region and city: \"Asia/Shanghai\" is China's; or \"UTC\""
                                .into()
                        });
                    self.error(
                        Diagnostic::new(
                            Code::UnknownTimezone,
                            format!("no time zone is named \"{}\"", text.value),
                        )
                        .at(text.span)
                        .help(hint),
                    );
                }
            }
        }
        self.as_of = match self.options.as_of {
            Some(AsOfOption::Day(day)) => AsOf::Day(day),
            Some(AsOfOption::Local(t)) => AsOf::Instant(self.zone.to_utc(t)),
            Some(AsOfOption::Utc(t)) => AsOf::Instant(t),
            None => AsOf::Day(self.zone.to_local(self.options.now).date()),
        };
        self.run_as_of = self.as_of;
    }

    pub(super) fn item(&self, name: &str) -> Option<Item> {
        self.names.get(name).map(|(item, _)| *item)
    }

    /// A source by name, or the error that says what the name is instead.
    pub(super) fn source_named(&mut self, name: &Ident, what: &str) -> Option<SourceId> {
        match self.item(&name.text) {
            Some(Item::Source(id)) => Some(id),
            Some(other) => {
                self.error(
                    Diagnostic::new(
                        Code::WrongKind,
                        format!("`{}` is {}, not a source", name.text, kind(other)),
                    )
                    .at(name.span)
                    .help(format!("{what} must be a source")),
                );
                None
            }
            None => {
                let known: Vec<String> = self.sources.iter().map(|s| s.source.name.clone()).collect();
                self.error(
                    Diagnostic::new(Code::UnknownName, format!("no source is named `{}`", name.text))
                        .at(name.span)
                        .help_if(suggest::did_you_mean(&name.text, known.iter().map(String::as_str)))
                        .help_if((!known.is_empty()).then(|| format!("the sources are {}", list(&known)))),
                );
                None
            }
        }
    }

    /// A segment by name; an entity's name is the segment of all its rows.
    pub(super) fn segment_named(&mut self, name: &Ident) -> Option<DefId> {
        match self.item(&name.text) {
            Some(Item::Definition(id)) if self.is_segment(id) => Some(self.at_hand(id)),
            Some(Item::Source(id)) if self.is_entity(id) => Some(self.everyone(id)),
            Some(Item::Definition(_)) => {
                self.error(
                    Diagnostic::new(Code::WrongKind, format!("`{}` is a tag, not a segment", name.text))
                        .at(name.span)
                        .help(format!("define a segment with it: `segment … where {} …`", name.text)),
                );
                None
            }
            Some(other) => {
                self.error(
                    Diagnostic::new(
                        Code::WrongKind,
                        format!("`{}` is {}, not a segment", name.text, kind(other)),
                    )
                    .at(name.span),
                );
                None
            }
            None => {
                let known: Vec<String> = self
                    .definitions
                    .iter()
                    .filter(|d| matches!(d.body, Body::Segment(_)))
                    .map(|d| d.name().to_string())
                    .collect();
                self.error(
                    Diagnostic::new(Code::UnknownName, format!("no segment is named `{}`", name.text))
                        .at(name.span)
                        .help_if(suggest::did_you_mean(&name.text, known.iter().map(String::as_str))),
                );
                None
            }
        }
    }
}

pub(super) fn kind(item: Item) -> &'static str {
    match item {
        Item::Source(_) => "a source",
        Item::Definition(_) => "a definition",
        Item::Param(_) => "a parameter",
        Item::Audience(_) => "an audience",
        Item::Model(_) => "a model",
    }
}

/// `a`, `b` and `c`.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

pub(super) fn index(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

/// Whether `name` is a function, for the hint that parentheses are missing.
pub(super) fn is_function(name: &str) -> bool {
    functions::find(name).is_some()
}
