//! What a script defines, as compact tables.

use super::numbers::{shown, style_of};
use super::page::{Line, Page};
use super::words::{Word, name, say, t, type_name};
use crate::explain::answer::{List, Listed};
use crate::output::style::Style;
use crate::output::table::Cell;

pub fn draw(page: &mut Page<'_>, a: &List) {
    let lang = page.lang();
    page.line(0, Line::new().dim(say(lang, Word::AsOf, &[&a.as_of, &a.zone])));
    let sources = a
        .sources
        .iter()
        .map(|(source, kind, files)| vec![Cell::new(source), Cell::new(name(lang, kind)), Cell::new(files)])
        .collect();
    section(page, Word::Sources, &[Word::Name, Word::Kind, Word::Files], sources);
    let params = a
        .params
        .iter()
        .map(|(param, value, title)| {
            let value = Cell::styled(shown(value, lang), style_of(value));
            vec![Cell::new(param), titled(title.as_deref()), value]
        })
        .collect();
    section(page, Word::Params, &[Word::Name, Word::Title, Word::Value], params);
    // Whose a definition is stands in the table only where it could be another's.
    let mut entities = a.tags.iter().chain(&a.segments).chain(&a.audiences).map(|d| &d.entity);
    let first = entities.next();
    let several = entities.any(|e| Some(e) != first);
    for (heading, definitions) in
        [(Word::Tags, &a.tags), (Word::Segments, &a.segments), (Word::Audiences, &a.audiences)]
    {
        let typed = heading == Word::Tags;
        let rows = definitions.iter().map(|d| row(d, page, several, typed)).collect();
        let mut headers = vec![Word::Name, Word::Title];
        headers.extend(several.then_some(Word::Entity));
        headers.extend(typed.then_some(Word::Type));
        headers.push(if heading == Word::Audiences { Word::Segment } else { Word::Definition });
        section(page, heading, &headers, rows);
    }
    if a.sources.is_empty() && a.params.is_empty() && first.is_none() {
        page.line(0, Line::new().plain(t(lang, Word::NothingDefined)));
    }
}

fn row(d: &Listed, page: &Page<'_>, several: bool, typed: bool) -> Vec<Cell> {
    let mut cells = vec![Cell::new(&d.name), titled(d.title.as_deref())];
    if several {
        cells.push(Cell::new(&d.entity));
    }
    if typed {
        cells.push(Cell::new(type_name(page.lang(), &d.type_name)));
    }
    cells.push(Cell::new(&d.formula));
    cells
}

fn titled(title: Option<&str>) -> Cell {
    Cell::new(title.unwrap_or_default())
}

/// A heading and a table; nothing where there are no rows. A column of titles that has none is left out.
fn section(page: &mut Page<'_>, heading: Word, headers: &[Word], mut rows: Vec<Vec<Cell>>) {
    if rows.is_empty() {
        return;
    }
    let lang = page.lang();
    let mut titles: Vec<Cell> = headers.iter().map(|h| Cell::styled(t(lang, *h), Style::Dim)).collect();
    if let Some(at) = headers.iter().position(|h| *h == Word::Title)
        && rows.iter().all(|r| r.get(at) == Some(&Cell::default()))
    {
        for row in rows.iter_mut().chain([&mut titles]) {
            row.remove(at);
        }
    }
    page.gap();
    page.line(0, Line::new().bold(t(lang, heading)));
    page.table(&titles, &rows, &[]);
}
