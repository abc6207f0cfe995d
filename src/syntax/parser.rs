//! Drives the grammar: one statement at a time, so that each error is met alone and a long script stays quick.
//!
//! Words are soft, so where a statement ends is known only by parsing it. The scanner guesses where the next one may
//! begin; the grammar reads up to that guess. Where the reading fails at the very end of the piece, the guess was
//! perhaps wrong (`where⏎count > 5`), and a longer piece is tried. Pieces grow by doubling, which keeps it linear.
//! Of a long script, several threads read ahead from guess to guess; what the grammar makes of a piece depends on nothing
//! else, so that the script means the same.

use super::ast::{Script, Statement, StatementKind};
use super::depth::{self, Depth, MAX_HEIGHT, MAX_NESTING};
use super::error::{self, Failure};
use super::grammar::{Grammar, Rule};
use super::scan::{self, Kind, Scanned, Token};
use super::tree::Builder;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::parallel::each;
use crate::source::{FileId, Span};
use pest::Parser as _;
use pest::error::{ErrorVariant, InputLocation};
use std::borrow::Cow;
use std::iter::{Flatten, Peekable};
use std::num::NonZero;
use std::ops::Range;
use std::thread::available_parallelism;
use std::vec::IntoIter;

/// A longer script is refused at once: a script is written by people.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A script of fewer bytes is read by one thread.
const LONG: usize = 8 * 1024;

/// So many statements are a piece that a thread reads ahead.
const AHEAD: usize = 128;
/// So many pieces for each thread are read ahead at a time: where reading ends early, no more was in vain.
const PIECES: usize = 64;
/// More threads would hardly be sooner.
const MOST_THREADS: usize = 8;

/// After so many errors nobody reads on.
const MAX_ERRORS: usize = 200;

/// How the text ends: what the prompt wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// There is no statement.
    Nothing,
    /// The last statement is whole, was reported, or is closed by `;`.
    Whole,
    /// The last statement is whole, but more clauses could follow.
    MayGoOn,
    /// The text stops in the middle of a statement.
    Unfinished,
}

pub(super) fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> (Script, Ending) {
    parse_by(&|| available_parallelism().map_or(1, NonZero::get), file, text, diagnostics)
}

/// `threads`: how many read it, if it is long.
pub(super) fn parse_by(
    threads: &dyn Fn() -> usize,
    file: FileId,
    text: &str,
    diagnostics: &mut Diagnostics,
) -> (Script, Ending) {
    if text.len() > MAX_BYTES {
        diagnostics.push(
            Diagnostic::new(
                Code::TooLarge,
                format!("the script has {} MB; the most is 4 MB", text.len() / (1024 * 1024)),
            )
            .help("split it into files and bring them together with `use`; long lists belong in a source"),
        );
        return (Script::default(), Ending::Whole);
    }
    let threads = if text.len() > LONG { threads().min(MOST_THREADS) } else { 1 };
    let Scanned { tokens, errors, comments, boundaries } = scan::scan_by(threads, text);
    let bare = without_comments(text, &comments);
    let mut run = Run {
        file,
        text,
        bare: &bare,
        tokens: &tokens,
        boundaries: &boundaries,
        ahead: Vec::new().into_iter().flatten().peekable(),
        ahead_to: 0,
        malformed: errors.iter().map(|error| error.start).collect(),
        ending: Ending::Nothing,
    };
    let mut script = Script::default();
    let mut errors = errors.iter().peekable();
    let mut at = 0;
    let mut reported = 0;
    while let Some(token) = tokens.get(at) {
        if reported > MAX_ERRORS {
            run.ending = Ending::Whole;
            break;
        }
        if token.kind == Kind::Semicolon {
            at += 1;
            run.ending = Ending::Whole;
            continue;
        }
        // What is wrong inside a token was found by the scanner; a statement with such a token is not read.
        let clean_until = errors.peek().map_or(text.len(), |e| e.start);
        if threads > 1 && at >= run.ahead_to {
            run.read_ahead(at, threads);
        }
        match run.statement(at, clean_until) {
            Found::Statement(statement, found, next) => {
                reported += found.len();
                diagnostics.extend(found);
                script.statements.extend(statement.map(|s| *s));
                at = next.max(at + 1);
            }
            Found::Error(diagnostic, next) => {
                reported += 1;
                diagnostics.push(diagnostic);
                at = next.max(at + 1);
            }
            Found::Unclean => {
                at = run.recover(at + 1, clean_until);
                let end = tokens.get(at).map_or(text.len(), |t| t.start as usize);
                while let Some(error) = errors.next_if(|e| e.start < end) {
                    reported += 1;
                    if reported > MAX_ERRORS {
                        continue;
                    }
                    let mut diagnostic = Diagnostic::new(error.code, error.message.clone())
                        .label(Span::new(file, error.start, error.end), error.label);
                    diagnostic.help.extend(error.help.clone());
                    diagnostics.push(diagnostic);
                }
                run.ending = Ending::Whole;
            }
        }
    }
    if reported > MAX_ERRORS {
        let end = tokens.get(at).or(tokens.last()).map_or(Span::new(file, 0, 0), |t| t.span(file));
        let message = format!("more than {MAX_ERRORS} errors; the others are not shown");
        diagnostics.push(Diagnostic::new(Code::Syntax, message).label(end, "reading stops here"));
    }
    (script, run.ending)
}

/// The text as the grammar sees it.
pub(super) fn bare(text: &str) -> Cow<'_, str> {
    without_comments(text, &scan::scan(text).comments)
}

/// The text with blanks in the place of its comments: every byte keeps its place.
fn without_comments<'t>(text: &'t str, comments: &[(usize, usize)]) -> Cow<'t, str> {
    if comments.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bare = String::with_capacity(text.len());
    let mut at = 0;
    for &(start, end) in comments {
        bare.push_str(text.get(at..start).unwrap_or(""));
        bare.extend(std::iter::repeat_n(' ', end - start));
        at = end;
    }
    bare.push_str(text.get(at..).unwrap_or(""));
    Cow::Owned(bare)
}

struct Run<'t> {
    file: FileId,
    text: &'t str,
    /// The text as the grammar sees it.
    bare: &'t str,
    tokens: &'t [Token],
    boundaries: &'t [usize],
    /// What was read ahead, in order.
    ahead: Peekable<Flatten<IntoIter<Vec<Ahead>>>>,
    /// Up to which token.
    ahead_to: usize,
    /// Where tokens are that nobody reads, in order.
    malformed: Vec<usize>,
    ending: Ending,
}

enum Found {
    /// The statement, what is wrong with it, and the token after it.
    Statement(Option<Box<Statement>>, Vec<Diagnostic>, usize),
    Error(Diagnostic, usize),
    /// A token of it is malformed.
    Unclean,
}

/// A statement that the grammar accepts.
struct Read {
    statement: Option<Box<Statement>>,
    diagnostics: Vec<Diagnostic>,
    open_case: bool,
    /// The token after it.
    next: usize,
}

/// A statement that was read ahead: of the tokens `from..to`.
struct Ahead {
    from: usize,
    to: usize,
    read: Read,
}

impl Run<'_> {
    /// The statement that begins with token `from`.
    fn statement(&mut self, from: usize, clean_until: usize) -> Found {
        while let Some(ahead) = self.ahead.next_if(|ahead| ahead.from <= from) {
            if ahead.from == from && self.end_of(ahead.to) <= clean_until {
                return self.accept(ahead.read);
            }
        }
        let mut to = self.first_guess(from);
        let mut step = 1;
        loop {
            if self.end_of(to) > clean_until {
                return Found::Unclean;
            }
            let nesting = match depth::measure(self.text, self.tokens.get(from..to).unwrap_or(&[])) {
                Depth::Fine(nesting) => nesting,
                Depth::TooDeep { at, chain } => return self.too_deep(from + at, chain),
            };
            let failure = match self.read(from, to, nesting) {
                Ok(read) => return self.accept(read),
                Err(failure) => failure,
            };
            let at_end = failure.at >= self.end_of(to);
            let soft_end = self.tokens.get(to).is_some_and(|t| t.kind != Kind::Semicolon);
            if at_end && soft_end {
                for _ in 0..step {
                    to = self.next_guess(to);
                }
                step *= 2;
                continue;
            }
            return self.fail(from, to, failure, nesting);
        }
    }

    /// Reads what are probably statements, from a token on.
    fn read_ahead(&mut self, from: usize, threads: usize) {
        let next = self.boundaries.partition_point(|b| *b <= from);
        let starts = self.boundaries.get(next..).unwrap_or_default().iter().copied();
        let most = threads * PIECES;
        let mut starts: Vec<usize> =
            std::iter::once(from).chain(starts.skip(AHEAD - 1).step_by(AHEAD)).take(most + 1).collect();
        if starts.len() <= most {
            starts.push(self.tokens.len());
        }
        self.ahead_to = starts.last().copied().unwrap_or(from);
        let pieces = starts.iter().zip(starts.iter().skip(1)).map(|(start, end)| *start..*end).collect();
        self.ahead = each(pieces, threads, |piece| self.readable(piece)).into_iter().flatten().peekable();
    }

    /// The statements among some tokens that end where one would guess.
    fn readable(&self, tokens: Range<usize>) -> Vec<Ahead> {
        let mut found = Vec::new();
        let mut at = tokens.start;
        while at < tokens.end {
            if self.tokens.get(at).is_some_and(|t| t.kind == Kind::Semicolon) {
                at += 1;
                continue;
            }
            let to = self.first_guess(at);
            let start = self.tokens.get(at).map_or(0, |t| t.start as usize);
            let bad = self.malformed.get(self.malformed.partition_point(|bad| *bad < start));
            let is_clean = bad.is_none_or(|bad| *bad >= self.end_of(to));
            let read = match depth::measure(self.text, self.tokens.get(at..to).unwrap_or(&[])) {
                Depth::Fine(nesting) if is_clean => self.read(at, to, nesting).ok(),
                _ => None,
            };
            let next = read.as_ref().map_or(to, |read| read.next).max(at + 1);
            found.extend(read.map(|read| Ahead { from: at, to, read }));
            at = next;
        }
        found
    }

    fn accept(&mut self, read: Read) -> Found {
        let more = read.open_case
            || read.statement.as_ref().is_some_and(|s| {
                matches!(
                    s.kind,
                    StatementKind::Source(_)
                        | StatementKind::Audience(_)
                        | StatementKind::Rfm(_)
                        | StatementKind::Score(_)
                )
            });
        self.ending = if more { Ending::MayGoOn } else { Ending::Whole };
        Found::Statement(read.statement, read.diagnostics, read.next)
    }

    /// Reports the failure of the piece `from..to`, and says where to go on.
    fn fail(&mut self, from: usize, to: usize, mut failure: Failure, nesting: usize) -> Found {
        let mut to = to;
        // A longer piece was tried and failed inside: then the guess that cut it was right, and the statement is
        // the one that stops there.
        if failure.at < self.end_of(to)
            && let Some(cut) = self.last_guess(from, failure.at)
        {
            match self.read(from, cut, nesting) {
                Ok(read) => return self.accept(read),
                Err(shorter) => {
                    failure = shorter;
                    to = cut;
                }
            }
        }
        let found = self.token_at(failure.at);
        if let Some((diagnostic, next)) =
            error::metadata_without_value(self.file, self.text, self.tokens, from, failure.at)
        {
            self.ending = if next >= self.tokens.len() { Ending::Unfinished } else { Ending::Whole };
            return Found::Error(diagnostic, next);
        }
        // A misspelt statement word at the margin: the statement before it is whole.
        let margin = self.tokens.get(found).is_some_and(|t| t.at_margin);
        if margin
            && found > from
            && failure.expected.contains(&Rule::statement_end)
            && let Ok(read) = self.read(from, found, nesting)
        {
            return self.accept(read);
        }
        let at_end = failure.at >= self.end_of(to);
        self.ending = if at_end && to >= self.tokens.len() { Ending::Unfinished } else { Ending::Whole };
        let place =
            error::Place { file: self.file, text: self.text, tokens: self.tokens, from, found, at_end };
        Found::Error(error::diagnose(&failure, &place), self.recover(found.max(from + 1), failure.at))
    }

    fn too_deep(&mut self, at: usize, chain: bool) -> Found {
        self.ending = Ending::Whole;
        let span = self.tokens.get(at).map_or(Span::new(self.file, 0, 0), |t| t.span(self.file));
        let (message, label) = if chain {
            (format!("more than {MAX_HEIGHT} signs in one expression"), "one too many")
        } else {
            (format!("nested more than {MAX_NESTING} levels deep"), "one level too many")
        };
        let diagnostic = Diagnostic::new(Code::TooDeep, message)
            .label(span, label)
            .help("give a part of it a name of its own, with `tag` or `segment`");
        Found::Error(diagnostic, self.recover(at + 1, span.end as usize))
    }

    /// Lets the grammar read the tokens `from..to`.
    fn read(&self, from: usize, to: usize, nesting: usize) -> Result<Read, Failure> {
        // pest and the builder recurse; a debug build takes some tens of kilobytes per level.
        let need = 512 * 1024 + nesting * 96 * 1024;
        stacker::maybe_grow(need, need + 512 * 1024, || self.read_here(from, to))
    }

    fn read_here(&self, from: usize, to: usize) -> Result<Read, Failure> {
        let start = self.tokens.get(from).map_or(self.text.len(), |t| t.start as usize);
        let piece = self.bare.get(start..self.end_of(to)).unwrap_or("");
        let mut pairs = Grammar::parse(Rule::one, piece).map_err(|e| failure(start, e))?;
        let mut found = Diagnostics::default();
        let mut builder = Builder {
            file: self.file,
            text: self.text,
            offset: start,
            diagnostics: &mut found,
            inside_case: false,
            open_case: false,
        };
        let statement = pairs.next().and_then(|one| builder.one(one)).map(Box::new);
        let open_case = builder.open_case;
        let next = match &statement {
            Some(s) => from + before(self.tokens.get(from..to).unwrap_or(&[]), s.span.end as usize),
            None => {
                let span = Span::new(self.file, start, self.end_of(to));
                found.push(
                    Diagnostic::new(Code::Internal, "the grammar and the syntax tree disagree").at(span),
                );
                to
            }
        };
        Ok(Read { statement, diagnostics: found.into_sorted(), open_case, next })
    }

    /// Where the tokens `..to` end in the text.
    fn end_of(&self, to: usize) -> usize {
        to.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, |t| t.end as usize)
    }

    /// The first token at or after a byte.
    fn token_at(&self, byte: usize) -> usize {
        before(self.tokens, byte)
    }

    /// The first boundary after token `at`, or the end.
    fn next_guess(&self, at: usize) -> usize {
        let i = self.boundaries.partition_point(|b| *b <= at);
        self.boundaries.get(i).copied().unwrap_or(self.tokens.len())
    }

    /// Where the statement that begins with `from` probably ends; its metadata belongs to it.
    fn first_guess(&self, from: usize) -> usize {
        let is_meta = |at: usize| self.tokens.get(at).is_some_and(|t| t.kind == Kind::At);
        let mut at = from;
        while is_meta(at) {
            let next = self.next_guess(at);
            if self.tokens.get(next).is_none_or(|t| t.kind == Kind::Semicolon) {
                return next;
            }
            at = next;
        }
        self.next_guess(at)
    }

    /// The last boundary after `from` that stands at or before a byte.
    fn last_guess(&self, from: usize, byte: usize) -> Option<usize> {
        let at = self.tokens.partition_point(|t| (t.start as usize) <= byte);
        let i = self.boundaries.partition_point(|b| *b < at);
        let cut = i.checked_sub(1).and_then(|i| self.boundaries.get(i)).copied()?;
        (cut > from && self.tokens.get(from).is_some_and(|t| t.kind != Kind::At)).then_some(cut)
    }

    /// Where to go on after an error: the next line that starts with a statement's word, or `;`.
    fn recover(&self, from: usize, byte: usize) -> usize {
        let from = from.max(self.token_at(byte));
        let i = self.boundaries.partition_point(|b| *b < from);
        self.boundaries
            .get(i..)
            .unwrap_or(&[])
            .iter()
            .copied()
            .find(|b| self.tokens.get(*b).is_some_and(|t| t.starts_line || t.kind == Kind::Semicolon))
            .unwrap_or(self.tokens.len())
    }
}

/// How many of the tokens begin before a byte.
fn before(tokens: &[Token], byte: usize) -> usize {
    tokens.partition_point(|t| (t.start as usize) < byte)
}

fn failure(start: usize, error: pest::error::Error<Rule>) -> Failure {
    let at = match error.location {
        InputLocation::Pos(at) => at,
        InputLocation::Span((at, _)) => at,
    };
    let expected = match error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    Failure { at: start + at, expected }
}
