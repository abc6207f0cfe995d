//! A tag: what it is, what it reads, and how its values lie.

use super::numbers::{count, percent, shown_in};
use super::page::{Line, Page, dotted};
use super::words::{Word, say, t, type_name};
use crate::explain::answer::{Describe, Model, SourceUse, Spread, Tag};
use crate::ir::print::Lang;
use crate::output::style::Style;

/// Name, title and type, then indented all that is behind it.
pub fn draw(page: &mut Page<'_>, tag: &Tag) {
    let kind = type_name(page.lang(), &tag.type_name);
    page.headline(Line::new().bold(&tag.name).then(Style::Plain, tag.title.as_deref()), kind);
    body(page, tag);
}

fn body(page: &mut Page<'_>, tag: &Tag) {
    // A column is its own formula.
    if tag.formula != tag.name {
        page.line(2, Line::new().plain("= ").plain(&tag.formula));
    }
    metadata(page, 2, &tag.metadata);
    for source in &tag.sources {
        reads(page, source);
    }
    if let Some(spread) = tag.spread.as_ref().filter(|s| s.total > 0) {
        let text = spread_of(&tag.name, spread, page.lang());
        page.line(2, Line::new().plain(text));
    }
}

/// A tag or segment by itself, with its place among the definitions.
pub fn describe(page: &mut Page<'_>, a: &Describe) {
    let lang = page.lang();
    let kind = match a.kind.as_str() {
        "segment" => say(lang, Word::SegmentOf, &[&a.entity]),
        _ => dotted([type_name(lang, &a.tag.type_name).to_string(), say(lang, Word::TagOf, &[&a.entity])]),
    };
    let right = dotted([kind, say(lang, Word::AsOfDay, &[&a.as_of])]);
    page.headline(Line::new().bold(&a.tag.name).then(Style::Plain, a.tag.title.as_deref()), &right);
    body(page, &a.tag);
    let listed = |names: &[String]| names.join(t(lang, Word::Comma));
    if !a.tag.uses.is_empty() {
        page.line(2, Line::new().plain(say(lang, Word::MadeOf, &[&listed(&a.tag.uses)])));
    }
    match a.used_by.is_empty() {
        true => page.line(2, Line::new().dim(t(lang, Word::UsedByNothing))),
        false => page.line(2, Line::new().plain(say(lang, Word::UsedBy, &[&listed(&a.used_by)]))),
    }
    if !a.definition.is_empty() {
        page.gap();
        page.line(0, Line::new().bold(t(lang, Word::AsWritten)));
        page.verbatim(2, &a.definition);
    }
}

/// A model in its own words, then each of its tags in two lines.
pub fn model(page: &mut Page<'_>, a: &Model) {
    let lang = page.lang();
    let right = dotted([say(lang, Word::RfmOf, &[&a.entity]), say(lang, Word::AsOfDay, &[&a.as_of])]);
    page.headline(Line::new().bold(&a.name).then(Style::Plain, a.title.as_deref()), &right);
    for sentence in &a.words {
        page.line(2, Line::new().plain(sentence));
    }
    metadata(page, 2, &a.metadata);
    for tag in &a.tags {
        page.line(2, Line::new().bold(&tag.name).plain(" = ").plain(&tag.formula));
        if let Some(spread) = tag.spread.as_ref().filter(|s| s.total > 0) {
            page.line(4, Line::new().plain(spread_of(&tag.name, spread, lang)));
        }
    }
    match a.used_by.is_empty() {
        true => page.line(2, Line::new().dim(t(lang, Word::UsedByNothing))),
        false => {
            let names = a.used_by.join(t(lang, Word::Comma));
            page.line(2, Line::new().plain(say(lang, Word::UsedBy, &[&names])));
        }
    }
    page.gap();
    page.line(0, Line::new().bold(t(lang, Word::AsWritten)));
    page.verbatim(2, &a.definition);
}

/// `@owner` and the like in one line.
pub fn metadata(page: &mut Page<'_>, indent: usize, pairs: &[(String, String)]) {
    if !pairs.is_empty() {
        let text = dotted(pairs.iter().map(|(name, value)| format!("@{name} {value}")));
        page.line(indent, Line::new().dim(text));
    }
}

pub fn reads(page: &mut Page<'_>, a: &SourceUse) {
    let lang = page.lang();
    let mut line = Line::new().plain(&a.source);
    if !a.files.is_empty() {
        line = line.dim(say(lang, Word::Bracketed, &[&a.files]));
    }
    match &a.window {
        None => page.line(2, line.plain(t(lang, Word::Colon)).plain(&a.row)),
        Some(window) => {
            page.line(2, line.plain(t(lang, Word::Comma)).plain(window));
            page.line(4, Line::new().dim(&a.row));
        }
    }
}

/// `known for 19,088 of 20,000 (95.4%) · min 0 · median 4 · max 212`
pub fn spread_of(column: &str, a: &Spread, lang: Lang) -> String {
    let known = match percent(a.known, a.total) {
        _ if a.known == 0 => say(lang, Word::KnownNone, &[&count(a.total)]),
        _ if a.known == a.total => say(lang, Word::KnownAll, &[&count(a.total)]),
        share => say(lang, Word::KnownOf, &[&count(a.known), &count(a.total), &share.unwrap_or_default()]),
    };
    let mut parts = vec![known];
    for (word, value) in [(Word::Minimum, &a.min), (Word::Median, &a.median), (Word::Maximum, &a.max)] {
        if let Some(value) = value {
            parts.push(say(lang, word, &[&shown_in(column, value, lang)]));
        }
    }
    // Of names or numbers of accounts, each its own, the first few say nothing.
    let repeats = a.top.first().is_some_and(|(_, n)| *n > 1) || a.top.len() == 1;
    match a.distinct {
        Some(distinct) if !repeats && distinct > 0 => {
            parts.push(say(lang, Word::Different, &[&count(distinct)]));
        }
        _ => {
            for (value, n) in a.top.iter().filter(|(_, n)| *n > 0) {
                let share = percent(*n, a.total).unwrap_or_default();
                let share = say(lang, Word::Bracketed, &[&share]);
                parts.push(format!("{} {}{share}", shown_in(column, value, lang), count(*n)));
            }
            let left = a.distinct.unwrap_or(0).saturating_sub(a.top.len() as u64);
            if left > 0 {
                parts.push(say(lang, Word::More, &[&count(left)]));
            }
        }
    }
    for (word, n) in [(Word::DividedByZero, a.divided_by_zero), (Word::UndecidedEvents, a.undecided_events)] {
        if n > 0 {
            parts.push(say(lang, word, &[&count(n)]));
        }
    }
    dotted(parts)
}
