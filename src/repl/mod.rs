//! The prompt: definitions answer at once, commands answer, `\` leads the prompt's own commands.
//!
//! On a terminal it edits lines; otherwise it reads all of its input, entry by entry, and ends with the code of
//! what it found.

mod core;
mod entry;
mod help;
mod helper;
mod highlight;
mod history;
mod interrupt;
mod introduce;
mod meta;
mod print;
mod progress;
mod save;
#[cfg(test)]
mod tests;
mod words;

use crate::output::rows::RowFormat;
use crate::session::Session;
use crate::syntax::Entry;
use core::{Flow, Repl};
use entry::Piece;
use helper::PromptHelper;
use history::History;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Behavior, ColorMode, CompletionType, Config, Editor};
use std::cell::RefCell;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::rc::Rc;
use words::Msg;

const PROMPT: &str = "segue> ";
/// On a line that goes on with an entry, until something is typed there.
const CONTINUED: &str = "   ...> ";

/// How the prompt is started.
#[derive(Clone, Debug)]
pub struct ReplOptions {
    /// Scripts that are loaded first.
    pub files: Vec<PathBuf>,
    /// Colours; off for `NO_COLOR` and `--color never`.
    pub color: bool,
    pub format: RowFormat,
    pub version: String,
}

/// Runs the prompt to its end; the exit code.
pub fn run(session: Session, options: ReplOptions) -> u8 {
    if std::io::stdin().is_terminal() { interactive(session, options) } else { piped(session, options) }
}

fn interactive(session: Session, options: ReplOptions) -> u8 {
    let color = options.color;
    let repl = Rc::new(RefCell::new(Repl::new(session, options, true)));
    with(&repl, Repl::start);
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .color_mode(if color { ColorMode::Enabled } else { ColorMode::Disabled })
        .auto_add_history(false)
        .behavior(Behavior::Stdio)
        .build();
    let Ok(mut editor) = Editor::<PromptHelper, DefaultHistory>::with_config(config) else {
        with(&repl, |r| r.note(Msg::NoTerminal, &[]));
        return 2;
    };
    editor.set_helper(Some(PromptHelper::new(Rc::clone(&repl), color)));
    let mut history = History::open();
    history.recall(&mut editor);
    loop {
        let width = editor.dimensions().map(|(columns, _)| usize::from(columns));
        with(&repl, |r| r.width = width);
        let typed = match editor.readline(PROMPT) {
            Ok(typed) => typed,
            // Ctrl-C clears what was typed.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => {
                with(&repl, |r| r.note(Msg::CannotRead, &[&error.to_string()]));
                return 3;
            }
        };
        if entry::state(&typed) == Entry::Blank {
            continue;
        }
        // In this session all of it can be called back; what is personal goes into no file.
        let _ = editor.add_history_entry(typed.trim_end());
        if let Some((personal, names)) = with(&repl, |r| (r.personal(), r.names())) {
            history.keep(typed.trim_end(), &personal, &names);
        }
        with(&repl, |r| r.stopped = false);
        let mut flow = Flow::Continue;
        for piece in entry::pieces(&typed) {
            flow = with(&repl, |r| r.piece(&piece)).unwrap_or(Flow::Continue);
            if flow == Flow::Quit || with(&repl, |r| r.stopped) == Some(true) {
                break;
            }
        }
        if flow == Flow::Quit {
            break;
        }
    }
    0
}

/// The prompt's state, unless it is in use (which no caller does).
fn with<T>(repl: &RefCell<Repl>, work: impl FnOnce(&mut Repl) -> T) -> Option<T> {
    repl.try_borrow_mut().ok().map(|mut repl| work(&mut repl))
}

fn piped(session: Session, options: ReplOptions) -> u8 {
    let mut repl = Repl::new(session, options, false);
    repl.start();
    let mut bytes = Vec::new();
    if let Err(error) = std::io::stdin().lock().read_to_end(&mut bytes) {
        repl.note(Msg::CannotRead, &[&error.to_string()]);
        return 3;
    }
    let Ok(text) = String::from_utf8(bytes) else {
        repl.note(Msg::NotUtf8, &[]);
        return 1;
    };
    for piece in entry::entries(&text) {
        if repl.piece(&piece) == Flow::Quit {
            break;
        }
    }
    repl.exit_code()
}

impl Repl {
    /// Runs one entry.
    fn piece(&mut self, piece: &Piece) -> Flow {
        let flow = match piece {
            Piece::Meta(line) => meta::run(self, line),
            Piece::Text(text) => {
                self.entry(text);
                Flow::Continue
            }
        };
        if self.is_over() { Flow::Quit } else { flow }
    }
}
