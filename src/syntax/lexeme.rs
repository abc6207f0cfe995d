//! The tokens of a text as front ends need them: for highlighting, completion, and to judge what may be kept.

use super::scan::{self, Kind};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LexemeKind {
    /// A bare word: a name or a keyword.
    Word,
    /// A name in backquotes.
    QuotedName,
    /// A text literal, closed or not.
    Text,
    /// A number, date or instant.
    Number,
    Sign,
    Comment,
}

/// One token where it stands. What is wrong inside it is the parser's to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lexeme<'t> {
    pub kind: LexemeKind,
    /// Byte offset in the text.
    pub start: usize,
    pub text: &'t str,
    /// The first token of its line.
    pub starts_line: bool,
}

impl Lexeme<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this bare word, in any case.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == LexemeKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this sign.
    pub fn is_sign(&self, sign: &str) -> bool {
        self.kind == LexemeKind::Sign && self.text == sign
    }
}

/// The tokens and comments of a text, in order.
pub fn lexemes(text: &str) -> Vec<Lexeme<'_>> {
    let mut list = Vec::new();
    let mut at = 0;
    for token in scan::scan(text).tokens {
        comments(text, at, token.start as usize, &mut list);
        let kind = match token.kind {
            Kind::Word => LexemeKind::Word,
            Kind::QuotedName => LexemeKind::QuotedName,
            Kind::Text => LexemeKind::Text,
            Kind::Number => LexemeKind::Number,
            _ => LexemeKind::Sign,
        };
        let start = token.start as usize;
        list.push(Lexeme { kind, start, text: token.text(text), starts_line: token.starts_line });
        at = token.end as usize;
    }
    comments(text, at, text.len(), &mut list);
    list
}

/// The comments between two tokens: there is nothing else but blanks.
fn comments<'t>(text: &'t str, mut from: usize, to: usize, list: &mut Vec<Lexeme<'t>>) {
    while let Some(found) = text.get(from..to).and_then(|gap| gap.find("--")) {
        let start = from + found;
        let rest = text.get(start..to).unwrap_or("");
        let comment = rest.split('\n').next().unwrap_or(rest);
        let starts_line = text.get(..start).is_none_or(|before| {
            before.rsplit('\n').next().is_none_or(|line| line.chars().all(scan::is_blank))
        });
        list.push(Lexeme { kind: LexemeKind::Comment, start, text: comment, starts_line });
        from = start + comment.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_and_comment_is_there() {
        let text = "tag x = 5 -- five\n-- more\n  segment `a b` where y = \"z";
        let kinds: Vec<(LexemeKind, &str, bool)> =
            lexemes(text).iter().map(|l| (l.kind, l.text, l.starts_line)).collect();
        use LexemeKind::*;
        assert_eq!(
            kinds,
            [
                (Word, "tag", true),
                (Word, "x", false),
                (Sign, "=", false),
                (Number, "5", false),
                (Comment, "-- five", false),
                (Comment, "-- more", true),
                (Word, "segment", true),
                (QuotedName, "`a b`", false),
                (Word, "where", false),
                (Word, "y", false),
                (Sign, "=", false),
                (Text, "\"z", false),
            ]
        );
        for l in lexemes(text) {
            assert_eq!(text.get(l.start..l.end()), Some(l.text));
        }
    }
}
