//! How many, and for how many it is unknown.

use super::numbers::{count, percent};
use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::{Count, Undecided};
use crate::ir::print::Lang;
use crate::output::style::Style;

/// Missing tags that are named before the rest is only counted.
const NAMED: usize = 6;

/// One line, and those about the undecided.
pub fn draw(page: &mut Page<'_>, a: &Count) {
    let lang = page.lang();
    let line = Line::new().bold(&a.segment).plain("  ").plain(members(a, lang)).dim(" · ").dim(say(
        lang,
        Word::AsOf,
        &[&a.as_of, &a.zone],
    ));
    page.line(0, line);
    page.line(0, undecided(&a.undecided, lang));
    complements(page, &a.undecided);
}

/// The head of a page about a segment: its name, of whom and when, how many, and for how many it is unknown.
pub fn heading(page: &mut Page<'_>, a: &Count) {
    let lang = page.lang();
    let right = format!("{} · {}", a.entity, say(lang, Word::AsOf, &[&a.as_of, &a.zone]));
    page.headline(Line::new().bold(&a.segment).then(Style::Plain, a.title.as_deref()), &right);
    let line = Line::new().plain(members(a, lang)).plain(" · ");
    page.line(0, line.append(undecided(&a.undecided, lang)));
    complements(page, &a.undecided);
}

/// `1,284 of 20,000 customers (6.4%)`
pub fn members(a: &Count, lang: Lang) -> String {
    match percent(a.members, a.total) {
        None => say(lang, Word::NoRows, &[&a.entity]),
        Some(_) if a.members == 0 => say(lang, Word::Nobody, &[&count(a.total), &a.entity]),
        Some(share) => say(lang, Word::Members, &[&count(a.members), &count(a.total), &a.entity, &share]),
    }
}

/// `undecided 912: deposit_balance missing 611, fund_balance missing 304`
pub fn undecided(a: &Undecided, lang: Lang) -> Line {
    if a.count == 0 {
        return Line::new().dim(t(lang, Word::NobodyUndecided));
    }
    let mut because: Vec<String> =
        a.by.iter().take(NAMED).map(|(tag, n)| say(lang, Word::Missing, &[tag, &count(*n)])).collect();
    if a.by.len() > NAMED {
        because.push(say(lang, Word::More, &[&(a.by.len() - NAMED).to_string()]));
    }
    let text = match because.is_empty() {
        true => say(lang, Word::Undecided, &[&count(a.count)]),
        false => say(lang, Word::UndecidedBecause, &[&count(a.count), &because.join(t(lang, Word::Comma))]),
    };
    Line::new().add(Style::Unsure, text)
}

/// The same without colours.
pub fn undecided_text(a: &Undecided, lang: Lang) -> String {
    undecided(a, lang).text()
}

/// For each complement, how many of it are undecided: it takes them in.
pub fn complements(page: &mut Page<'_>, a: &Undecided) {
    let lang = page.lang();
    for (segment, n) in &a.complements {
        let (word, style) = match n {
            0 => (Word::ComplementNone, Style::Dim),
            1 => (Word::ComplementOne, Style::Unsure),
            _ => (Word::Complement, Style::Unsure),
        };
        page.line(0, Line::new().add(style, say(lang, word, &[segment, &count(*n)])));
    }
}
