//! `source` statements: opened once and on demand, so that a source which nothing reaches is never touched.

use super::names::{index, list};
use super::scope::Row;
use super::{Checker, Progress};
use crate::catalog::{CatalogError, Location};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::ir::{Column, ColumnId, Link, Owner, Shape, Source, SourceId, TimeColumn};
use crate::source::Span;
use crate::syntax::ast::{self, Ident, SourceClause, SourceFrom, TypeName};
use crate::types::{Frame, Type};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The types of `column … as`, and what else each may be called.
pub const COLUMN_TYPES: [(&str, &[&str]); 7] = [
    ("int", &["integer", "whole"]),
    ("decimal", &[]),
    ("float", &["double"]),
    ("text", &["string"]),
    ("bool", &["boolean", "yesno"]),
    ("date", &[]),
    ("instant", &["timestamp", "datetime"]),
];

/// `int, decimal(18,2), … or instant`.
fn type_names() -> String {
    let shown = COLUMN_TYPES.map(|(name, _)| if name == "decimal" { "decimal(18,2)" } else { name });
    let [first @ .., last] = shown.as_slice() else { return String::new() };
    format!("{} or {last}", first.join(", "))
}

/// The path of a source as written; none where it has no file of its own.
pub(super) fn written_path(def: &ast::SourceDef) -> Option<&str> {
    match &def.from {
        SourceFrom::Location(text) => Some(&text.value),
        SourceFrom::KeysOf(_) => None,
    }
}

pub(super) struct SourceState<'a> {
    pub def: &'a ast::SourceDef,
    pub source: Source,
    /// Whether its columns are known; `false` where they cannot be.
    pub looked: Progress<bool>,
    pub opened: Progress<()>,
    /// Its files are empty: every name is a column of which no value is known.
    pub empty: bool,
    /// Its `at` names what is no time: that was reported.
    pub bad_time: bool,
    /// Its columns are not known: an error was reported, and names on it raise no more.
    pub broken: bool,
}

impl<'a> SourceState<'a> {
    pub fn new(def: &'a ast::SourceDef, statement: &ast::Statement) -> Self {
        // As written, until it is opened.
        let pattern = written_path(def).unwrap_or_default().to_string();
        let source = Source {
            name: def.name.text.clone(),
            title: def.title.as_ref().map(|t| t.value.clone()),
            span: statement.span,
            location: Location { pattern, folder: PathBuf::new() },
            shape: Shape {
                entity: def.has_key(),
                events: def.clauses.iter().any(|c| matches!(c, SourceClause::Of { .. })),
            },
            keys_of: None,
            columns: Vec::new(),
            key: None,
            of: Vec::new(),
            time: None,
            links: Vec::new(),
            latest: None,
            copy: None,
            filter: None,
            consent: Vec::new(),
            opened: false,
        };
        SourceState {
            def,
            source,
            looked: Progress::Todo,
            opened: Progress::Todo,
            empty: false,
            bad_time: false,
            broken: false,
        }
    }
}

impl<'a> Checker<'a> {
    pub(super) fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize).map(|s| &s.source)
    }

    fn source_mut(&mut self, id: SourceId) -> Option<&mut SourceState<'a>> {
        self.sources.get_mut(id.0 as usize)
    }

    pub(super) fn source_name(&self, id: SourceId) -> &str {
        self.source(id).map_or("", |s| s.name.as_str())
    }

    pub(super) fn is_broken(&self, id: SourceId) -> bool {
        self.sources.get(id.0 as usize).is_none_or(|s| s.broken)
    }

    /// Whether an `of`, of this source or of one on the way from it, names what is not there: that was reported.
    pub(super) fn has_faulty_owner(&self, id: SourceId) -> bool {
        let lost = |id: SourceId| {
            self.sources.get(id.0 as usize).is_some_and(|s| {
                let written = s.def.clauses.iter().filter(|c| matches!(c, SourceClause::Of { .. })).count();
                s.source.opened && s.source.of.len() < written
            })
        };
        lost(id) || self.reached_from(id).into_iter().any(lost)
    }

    /// By what is written, so that it is known before the source is opened.
    pub(super) fn is_entity(&self, id: SourceId) -> bool {
        self.source(id).is_some_and(Source::is_entity)
    }

    pub(super) fn is_events(&self, id: SourceId) -> bool {
        self.source(id).is_some_and(Source::is_events)
    }

    pub(super) fn source_ids(&self) -> Vec<SourceId> {
        let written = self.sources.iter().enumerate().filter(|(_, s)| s.source.copy.is_none());
        written.map(|(i, _)| SourceId(index(i))).collect()
    }

    /// Reads the source's columns and resolves its clauses, once.
    pub(super) fn open(&mut self, id: SourceId) {
        match self.source_mut(id) {
            Some(state) if matches!(state.opened, Progress::Todo) => state.opened = Progress::Doing,
            _ => return,
        }
        self.seen_from(self.run_as_of, |checker| checker.open_now(id));
        if let Some(state) = self.source_mut(id) {
            state.opened = Progress::Done(());
            state.source.opened = true;
        }
    }

    fn open_now(&mut self, id: SourceId) {
        if !self.look(id) {
            return self.break_source(id);
        }
        let Some(def) = self.sources.get(id.0 as usize).map(|s| s.def) else { return };
        // What the events' clauses say decides whose keys there are.
        if let Some(keys) = self.source(id).and_then(|s| s.keys_of) {
            self.open(keys.events);
        }
        self.once(def);
        for clause in def.clauses.iter().filter(|c| !matches!(c, SourceClause::Column { .. })) {
            self.clause(id, clause);
        }
        self.key_types(id);
    }

    /// Reads its columns and their types, once: the other clauses judge by them. `false` where that cannot be.
    pub(super) fn look(&mut self, id: SourceId) -> bool {
        let Some(state) = self.source_mut(id) else { return false };
        match state.looked {
            Progress::Done(known) => return known,
            Progress::Doing => return false,
            Progress::Todo => state.looked = Progress::Doing,
        }
        let def = state.def;
        let known = match &def.from {
            SourceFrom::Location(text) => self.columns_of_files(id, def, text),
            SourceFrom::KeysOf(events) => self.keys_of(id, events),
        };
        for clause in &def.clauses {
            if let (true, SourceClause::Column { column, as_type, .. }) = (known, clause) {
                self.column_as(id, column, as_type);
            }
        }
        if let Some(state) = self.source_mut(id) {
            state.looked = Progress::Done(known);
        }
        known
    }

    /// What its files say; `false` where they cannot be read (reported).
    fn columns_of_files(&mut self, id: SourceId, def: &ast::SourceDef, text: &ast::Text) -> bool {
        let Some(location) = self.location(text) else { return false };
        let as_text = def.overruled();
        let table = match self.catalog.table(&location, &as_text) {
            Ok(table) => table,
            Err(error) => {
                self.catalog_error(&error, text.span);
                return false;
            }
        };
        // A day without events is one; an entity of which not even the columns are known is a fault upstream.
        if table.columns.is_empty() && self.is_entity(id) {
            let reason = "is empty: not even a header".to_string();
            self.catalog_error(&CatalogError::Unreadable { file: location.pattern, reason }, text.span);
            return false;
        }
        if let Some(state) = self.source_mut(id) {
            state.source.location = location;
            state.empty = table.columns.is_empty();
            state.source.columns = table
                .columns
                .into_iter()
                .map(|c| Column {
                    overruled: as_text.contains(&c.name),
                    name: c.name,
                    ty: c.ty.clone(),
                    stored: c.ty,
                    pii: false,
                    fixed: false,
                })
                .collect();
        }
        true
    }

    fn break_source(&mut self, id: SourceId) {
        if let Some(state) = self.source_mut(id) {
            state.broken = true;
        }
    }

    /// A path as written, with `{param}` and `{as_of}` replaced, and the folder of the file that says it.
    pub(super) fn location(&mut self, text: &ast::Text) -> Option<Location> {
        let folder = self.map.get(text.span.file).map(|f| f.folder.clone()).unwrap_or_default();
        let mut pattern = String::new();
        let mut rest = text.value.as_str();
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            pattern.push_str(before);
            let Some((name, tail)) = after.get(1..).and_then(|a| a.split_once('}')) else {
                rest = after;
                break;
            };
            match self.placeholder(name.trim()) {
                Some(value) => pattern.push_str(&value),
                None => {
                    let known: Vec<String> = self
                        .params
                        .iter()
                        .map(|p| p.def.name.text.clone())
                        .chain(["as_of".to_string()])
                        .collect();
                    self.error(
                        Diagnostic::new(Code::UnknownParam, format!("no parameter is named `{name}`"))
                            .at(text.span)
                            .help_if(suggest::did_you_mean(name, known.iter().map(String::as_str)))
                            .help(format!("in a path, braces hold {}", list(&known))),
                    );
                    return None;
                }
            }
            rest = tail;
        }
        pattern.push_str(rest);
        Some(Location { pattern, folder })
    }

    fn placeholder(&mut self, name: &str) -> Option<String> {
        if name == "as_of" {
            // A colon is no character for a file name everywhere.
            return Some(self.as_of.text(&self.zone).replace(':', ""));
        }
        let position = self.params.iter().position(|p| p.def.name.text == name)?;
        let (literal, _) = self.param_use(position)?;
        Some(super::literal_value(&literal).plain())
    }

    fn catalog_error(&mut self, error: &CatalogError, span: Span) {
        let diagnostic = match error {
            CatalogError::Missing { looked_for } => {
                Diagnostic::new(Code::SourceMissing, format!("no file is at {looked_for}"))
                    .help("paths are relative to the file that says them; `*` stands for any part of a name")
            }
            CatalogError::Unreadable { file, reason } => {
                Diagnostic::new(Code::SourceUnreadable, format!("{file} cannot be read: {reason}"))
            }
            CatalogError::UnknownFormat { file } => {
                Diagnostic::new(Code::UnknownFormat, format!("the ending of {file} names no known format"))
                    .help("sources are .parquet, .csv, .ndjson or .arrow files, or folders of them")
            }
            CatalogError::FilesDiffer { column, first, second } => Diagnostic::new(
                Code::FilesDiffer,
                format!("`{column}` is {} in {} and {} in {}", first.1, first.0, second.1, second.0),
            )
            .help(
                "files of one source must have one type for a column, or types that widen (int32 and int64)",
            ),
        };
        self.error(diagnostic.at(span));
    }

    /// Clauses that may stand once.
    fn once(&mut self, def: &ast::SourceDef) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for clause in &def.clauses {
            let (word, span) = match clause {
                SourceClause::Key(_, span) => ("key", *span),
                SourceClause::At { span, .. } => ("at", *span),
                SourceClause::LatestBy(_, span) => ("latest by", *span),
                SourceClause::Where(_, span) => ("where", *span),
                SourceClause::Consent(_, span) => ("consent", *span),
                SourceClause::Of { .. }
                | SourceClause::Link { .. }
                | SourceClause::Pii(..)
                | SourceClause::Fixed(..)
                | SourceClause::Column { .. } => continue,
            };
            if !seen.insert(word) {
                self.error(
                    Diagnostic::new(Code::DuplicateClause, format!("`{word}` stands twice"))
                        .at(span)
                        .help(format!("a source has one `{word}`")),
                );
            }
        }
    }

    fn clause(&mut self, id: SourceId, clause: &'a SourceClause) {
        match clause {
            // Known by now.
            SourceClause::Column { .. } => {}
            SourceClause::Key(column, _) => {
                let key = self.source_column(id, column);
                self.edit(id, |s| s.key = key);
            }
            SourceClause::Of { entity, by, .. } => {
                let by = self.source_column(id, by);
                let Some(target) = self.source_named(entity, "what rows belong to") else { return };
                if !self.is_entity(target) {
                    return self.error(
                        Diagnostic::new(
                            Code::NoKey,
                            format!("{} has no `key`, so nothing can belong to it", entity.text),
                        )
                        .at(entity.span)
                        .help(format!(
                            "say which column tells its rows apart: `source {} … key COLUMN`",
                            entity.text
                        )),
                    );
                }
                if let Some(by) = by {
                    self.edit(id, |s| s.of.push(Owner { entity: target, by }));
                }
            }
            SourceClause::At { time, ties, utc, .. } => {
                let known = self.at(id, time, ties, *utc).is_some();
                if let Some(state) = self.source_mut(id).filter(|_| !known) {
                    state.bad_time = true;
                }
            }
            SourceClause::Link { column, target, name, .. } => self.link(id, column, target, name.as_ref()),
            SourceClause::LatestBy(column, span) => self.latest_by(id, column, *span),
            SourceClause::Where(condition, _) => self.taken_where(id, condition),
            SourceClause::Pii(columns, _) => self.mark(id, columns, |c| c.pii = true),
            SourceClause::Fixed(columns, _) => self.mark(id, columns, |c| c.fixed = true),
            SourceClause::Consent(columns, _) => {
                let consent = columns.iter().filter_map(|c| self.source_column(id, c)).collect();
                self.edit(id, |s| s.consent = consent);
            }
        }
    }

    fn mark(&mut self, id: SourceId, columns: &[Ident], mark: fn(&mut Column)) {
        for name in columns {
            if let Some(ColumnId(i)) = self.source_column(id, name) {
                self.edit(id, |s| s.columns.get_mut(i as usize).into_iter().for_each(mark));
            }
        }
    }

    /// `latest by valid_from`: a table with a row for every change of a key's.
    fn latest_by(&mut self, id: SourceId, column: &Ident, span: Span) {
        if !self.is_entity(id) {
            let name = self.source_name(id).to_string();
            return self.error(
                Diagnostic::new(
                    Code::NoKey,
                    format!("{name} has no `key`: `latest by` takes the newest row of each key"),
                )
                .at(span)
                .help(format!("`source {name} … key COLUMN latest by {}`", column.text)),
            );
        }
        let Some(found) = self.source_column(id, column) else { return };
        let ty = self.source(id).and_then(|s| s.column(found)).map_or(Type::Error, |c| c.ty.clone());
        if !ty.is_time() {
            return self.error(not_a_time(column, &ty));
        }
        self.edit(id, |s| s.latest = Some(found));
    }

    pub(super) fn edit(&mut self, id: SourceId, change: impl FnOnce(&mut Source)) {
        if let Some(state) = self.source_mut(id) {
            change(&mut state.source);
        }
    }

    fn source_column(&mut self, id: SourceId, name: &Ident) -> Option<ColumnId> {
        let found = self.column_named(id, &name.text);
        if found.is_none() {
            self.no_column(id, name);
        }
        found
    }

    /// A column by its name; an empty file has whatever is asked of it, without a value.
    pub(super) fn column_named(&mut self, id: SourceId, name: &str) -> Option<ColumnId> {
        let state = self.source_mut(id)?;
        if state.empty && state.source.find_column(name).is_none() {
            state.source.columns.push(Column {
                name: name.to_string(),
                ty: Type::Blank,
                stored: Type::Blank,
                overruled: false,
                pii: false,
                fixed: false,
            });
        }
        state.source.find_column(name).map(|(column, _)| column)
    }

    fn column_as(&mut self, id: SourceId, name: &Ident, as_type: &TypeName) {
        let Some(column) = self.source_column(id, name) else { return };
        let Some(ty) = self.type_named(as_type) else { return };
        let stored = self.source(id).and_then(|s| s.column(column)).map_or(Type::Error, |c| c.stored.clone());
        if !readable_as(&stored, &ty) {
            return self.error(
                Diagnostic::new(
                    Code::ColumnType,
                    format!("`{}` is {} and cannot be read as {}", name.text, stored.described(), ty),
                )
                .at(as_type.span),
            );
        }
        self.set_type(id, column, ty);
    }

    pub(super) fn set_type(&mut self, id: SourceId, column: ColumnId, ty: Type) {
        self.edit(id, |s| {
            if let Some(c) = s.columns.get_mut(column.0 as usize) {
                c.ty = ty;
            }
        });
    }

    fn type_named(&mut self, name: &TypeName) -> Option<Type> {
        let word = name.name.text.to_lowercase();
        let named = COLUMN_TYPES.iter().find(|(ty, others)| *ty == word || others.contains(&word.as_str()));
        let ty = match (named.map(|(ty, _)| *ty), name.arguments.as_slice()) {
            (Some("int"), []) => Type::Int,
            (Some("decimal"), []) => Type::decimal(18, 2),
            (Some("decimal"), [p]) if (1..=38).contains(p) => Type::decimal(*p as u8, 0),
            (Some("decimal"), [p, s]) if (1..=38).contains(p) && s <= p => Type::decimal(*p as u8, *s as i8),
            (Some("float"), []) => Type::Float,
            (Some("text"), []) => Type::Text,
            (Some("bool"), []) => Type::Bool,
            (Some("date"), []) => Type::Date,
            (Some("instant"), []) => Type::Instant(Frame::Local),
            _ => {
                self.error(
                    Diagnostic::new(
                        Code::UnknownType,
                        format!("no type is written `{}`", self.map.text(name.span)),
                    )
                    .at(name.span)
                    .help(format!("a column can be read as {}", type_names())),
                );
                return None;
            }
        };
        Some(ty)
    }

    /// Which of its rows a source takes.
    pub(super) fn taken_where(&mut self, id: SourceId, condition: &'a ast::Expr) {
        let filter = self.condition(&Row::Source(id), condition);
        self.edit(id, |s| s.filter = Some(filter));
    }

    /// `None` where that is no time (reported).
    fn at(&mut self, id: SourceId, time: &Ident, ties: &[Ident], utc: bool) -> Option<()> {
        let column = self.source_column(id, time)?;
        let ty = self.source(id).and_then(|s| s.column(column)).map_or(Type::Error, |c| c.ty.clone());
        if !ty.is_time() {
            self.error(not_a_time(time, &ty));
            return None;
        }
        // The time of a source without rows is one all the same.
        let frame = if utc { Frame::Utc } else { Frame::Local };
        if (utc && ty == Type::Instant(Frame::Local)) || ty.is_blank() {
            self.set_type(id, column, Type::Instant(frame));
        }
        let ties: Vec<ColumnId> = ties.iter().filter_map(|tie| self.source_column(id, tie)).collect();
        self.edit(id, |s| s.time = Some(TimeColumn { column, ties }));
        Some(())
    }

    fn link(&mut self, id: SourceId, column: &Ident, target: &Ident, name: Option<&Ident>) {
        let from = self.source_column(id, column);
        let Some(target_id) = self.source_named(target, "what a link leads to") else { return };
        if !self.is_entity(target_id) {
            return self.error(
                Diagnostic::new(
                    Code::NoKey,
                    format!("{} has no `key`, so a link cannot find its row", target.text),
                )
                .at(target.span)
                .help(format!(
                    "say which column tells its rows apart: `source {} … key COLUMN`",
                    target.text
                )),
            );
        }
        let name = match name {
            Some(name) => name.text.clone(),
            None => column.text.strip_suffix("_id").unwrap_or(&column.text).to_string(),
        };
        if let Some(from) = from {
            self.edit(id, |s| s.links.push(Link { name, column: from, target: target_id }));
        }
    }
}

fn not_a_time(column: &Ident, ty: &Type) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        Code::ColumnType,
        format!("`{}` is {}: a time must be a date or an instant", column.text, ty.described()),
    )
    .at(column.span);
    match ty.is_text() {
        true => {
            diagnostic.help(format!("read it as one: `column {} as instant` (or `as date`)", column.text))
        }
        false => diagnostic,
    }
}

/// Whether a stored type can be read as another; what does not fit is missing and counted.
fn readable_as(stored: &Type, ty: &Type) -> bool {
    match stored {
        Type::Text | Type::Blank | Type::Error => true,
        Type::Int | Type::Decimal { .. } | Type::Float => {
            matches!(ty, Type::Int | Type::Decimal { .. } | Type::Float | Type::Text)
                || (*stored == Type::Int && *ty == Type::Bool)
        }
        Type::Bool => matches!(ty, Type::Bool | Type::Text | Type::Int),
        Type::Date => matches!(ty, Type::Date | Type::Text | Type::Instant(_)),
        Type::Instant(_) => matches!(ty, Type::Date | Type::Text | Type::Instant(_)),
        Type::Label(_) | Type::Duration | Type::Unsupported(_) => false,
    }
}
