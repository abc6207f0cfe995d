//! How many are left after each step.

use super::numbers::{count_cell, share};
use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::Funnel;
use crate::output::style::Style;
use crate::output::table::{Align, Cell};

pub fn draw(page: &mut Page<'_>, a: &Funnel) {
    let lang = page.lang();
    let right = format!("{} · {}", a.entity, say(lang, Word::AsOf, &[&a.as_of, &a.zone]));
    page.headline(Line::new().bold(&a.name).then(Style::Plain, a.title.as_deref()), &right);
    page.gap();
    let mut rows = vec![vec![
        Cell::default(),
        Cell::new(&a.entity),
        count_cell(a.total, Style::Plain),
        Cell::default(),
        Cell::default(),
    ]];
    let mut before = a.total;
    for (i, step) in a.steps.iter().enumerate() {
        let text = match step.from.is_empty() {
            true => step.step.clone(),
            false => format!("{} {}", step.step, say(lang, Word::From, &[&step.from.join(" › ")])),
        };
        rows.push(vec![
            Cell::styled((i + 1).to_string(), Style::Dim),
            Cell::new(text),
            count_cell(step.reached, Style::Plain),
            Cell::styled(share(step.reached, a.total), Style::Dim),
            Cell::styled(share(step.reached, before), Style::Dim),
        ]);
        before = step.reached;
    }
    let headers =
        [Word::FunnelNumber, Word::FunnelStep, Word::FunnelReached, Word::FunnelOfAll, Word::FunnelOfBefore];
    let headers = headers.map(|w| Cell::new(t(lang, w)));
    page.table(&headers, &rows, &[Align::Right, Align::Left, Align::Right, Align::Right, Align::Right]);
}
