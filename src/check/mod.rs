//! AST → IR: names, entities, types, time, and the first lints.
//!
//! Definitions are checked on demand and each once, so they may stand in any order; one that is met again while
//! it is being checked is a cycle. Errors are collected, and what depends on a faulty thing is silent about it.

mod aggregate;
mod audience;
mod case;
mod command;
mod constant;
mod cycle;
mod dated;
mod definition;
mod entity;
mod expr;
mod keys;
mod lint;
mod lost;
mod metadata;
mod model;
mod names;
mod operators;
mod own_window;
mod population;
mod scope;
mod sequence;
mod source;
mod window;

pub use constant::{literal_value, parse_as_of};
pub use metadata::KNOWN as METADATA;
pub use source::COLUMN_TYPES;

use crate::catalog::Catalog;
use crate::diagnostic::{Allowed, Code, Diagnostic, Diagnostics};
use crate::ir::{AsOf, Dated, DefId, Definition, Doubt, ExprId, Graph, Node, Param, Program, SourceId, Zone};
use crate::source::{SourceMap, Span};
use crate::syntax::ast;
use crate::types::Type;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use hashbrown::{HashMap, HashSet};
use std::borrow::Cow;

/// What a run is asked for, beside the script.
#[derive(Clone, Debug)]
pub struct Options {
    /// `None` is the day of `now` in the script's zone.
    pub as_of: Option<AsOfOption>,
    /// The clock, read once by the caller.
    pub now: DateTime<Utc>,
    /// `--set name=value`.
    pub set: Vec<(String, String)>,
    /// An expired definition is an error.
    pub strict: bool,
}

/// `--as-of` as typed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AsOfOption {
    Day(NaiveDate),
    Local(NaiveDateTime),
    Utc(DateTime<Utc>),
}

/// Checks scripts that stand together: a file and what it uses. `None` where there were errors.
pub fn check(
    scripts: &[ast::Script],
    sources: &SourceMap,
    catalog: &dyn Catalog,
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Option<Program> {
    let mut checker = Checker::new(sources, catalog, options, diagnostics);
    checker.collect(scripts);
    checker.metadata(scripts);
    checker.check_all();
    checker.finish(scripts)
}

/// A segment on the days to come, where time alone can change it.
pub struct Ahead {
    pub program: Program,
    pub segment: DefId,
    /// On each day in turn; none where time has no part in the segment.
    pub later: Vec<Dated>,
}

/// Checks scripts that are known to be good once more, with a segment of theirs on each of the days to come: much to
/// do, so it is done only for a customer whose membership may end.
pub fn ahead(
    scripts: &[ast::Script],
    sources: &SourceMap,
    catalog: &dyn Catalog,
    options: &Options,
    segment: &str,
) -> Option<Ahead> {
    let mut diagnostics = Diagnostics::default();
    let mut checker = Checker::new(sources, catalog, options, &mut diagnostics);
    checker.collect(scripts);
    checker.check_all();
    let Some(Item::Definition(segment)) = checker.item(segment) else { return None };
    let later = checker.days_to_come(segment);
    Some(Ahead { program: checker.finish(scripts)?, segment, later })
}

/// What one name stands for. One namespace for all definitions.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Item {
    Source(SourceId),
    Definition(DefId),
    Param(usize),
    Audience(usize),
    /// An rfm: several tags.
    Model(usize),
}

/// How far a lazily checked thing is.
#[derive(Clone, Debug)]
enum Progress<T> {
    Todo,
    Doing,
    Done(T),
}

struct Checker<'a> {
    map: &'a SourceMap,
    catalog: &'a dyn Catalog,
    options: &'a Options,
    diagnostics: &'a mut Diagnostics,
    zone: Zone,
    /// The day that expressions are seen from: the run's, or for a while another.
    as_of: AsOf,
    run_as_of: AsOf,
    /// Name, what it is, and where it was defined.
    names: HashMap<Cow<'a, str>, (Item, Span)>,
    sources: Vec<source::SourceState<'a>>,
    definitions: Vec<definition::DefinitionState<'a>>,
    /// Definitions without a name of their own in [`Checker::names`], by what they are made of.
    made: HashMap<definition::Made, DefId>,
    params: Vec<constant::ParamState<'a>>,
    audiences: Vec<(&'a ast::AudienceDef, &'a ast::Statement)>,
    commands: Vec<(&'a ast::Command, Span)>,
    models: Vec<(&'a ast::RfmDef, &'a ast::Statement)>,
    graph: Graph,
    /// Definitions whose names stand in an expression: the tags of an rfm also use each other.
    named: HashSet<DefId>,
    /// Definitions being checked, outermost first: the path of a cycle.
    trail: Vec<DefId>,
    /// The step before, while what is compared with it is checked: its word, and its events.
    earlier: Option<(String, SourceId)>,
    /// The definition whose entity is being told uses a name that nothing has: that is the error to report.
    stranger: bool,
    /// What is checked stands beside a text: a name that nothing has may be one without its quotes.
    beside_text: bool,
    /// What `@allow` silences, and each code where it stands.
    allowed: Allowed,
    allowances: Vec<(Code, Span)>,
    /// Each `case` with an `else`, for the lint that asks what may be missing.
    cases: Vec<lint::Otherwise>,
    doubts: Vec<Doubt>,
}

impl<'a> Checker<'a> {
    fn new(
        map: &'a SourceMap,
        catalog: &'a dyn Catalog,
        options: &'a Options,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Checker {
            map,
            catalog,
            options,
            diagnostics,
            zone: Zone(chrono_tz::UTC),
            as_of: AsOf::Instant(options.now),
            run_as_of: AsOf::Instant(options.now),
            names: HashMap::new(),
            sources: Vec::new(),
            definitions: Vec::new(),
            made: HashMap::new(),
            params: Vec::new(),
            audiences: Vec::new(),
            commands: Vec::new(),
            models: Vec::new(),
            graph: Graph::default(),
            named: HashSet::new(),
            trail: Vec::new(),
            earlier: None,
            stranger: false,
            beside_text: false,
            allowed: Allowed::default(),
            allowances: Vec::new(),
            cases: Vec::new(),
            doubts: Vec::new(),
        }
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The node that stands for what could not be checked.
    fn faulty(&mut self) -> ExprId {
        self.graph.add(Node::Error, Type::Error)
    }

    fn report(&mut self, diagnostic: Diagnostic) -> ExprId {
        self.error(diagnostic);
        self.faulty()
    }

    fn check_all(&mut self) {
        for index in 0..self.params.len() {
            self.param(index);
        }
        self.check_set();
        for id in self.definition_ids() {
            self.define(id);
        }
        self.filter_cycles();
    }

    fn definition_ids(&self) -> Vec<DefId> {
        (0..u32::try_from(self.definitions.len()).unwrap_or(u32::MAX)).map(DefId).collect()
    }

    fn finish(mut self, scripts: &[ast::Script]) -> Option<Program> {
        let audiences = self.check_audiences();
        let commands = self.check_commands();
        let models = self.finished_models();
        self.lint(scripts, &commands);
        self.silence();
        if self.diagnostics.has_errors() {
            return None;
        }
        let definitions: Option<Vec<Definition>> =
            self.definition_ids().iter().map(|id| self.finished(*id)).collect();
        let params: Vec<Param> = self.params.iter().filter_map(|p| p.finished()).collect();
        let Some(definitions) = definitions else {
            self.error(Diagnostic::new(Code::Internal, "a definition was left unchecked without an error"));
            return None;
        };
        // Every definition is a column that may be asked for.
        for (i, definition) in definitions.iter().enumerate() {
            self.graph.add(Node::Definition(DefId(names::index(i))), definition.ty.clone());
        }
        let bodies: Vec<ExprId> = definitions.iter().map(|d| d.body).collect();
        let lost = self.lost(&bodies);
        Some(Program {
            zone: self.zone,
            as_of: self.as_of,
            sources: self.sources.into_iter().map(|s| s.source).collect(),
            definitions,
            params,
            audiences,
            models,
            commands,
            graph: self.graph,
            lost,
            doubts: self.doubts,
            allowed: self.allowed,
            warnings: self.diagnostics.iter().filter(|d| !d.is_error()).cloned().collect(),
        })
    }
}
