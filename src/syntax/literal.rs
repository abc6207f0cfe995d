//! Numbers, dates, instants and text: how they are written, what is wrong with one, what they mean.

use super::ast::{InstantLiteral, Number};
use super::keywords::{KEYWORDS, Place};
use super::scan::{is_blank, word_length};
use crate::diagnostic::Code;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

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
    fn new(code: Code, range: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        LiteralError {
            code,
            start: range.start,
            end: range.end,
            message: message.into(),
            label: "",
            help: None,
        }
    }

    fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

type Found = (usize, Option<LiteralError>);

/// The value of a digit, full-width ones included.
pub(super) fn digit(c: char) -> Option<u8> {
    match c {
        '0'..='9' => Some(c as u8 - b'0'),
        '０'..='９' => u8::try_from(c as u32 - '０' as u32).ok(),
        _ => None,
    }
}

/// Full-width letters and signs as their plain forms.
fn fold_char(c: char) -> char {
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
    let error = number_value(literal).is_none().then(|| {
        LiteralError::new(Code::BadNumber, 0..end, "this number is too large")
            .help("a number has at most 38 digits")
    });
    (end, error)
}

fn digits_length(text: &str) -> usize {
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
    match letters {
        "m" | "M" => error.help(format!("a million is written `{number}mn`")),
        "b" | "B" => error.help(format!("a billion is written `{number}bn`")),
        _ if is_exponent(letters) => error.help("numbers are written out: `1_000_000`, `100万`, `1mn`"),
        _ => error
            .help(format!("write `{number} {letters}`; a name that begins with a digit goes in backquotes")),
    }
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

// ---- dates and instants ----

pub(super) enum Moment {
    Date(NaiveDate),
    Instant(InstantLiteral),
}

/// Three groups of digits with the same sign between them: `2026-10-31`, `2026/10/31`, `31.10.2026`.
struct Groups<'t> {
    parts: [&'t str; 3],
    sign: char,
    length: usize,
}

fn groups(text: &str) -> Option<Groups<'_>> {
    fn part(text: &str) -> Option<(&str, &str)> {
        let end = text.char_indices().find(|(_, c)| digit(*c).is_none()).map_or(text.len(), |(i, _)| i);
        (end > 0).then(|| text.split_at(end))
    }
    fn sign(text: &str) -> Option<(char, &str)> {
        let c = text.chars().next()?;
        let folded = fold_char(c);
        matches!(folded, '-' | '/' | '.').then_some((folded, text.get(c.len_utf8()..)?))
    }
    let (first, rest) = part(text)?;
    let (one, rest) = sign(rest)?;
    let (second, rest) = part(rest)?;
    let (two, rest) = sign(rest)?;
    let (third, rest) = part(rest)?;
    (one == two).then_some(Groups {
        parts: [first, second, third],
        sign: one,
        length: text.len() - rest.len(),
    })
}

fn scan_date(text: &str) -> Option<Found> {
    let Groups { parts: [first, second, third], sign, length } = groups(text)?;
    let counts = [first, second, third].map(|p| p.chars().count());
    let written = text.get(..length)?;
    let bad = |message: String| LiteralError::new(Code::BadDate, 0..length, message);
    match (counts, sign) {
        ([4, 2, 2], '-') => Some(scan_date_proper(text, length)),
        ([4, 1..=2, 1..=2], _) => {
            let date = ymd(first, second, third);
            let error = match (date, sign) {
                (Some(date), '-') => bad(format!("`{written}` is not how a date is written"))
                    .help(format!("write `{date}`; for a subtraction, put spaces around `-`")),
                (Some(date), _) => {
                    bad(format!("`{written}` is not how a date is written")).help(format!("write `{date}`"))
                }
                (None, '-') => bad(format!("there is no date `{written}`"))
                    .help("a date is written `2026-01-05`; for a subtraction, put spaces around `-`"),
                (None, _) => return None,
            };
            Some((length, Some(error)))
        }
        ([4, 1..=2, _], '-') => Some((
            length,
            Some(
                bad(format!("`{written}` is not how a date is written"))
                    .help("a date is written `2026-01-05`"),
            ),
        )),
        ([1..=2, 1..=2, 4], _) => Some((
            length,
            Some(
                bad(format!("`{written}` is not how a date is written"))
                    .help(format!("a date is written year, month, day: `{}-MM-DD`", fold(third))),
            ),
        )),
        _ => None,
    }
}

fn ymd(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(fold(year).parse().ok()?, fold(month).parse().ok()?, fold(day).parse().ok()?)
}

/// A well-formed date of `date_length` bytes, and the time that may be glued to it.
fn scan_date_proper(text: &str, date_length: usize) -> Found {
    let written = text.get(..date_length).unwrap_or("");
    let rest = text.get(date_length..).unwrap_or("");
    if date_value(written).is_none() {
        let length = date_length + word_length(rest);
        let error =
            LiteralError::new(Code::BadDate, 0..date_length, format!("there is no date `{}`", fold(written)))
                .label("not in the calendar");
        return (length, Some(error));
    }
    let bad = |end: usize, message: String, help: String| {
        Some(LiteralError::new(Code::BadDate, 0..end, message).help(help))
    };
    if rest.starts_with('T') {
        return scan_time(text, date_length);
    }
    let glued = word_length(rest);
    if glued > 0 {
        let end = date_length + glued;
        let letters = rest.get(..glued).unwrap_or("");
        let error = LiteralError::new(
            Code::BadDate,
            date_length..end,
            format!("`{letters}` is glued to the date `{}`", fold(written)),
        )
        .label("put a space here");
        return (end, Some(error));
    }
    // `2026-10-31 08:00`
    let blank = rest.len() - rest.trim_start_matches(' ').len();
    let time = time_shape(rest.get(blank..).unwrap_or(""));
    if blank > 0 && time > 0 {
        let end = date_length + blank + time;
        let time = fold(rest.get(blank..blank + time).unwrap_or(""));
        return (
            end,
            bad(
                end,
                "a time is glued to its date with `T`".into(),
                format!("write `{}T{time:0>5}`", fold(written)),
            ),
        );
    }
    (date_length, None)
}

/// The length of `8:00`, `08:00`, `08:00:30.5` at the start of `text`; 0 where there is none.
fn time_shape(text: &str) -> usize {
    let end = text
        .char_indices()
        .find(|(_, c)| digit(*c).is_none() && !matches!(fold_char(*c), ':' | '.'))
        .map_or(text.len(), |(i, _)| i);
    let shape = fold(text.get(..end).unwrap_or(""));
    let mut parts = shape.split(':');
    let hours = parts.next().is_some_and(|h| (1..=2).contains(&h.len()) && !h.contains('.'));
    let minutes = parts.next().is_some_and(|m| m.len() == 2);
    if hours && minutes { end } else { 0 }
}

/// A date with `T` glued to it.
fn scan_time(text: &str, date_length: usize) -> Found {
    let from = date_length + 1;
    let rest = text.get(from..).unwrap_or("");
    let mut end = from
        + rest
            .char_indices()
            .find(|(_, c)| digit(*c).is_none() && !matches!(fold_char(*c), ':' | '.'))
            .map_or(rest.len(), |(i, _)| i);
    let shape_ok = |end: usize| {
        let time = fold(text.get(from..end).unwrap_or(""));
        let seconds = time.get(5..).unwrap_or("");
        let digits = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
        let hm = time.get(..2).is_some_and(digits)
            && time.get(2..3) == Some(":")
            && time.get(3..5).is_some_and(digits);
        let fraction = |s: &str| s.is_empty() || (s.len() > 1 && s.len() <= 10 && s.starts_with('.'));
        hm && (seconds.is_empty()
            || (seconds.starts_with(':')
                && seconds.get(1..3).is_some_and(digits)
                && seconds.get(3..).is_some_and(fraction)))
    };
    let wrong = |end: usize| {
        let written = fold(text.get(..end).unwrap_or(""));
        LiteralError::new(Code::BadDate, 0..end, format!("`{written}` is not how an instant is written"))
            .help("an instant is written `2026-10-31T08:00`, with seconds `T08:00:30`, with an offset `T08:00+08:00`")
    };
    if !shape_ok(end) {
        end += word_length(text.get(end..).unwrap_or(""));
        return (end, Some(wrong(end)));
    }
    let local_end = end;
    let rest = text.get(end..).unwrap_or("");
    if rest.starts_with('Z') {
        end += 1;
    } else if let Some(sign) = rest.chars().next().filter(|c| matches!(fold_char(*c), '+' | '-')) {
        let after = rest.get(sign.len_utf8()..).unwrap_or("");
        let digits = digits_length(after);
        let count = after.get(..digits).unwrap_or("").chars().count();
        let next = after.get(digits..).unwrap_or("");
        if next.starts_with([':', '：']) {
            let minutes = next.chars().next().map_or(0, char::len_utf8);
            let tail = next.get(minutes..).unwrap_or("");
            let tail_digits = digits_length(tail);
            end += sign.len_utf8() + digits + minutes + tail_digits;
            if count != 2 || tail.get(..tail_digits).unwrap_or("").chars().count() != 2 {
                return (end, Some(wrong(end).help("an offset is written `+08:00`")));
            }
        } else if count > 0 && !is_unit(next.trim_start_matches(is_blank)) {
            // `T08:00-0800`; but `T08:00-1 day` is a subtraction.
            let end = end + sign.len_utf8() + digits;
            return (end, Some(wrong(end).help("an offset is written `+08:00`")));
        }
    }
    let glued = word_length(text.get(end..).unwrap_or(""));
    if glued > 0 {
        let error = LiteralError::new(Code::BadDate, end..end + glued, "letters are glued to this instant")
            .label("put a space here");
        return (end + glued, Some(error));
    }
    let literal = text.get(..end).unwrap_or("");
    if moment_value(literal).is_none() {
        let time = fold(text.get(from..local_end).unwrap_or(""));
        let error =
            LiteralError::new(Code::BadDate, 0..end, format!("there is no instant `{}`", fold(literal)))
                .label("no such time")
                .help(format!(
                    "`{time}` must lie between 00:00 and 23:59:59, the offset between -23:59 and +23:59"
                ));
        return (end, Some(error));
    }
    (end, None)
}

/// Whether a unit of time stands at the start of `text`.
fn is_unit(text: &str) -> bool {
    let word = text.get(..word_length(text)).unwrap_or("");
    KEYWORDS.iter().any(|k| k.place == Place::Unit && k.word.eq_ignore_ascii_case(word))
}

fn date_value(written: &str) -> Option<NaiveDate> {
    let found = groups(written)?;
    let [year, month, day] = found.parts;
    ymd(year, month, day)
}

/// The date or instant as written.
pub(super) fn moment_value(literal: &str) -> Option<Moment> {
    let folded = fold(literal);
    let Some((date, time)) = folded.split_once('T') else { return date_value(&folded).map(Moment::Date) };
    let date = date_value(date)?;
    let offset_at = time.find(['+', '-', 'Z']).unwrap_or(time.len());
    let (local, offset) = time.split_at(offset_at);
    let local = NaiveDateTime::new(date, time_value(local)?);
    let instant = match offset {
        "" => InstantLiteral::Local(local),
        "Z" => InstantLiteral::WithOffset(with_offset(local, 0)?),
        _ => {
            let hours: i32 = offset.get(1..3)?.parse().ok()?;
            let minutes: i32 = offset.get(4..6)?.parse().ok()?;
            if minutes > 59 {
                return None;
            }
            let seconds = (hours * 60 + minutes) * 60;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            InstantLiteral::WithOffset(with_offset(local, sign * seconds)?)
        }
    };
    Some(Moment::Instant(instant))
}

fn with_offset(local: NaiveDateTime, seconds: i32) -> Option<DateTime<FixedOffset>> {
    local.and_local_timezone(FixedOffset::east_opt(seconds)?).single()
}

fn time_value(text: &str) -> Option<NaiveTime> {
    let mut parts = text.splitn(3, ':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let (second, nanos) = match parts.next() {
        None => (0, 0),
        Some(rest) => {
            let (second, fraction) = rest.split_once('.').unwrap_or((rest, ""));
            (second.parse().ok()?, format!("{fraction:0<9}").parse().ok()?)
        }
    };
    NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)
}
