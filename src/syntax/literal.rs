//! Numbers and text: how they are written, what is wrong with one, what they mean. Dates are in `moment.rs`.

use super::ast::Number;
use super::moment::scan_date;
use super::scan::word_length;
use crate::diagnostic::Code;

/// What is wrong inside one token; `start..end` are bytes.
#[derive(Debug, Clone)]
pub(super) struct LiteralError {
    pub code: Code,
    pub start: usize,
    pub end: usize,
    pub message: String,
    pub label: &'static str,
    pub help: Option<String>,
}

impl LiteralError {
    pub fn new(code: Code, range: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        LiteralError {
            code,
            start: range.start,
            end: range.end,
            message: message.into(),
            label: "",
            help: None,
        }
    }

    pub fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The length of a literal in bytes, and what is wrong with it.
pub(super) type Found = (usize, Option<LiteralError>);

/// The value of a digit, full-width ones included.
pub(super) fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8 - b'0'),
        '０'..='９' => u8::try_from(c as u32 - '０' as u32).ok(),
        _ => None,
    }
}

/// Full-width letters and signs as their plain forms.
pub(super) fn fold_char(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        '−' => '-',
        c => c,
    }
}

pub(super) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

// ---- text ----

/// A text literal at the start of `text`.
pub(super) fn scan_text(text: &str) -> Found {
    let mut chars = text.char_indices();
    let Some((_, open)) = chars.next() else { return (0, None) };
    let close = match open {
        '“' => '”',
        '‘' => '’',
        c => c,
    };
    let mut error = None;
    while let Some((i, c)) = chars.next() {
        match c {
            '\n' => return (i, Some(unterminated(open, close))),
            '\\' => {
                let Some((_, escape)) = chars.next() else { break };
                if escape == '\n' {
                    return (i, Some(unterminated(open, close)));
                }
                let length = escape_length(text.get(i..).unwrap_or(""));
                if length.is_none() && error.is_none() {
                    let end = i + 1 + escape.len_utf8();
                    error = Some(
                        LiteralError::new(Code::BadText, i..end, format!("unknown escape `\\{escape}` in a text"))
                            .label("not an escape")
                            .help(r#"the escapes are `\\`, `\"`, `\'`, `\n`, `\t` and `\u{…}`; a backslash itself is `\\`"#),
                    );
                }
            }
            c if c == close => {
                let end = i + c.len_utf8();
                let doubled = open == close && text.get(end..).is_some_and(|rest| rest.starts_with(open));
                if doubled && error.is_none() {
                    error = Some(
                        LiteralError::new(
                            Code::BadText,
                            i..end + 1,
                            "two texts without anything between them",
                        )
                        .help(format!("inside a text, a quote is written `\\{close}`")),
                    );
                }
                return (end, error);
            }
            _ => {}
        }
    }
    (text.len(), Some(unterminated(open, close)))
}

fn unterminated(open: char, close: char) -> LiteralError {
    LiteralError::new(Code::BadText, 0..open.len_utf8(), "this text does not end on its line")
        .label("opened here")
        .help(format!("close it with `{close}`; a line break inside a text is written `\\n`"))
}

/// The length of the escape that `text` (from its backslash) begins with, where it is one.
fn escape_length(text: &str) -> Option<usize> {
    unescape(text).map(|(_, length)| length)
}

fn unescape(text: &str) -> Option<(char, usize)> {
    let mut chars = text.chars();
    chars.next()?;
    match chars.next()? {
        'n' => Some(('\n', 2)),
        't' => Some(('\t', 2)),
        c @ ('\\' | '"' | '\'') => Some((c, 2)),
        c @ ('“' | '”' | '‘' | '’') => Some((c, 1 + c.len_utf8())),
        'u' => {
            let hex = text.get(2..)?.strip_prefix('{')?;
            let end = hex.find('}')?;
            let digits = hex.get(..end)?;
            if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
            Some((c, 3 + end + 1))
        }
        _ => None,
    }
}

/// The value of a text literal, quotes included, as [`scan_text`] accepted it.
pub(super) fn text_value(literal: &str) -> String {
    let mut inner = literal.chars();
    inner.next();
    inner.next_back();
    let mut rest = inner.as_str();
    let mut out = String::with_capacity(rest.len());
    while let Some(i) = rest.find('\\') {
        let (before, from) = rest.split_at(i);
        out.push_str(before);
        match unescape(from) {
            Some((c, length)) => {
                out.push(c);
                rest = from.get(length..).unwrap_or("");
            }
            None => {
                out.push('\\');
                rest = from.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

/// A name in backquotes at the start of `text`.
pub(super) fn scan_quoted_name(text: &str) -> Found {
    let inside = text.get(1..).unwrap_or("");
    match inside.find(['`', '\n']) {
        Some(end) if inside.get(end..).is_some_and(|rest| rest.starts_with('`')) => {
            let empty = (end == 0).then(|| LiteralError::new(Code::BadText, 0..2, "a name cannot be empty"));
            (end + 2, empty)
        }
        found => (
            1 + found.unwrap_or(inside.len()),
            Some(
                LiteralError::new(Code::BadText, 0..1, "this name does not end on its line")
                    .label("opened here")
                    .help("close it with another backquote"),
            ),
        ),
    }
}

// ---- numbers ----

/// A number of so few bytes has no more than 38 digits, whatever its magnitude.
const SHORT: usize = 15;

/// A number, date or instant at the start of `text`.
pub(super) fn scan_number(text: &str) -> Found {
    if let Some(found) = scan_date(text) {
        return found;
    }
    let mut end = digits_length(text);
    if let Some(point) = text.get(end..).and_then(|r| r.chars().next()).filter(|c| matches!(c, '.' | '．')) {
        let from = end + point.len_utf8();
        let rest = text.get(from..).unwrap_or("");
        if rest.chars().next().and_then(digit).is_some() {
            end = from + digits_length(rest);
        }
    }
    end += magnitude(text.get(end..).unwrap_or("")).map_or(0, |(length, _)| length);
    let number = text.get(..end).unwrap_or("");
    let rest = text.get(end..).unwrap_or("");
    let glued = word_length(rest);
    if glued > 0 {
        return (end + glued, Some(glued_letters(number, rest.get(..glued).unwrap_or(""))));
    }
    if let Some(percent) = rest.chars().next().filter(|c| matches!(c, '%' | '％')) {
        end += percent.len_utf8();
        let rest = text.get(end..).unwrap_or("");
        let next = word_length(rest);
        if next > 0 || rest.starts_with(['(', '（', '"', '\'', '`']) {
            let operand = if next > 0 { rest.get(..next).unwrap_or("") } else { "(…)" };
            let error = LiteralError::new(
                Code::BadNumber,
                0..end + next,
                "a `%` glued to a number on its left and to a value on its right can be read in two ways",
            )
            .help(format!(
                "for the remainder write `{number} % {operand}`; for a share, put a space or an operator after `{number}%`"
            ));
            return (end + next, Some(error));
        }
    }
    let literal = text.get(..end).unwrap_or("");
    let error = (literal.len() > SHORT && number_value(literal).is_none()).then(|| {
        LiteralError::new(Code::BadNumber, 0..end, "this number is too large")
            .help("a number has at most 38 digits")
    });
    (end, error)
}

pub(super) fn digits_length(text: &str) -> usize {
    text.char_indices().find(|(_, c)| *c != '_' && digit(*c).is_none()).map_or(text.len(), |(i, _)| i)
}

/// The magnitude that `text` begins with: its length in bytes, and its power of ten.
fn magnitude(text: &str) -> Option<(usize, u32)> {
    let chinese = |c: char| match c {
        '千' => Some(3),
        '万' => Some(4),
        '亿' => Some(8),
        _ => None,
    };
    let mut chars = text.chars();
    if let Some(first) = chars.next().and_then(chinese) {
        // `3千万`, `2万亿`
        return Some(match chars.next().and_then(chinese) {
            Some(second) => (6, first + second),
            None => (3, first),
        });
    }
    let word = text.get(..word_length(text))?;
    [("k", 3), ("mn", 6), ("bn", 9)]
        .into_iter()
        .find(|(m, _)| word.eq_ignore_ascii_case(m))
        .map(|(m, power)| (m.len(), power))
}

fn glued_letters(number: &str, letters: &str) -> LiteralError {
    let error = LiteralError::new(
        Code::BadNumber,
        number.len()..number.len() + letters.len(),
        format!("`{letters}` is glued to the number `{number}`"),
    )
    .label("put a space here");
    if let Some(unit) = unit_of(letters) {
        return error.help(format!("write `{number} {unit}`"));
    }
    match letters {
        "m" | "M" => error.help(format!("a million is written `{number}mn`")),
        "b" | "B" => error.help(format!("a billion is written `{number}bn`")),
        "w" | "W" => error.help(format!("ten thousand is `万`: `{number}万`")),
        _ if is_exponent(letters) => error.help("numbers are written out: `1_000_000`, `100万`, `1mn`"),
        "元" | "块" | "美元" | "人" | "个" | "笔" | "次" | "岁" => {
            error.help(format!("a number stands alone: `{number}`"))
        }
        _ => error
            .help(format!("write `{number} {letters}`; a name that begins with a digit goes in backquotes")),
    }
}

/// The unit of time that is meant by a Chinese one.
fn unit_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "天" | "日" => "days",
        "周" | "星期" => "weeks",
        "月" | "个月" => "months",
        "季" | "季度" => "quarters",
        "年" => "years",
        "小时" => "hours",
        "分钟" => "minutes",
        _ => return None,
    })
}

fn is_exponent(letters: &str) -> bool {
    letters
        .strip_prefix(['e', 'E'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// The exact value of a number as written; `None` where it has too many digits.
pub(super) fn number_value(literal: &str) -> Option<Number> {
    let mut digits: i128 = 0;
    let mut scale: u32 = 0;
    let mut has_point = false;
    let mut end = literal.len();
    for (i, c) in literal.char_indices() {
        match digit(c) {
            Some(d) => {
                digits = digits.checked_mul(10)?.checked_add(i128::from(d))?;
                scale += u32::from(has_point);
            }
            None if c == '_' => {}
            None if matches!(c, '.' | '．') => has_point = true,
            None => {
                end = i;
                break;
            }
        }
    }
    let rest = literal.get(end..).unwrap_or("");
    let (length, power) = magnitude(rest).unwrap_or((0, 0));
    if power >= scale {
        digits = digits.checked_mul(10i128.checked_pow(power - scale)?)?;
        scale = 0;
    } else {
        scale -= power;
    }
    if rest.get(length..).is_some_and(|r| !r.is_empty()) {
        scale += 2;
        has_point = true;
    }
    let fits = digits.unsigned_abs() < 10u128.pow(38) && scale <= 38;
    fits.then_some(Number { digits, scale: u8::try_from(scale).ok()?, has_point })
}
