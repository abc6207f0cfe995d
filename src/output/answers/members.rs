//! Rows of customers, cut to the width of the terminal.

use super::numbers::{count, shown_in, style_of};
use super::page::{Line, Page, clipped};
use super::words::{Word, say, t};
use crate::explain::answer::Show;
use crate::output::table::{Align, Cell, TableOptions, table};
use crate::value::Value;
use unicode_width::UnicodeWidthStr;

/// The widest a column is where the terminal has a width.
const WIDEST: usize = 40;

pub fn draw(page: &mut Page<'_>, a: &Show) {
    let lang = page.lang();
    let members = match a.members {
        1 => t(lang, Word::OneMember).to_string(),
        n => say(lang, Word::MembersOnly, &[&count(n)]),
    };
    let line = Line::new().bold(&a.segment).plain("  ").plain(members).dim(" · ").dim(say(
        lang,
        Word::AsOfDay,
        &[&a.as_of],
    ));
    page.line(0, line);
    if a.members > 0 {
        page.gap();
        grid_of(page, a);
    }
}

/// The rows, and how many of all they are.
pub fn grid_of(page: &mut Page<'_>, a: &Show) {
    if !a.rows.is_empty() {
        grid(page, &Grid { headers: &a.headers, rows: &a.rows, key: a.headers.first(), under: &[] });
    }
    how_many(page, a.rows.len() as u64, a.members);
}

/// `first 20 of 1,284`
pub fn how_many(page: &mut Page<'_>, shown: u64, of: u64) {
    let lang = page.lang();
    let text = match shown >= of {
        true => say(lang, Word::AllShown, &[&count(of)]),
        false => say(lang, Word::FirstOf, &[&count(shown), &count(of)]),
    };
    page.line(0, Line::new().dim(text));
}

/// Rows under headers, with a line below each row where there is something to say about it.
pub struct Grid<'a> {
    pub headers: &'a [String],
    pub rows: &'a [Vec<Value>],
    /// The column that holds the key, whose digits are not grouped.
    pub key: Option<&'a String>,
    pub under: &'a [String],
}

pub fn grid(page: &mut Page<'_>, a: &Grid<'_>) {
    let lang = page.lang();
    let most = page.width().map_or(usize::MAX, |w| w.min(WIDEST));
    let text = |column: &String, value: &Value| match value {
        Value::Int(_) if a.key == Some(column) => value.plain(),
        value => shown_in(column, value, lang),
    };
    // Leading columns, as many as fit.
    let (mut used, mut fit) = (0, 0);
    let mut align = Vec::new();
    for (i, header) in a.headers.iter().enumerate() {
        let column = || a.rows.iter().filter_map(|r| r.get(i));
        let widest = column().map(|v| text(header, v).width()).chain([header.width()]).max().unwrap_or(0);
        used += widest.min(most) + if i == 0 { 0 } else { 2 };
        if i > 0 && page.width().is_some_and(|w| used > w) {
            break;
        }
        fit = i + 1;
        align.push(if numeric(column()) { Align::Right } else { Align::Left });
    }
    let clip = |t: &str| clipped(t, most);
    let headers: Vec<Cell> = a.headers.iter().take(fit).map(|h| Cell::new(clip(h))).collect();
    let rows: Vec<Vec<Cell>> = a
        .rows
        .iter()
        .map(|row| {
            let cells = a.headers.iter().zip(row).take(fit);
            cells.map(|(h, v)| Cell::styled(clip(&text(h, v)), style_of(v))).collect()
        })
        .collect();
    let drawn = table(&headers, &rows, &align, &TableOptions { color: page.color(), max_width: None });
    let mut under = a.under.iter();
    for (i, line) in drawn.lines().enumerate() {
        page.painted(&format!("{line}\n"));
        // Two lines of headers come first.
        if i >= 2
            && let Some(text) = under.next()
            && !text.is_empty()
        {
            page.line(4, Line::new().dim(text));
        }
    }
    if fit < a.headers.len() {
        let left: Vec<&str> = a.headers.iter().skip(fit).map(String::as_str).collect();
        let left = say(lang, Word::ColumnsLeft, &[&left.join(t(lang, Word::Comma))]);
        page.line(0, Line::new().dim(left));
    }
}

fn numeric<'a>(column: impl Iterator<Item = &'a Value>) -> bool {
    let mut any = false;
    column
        .filter(|v| !matches!(v, Value::Missing | Value::Masked))
        .inspect(|_| any = true)
        .all(|v| v.as_f64().is_some())
        && any
}
