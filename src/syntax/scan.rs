//! A quick look at the whole text before the grammar sees it: where the tokens are, where statements may begin,
//! and what is wrong inside a single token. Every later stage may rely on well-formed literals.

use super::literal::{self, LiteralError};
use crate::parallel::each;
use crate::source::{FileId, Span};
use std::ops::Range;

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

/// What a word may be, so that nobody compares it twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Plain,
    /// The first word of a statement.
    Statement,
    Case,
    End,
    /// A reserved word after which an expression begins anew: `and`, `where`, `then`.
    Fresh,
    Not,
    /// `since`, `until`: soft, and before a value in `days since X`.
    Since,
    Unit,
    /// Any other reserved word.
    Reserved,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub class: Class,
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
    /// The comments, as bytes from–to.
    pub comments: Vec<(usize, usize)>,
    /// Indices of the tokens where a statement may begin (and of each `;`), ascending.
    pub boundaries: Vec<usize>,
}

pub(super) fn scan(text: &str) -> Scanned {
    scan_by(1, text)
}

/// The same by several threads: neither a token nor a comment goes on in the next line.
pub(super) fn scan_by(threads: usize, text: &str) -> Scanned {
    let mut pieces = each(lines(text, threads), threads, |lines| {
        let text = text.get(..lines.end).unwrap_or("");
        let mut scanner = Scanner { text, at: lines.start, out: Scanned::default(), line: Line::Margin };
        scanner.run();
        scanner.out
    })
    .into_iter();
    let mut out = pieces.next().unwrap_or_default();
    for piece in pieces {
        out.tokens.extend(piece.tokens);
        out.errors.extend(piece.errors);
        out.comments.extend(piece.comments);
    }
    out.boundaries = boundaries(text, &out.tokens);
    out
}

/// The text in about as many pieces of whole lines.
fn lines(text: &str, pieces: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for piece in 1..=pieces {
        let least = from.max(text.len() * piece / pieces);
        let to = text.bytes().skip(least).position(|b| b == b'\n').map_or(text.len(), |at| least + at + 1);
        found.push(from..to);
        from = to;
    }
    found
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
                    let end = self.at + self.rest().find('\n').unwrap_or(self.rest().len());
                    self.out.comments.push((self.at, end));
                    self.at = end;
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
            class: if kind == Kind::Word {
                classify(self.text.get(start as usize..self.at).unwrap_or(""))
            } else {
                Class::Plain
            },
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
    c.is_whitespace() || c == '\u{FEFF}'
}

fn classify(word: &str) -> Class {
    // No keyword is longer than `transitions` is.
    let mut small = [0u8; 12];
    let Some(small) = small.get_mut(..word.len()) else { return Class::Plain };
    small.copy_from_slice(word.as_bytes());
    small.make_ascii_lowercase();
    match &*small {
        b"case" => Class::Case,
        b"end" => Class::End,
        b"and" | b"or" | b"when" | b"then" | b"else" | b"where" => Class::Fresh,
        b"not" => Class::Not,
        b"in" | b"is" | b"between" | b"like" | b"on" | b"outside" => Class::Reserved,
        b"since" | b"until" => Class::Since,
        b"day" | b"days" | b"month" | b"months" | b"year" | b"years" | b"week" | b"weeks" | b"hour"
        | b"hours" | b"quarter" | b"quarters" | b"minute" | b"minutes" | b"second" | b"seconds" => {
            Class::Unit
        }
        b"timezone" | b"use" | b"source" | b"param" | b"tag" | b"segment" | b"audience" | b"rfm"
        | b"score" | b"show" | b"count" | b"explain" | b"why" | b"portrait" | b"profile" | b"overlap"
        | b"funnel" | b"describe" | b"diff" | b"transitions" | b"list" => Class::Statement,
        _ => Class::Plain,
    }
}

pub(super) fn word_length(text: &str) -> usize {
    let plain = text.bytes().position(|b| b != b'_' && !b.is_ascii_alphanumeric()).unwrap_or(text.len());
    if text.as_bytes().get(plain).is_none_or(u8::is_ascii) {
        return plain;
    }
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
            Kind::Word if (depth == 0 || token.starts_line) && may_begin(text, token, tokens.get(i + 1)) => {
                depth = 0;
                list.push(i);
            }
            _ => {}
        }
    }
    list
}

/// Whether `token` reads like the first word of a statement, judged by what stands next to it.
fn may_begin(text: &str, token: &Token, next: Option<&Token>) -> bool {
    if token.class != Class::Statement {
        return false;
    }
    match (token.text(text).to_ascii_lowercase().as_str(), next) {
        ("list", None) => true,
        ("list", Some(next)) => {
            token.starts_line
                || matches!(next.kind, Kind::Semicolon | Kind::At)
                || next.class == Class::Statement
        }
        (_, None) => false,
        ("timezone" | "use", Some(next)) => next.kind == Kind::Text,
        ("why" | "portrait", Some(next)) => matches!(next.kind, Kind::Text | Kind::Number),
        (_, Some(next)) => match next.kind {
            Kind::QuotedName => true,
            Kind::Word => {
                matches!(next.class, Class::Plain | Class::Statement | Class::Since | Class::Unit)
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::keywords::{KEYWORDS, Place, statement_words};

    #[test]
    fn classes_agree_with_the_table() {
        for keyword in KEYWORDS {
            let class = classify(&keyword.word.to_ascii_uppercase());
            assert_eq!(class == Class::Unit, keyword.place == Place::Unit, "{}", keyword.word);
            assert_eq!(
                class == Class::Statement,
                statement_words().any(|k| k == keyword),
                "{}",
                keyword.word
            );
            let reserved =
                matches!(class, Class::Case | Class::End | Class::Fresh | Class::Not | Class::Reserved);
            assert_eq!(reserved, keyword.reserved, "{}", keyword.word);
        }
    }
}
