//! What the line editor asks while a line is typed.

use super::CONTINUED;
use super::core::Repl;
use super::entry;
use super::highlight::highlight;
use super::meta;
use super::words::Msg;
use crate::ide;
use crate::syntax::{Entry, LexemeKind, lexemes};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// As many candidates are listed with what they mean.
const EXPLAINED: usize = 12;

pub struct PromptHelper {
    repl: Rc<RefCell<Repl>>,
    files: FilenameCompleter,
    color: bool,
}

impl PromptHelper {
    pub fn new(repl: Rc<RefCell<Repl>>, color: bool) -> PromptHelper {
        PromptHelper { repl, files: FilenameCompleter::new(), color }
    }
}

impl Helper for PromptHelper {}

/// Shown, never taken over.
pub struct Cue(String);

impl Hint for Cue {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

/// The editor has no prompt for further lines (and they can be edited, which is worth more): until something is
/// typed there, the line says that the entry goes on.
impl Hinter for PromptHelper {
    type Hint = Cue;

    fn hint(&self, line: &str, pos: usize, _ctx: &Context<'_>) -> Option<Cue> {
        let fresh = pos == line.len() && line.ends_with('\n') && !line.trim().is_empty();
        let repl = self.repl.try_borrow().ok().filter(|_| fresh)?;
        Some(Cue(format!("{CONTINUED}{}", repl.say(Msg::GoesOn, &[]))))
    }
}

impl Validator for PromptHelper {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match entry::state(ctx.input()) {
            Entry::Incomplete => ValidationResult::Incomplete,
            Entry::Complete | Entry::Blank => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for PromptHelper {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        if !self.color || entry::meta(line).is_some() {
            return Cow::Borrowed(line);
        }
        Cow::Owned(highlight(line))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        if self.color { Cow::Owned(format!("\u{1b}[1m{prompt}\u{1b}[0m")) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color { Cow::Owned(format!("\u{1b}[2m{hint}\u{1b}[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _line: &str, _pos: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Completer for PromptHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, ctx: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let head = line.get(..pos).unwrap_or(line);
        let typed = head.rsplit('\n').next().unwrap_or(head);
        if let Some(command) = entry::meta(typed) {
            if meta::takes_file(command) {
                return self.files.complete(line, pos, ctx);
            }
            let Ok(repl) = self.repl.try_borrow() else { return Ok((pos, Vec::new())) };
            let word = typed.rsplit(' ').next().unwrap_or(typed);
            let word = entry::meta(word).unwrap_or(word);
            let found = meta::complete(&repl, command);
            let pairs = found.into_iter().map(|(text, detail)| pair(text, &detail)).collect();
            return Ok((pos.saturating_sub(word.len()), pairs));
        }
        let Ok(mut repl) = self.repl.try_borrow_mut() else { return Ok((pos, Vec::new())) };
        if let Some(source) = ide::source_before(line, pos, &repl.known) {
            repl.look_into(&source);
        }
        let found = ide::complete(line, pos, &repl.known);
        if found.is_empty() && in_path(head) {
            return self.files.complete(line, pos, ctx);
        }
        let explained = found.len() <= EXPLAINED;
        let pairs = found.into_iter().map(|c| pair(c.text, if explained { &c.detail } else { "" })).collect();
        Ok((ide::word_start(line, pos), pairs))
    }
}

fn pair(text: String, detail: &str) -> Pair {
    let display = if detail.is_empty() { text.clone() } else { format!("{text}  ({detail})") };
    Pair { display, replacement: text }
}

/// Whether the cursor is in a text that names a file: after `from`, `use`, `to`.
fn in_path(head: &str) -> bool {
    let tokens = lexemes(head);
    let [.., word, text] = tokens.as_slice() else { return false };
    text.kind == LexemeKind::Text && ["from", "use", "to"].iter().any(|w| word.is_word(w))
}
