//! Lines of an answer: styled text, wrapped to the terminal, beside tables.

use super::Drawing;
use crate::ir::print::Lang;
use crate::output::style::Style;
use crate::output::table::{Align, Cell, TableOptions, table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How far to the right the right end of a headline stands at most.
const PAGE: usize = 100;

/// A line of styled text.
#[derive(Clone, Default, Debug)]
pub struct Line {
    spans: Vec<(Style, String)>,
}

impl Line {
    pub fn new() -> Line {
        Line::default()
    }

    /// Text without what would move the cursor or turn the direction of what follows.
    pub fn add(mut self, style: Style, text: impl AsRef<str>) -> Line {
        let text = harmless(text.as_ref());
        match self.spans.last_mut() {
            Some((last, before)) if *last == style => before.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.spans.push((style, text)),
        }
        self
    }

    pub fn plain(self, text: impl AsRef<str>) -> Line {
        self.add(Style::Plain, text)
    }

    pub fn bold(self, text: impl AsRef<str>) -> Line {
        self.add(Style::Bold, text)
    }

    pub fn dim(self, text: impl AsRef<str>) -> Line {
        self.add(Style::Dim, text)
    }

    pub fn mark(self, holds: Option<bool>) -> Line {
        let (style, sign) = crate::output::style::mark(holds);
        self.add(style, sign)
    }

    /// Two spaces and `text`, where there is one.
    pub fn then(self, style: Style, text: Option<&str>) -> Line {
        match text {
            Some(text) if !text.is_empty() => self.plain("  ").add(style, text),
            _ => self,
        }
    }

    /// This line and then another.
    pub fn append(self, other: Line) -> Line {
        other.spans.into_iter().fold(self, |line, (style, text)| line.add(style, text))
    }

    /// Without its styles.
    pub fn text(&self) -> String {
        self.spans.iter().map(|(_, text)| text.as_str()).collect()
    }

    pub fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// Broken at spaces so that no line is wider than `room`; a word that is too long is broken within.
    fn wrapped(&self, room: usize) -> Vec<Line> {
        let (mut done, mut line, mut used) = (Vec::new(), Line::new(), 0);
        for (style, text) in &self.spans {
            for word in text.split_inclusive(' ') {
                let wide = word.trim_end().width();
                if used > 0 && used + wide > room {
                    done.push(std::mem::take(&mut line));
                    used = 0;
                }
                if wide <= room {
                    line = line.add(*style, word);
                    used += word.width();
                    continue;
                }
                for c in word.chars() {
                    let wide = c.width().unwrap_or(0);
                    if used > 0 && used + wide > room {
                        done.push(std::mem::take(&mut line));
                        used = 0;
                    }
                    line = line.add(*style, c.to_string());
                    used += wide;
                }
            }
        }
        done.push(line);
        done
    }
}

/// Parts with `·` between them.
pub fn dotted(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// What is drawn so far.
pub struct Page<'a> {
    drawing: &'a Drawing,
    text: String,
}

impl<'a> Page<'a> {
    pub fn new(drawing: &'a Drawing) -> Page<'a> {
        Page { drawing, text: String::new() }
    }

    pub fn lang(&self) -> Lang {
        self.drawing.lang
    }

    pub fn width(&self) -> Option<usize> {
        self.drawing.width
    }

    pub fn color(&self) -> bool {
        self.drawing.palette.color
    }

    pub fn finish(self) -> String {
        self.text
    }

    /// An empty line between two blocks.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A line that begins `indent` to the right; what does not fit goes on two further.
    pub fn line(&mut self, indent: usize, line: Line) {
        let room = self.drawing.width.map_or(usize::MAX, |w| w.saturating_sub(indent + 2).max(8));
        let lines = match self.drawing.width {
            Some(width) if line.width() + indent > width => line.wrapped(room),
            _ => vec![line],
        };
        for (i, line) in lines.iter().enumerate() {
            self.put(if i == 0 { indent } else { indent + 2 }, line);
        }
    }

    /// Written lines as they are, wrapped only where the terminal would.
    pub fn verbatim(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            self.line(indent, Line::new().plain(line.trim_end()));
        }
    }

    /// What an answer is about, and on the right what it is relative to; below each other where both do not fit.
    pub fn headline(&mut self, left: Line, right: &str) {
        let page = self.drawing.width.unwrap_or(PAGE).min(PAGE);
        let right = Line::new().dim(right);
        let (a, b) = (left.width(), right.width());
        if a + 2 + b > page || b == 0 {
            self.line(0, left);
            if b > 0 {
                self.line(0, right);
            }
            return;
        }
        self.put(0, &left.plain(" ".repeat(page - a - b)).append(right));
    }

    /// A table, wrapped where it is wider than the terminal.
    pub fn table(&mut self, headers: &[Cell], rows: &[Vec<Cell>], align: &[Align]) {
        let draw = |color, max_width| table(headers, rows, align, &TableOptions { color, max_width });
        let widest = |text: &str| text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let max = self.drawing.width.filter(|w| widest(&draw(false, None)) > *w);
        self.text.push_str(&draw(self.drawing.palette.color, max));
    }

    /// Lines that are painted already.
    pub fn painted(&mut self, lines: &str) {
        self.text.push_str(lines);
    }

    fn put(&mut self, indent: usize, line: &Line) {
        let last = line.spans.len().saturating_sub(1);
        let mut out = String::new();
        for (i, (style, text)) in line.spans.iter().enumerate() {
            let text = if i == last { text.trim_end() } else { text };
            out.push_str(&self.drawing.palette.paint(*style, text));
        }
        if !out.is_empty() {
            self.text.push_str(&" ".repeat(indent));
        }
        self.text.push_str(&out);
        self.text.push('\n');
    }
}

/// Text cut to a width, `…` where something is lost.
pub fn clipped(text: &str, most: usize) -> String {
    let text = harmless(text);
    if text.width() <= most {
        return text;
    }
    let (mut out, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > most {
            break;
        }
        out.push(c);
    }
    out + "…"
}

fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '⏎',
            '\t' => ' ',
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}') =>
            {
                '\u{fffd}'
            }
            c => c,
        })
        .collect()
}
