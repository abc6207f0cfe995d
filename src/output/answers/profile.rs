//! What members are like against everyone, the most telling first.

use super::count;
use super::numbers::{percent, shown_in, style_of};
use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::{Feature, Figures, Profile};
use crate::ir::print::Lang;
use crate::output::style::Style;
use crate::output::table::{Align, Cell};
use crate::value::Value;

pub fn draw(page: &mut Page<'_>, a: &Profile) {
    let lang = page.lang();
    count::heading(page, &a.count);
    if a.features.is_empty() {
        page.line(0, Line::new().plain(t(lang, Word::NothingToProfile)));
        return;
    }
    page.gap();
    let rows: Vec<Vec<Cell>> = a.features.iter().flat_map(|f| feature(f, lang)).collect();
    let headers = [Word::TagColumn, Word::Value, Word::MembersColumn, Word::Everyone, Word::Index];
    let headers = headers.map(|w| Cell::new(t(lang, w)));
    page.table(&headers, &rows, &[Align::Left, Align::Left, Align::Right, Align::Right, Align::Right]);
}

/// Its name on the first of its lines: mean and median, or values; then how many have it, where not all do.
fn feature(f: &Feature, lang: Lang) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let word = |w| Cell::styled(t(lang, w), Style::Dim);
    let number = |value: Option<Value>| {
        let value = value.unwrap_or(Value::Missing);
        Cell::styled(shown_in(&f.name, &value, lang), style_of(&value))
    };
    if f.masked {
        rows.push(vec![word(Word::Masked), Cell::default(), Cell::default(), Cell::default()]);
    }
    if f.all.mean.is_some() {
        let mean = |m: Option<f64>| number(m.map(rounded));
        let index = match (f.members.mean, f.all.mean) {
            (Some(inside), Some(all)) if all > 0.0 && inside >= 0.0 => whole(inside / all * 100.0),
            _ => String::new(),
        };
        rows.push(vec![word(Word::Mean), mean(f.members.mean), mean(f.all.mean), Cell::new(index)]);
    }
    if f.all.median.is_some() {
        let (inside, all) = (number(f.members.median.clone()), number(f.all.median.clone()));
        rows.push(vec![word(Word::MedianColumn), inside, all, Cell::default()]);
    }
    for v in &f.values {
        let share = |n, whole: &Figures| Cell::new(percent(n, whole.known).unwrap_or_default());
        let value = Cell::new(shown_in(&f.name, &v.value, lang));
        rows.push(vec![
            value,
            share(v.members, &f.members),
            share(v.all, &f.all),
            Cell::new(v.index.map_or(String::new(), whole)),
        ]);
    }
    if f.values.is_empty()
        && let Some(distinct) = f.distinct.filter(|n| *n > 0)
    {
        let text = say(lang, Word::Different, &[&super::numbers::count(distinct)]);
        rows.push(vec![Cell::styled(text, Style::Dim), Cell::default(), Cell::default(), Cell::default()]);
    }
    if f.members.known < f.members.total || f.all.known < f.all.total || rows.is_empty() {
        let known = |a: &Figures| Cell::styled(percent(a.known, a.total).unwrap_or_default(), Style::Dim);
        rows.push(vec![word(Word::KnownColumn), known(&f.members), known(&f.all), Cell::default()]);
    }
    for (i, row) in rows.iter_mut().enumerate() {
        let name = if i == 0 { Cell::new(&f.name) } else { Cell::default() };
        row.insert(0, name);
    }
    rows
}

/// A mean to two places; a small one to as many as show it.
fn rounded(x: f64) -> Value {
    let small = x != 0.0 && x.abs() < 1.0;
    Value::Float(if small { x } else { (x * 100.0).round() / 100.0 })
}

fn whole(x: f64) -> String {
    format!("{x:.0}")
}
