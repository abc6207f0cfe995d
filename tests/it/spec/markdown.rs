//! Tables and anchors of Markdown.

/// How wide a text is where every sign of Chinese takes two places.
fn width(text: &str) -> usize {
    text.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum()
}

/// A table whose columns stand below each other in the source too, where the lines are not too long for it.
pub fn table(header: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(header.len());
    let widest = |i: usize| {
        let cells = std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
        cells.filter_map(|row| row.get(i)).map(|c| width(c)).max().unwrap_or(0).max(1)
    };
    let wide: Vec<usize> = (0..columns).map(widest).collect();
    let padded = wide.iter().map(|w| w + 3).sum::<usize>() < 120;
    let line = |row: &[String]| {
        let cell = |i: usize| {
            let text = row.get(i).map_or("", String::as_str);
            format!("{text}{}", " ".repeat(if padded { wide[i] - width(text) } else { 0 }))
        };
        format!("| {} |", (0..columns).map(cell).collect::<Vec<_>>().join(" | "))
    };
    let rule = wide.iter().map(|w| "-".repeat(if padded { w + 2 } else { 3 })).collect::<Vec<_>>().join("|");
    let body = rows.iter().map(|row| line(row));
    std::iter::once(line(header)).chain(std::iter::once(format!("|{rule}|"))).chain(body).collect()
}

/// The anchor that a heading gets: `Values and operators` is `#values-and-operators`.
pub fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}
