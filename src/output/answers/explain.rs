//! A segment explained: what it says, what each condition takes, what it is made of.

use super::count;
use super::members;
use super::numbers::{count as grouped, count_cell, share};
use super::page::{Line, Page};
use super::tag;
use super::words::{Word, say, t};
use crate::explain::answer::{Count, Explain, Step};
use crate::output::style::Style;
use crate::output::table::{Align, Cell};

pub fn draw(page: &mut Page<'_>, a: &Explain) {
    let lang = page.lang();
    count::heading(page, &a.count);
    tag::metadata(page, 0, &a.metadata);
    page.gap();
    page.verbatim(2, &a.definition);
    if let Some(keys) = &a.keys {
        tag::reads(page, keys);
    }
    if !a.attrition.is_empty() {
        page.gap();
        attrition(page, &a.count, &a.attrition);
    }
    if !a.tags.is_empty() {
        page.gap();
        page.line(0, Line::new().bold(t(lang, Word::Tags)));
        for tag in &a.tags {
            tag::draw(page, tag);
        }
    }
    if let Some(sample) = &a.sample {
        page.gap();
        page.line(0, Line::new().bold(t(lang, Word::Sample)));
        members::grid_of(page, sample);
    }
}

/// From everyone to the members. Whom a condition leaves undecided it does not count as lost.
fn attrition(page: &mut Page<'_>, of: &Count, steps: &[Step]) {
    let lang = page.lang();
    let mut rows = vec![vec![
        Cell::new(&of.entity),
        Cell::default(),
        Cell::new(grouped(of.total)),
        Cell::default(),
        Cell::default(),
        Cell::default(),
    ]];
    for step in steps {
        let from = match step.from.is_empty() {
            true => String::new(),
            false => say(lang, Word::From, &[&step.from.join(" › ")]),
        };
        rows.push(vec![
            Cell::new(&step.condition),
            Cell::styled(from, Style::Dim),
            Cell::new(grouped(step.remaining)),
            count_cell(step.lost, Style::Plain),
            count_cell(step.undecided, Style::Unsure),
            Cell::styled(share(step.alone, of.total), Style::Dim),
        ]);
    }
    let mut headers = vec![
        Cell::new(t(lang, Word::Attrition)),
        Cell::default(),
        Cell::new(t(lang, Word::Remaining)),
        Cell::new(t(lang, Word::Lost)),
        Cell::new(t(lang, Word::UndecidedColumn)),
        Cell::new(t(lang, Word::Alone)),
    ];
    let mut align = vec![Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    if steps.iter().all(|s| s.from.is_empty()) {
        for row in rows.iter_mut().chain([&mut headers]) {
            row.remove(1);
        }
        align.remove(1);
    }
    page.table(&headers, &rows, &align);
}
