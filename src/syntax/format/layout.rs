//! Text that may be broken into lines, and the machine that decides where: a group stands on one line where it fits,
//! and breaks at its own breaks where it does not (Wadler's printer, with comments).

use unicode_width::UnicodeWidthStr;

/// The width that a line should keep to.
pub(super) const WIDTH: usize = 100;

/// What is to be printed.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    Text(String),
    /// So many blanks; a line break only where a comment stands before it.
    Blanks(usize),
    /// A blank in a group on one line; in a broken one a line break, so many columns left of the indentation.
    Break(usize),
    /// So many blanks in a broken group, one in a group on one line.
    Pad(usize),
    /// A line break, wherever it stands.
    Hard,
    /// A comment on its own line.
    Comment(String),
    /// A comment at the end of its line.
    Trailing(String),
    Seq(Vec<Doc>),
    Nest(usize, Box<Doc>),
    /// What is inside breaks to the column where it begins.
    Align(Box<Doc>),
    Group(Box<Doc>),
    /// As many to a line as fit.
    Fill(Vec<Doc>),
}

impl Doc {
    pub fn text(text: impl Into<String>) -> Doc {
        Doc::Text(text.into())
    }

    pub fn nest(by: usize, doc: Doc) -> Doc {
        Doc::Nest(by, Box::new(doc))
    }

    pub fn align(doc: Doc) -> Doc {
        Doc::Align(Box::new(doc))
    }

    pub fn group(doc: Doc) -> Doc {
        Doc::Group(Box::new(doc))
    }

    /// With one blank between two of them.
    pub fn spaced(docs: impl IntoIterator<Item = Doc>) -> Doc {
        let mut all = Vec::new();
        for doc in docs {
            if !all.is_empty() {
                all.push(Doc::Blanks(1));
            }
            all.push(doc);
        }
        Doc::Seq(all)
    }

    /// The same with each comment at a line's end behind all that is glued to its token: `a -- why` and then `)` is
    /// `a)  -- why`.
    pub fn settled(self) -> Doc {
        let mut waiting = Vec::new();
        let doc = self.settle(&mut waiting);
        Doc::Seq([doc].into_iter().chain(waiting).collect())
    }

    fn settle(self, waiting: &mut Vec<Doc>) -> Doc {
        match self {
            Doc::Text(_) => self,
            Doc::Trailing(_) => {
                waiting.push(self);
                Doc::Seq(Vec::new())
            }
            Doc::Blanks(_) | Doc::Break(_) | Doc::Pad(_) | Doc::Hard | Doc::Comment(_) => {
                if waiting.is_empty() {
                    return self;
                }
                Doc::Seq(waiting.drain(..).chain([self]).collect())
            }
            Doc::Seq(list) => Doc::Seq(list.into_iter().map(|d| d.settle(waiting)).collect()),
            Doc::Nest(by, doc) => Doc::nest(by, doc.settle(waiting)),
            Doc::Align(doc) => Doc::align(doc.settle(waiting)),
            Doc::Group(doc) => Doc::group(doc.settle(waiting)),
            Doc::Fill(list) => {
                let mut items: Vec<Doc> = Vec::new();
                for item in list {
                    if let Some(last) = items.last_mut().filter(|_| !waiting.is_empty()) {
                        let item = std::mem::replace(last, Doc::Hard);
                        *last = Doc::Seq([item].into_iter().chain(waiting.drain(..)).collect());
                    }
                    items.push(item.settle(waiting));
                }
                Doc::Fill(items)
            }
        }
    }

    /// [`Doc::width`] without a comment at the very end.
    pub fn width_before_comment(self) -> Option<usize> {
        self.settle(&mut Vec::new()).width()
    }

    /// The columns that it takes on one line; none where it cannot stand on one.
    pub fn width(&self) -> Option<usize> {
        Some(match self {
            Doc::Text(text) => text.width(),
            Doc::Blanks(n) => *n,
            Doc::Break(_) | Doc::Pad(_) => 1,
            Doc::Hard | Doc::Comment(_) | Doc::Trailing(_) => return None,
            Doc::Seq(list) => list.iter().map(Doc::width).sum::<Option<usize>>()?,
            Doc::Fill(list) => {
                list.iter().map(Doc::width).sum::<Option<usize>>()? + list.len().saturating_sub(1)
            }
            Doc::Nest(_, doc) | Doc::Align(doc) | Doc::Group(doc) => doc.width()?,
        })
    }
}

/// A printed line.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub code: String,
    pub comment: Option<String>,
}

/// Prints a document.
pub(super) fn print(doc: Doc) -> Vec<Line> {
    let mut printer = Printer { lines: Vec::new(), code: String::new(), waiting: Vec::new() };
    printer.run(&doc.settled());
    printer.finish_line();
    printer.lines
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Flat,
    Broken,
}

#[derive(Clone, Copy)]
enum Task<'d> {
    Doc(&'d Doc),
    /// The rest of a `Fill`, each led by its separator.
    Rest(&'d [Doc]),
}

struct Printer {
    lines: Vec<Line>,
    code: String,
    /// Comments that stand at the end of this line.
    waiting: Vec<String>,
}

type Job<'d> = (usize, Mode, Task<'d>);

impl Printer {
    fn run(&mut self, doc: &Doc) {
        let mut jobs: Vec<Job<'_>> = vec![(0, Mode::Broken, Task::Doc(doc))];
        while let Some((indent, mode, task)) = jobs.pop() {
            let doc = match task {
                Task::Doc(doc) => doc,
                Task::Rest(list) => {
                    self.rest(indent, mode, list, &mut jobs);
                    continue;
                }
            };
            match doc {
                Doc::Text(text) => self.code.push_str(text),
                Doc::Blanks(n) => self.blanks(*n, indent),
                Doc::Pad(n) => self.blanks(if mode == Mode::Flat { 1 } else { *n }, indent),
                Doc::Break(_) if mode == Mode::Flat => self.blanks(1, indent),
                Doc::Break(back) => self.fresh(indent.saturating_sub(*back)),
                Doc::Hard => self.fresh(indent),
                Doc::Comment(text) => {
                    self.fresh(indent);
                    self.code.push_str(text);
                    self.finish_line();
                    self.fresh(indent);
                }
                Doc::Trailing(text) => self.waiting.push(text.clone()),
                Doc::Seq(list) => jobs.extend(list.iter().rev().map(|d| (indent, mode, Task::Doc(d)))),
                Doc::Nest(by, inner) => jobs.push((indent + by, mode, Task::Doc(inner))),
                Doc::Align(inner) => jobs.push((self.code.width(), mode, Task::Doc(inner))),
                Doc::Group(inner) => {
                    let flat = mode == Mode::Flat || self.fits(inner, &jobs, 0);
                    jobs.push((indent, if flat { Mode::Flat } else { Mode::Broken }, Task::Doc(inner)));
                }
                Doc::Fill(list) => {
                    if let Some((first, rest)) = list.split_first() {
                        jobs.push((indent, mode, Task::Rest(rest)));
                        jobs.push((indent, mode, Task::Doc(first)));
                    }
                }
            }
        }
    }

    fn rest<'d>(&mut self, indent: usize, mode: Mode, list: &'d [Doc], jobs: &mut Vec<Job<'d>>) {
        let Some((next, others)) = list.split_first() else { return };
        let mut mode_of_next = mode;
        if mode == Mode::Flat {
            self.blanks(1, indent);
        } else {
            let after: &[Job<'_>] = if others.is_empty() { jobs } else { &[] };
            if self.waiting.is_empty() && self.fits(next, after, 1) {
                mode_of_next = Mode::Flat;
                self.blanks(1, indent);
            } else {
                self.fresh(indent);
            }
        }
        jobs.push((indent, mode, Task::Rest(others)));
        jobs.push((indent, mode_of_next, Task::Doc(next)));
    }

    fn is_blank(&self) -> bool {
        self.code.bytes().all(|b| b == b' ')
    }

    /// Blanks; a new line where a comment must come first, nothing at the beginning of a line.
    fn blanks(&mut self, n: usize, indent: usize) {
        if !self.waiting.is_empty() {
            self.fresh(indent);
        } else if !self.is_blank() {
            self.code.extend(std::iter::repeat_n(' ', n));
        }
    }

    /// The beginning of a line.
    fn fresh(&mut self, indent: usize) {
        self.finish_line();
        self.code.extend(std::iter::repeat_n(' ', indent));
    }

    fn finish_line(&mut self) {
        let code = std::mem::take(&mut self.code);
        let mut comments = std::mem::take(&mut self.waiting).into_iter();
        let code = code.trim_end_matches(' ').to_string();
        if code.is_empty() {
            self.lines.extend(comments.map(|c| Line { code: c, comment: None }));
            return;
        }
        let indent: String = code.chars().take_while(|c| *c == ' ').collect();
        self.lines.push(Line { code, comment: comments.next() });
        self.lines.extend(comments.map(|c| Line { code: format!("{indent}{c}"), comment: None }));
    }

    /// Whether `doc`, after `before` blanks, ends on this line, with what follows it up to the next possible break.
    fn fits(&self, doc: &Doc, after: &[Job<'_>], before: usize) -> bool {
        let Some(mut left) = WIDTH.checked_sub(self.code.width() + before) else { return false };
        let mut commented = !self.waiting.is_empty();
        let mut inside: Vec<(Mode, Task<'_>)> = vec![(Mode::Flat, Task::Doc(doc))];
        let mut outside = after.iter().rev();
        let mut in_rest = false;
        loop {
            let (mode, task) = match inside.pop() {
                Some(next) => next,
                None => match outside.next() {
                    Some((_, mode, task)) => {
                        in_rest = true;
                        (*mode, *task)
                    }
                    None => return true,
                },
            };
            let broken = mode == Mode::Broken;
            let doc = match task {
                Task::Doc(doc) => doc,
                Task::Rest([]) => continue,
                Task::Rest(_) if broken => return true,
                Task::Rest(list) => {
                    for item in list.iter().rev() {
                        inside.push((mode, Task::Doc(item)));
                        inside.push((mode, Task::Doc(&Doc::Blanks(1))));
                    }
                    continue;
                }
            };
            let width = match doc {
                Doc::Text(text) => text.width(),
                Doc::Hard | Doc::Comment(_) => return in_rest,
                Doc::Break(_) if broken => return true,
                Doc::Blanks(_) | Doc::Break(_) | Doc::Pad(_) if commented && in_rest => return true,
                Doc::Blanks(n) => *n,
                Doc::Pad(n) => {
                    if broken {
                        *n
                    } else {
                        1
                    }
                }
                Doc::Break(_) => 1,
                Doc::Trailing(_) => {
                    commented = true;
                    continue;
                }
                Doc::Seq(list) => {
                    inside.extend(list.iter().rev().map(|d| (mode, Task::Doc(d))));
                    continue;
                }
                Doc::Nest(_, doc) | Doc::Align(doc) | Doc::Group(doc) => {
                    inside.push((mode, Task::Doc(doc)));
                    continue;
                }
                Doc::Fill(list) => {
                    if let Some((first, rest)) = list.split_first() {
                        inside.push((mode, Task::Rest(rest)));
                        inside.push((mode, Task::Doc(first)));
                    }
                    continue;
                }
            };
            if commented && !in_rest && width > 0 {
                return false;
            }
            match left.checked_sub(width) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
    }
}
