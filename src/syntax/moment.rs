//! Dates and instants: how they are written, what is wrong with one, what they mean.

use super::ast::InstantLiteral;
use super::keywords::{KEYWORDS, Place};
use super::literal::{Found, LiteralError, digit, digits_length, fold, fold_char};
use super::scan::{is_blank, word_length};
use crate::diagnostic::Code;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

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

/// A date or instant at the start of `text`; `None` where it is some other number.
pub(super) fn scan_date(text: &str) -> Option<Found> {
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
