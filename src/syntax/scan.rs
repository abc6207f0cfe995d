//! A quick look at the whole text before the grammar sees it: where the tokens are, where statements may begin,
//! and what is wrong inside a single token. Every later stage may rely on well-formed literals.

use super::keywords;
use super::literal::{self, LiteralError};
use crate::source::{FileId, Span};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A bare word: a name or a keyword.
    Word,
    /// A name in backquotes.
    QuotedName,
    Text,
    /// A number, date or instant.
    Number,
    Open,
    Close,
    Comma,
    Semicolon,
    At,
    Minus,
    /// Any other sign.
    Sign,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
    /// The first token of its line.
    pub starts_line: bool,
    /// At the very margin of its line.
    pub at_margin: bool,
}

impl Token {
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    pub fn span(&self, file: FileId) -> Span {
        Span { file, start: self.start, end: self.end }
    }
}

/// What [`scan`] found; `errors` in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub tokens: Vec<Token>,
    pub errors: Vec<LiteralError>,
    /// Indices of the tokens where a statement may begin (and of each `;`), ascending.
    pub boundaries: Vec<usize>,
}

pub(super) fn scan(text: &str) -> Scanned {
    let mut scanner = Scanner { text, at: 0, out: Scanned::default(), line: Line::Margin };
    scanner.run();
    let mut out = scanner.out;
    out.boundaries = boundaries(text, &out.tokens);
    out
}

/// How far into a line the scanner is.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Margin,
    Indented,
    Inside,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    out: Scanned,
    line: Line,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => {
                    self.line = Line::Margin;
                    self.at += 1;
                }
                c if is_blank(c) => {
                    // A byte order mark is no indentation.
                    if self.line == Line::Margin && c != '\u{FEFF}' {
                        self.line = Line::Indented;
                    }
                    self.at += c.len_utf8();
                }
                '-' if self.rest().starts_with("--") => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                c => self.token(c),
            }
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn token(&mut self, c: char) {
        let one = c.len_utf8();
        let (kind, length) = match c {
            '(' | '（' => (Kind::Open, one),
            ')' | '）' => (Kind::Close, one),
            ',' | '，' => (Kind::Comma, one),
            ';' | '；' => (Kind::Semicolon, one),
            '@' | '＠' => (Kind::At, one),
            '-' | '－' | '−' => (Kind::Minus, one),
            '"' | '\'' | '“' | '‘' => (Kind::Text, self.literal(literal::scan_text)),
            '`' => (Kind::QuotedName, self.literal(literal::scan_quoted_name)),
            c if literal::digit(c).is_some() => (Kind::Number, self.literal(literal::scan_number)),
            c if c == '_' || unicode_ident::is_xid_start(c) => (Kind::Word, word_length(self.rest())),
            _ => (Kind::Sign, one),
        };
        let start = self.at as u32;
        self.at += length.max(1);
        self.out.tokens.push(Token {
            kind,
            start,
            end: self.at as u32,
            starts_line: self.line != Line::Inside,
            at_margin: self.line == Line::Margin,
        });
        self.line = Line::Inside;
    }

    /// The length of the literal here; what is wrong with it is kept.
    fn literal(&mut self, scan: impl Fn(&str) -> (usize, Option<LiteralError>)) -> usize {
        let (length, error) = scan(self.rest());
        if let Some(mut error) = error {
            error.start += self.at;
            error.end += self.at;
            self.out.errors.push(error);
        }
        length
    }
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{3000}' | '\u{A0}' | '\u{FEFF}')
}

pub(super) fn word_length(text: &str) -> usize {
    text.char_indices()
        .find(|(_, c)| *c != '_' && !unicode_ident::is_xid_continue(*c))
        .map_or(text.len(), |(i, _)| i)
}

/// Where statements may begin. A guess that the parser corrects: the words are soft, so `count` may be a column.
fn boundaries(text: &str, tokens: &[Token]) -> Vec<usize> {
    let mut list = Vec::new();
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Semicolon | Kind::At => {
                depth = 0;
                list.push(i);
            }
            Kind::Word if depth == 0 || token.starts_line => {
                if may_begin(text, token, tokens.get(i + 1)) {
                    depth = 0;
                    list.push(i);
                }
            }
            _ => {}
        }
    }
    list
}

/// Whether `token` reads like the first word of a statement, judged by what stands next to it.
fn may_begin(text: &str, token: &Token, next: Option<&Token>) -> bool {
    let word = token.text(text);
    let Some(keyword) = keywords::statement(word) else { return false };
    match (keyword.word, next) {
        ("list", None) => true,
        ("list", Some(next)) => {
            token.starts_line
                || matches!(next.kind, Kind::Semicolon | Kind::At)
                || keywords::statement(next.text(text)).is_some()
        }
        (_, None) => false,
        ("timezone" | "use", Some(next)) => next.kind == Kind::Text,
        ("why" | "portrait", Some(next)) => matches!(next.kind, Kind::Text | Kind::Number),
        (_, Some(next)) => match next.kind {
            Kind::QuotedName => true,
            Kind::Word => !keywords::is_reserved(next.text(text)),
            _ => false,
        },
    }
}
