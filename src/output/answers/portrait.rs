//! All that is known of one customer.

use super::numbers::{shown_in, style_of};
use super::page::{Line, Page};
use super::words::{Word, say, t};
use crate::explain::answer::Portrait;
use crate::output::style::Style;
use crate::output::table::Cell;
use crate::value::Value;

pub fn draw(page: &mut Page<'_>, a: &Portrait) {
    let lang = page.lang();
    let right = format!("{} · {}", a.entity, say(lang, Word::AsOfDay, &[&a.as_of]));
    page.headline(Line::new().bold(&a.key), &right);
    pairs(page, Word::Columns, a, &a.columns);
    pairs(page, Word::Tags, a, &a.tags);
    if a.segments.is_empty() {
        return;
    }
    page.gap();
    page.line(0, Line::new().bold(t(lang, Word::Segments)));
    // Those that the customer is in come first.
    for wanted in [true, false] {
        for (name, _) in a.segments.iter().filter(|(_, member)| *member == wanted) {
            let style = if wanted { Style::Plain } else { Style::Dim };
            page.line(2, Line::new().mark(Some(wanted)).plain(" ").add(style, name));
        }
    }
}

fn pairs(page: &mut Page<'_>, heading: Word, of: &Portrait, pairs: &[(String, Value)]) {
    if pairs.is_empty() {
        return;
    }
    let lang = page.lang();
    let rows: Vec<Vec<Cell>> = pairs
        .iter()
        .map(|(name, value)| {
            // The key as it was asked for.
            let text = match value.plain() {
                plain if plain == of.key => plain,
                _ => shown_in(name, value, lang),
            };
            vec![Cell::new(format!("  {name}")), Cell::styled(text, style_of(value))]
        })
        .collect();
    page.gap();
    page.line(0, Line::new().bold(t(lang, heading)));
    page.table(&[], &rows, &[]);
}
