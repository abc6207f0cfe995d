//! What changed between two days: a segment's members, a tag's values.

use super::numbers::{count as grouped, share};
use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::{Diff, Moved, Transitions};
use crate::ir::print::{self, Lang};
use crate::output::style::Style;
use crate::output::table::{Align, Cell};
use crate::value::Value;

/// Columns that a matrix may have before it is told as a list.
const WIDE: usize = 12;

pub fn diff(page: &mut Page<'_>, a: &Diff) {
    let lang = page.lang();
    let right = format!("{} · {}", a.entity, say(lang, Word::BetweenDays, &[&a.from, &a.to, &a.zone]));
    page.headline(Line::new().bold(&a.segment).then(Style::Plain, a.title.as_deref()), &right);
    let figures = [grouped(a.before), grouped(a.after), grouped(a.stayed)];
    let [before, after, stayed] = &figures;
    page.line(0, Line::new().plain(say(lang, Word::BeforeAfter, &[before, after, stayed])));
    if a.undecided_before + a.undecided_after > 0 {
        let (before, after) = (grouped(a.undecided_before), grouped(a.undecided_after));
        page.line(0, Line::new().add(Style::Unsure, say(lang, Word::UndecidedThenNow, &[&before, &after])));
    }
    moved(page, Word::Entered, Word::NobodyEntered, &a.entered);
    moved(page, Word::Left, Word::NobodyLeft, &a.left);
}

fn moved(page: &mut Page<'_>, some: Word, nobody: Word, a: &Moved) {
    let lang = page.lang();
    page.gap();
    if a.count == 0 {
        return page.line(0, Line::new().plain(t(lang, nobody)));
    }
    page.line(0, Line::new().bold(say(lang, some, &[&grouped(a.count)])));
    let rows: Vec<Vec<Cell>> = a
        .flips
        .iter()
        .map(|f| {
            let from = match f.from.is_empty() {
                true => f.condition.clone(),
                false => format!("{} {}", f.condition, say(lang, Word::From, &[&f.from.join(" › ")])),
            };
            vec![
                Cell::new(from),
                Cell::new(grouped(f.count)),
                Cell::styled(share(f.count, a.count), Style::Dim),
                Cell::new(grouped(f.alone)),
            ]
        })
        .collect();
    let headers = [Word::Changed, Word::Customers, Word::ShareColumn, Word::OnlyThis];
    let headers = headers.map(|w| Cell::new(t(lang, w)));
    page.table(&headers, &rows, &[Align::Left, Align::Right, Align::Right, Align::Right]);
    for row in &a.sample {
        let changes = row.changes.join(match lang {
            Lang::En => "; ",
            Lang::Zh => "；",
        });
        page.line(2, Line::new().plain(row.key.plain()).then(Style::Dim, Some(&changes)));
    }
}

pub fn transitions(page: &mut Page<'_>, a: &Transitions) {
    let lang = page.lang();
    let right = format!("{} · {}", a.entity, say(lang, Word::BetweenDays, &[&a.from, &a.to, &a.zone]));
    page.headline(Line::new().bold(&a.tag).then(Style::Plain, a.title.as_deref()), &right);
    let moved = a.total.saturating_sub(a.stayed);
    let figures = [grouped(a.total), grouped(moved), share(moved, a.total)];
    let [total, moved, part] = &figures;
    page.line(0, Line::new().plain(say(lang, Word::MovedOf, &[moved, total, &a.entity, part])));
    if a.values.is_empty() {
        return;
    }
    page.gap();
    let name = |v: &Value| match v {
        Value::Text(text) => text.clone(),
        v => print::value(v, lang),
    };
    if a.values.len() > WIDE {
        let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
        for (i, row) in a.counts.iter().enumerate() {
            pairs.extend(row.iter().enumerate().filter(|(_, n)| **n > 0).map(|(j, n)| (*n, i, j)));
        }
        pairs.sort_by(|x, y| y.0.cmp(&x.0).then_with(|| (x.1, x.2).cmp(&(y.1, y.2))));
        let of = |i: usize| Cell::new(a.values.get(i).map_or(String::new(), name));
        let rows: Vec<Vec<Cell>> =
            pairs.iter().map(|(n, i, j)| vec![of(*i), of(*j), Cell::new(grouped(*n))]).collect();
        let headers = [Cell::new(&a.from), Cell::new(&a.to), Cell::new(t(lang, Word::Customers))];
        return page.table(&headers, &rows, &[Align::Left, Align::Left, Align::Right]);
    }
    let mut headers = vec![Cell::new(say(lang, Word::FromTo, &[&a.from, &a.to]))];
    headers.extend(a.values.iter().map(|v| Cell::new(name(v))));
    headers.push(Cell::new(&a.from));
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (i, (value, counts)) in a.values.iter().zip(&a.counts).enumerate() {
        let mut row = vec![Cell::new(name(value))];
        row.extend(counts.iter().enumerate().map(|(j, n)| {
            Cell::styled(grouped(*n), if i == j || *n == 0 { Style::Dim } else { Style::Plain })
        }));
        row.push(Cell::new(grouped(counts.iter().sum())));
        rows.push(row);
    }
    let mut last = vec![Cell::new(&a.to)];
    for j in 0..a.values.len() {
        last.push(Cell::new(grouped(a.counts.iter().filter_map(|r| r.get(j)).sum())));
    }
    last.push(Cell::new(grouped(a.total)));
    rows.push(last);
    let align: Vec<Align> = std::iter::once(Align::Left)
        .chain(a.values.iter().map(|_| Align::Right))
        .chain([Align::Right])
        .collect();
    page.table(&headers, &rows, &align);
}
