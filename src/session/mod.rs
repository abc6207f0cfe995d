//! The one door for front ends: load scripts, check them, ask, run.
//!
//! What goes wrong comes back as [`Diagnostic`]s, whatever stage found it.

mod asked;
mod audit;
mod cache;
mod deliver;
mod docs;
mod fault;
pub mod format;
mod prompt;
mod script;
mod sizes;
mod unique;

pub use crate::engine::kept::{Folder, Keeping, Kept, Summary};
pub use cache::cache_folder;
pub use deliver::{Delivered, WrittenFile};
pub use fault::exit_code;

use crate::check::{self, AsOfOption};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::engine::{CancelHandle, Engine, EngineOptions, Progress};
use crate::explain::answer::{Answer, Count, Explain, Leaves};
use crate::explain::{Asker, ExplainError};
use crate::ir::print::Lang;
use crate::ir::{Command, DefId, Node, Program, SourceId};
use crate::plan::Tables;
use crate::source::{FileId, SourceMap};
use crate::syntax::ast;
use chrono::{DateTime, Utc};
use fault::fault_of;
use script::Loaded;
use std::path::Path;

/// What a session is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub engine: EngineOptions,
    /// `None` is today in the script's zone.
    pub as_of: Option<AsOfOption>,
    /// The clock, read once.
    pub now: DateTime<Utc>,
    /// `--set name=value`.
    pub set: Vec<(String, String)>,
    /// An expired definition is an error.
    pub strict: bool,
    pub lang: Lang,
}

/// A script's findings and, where there is no error among them, its program.
pub struct Checked {
    pub program: Option<Program>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Scripts, an engine, and what a run is asked for.
pub struct Session {
    engine: Engine,
    settings: Settings,
    loaded: Loaded,
    unique: unique::Unique,
}

/// What came in at a prompt.
pub struct Entered {
    pub checked: Checked,
    /// Segments that the entry defines, in the order written: a prompt answers them at once.
    pub segments: Vec<DefId>,
    /// Tags that the entry defines.
    pub tags: Vec<DefId>,
    /// Audiences that the entry defines, by name.
    pub audiences: Vec<String>,
    /// Commands of the entry.
    pub commands: Vec<Command>,
}

impl Session {
    pub fn new(settings: Settings) -> Result<Session, Diagnostic> {
        let engine = Engine::new(settings.engine).map_err(|e| fault_of(&ExplainError::Engine(e)))?;
        Ok(Session { engine, settings, loaded: Loaded::default(), unique: unique::Unique::default() })
    }

    /// From now on, what questions work out is kept for the next ones.
    pub fn keep(&mut self, keeping: Keeping) {
        self.engine.keep(keeping);
    }

    /// What is kept, if anything is.
    pub fn kept(&self) -> Option<&Kept> {
        self.engine.kept()
    }

    pub fn sources(&self) -> &SourceMap {
        &self.loaded.map
    }

    pub fn lang(&self) -> Lang {
        self.settings.lang
    }

    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    pub fn cancel_handle(&self) -> CancelHandle {
        self.engine.cancel_handle()
    }

    /// Reads a script and what it `use`s, each file once. Faulty text stays loaded, so that `check` can say more.
    pub fn load(&mut self, path: &Path) {
        self.loaded.load(path);
    }

    /// Adds text that is in no file; relative paths in it start from `folder`.
    pub fn load_text(&mut self, name: &str, folder: &Path, text: &str) -> FileId {
        self.loaded.load_text(name, folder, text)
    }

    /// Whether anything was loaded.
    pub fn is_empty(&self) -> bool {
        self.loaded.scripts.is_empty()
    }

    /// The syntax trees, in the order loaded.
    pub fn scripts(&self) -> &[ast::Script] {
        &self.loaded.scripts
    }

    /// What is wrong with the texts themselves.
    pub fn syntax_findings(&self) -> Vec<Diagnostic> {
        self.loaded.findings.clone()
    }

    /// Checks all that was loaded, with fresh eyes on the sources.
    pub fn check(&self) -> Checked {
        self.engine.refresh();
        self.check_loaded(&self.loaded)
    }

    fn check_loaded(&self, loaded: &Loaded) -> Checked {
        let mut diagnostics = Diagnostics::default();
        diagnostics.extend(loaded.findings.iter().cloned());
        let broken = diagnostics.has_errors();
        let program =
            check::check(&loaded.scripts, &loaded.map, &self.engine, &self.options(), &mut diagnostics);
        Checked { program: program.filter(|_| !broken), diagnostics: diagnostics.into_sorted() }
    }

    fn options(&self) -> check::Options {
        check::Options {
            as_of: self.settings.as_of,
            now: self.settings.now,
            set: self.settings.set.clone(),
            strict: self.settings.strict,
        }
    }

    /// Text typed at a prompt: it is added where it checks, and replaces definitions of the same names. Where it
    /// does not, the session stays as it was (but for the text, which findings point into).
    pub fn enter(&mut self, name: &str, folder: &Path, text: &str) -> Entered {
        // A query that was stopped is over; a stop before the first one of a run counts.
        self.engine.cancel_handle().reset();
        let before = self.loaded.clone();
        let file = self.loaded.load_text(name, folder, text);
        self.loaded.replace_with_last();
        self.engine.refresh();
        let mut checked = self.check_loaded(&self.loaded);
        // At a prompt the use of a name may be the next line.
        checked.diagnostics.retain(|d| !matches!(d.code, Code::Unused | Code::TagBloat));
        let mut entered = Entered {
            checked,
            segments: Vec::new(),
            tags: Vec::new(),
            audiences: Vec::new(),
            commands: Vec::new(),
        };
        let Some(program) = &entered.checked.program else {
            let map = self.loaded.map.clone();
            self.loaded = before;
            self.loaded.map = map;
            return entered;
        };
        let here = |span: crate::source::Span| span.file == file;
        for (id, d) in program.definition_ids().filter(|(_, d)| here(d.span) && d.is_written()) {
            match d.kind {
                crate::ir::DefinitionKind::Segment => entered.segments.push(id),
                crate::ir::DefinitionKind::Tag => entered.tags.push(id),
            }
        }
        entered.audiences =
            program.audiences.iter().filter(|a| here(a.span)).map(|a| a.name.clone()).collect();
        entered.commands = program.commands.iter().map(|(command, _)| command.clone()).collect();
        // A command is asked once; it is no definition.
        self.loaded.drop_commands();
        entered
    }

    /// The opened tables of a program's sources.
    pub fn tables(&self, program: &Program) -> Result<Tables, Diagnostic> {
        let mut tables = Tables::new();
        let with_files = program.sources.iter().enumerate().filter(|(_, s)| s.opened && s.keys_of.is_none());
        for (i, source) in with_files {
            let table = self.engine.provider_with(&source.location, &source.as_text()).map_err(|e| {
                let message = format!("{} can no longer be opened: {e:?}", source.name);
                Diagnostic::new(Code::SourceUnreadable, message).at(source.span)
            })?;
            tables.insert(SourceId(u32::try_from(i).unwrap_or(u32::MAX)), table);
        }
        Ok(tables)
    }

    /// Does something with an asker, look-ups checked first; errors become findings.
    pub fn with_asker<T>(
        &self,
        program: &Program,
        on_progress: &dyn Fn(Progress),
        work: impl FnOnce(&Asker<'_>) -> Result<T, ExplainError>,
    ) -> Result<T, Diagnostic> {
        self.with_tables(program, on_progress, |asker| {
            self.check_unique(asker)?;
            work(asker)
        })
    }

    fn with_tables<T>(
        &self,
        program: &Program,
        on_progress: &dyn Fn(Progress),
        work: impl FnOnce(&Asker<'_>) -> Result<T, ExplainError>,
    ) -> Result<T, Diagnostic> {
        let tables = self.tables(program)?;
        let asker = Asker {
            engine: &self.engine,
            program,
            tables: &tables,
            lang: self.settings.lang,
            on_progress,
            warm: true,
        };
        work(&asker).map_err(|e| fault_of(&e))
    }

    pub fn ask(
        &self,
        program: &Program,
        command: &Command,
        on_progress: &dyn Fn(Progress),
    ) -> Result<Answer, Diagnostic> {
        let mut answer = self.with_asker(program, on_progress, |asker| asker.ask(command))?;
        if let (Answer::Why(why), Command::Why { key, segment }) = (&mut answer, command)
            && why.member
        {
            why.leaves = self.leaves(program, key, *segment, on_progress)?;
        }
        Ok(answer)
    }

    /// For a member, when the membership ends if nothing happens.
    fn leaves(
        &self,
        program: &Program,
        key: &str,
        segment: DefId,
        on_progress: &dyn Fn(Progress),
    ) -> Result<Option<Leaves>, Diagnostic> {
        let Some(segment) = program.definition(segment).filter(|d| d.is_written()) else { return Ok(None) };
        let (scripts, map) = (&self.loaded.scripts, &self.loaded.map);
        let ahead = check::ahead(scripts, map, &self.engine, &self.options(), &segment.name);
        let Some(ahead) = ahead.filter(|a| !a.later.is_empty()) else { return Ok(None) };
        self.with_tables(&ahead.program, on_progress, |asker| asker.leaves(key, ahead.segment, &ahead.later))
    }

    /// A segment as a prompt answers it: explained, with a few members.
    pub fn introduce(
        &self,
        program: &Program,
        segment: DefId,
        sample: usize,
        on_progress: &dyn Fn(Progress),
    ) -> Result<Explain, Diagnostic> {
        self.with_asker(program, on_progress, |asker| asker.explain(segment, Some(sample)))
    }

    /// The counts of segments, out of one pass per entity.
    pub fn counts(
        &self,
        program: &Program,
        segments: &[DefId],
        on_progress: &dyn Fn(Progress),
    ) -> Result<Vec<Count>, Diagnostic> {
        self.with_asker(program, on_progress, |asker| asker.counts(segments))
    }

    /// A warning where no source has an event on the run's day: yesterday's data makes the last 90 days 89.
    pub fn day_warning(&self, program: &Program) -> Result<Option<Diagnostic>, Diagnostic> {
        let today = program.today();
        let events = (0..program.sources.len()).map(|i| SourceId(u32::try_from(i).unwrap_or(u32::MAX)));
        let events = events.filter(|id| program.source(*id).is_some_and(|s| s.opened && s.is_events()));
        let mut looked = false;
        let seen = self.with_tables(program, &|_| {}, |asker| {
            for id in events {
                match asker.has_events_on(id, today)? {
                    Some(true) => return Ok(true),
                    Some(false) => looked = true,
                    None => {}
                }
            }
            Ok(false)
        })?;
        if seen {
            return Ok(None);
        }
        Ok(looked.then(|| {
            Diagnostic::new(Code::NoEventsOnDay, format!("no source has an event on {today}, the run's day"))
                .help("the data may end earlier: give its last day with --as-of")
        }))
    }

    /// The plans of each level of a portrait that answers all segments, as DataFusion prints them.
    pub fn plans(&self, program: &Program) -> Result<String, Diagnostic> {
        let noop = |_: Progress| {};
        self.with_asker(program, &noop, |asker| asker.plans())
    }

    /// The day of a run, as it is printed.
    pub fn as_of_text(&self, program: &Program) -> String {
        format!("{} ({})", program.as_of.text(&program.zone), program.zone.name())
    }
}

/// The entities between events and the one that they are folded for.
fn steps_between(program: &Program, events: SourceId, path: &[u32]) -> Vec<SourceId> {
    let mut found = Vec::new();
    let mut at = events;
    for (step, of) in path.iter().enumerate() {
        let Some(owner) = program.source(at).and_then(|s| s.of.get(*of as usize)) else { break };
        at = owner.entity;
        if step + 1 < path.len() {
            found.push(at);
        }
    }
    found
}

/// Entities that rows are joined to: the ends of links, and the steps from events to an entity.
fn looked_up(program: &Program) -> Vec<SourceId> {
    let mut found: Vec<SourceId> = Vec::new();
    let mut add = |id: SourceId| {
        if !found.contains(&id) {
            found.push(id);
        }
    };
    for i in 0..program.graph.len() {
        match program.node(crate::ir::ExprId(u32::try_from(i).unwrap_or(u32::MAX))) {
            Node::Column { source, via, .. } => {
                let mut at = *source;
                for link in via {
                    if let Some(target) = program.source(at).and_then(|s| s.link(*link)).map(|l| l.target) {
                        add(target);
                        at = target;
                    }
                }
            }
            Node::Aggregate(a) => steps_between(program, a.events, &a.path).into_iter().for_each(&mut add),
            Node::Sequence(s) => {
                for step in &s.steps {
                    steps_between(program, step.events, &step.path).into_iter().for_each(&mut add);
                }
            }
            _ => {}
        }
    }
    found
}
