//! An audience: who is in it, what each step took, which files hold it, and its first rows.

use super::Drawing;
use super::members::{Grid, grid, how_many};
use super::numbers::{count, count_cell, percent};
use super::page::{Line, Page};
use super::tag;
use super::words::{Word, name, say, t};
use crate::explain::Selection;
use crate::explain::portrait::value_at;
use crate::output::style::Style;
use crate::output::table::{Align, Cell};
use crate::value::Value;
use datafusion::arrow::array::ArrayRef;

/// The audience for people. `files` are what was written (`audience`, `held out`, `manifest`, or any words), where,
/// and with how many rows; `sample` is how many rows are shown.
pub fn audience(
    selection: &Selection,
    files: &[(String, String, u64)],
    sample: usize,
    options: &Drawing,
) -> String {
    let mut page = Page::new(options);
    headline(&mut page, selection);
    page.gap();
    waterfall(&mut page, selection);
    arms(&mut page, selection);
    if !files.is_empty() {
        page.gap();
        written(&mut page, files);
    }
    if sample > 0 && selection.rows > 0 {
        page.gap();
        first(&mut page, selection, sample);
    }
    page.finish()
}

fn headline(page: &mut Page<'_>, a: &Selection) {
    let lang = page.lang();
    page.line(0, Line::new().bold(&a.audience.name).then(Style::Plain, a.audience.title.as_deref()));
    let all = a.waterfall.iter().find(|s| s.step == "all");
    let (total, entity) = all.map_or((0, ""), |s| (s.remaining, s.rule.as_str()));
    let sent = match percent(a.rows, total) {
        None => say(lang, Word::NoRows, &[entity]),
        Some(_) if a.rows == 0 => say(lang, Word::NobodySent, &[&count(total), entity]),
        Some(share) => say(lang, Word::Sent, &[&count(a.rows), &count(total), entity, &share]),
    };
    let mut line = Line::new().plain(sent);
    if let Some(held) = a.held {
        line = line.plain(" · ").plain(say(lang, Word::HeldOut, &[&count(held)]));
    }
    if let Some(least) = a.audience.min_size.filter(|least| a.rows < *least) {
        line = line.plain(" · ").add(Style::Bad, say(lang, Word::TooSmall, &[&count(least)]));
    }
    page.line(0, line);
    tag::metadata(page, 0, &a.audience.notes);
}

fn waterfall(page: &mut Page<'_>, a: &Selection) {
    let lang = page.lang();
    let mut before = "";
    let mut rows = Vec::new();
    for stage in &a.waterfall {
        let total = matches!(stage.step, "all" | "delivered");
        // A step of several rules is named once.
        let step = if stage.step == before { "" } else { name(lang, stage.step) };
        before = stage.step;
        let lost = |n| if total { Cell::default() } else { count_cell(n, Style::Plain) };
        let undecided = match stage.step {
            "segment" | "require" | "exclude" => count_cell(stage.undecided, Style::Unsure),
            _ => Cell::default(),
        };
        let style = if stage.step == "delivered" { Style::Bold } else { Style::Plain };
        rows.push(vec![
            Cell::styled(step, style),
            Cell::new(&stage.rule),
            Cell::styled(count(stage.remaining), style),
            lost(stage.lost),
            undecided,
        ]);
    }
    let headers = [Word::StepColumn, Word::Rule, Word::Remaining, Word::Lost, Word::OfWhichUndecided]
        .map(|w| Cell::new(t(lang, w)));
    page.table(&headers, &rows, &[Align::Left, Align::Left, Align::Right, Align::Right, Align::Right]);
    // Elsewhere the undecided are among the lost; an exclusion keeps them.
    for stage in a.waterfall.iter().filter(|s| s.step == "exclude" && s.undecided > 0) {
        let text = say(lang, Word::UndecidedStay, &[&stage.rule, &count(stage.undecided)]);
        page.line(0, Line::new().add(Style::Unsure, text));
    }
}

/// The arms of a split, in the order written: how many are in each, of how many.
fn arms(page: &mut Page<'_>, a: &Selection) {
    if a.arms.is_empty() {
        return;
    }
    let lang = page.lang();
    let sized = a.arms.iter().map(|arm| match percent(arm.rows, a.rows) {
        Some(share) => say(lang, Word::ArmOf, &[&arm.arm, &count(arm.rows), &share]),
        None => say(lang, Word::ArmOf, &[&arm.arm, &count(arm.rows), "0%"]),
    });
    let sized: Vec<String> = sized.collect();
    page.line(0, Line::new().plain(say(lang, Word::Arms, &[&sized.join(" · ")])));
}

fn written(page: &mut Page<'_>, files: &[(String, String, u64)]) {
    let lang = page.lang();
    let rows: Vec<Vec<Cell>> = files
        .iter()
        .map(|(what, path, rows)| {
            // A manifest has no rows of its own.
            let rows = if what == "manifest" { String::new() } else { count(*rows) };
            vec![Cell::new(name(lang, what)), Cell::new(rows), Cell::new(path)]
        })
        .collect();
    let headers = [t(lang, Word::FilesWritten), t(lang, Word::Rows), ""].map(Cell::new);
    page.table(&headers, &rows, &[Align::Left, Align::Right, Align::Left]);
}

/// The first rows with their reasons, one line below each: a reason is as long as the segment's condition.
fn first(page: &mut Page<'_>, a: &Selection, sample: usize) {
    let lang = page.lang();
    let columns: Vec<&(String, ArrayRef)> =
        a.columns.iter().filter(|(name, _)| name != "why" && name != "why_data").collect();
    let reasons = a.columns.iter().find(|(name, _)| name == "why").map(|(_, array)| array);
    let shown = usize::try_from(a.rows).unwrap_or(usize::MAX).min(sample);
    let headers: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let rows: Vec<Vec<Value>> = (0..shown)
        .map(|row| columns.iter().map(|(name, array)| shown_cell(a, name, array, row)).collect())
        .collect();
    let under: Vec<String> = match reasons {
        Some(array) => (0..shown)
            .map(|row| match cell(a, array, row) {
                Value::Text(why) if !why.is_empty() => {
                    format!("{}{}{why}", t(lang, Word::Why), t(lang, Word::Colon))
                }
                _ => String::new(),
            })
            .collect(),
        None => Vec::new(),
    };
    grid(page, &Grid { headers: &headers, rows: &rows, key: None, under: &under });
    how_many(page, shown as u64, a.rows);
}

/// A cell of a file as a screen may show it.
fn shown_cell(a: &Selection, name: &String, array: &ArrayRef, row: usize) -> Value {
    match cell(a, array, row) {
        value if !value.is_missing() && a.personal.contains(name) => Value::Masked,
        value => value,
    }
}

/// A cell of a file. An exact moment stands there in UTC; a screen shows it in the script's zone, as any other answer.
fn cell(a: &Selection, array: &ArrayRef, row: usize) -> Value {
    // Of a type that answers do not show.
    value_at(array, row, &a.zone).unwrap_or_else(|_| Value::Text("?".to_string()))
}
