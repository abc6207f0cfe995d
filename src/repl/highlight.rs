//! Colours of what is typed.

use crate::functions;
use crate::syntax::keywords::KEYWORDS;
use crate::syntax::{Lexeme, LexemeKind, lexemes};
use anstyle::{AnsiColor, Style};

/// What a token is drawn as; names and signs stay plain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    Keyword,
    Function,
    Number,
    Text,
    Comment,
}

impl Paint {
    fn style(self) -> Style {
        let color = |c: AnsiColor| Style::new().fg_color(Some(c.into()));
        match self {
            Paint::Keyword => color(AnsiColor::Blue).bold(),
            Paint::Function => color(AnsiColor::Cyan),
            Paint::Number => color(AnsiColor::Magenta),
            Paint::Text => color(AnsiColor::Green),
            Paint::Comment => Style::new().dimmed(),
        }
    }
}

/// The text with colours; of the same width as before.
pub fn highlight(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for (token, paint) in painted(text) {
        let style = paint.style();
        out.push_str(text.get(at..token.start).unwrap_or(""));
        out.push_str(&format!("{}{}{}", style.render(), token.text, style.render_reset()));
        at = token.end();
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

/// The tokens that have a colour. Words of the language are soft: after a dot or before one they are names.
pub fn painted(text: &str) -> Vec<(Lexeme<'_>, Paint)> {
    let tokens = lexemes(text);
    let sign = |i: Option<usize>, s: &str| i.and_then(|i| tokens.get(i)).is_some_and(|t| t.is_sign(s));
    let mut list = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let paint = match token.kind {
            LexemeKind::Comment => Paint::Comment,
            LexemeKind::Text => Paint::Text,
            LexemeKind::Number => Paint::Number,
            LexemeKind::Word if sign(i.checked_sub(1), ".") || sign(Some(i + 1), ".") => continue,
            LexemeKind::Word if sign(Some(i + 1), "(") && functions::find(token.text).is_some() => {
                Paint::Function
            }
            LexemeKind::Word if KEYWORDS.iter().any(|k| token.is_word(k.word)) => Paint::Keyword,
            _ => continue,
        };
        list.push((*token, paint));
    }
    list
}
