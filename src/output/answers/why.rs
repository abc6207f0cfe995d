//! Why a customer is in a segment, or is not.

use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::{Tested, Why};
use crate::ir::print::Lang;
use crate::output::style::Style;

pub fn draw(page: &mut Page<'_>, a: &Why) {
    let lang = page.lang();
    let (word, mark) = match (a.member, a.undecided) {
        (true, _) => (Word::IsIn, Some(true)),
        (false, true) => (Word::IsUndecided, None),
        (false, false) => (Word::IsNotIn, Some(false)),
    };
    let left = Line::new().bold(say(lang, word, &[&a.key, &a.segment])).plain(" ").mark(mark);
    page.headline(left, &say(lang, Word::AsOfDay, &[&a.as_of]));
    if a.member && a.undecided {
        page.line(0, Line::new().add(Style::Unsure, t(lang, Word::InByDefault)));
    }
    for condition in &a.conditions {
        tested(page, 2, condition);
    }
    if let Some(leaves) = &a.leaves {
        let what = leaves.conditions.join(match lang {
            Lang::En => "; ",
            Lang::Zh => "；",
        });
        let text = match &leaves.on {
            Some(day) => say(lang, Word::LeavesOn, &[day, &what]),
            None => say(lang, Word::StaysUntil, &[&leaves.looked_until]),
        };
        page.line(0, Line::new().dim(text));
    }
    let misses = a.nearest_miss.join(match lang {
        Lang::En => "; ",
        Lang::Zh => "；",
    });
    match a.nearest_miss.len() {
        0 => {}
        1 => page.line(0, Line::new().plain(say(lang, Word::NearestMiss, &[&misses]))),
        n => page.line(0, Line::new().plain(say(lang, Word::NearestMisses, &[&n.to_string(), &misses]))),
    }
}

/// The condition once: with the customer's values in it where it has some, since that says both.
fn tested(page: &mut Page<'_>, indent: usize, a: &Tested) {
    let text = if a.values.is_empty() { &a.condition } else { &a.values };
    let mut line = Line::new().mark(a.outcome).plain(" ").plain(text);
    if !a.from.is_empty() {
        line = line.plain(" ").dim(say(page.lang(), Word::From, &[&a.from.join(" › ")]));
    }
    page.line(indent, line);
    for term in &a.terms {
        page.line(indent + 4, Line::new().dim(term));
    }
    for part in &a.parts {
        tested(page, indent + 2, part);
    }
}
