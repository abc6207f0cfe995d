//! Segments against each other: how many are in two of them, and in all.

use super::numbers::{count as grouped, count_cell, percent, share};
use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::{Overlap, Together};
use crate::output::style::Style;
use crate::output::table::{Align, Cell};

pub fn draw(page: &mut Page<'_>, a: &Overlap) {
    let lang = page.lang();
    let right = format!("{} · {}", a.entity, say(lang, Word::AsOf, &[&a.as_of, &a.zone]));
    page.headline(Line::new().bold(t(lang, Word::Overlap)), &right);
    page.gap();
    let undecided = a.segments.iter().any(|s| s.undecided > 0);
    let rows: Vec<Vec<Cell>> = a
        .segments
        .iter()
        .map(|s| {
            let mut row = vec![
                Cell::new(&s.segment),
                Cell::new(grouped(s.members)),
                Cell::styled(share(s.members, a.total), Style::Dim),
                count_cell(s.only, Style::Plain),
            ];
            row.extend(undecided.then(|| count_cell(s.undecided, Style::Unsure)));
            row
        })
        .collect();
    let mut headers = vec![Word::Segment, Word::MembersColumn, Word::ShareColumn, Word::InNoOther];
    headers.extend(undecided.then_some(Word::UndecidedColumn));
    let headers: Vec<Cell> = headers.iter().map(|w| Cell::new(t(lang, *w))).collect();
    page.table(&headers, &rows, &[Align::Left, Align::Right, Align::Right, Align::Right, Align::Right]);
    page.gap();
    let rows: Vec<Vec<Cell>> = a.together.iter().filter(|s| s.segments.len() == 2).map(row).collect();
    let headers = [
        Cell::new(t(lang, Word::InBoth)),
        Cell::default(),
        Cell::new(t(lang, Word::Customers)),
        Cell::new(t(lang, Word::OfTheFirst)),
        Cell::new(t(lang, Word::OfTheSecond)),
        Cell::new(t(lang, Word::Jaccard)),
    ];
    let right = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    page.table(&headers, &rows, &right);
    for all in a.together.iter().filter(|s| s.segments.len() > 2) {
        page.gap();
        let of = percent(all.all, all.any).unwrap_or_else(|| "0%".to_string());
        page.line(0, Line::new().plain(say(lang, Word::InAll, &[&grouped(all.all), &grouped(all.any), &of])));
    }
}

fn row(a: &Together) -> Vec<Cell> {
    let mut row: Vec<Cell> = a.segments.iter().map(Cell::new).collect();
    row.push(count_cell(a.all, Style::Plain));
    row.extend(a.shares.iter().chain([&a.jaccard]).map(|s| part(*s)));
    row
}

/// A share as the other answers write it: through the counts it would be rounded twice.
fn part(share: Option<f64>) -> Cell {
    match share {
        None => Cell::styled("–", Style::Dim),
        Some(share) => Cell::new(super::numbers::percent_of(share)),
    }
}
