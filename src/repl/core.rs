//! The state of a prompt: a session, the last program that checked, and how answers are printed.

use super::ReplOptions;
use super::interrupt::Watch;
use super::progress::Meter;
use super::words::{Msg, say};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::Progress;
use crate::ide::Known;
use crate::ir::{DefinitionKind, Program};
use crate::output::rows::RowFormat;
use crate::session::{Checked, Session, exit_code};
use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::PathBuf;

/// The name of what was typed, in findings.
pub const TYPED: &str = "<prompt>";

/// Whether the prompt goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    Continue,
    Quit,
}

pub struct Repl {
    pub session: Session,
    /// The last one that checked: what questions are asked of.
    pub program: Option<Program>,
    pub known: Known,
    /// Scripts that are loaded, in order.
    pub files: Vec<PathBuf>,
    pub format: RowFormat,
    pub color: bool,
    pub width: Option<usize>,
    pub interactive: bool,
    pub closed: bool,
    /// Warnings that were printed.
    pub told: HashSet<String>,
    /// Errors so far.
    pub faults: Vec<Diagnostic>,
    /// Whether the day of the run was looked for in the events.
    day_known: bool,
    /// Ctrl-C was pressed: what is left of the entry is not run.
    pub stopped: bool,
    watch: Watch,
    version: String,
}

impl Repl {
    pub fn new(session: Session, options: ReplOptions, interactive: bool) -> Repl {
        let watch = Watch::start(session.cancel_handle(), interactive, session.lang());
        Repl {
            program: None,
            known: Known::default(),
            files: options.files,
            format: options.format,
            color: options.color,
            width: None,
            interactive,
            closed: false,
            told: HashSet::new(),
            faults: Vec::new(),
            day_known: false,
            stopped: false,
            watch,
            version: options.version,
            session,
        }
    }

    /// Loads the scripts and greets.
    pub fn start(&mut self) {
        let files = std::mem::take(&mut self.files);
        let (checked, commands) = self.session.load_checked(&files);
        let fine = self.take(checked);
        if fine {
            self.files = files;
        } else {
            self.note(Msg::NotLoaded, &[]);
            let checked = self.session.check();
            self.take(checked);
        }
        if commands > 0 {
            self.note(Msg::NotAsked, &[&commands.to_string()]);
        }
        if self.interactive {
            let banner = self.say(Msg::Banner, &[&self.version, &self.as_of(), &self.summary()]);
            self.out(&banner);
        }
    }

    pub fn say(&self, msg: Msg, blanks: &[&str]) -> String {
        say(self.session.lang(), msg, blanks)
    }

    pub fn as_of(&self) -> String {
        self.program.as_ref().map_or(String::new(), |p| self.session.as_of_text(p))
    }

    /// How much is loaded.
    pub fn summary(&self) -> String {
        let Some(program) = &self.program else { return self.say(Msg::Nothing, &[]) };
        let of = |kind| {
            program.definitions.iter().filter(|d| d.kind == kind && d.is_written()).count().to_string()
        };
        let counts = [
            program.sources.len().to_string(),
            of(DefinitionKind::Tag),
            of(DefinitionKind::Segment),
            program.audiences.len().to_string(),
        ];
        if counts.iter().all(|c| c == "0") {
            return self.say(Msg::Nothing, &[]);
        }
        self.say(Msg::Loaded, &counts.each_ref().map(String::as_str))
    }

    /// Prints what a check found and takes its program; whether there was one.
    pub fn take(&mut self, checked: Checked) -> bool {
        self.report(&checked.diagnostics);
        match checked.program {
            Some(program) => {
                self.known = Known::of(&program, self.session.lang());
                self.program = Some(program);
                true
            }
            None => false,
        }
    }

    /// Checks again what is loaded: the date, a parameter or the language changed.
    pub fn recheck(&mut self) -> bool {
        self.day_known = false;
        let checked = self.session.check();
        self.take(checked)
    }

    /// Runs a question on the last program: with a progress line, and Ctrl-C to end it. What goes wrong is printed.
    pub fn busy<T>(
        &mut self,
        work: impl FnOnce(&Session, &Program, &dyn Fn(Progress)) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        // What stands behind the interrupted question is not asked.
        if self.stopped {
            return None;
        }
        self.program.as_ref()?;
        self.watch.begin();
        self.look_for_day();
        let program = self.program.as_ref()?;
        let meter = Meter::new(self.session.lang(), self.interactive && std::io::stderr().is_terminal());
        let answer = work(&self.session, program, &|p| meter.update(p));
        self.watch.end();
        drop(meter);
        match answer {
            Ok(answer) => Some(answer),
            Err(d) if d.code == Code::Interrupted => {
                self.stopped = true;
                self.note(Msg::Interrupted, &[]);
                self.faults.push(d);
                None
            }
            Err(d) => {
                self.report(&[d]);
                None
            }
        }
    }

    /// Checks an entry; Ctrl-C meanwhile is remembered, a second one ends the process.
    pub fn watched<T>(&mut self, work: impl FnOnce(&mut Session) -> T) -> T {
        self.watch.begin();
        let done = work(&mut self.session);
        self.watch.end();
        done
    }

    /// Warns, once for each date, where no source has an event on the day of the run.
    fn look_for_day(&mut self) {
        let (false, Some(program)) = (self.day_known, &self.program) else { return };
        self.day_known = true;
        // What is wrong with the sources, the question itself will say.
        if let Ok(Some(warning)) = self.session.day_warning(program) {
            self.report(&[warning]);
        }
    }

    /// Opens a source for its columns; a source that cannot be opened has none to offer.
    pub fn look_into(&mut self, source: &str) {
        let Some(program) = &self.program else { return };
        self.watch.begin();
        let found = self.session.columns(program, source);
        self.watch.end();
        if let Ok(found) = found {
            self.known.set_columns(source, &found);
        }
    }

    /// Columns whose values are about a person.
    pub fn personal(&self) -> Vec<String> {
        self.session.personal_columns()
    }

    /// All names that are defined.
    pub fn names(&self) -> Vec<String> {
        let names = self.known.names.iter().map(|n| n.name.clone());
        names.chain(self.known.sources.iter().map(|s| s.name.clone())).collect()
    }

    /// Whether to stop: the reader is gone, or a pipe was interrupted.
    pub fn is_over(&mut self) -> bool {
        let pressed = self.watch.was_stopped();
        self.stopped |= pressed;
        self.closed || (!self.interactive && self.stopped)
    }

    pub fn exit_code(&self) -> u8 {
        exit_code(&self.faults)
    }
}
