//! Tables for the terminal: a line below the header, no boxes, columns that line up in Chinese too.

use super::style::{Palette, Style, mark};
use crate::value::Value;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, TableComponent, Width};
use unicode_width::UnicodeWidthChar;

/// One cell: its text, and what the text is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Control characters of the text are shown as signs: they would move the cursor.
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: harmless(text.as_ref()), style: Style::Plain }
    }

    pub fn styled(text: impl AsRef<str>, style: Style) -> Cell {
        Cell { style, ..Cell::new(text) }
    }

    /// ✓, ✗ or ?
    pub fn mark(holds: Option<bool>) -> Cell {
        let (style, sign) = mark(holds);
        Cell::styled(sign, style)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::new(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::new(text)
    }
}

/// A value as a person reads it; what is missing or masked is dim.
impl From<&Value> for Cell {
    fn from(value: &Value) -> Cell {
        let style = if matches!(value, Value::Missing | Value::Masked) { Style::Dim } else { Style::Plain };
        Cell::styled(value.to_string(), style)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Align {
    #[default]
    Left,
    Right,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TableOptions {
    pub color: bool,
    /// Where text is wrapped; right-aligned columns are not. `None`: nowhere.
    pub max_width: Option<usize>,
}

/// The table, each line ended. Without headers there is no line below them either. Columns without an
/// alignment are on the left.
pub fn table(headers: &[Cell], rows: &[Vec<Cell>], align: &[Align], options: &TableOptions) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(headers.len());
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    if !headers.is_empty() {
        table.set_style(TableComponent::HeaderLines, '─');
        let bold = |h: &Cell| match h.style {
            Style::Plain => Cell { style: Style::Bold, ..h.clone() },
            _ => h.clone(),
        };
        let headers: Vec<_> = headers.iter().map(bold).collect();
        table.set_header(row(&headers, columns, options.color));
    }
    for cells in rows {
        table.add_row(row(cells, columns, options.color));
    }
    if let Some(width) = options.max_width {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    }
    for i in 0..columns {
        let Some(column) = table.column_mut(i) else { continue };
        column.set_padding((0, if i + 1 < columns { 2 } else { 0 }));
        if align.get(i) == Some(&Align::Right) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else if options.max_width.is_some() {
            // Room for a Chinese word and the padding, however narrow the terminal.
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(8)));
        }
    }
    let palette = Palette::new(options.color);
    table.lines().map(|line| painted(line.trim_end(), palette) + "\n").collect()
}

fn row(cells: &[Cell], columns: usize, color: bool) -> Row {
    let texts = cells.iter().map(|c| if color { marked(c) } else { c.text.clone() });
    Row::from(texts.chain(std::iter::repeat_n(String::new(), columns - cells.len().min(columns))))
}

fn harmless(text: &str) -> String {
    text.chars()
        .filter(|c| !is_tag(*c))
        .map(|c| match c {
            '\n' => '⏎',
            '\t' => ' ',
            // Controls, and the marks that turn the direction of what follows.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                '\u{fffd}'
            }
            c => c,
        })
        .collect()
}

// ---- colours through the layout ----
//
// The layout counts characters and would count escape codes too. So each character of a styled cell is followed
// by a tag character, which has no width and stays with its character when a line is broken; the finished lines
// are painted by these tags, which are then gone.

const TAGS: [(Style, char); 5] = [
    (Style::Bold, '\u{e0061}'),
    (Style::Dim, '\u{e0062}'),
    (Style::Good, '\u{e0063}'),
    (Style::Bad, '\u{e0064}'),
    (Style::Unsure, '\u{e0065}'),
];

fn is_tag(c: char) -> bool {
    ('\u{e0000}'..='\u{e007f}').contains(&c)
}

fn marked(cell: &Cell) -> String {
    let Some((_, tag)) = TAGS.iter().find(|(style, _)| *style == cell.style) else {
        return cell.text.clone();
    };
    let mut out = String::with_capacity(cell.text.len() * 5);
    let mut chars = cell.text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        // Joined emoji stay whole; a space is where lines break.
        let joins = |c: char| matches!(c, '\u{200d}' | '\u{fe0f}');
        if c != ' ' && !joins(c) && !chars.peek().is_some_and(|next| joins(*next)) {
            out.push(*tag);
        }
    }
    out
}

fn painted(line: &str, palette: Palette) -> String {
    let mut out = String::with_capacity(line.len());
    let mut run = String::new();
    let mut style = Style::Plain;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if is_tag(c) {
            continue;
        }
        let next = chars.peek().and_then(|t| TAGS.iter().find(|(_, tag)| tag == t));
        let own = match next {
            Some((style, _)) => *style,
            None if c.width() == Some(0) => style,
            None => Style::Plain,
        };
        if own != style {
            out.push_str(&palette.paint(style, &run));
            run.clear();
            style = own;
        }
        run.push(c);
    }
    out.push_str(&palette.paint(style, &run));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    fn cells(texts: &[&str]) -> Vec<Cell> {
        texts.iter().map(|t| Cell::from(*t)).collect()
    }

    const RIGHT: &[Align] = &[Align::Left, Align::Right];

    #[test]
    fn numbers_stand_on_the_right_and_chinese_lines_up() {
        let rows = [cells(&["高净值客户", "1,234", "上海"]), cells(&["lost", "7", "x"])];
        let text = table(&cells(&["客群", "人数", "city"]), &rows, RIGHT, &TableOptions::default());
        let expected = "\
客群         人数  city
───────────────────────
高净值客户  1,234  上海
lost            7  x
";
        assert_eq!(text, expected);
        let starts: Vec<_> = ["city", "上海"].iter().map(|w| text.find(w).unwrap()).collect();
        let column = |at: usize| text[..at].lines().last().unwrap().width();
        assert_eq!(column(starts[0]), column(starts[1]));
    }

    #[test]
    fn colours_do_not_move_anything() {
        let rows = [
            vec![
                Cell::mark(Some(true)),
                Cell::styled("资产 a long condition to wrap", Style::Dim),
                "7".into(),
            ],
            vec![Cell::mark(None), "x".into(), Cell::styled("👩\u{200d}💻", Style::Bad)],
        ];
        let head = cells(&["", "条件", "n"]);
        for max_width in [None, Some(20), Some(3)] {
            let plain = table(&head, &rows, &[], &TableOptions { color: false, max_width });
            let color = table(&head, &rows, &[], &TableOptions { color: true, max_width });
            assert!(color.contains("\u{1b}[32m✓\u{1b}[0m"), "{color:?}");
            assert!(!color.contains('\u{e0062}'));
            let mut stripped = color.clone();
            for code in ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"] {
                stripped = stripped.replace(&format!("\u{1b}{code}"), "");
            }
            assert_eq!(stripped, plain);
        }
    }

    #[test]
    fn long_text_wraps_within_the_width() {
        let rows = [cells(&["a condition of many words that goes on and on", "1,000,000"])];
        let options = TableOptions { color: false, max_width: Some(30) };
        let text = table(&cells(&["rule", "n"]), &rows, RIGHT, &options);
        assert!(text.lines().all(|l| l.width() <= 30), "{text}");
        assert!(text.contains("1,000,000"));
        let chinese = [cells(&["资产不少于一百万且最近九十天内交易超过五次的客户", "1"])];
        let text = table(&cells(&["规则", "n"]), &chinese, RIGHT, &options);
        assert!(text.lines().all(|l| l.width() <= 30) && text.lines().count() > 3, "{text}");
    }

    #[test]
    fn a_cell_cannot_move_the_cursor() {
        let rows = [vec![Cell::new("a\u{1b}[2Jb\nc\td"), Cell::new("x")]];
        let text = table(&[], &rows, &[], &TableOptions::default());
        assert_eq!(text, "a\u{fffd}[2Jb⏎c d  x\n");
    }

    #[test]
    fn an_empty_table_is_its_header() {
        assert_eq!(table(&cells(&["a", "b"]), &[], &[], &TableOptions::default()), "a  b\n────\n");
        assert_eq!(table(&[], &[], &[], &TableOptions::default()), "");
    }
}
