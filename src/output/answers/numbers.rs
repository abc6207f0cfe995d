//! Counts, shares and values as an answer shows them.

use super::words::{Word, t};
use crate::ir::print::Lang;
use crate::output::style::Style;
use crate::output::table::Cell;
use crate::value::{Value, group};

/// `1,284`
pub fn count(n: u64) -> String {
    group(&n.to_string())
}

/// `6.4%`; `0%` and `100%` only where they are exact; `None` of nothing.
pub fn percent(part: u64, whole: u64) -> Option<String> {
    let (part, whole) = (u128::from(part), u128::from(whole));
    if whole == 0 {
        return None;
    }
    Some(match part {
        0 => "0%".to_string(),
        _ if part == whole => "100%".to_string(),
        _ if part * 1000 < whole => "<0.1%".to_string(),
        _ if part < whole && (whole - part) * 1000 < whole => ">99.9%".to_string(),
        _ => {
            let tenths = (part * 2000 + whole) / (whole * 2);
            format!("{}.{}%", tenths / 10, tenths % 10)
        }
    })
}

/// The same of a share from 0 to 1.
pub fn percent_of(share: f64) -> String {
    const WHOLE: u64 = 1_000_000_000;
    let part = (share * WHOLE as f64).round();
    // Below 0 and above the whole there is none; nearly nothing and nearly all are not nothing and all.
    let part = if share > 0.0 && share < 1.0 { part.clamp(1.0, (WHOLE - 1) as f64) } else { part };
    percent(part as u64, WHOLE).unwrap_or_default()
}

/// A share in a column of its own.
pub fn share(part: u64, whole: u64) -> String {
    percent(part, whole).unwrap_or_else(|| "–".to_string())
}

/// A value as a person reads it, text without quotes.
pub fn shown(value: &Value, lang: Lang) -> String {
    match value {
        Value::Missing => t(lang, Word::MissingValue).to_string(),
        Value::Bool(true) => t(lang, Word::Yes).to_string(),
        Value::Bool(false) => t(lang, Word::No).to_string(),
        other => other.to_string(),
    }
}

/// A value of a named column: the digits of a number that names something are not grouped.
pub fn shown_in(column: &str, value: &Value, lang: Lang) -> String {
    match value {
        Value::Int(_) if is_identifier(column) => value.plain(),
        _ => shown(value, lang),
    }
}

/// By its name a key: `id`, `customer_id`, `branch.region_id`.
pub fn is_identifier(column: &str) -> bool {
    let last = column.rsplit('.').next().unwrap_or(column).to_lowercase();
    last == "id" || last.ends_with("_id")
}

/// What there is no value to see of is dim.
pub fn style_of(value: &Value) -> Style {
    if matches!(value, Value::Missing | Value::Masked) { Style::Dim } else { Style::Plain }
}

/// A count in a table: nothing is dim, and so not in the way of what is there.
pub fn count_cell(n: u64, style: Style) -> Cell {
    Cell::styled(count(n), if n == 0 { Style::Dim } else { style })
}
