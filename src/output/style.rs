//! The few colours of answers, which a caller switches off (`NO_COLOR`, a pipe).

use anstyle::AnsiColor;

/// What a piece of text is, not how it looks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Style {
    #[default]
    Plain,
    Bold,
    Dim,
    /// Holds: green.
    Good,
    /// Does not hold: red.
    Bad,
    /// Undecided: yellow.
    Unsure,
}

impl Style {
    fn ansi(self) -> anstyle::Style {
        let plain = anstyle::Style::new();
        match self {
            Style::Plain => plain,
            Style::Bold => plain.bold(),
            Style::Dim => plain.dimmed(),
            Style::Good => plain.fg_color(Some(AnsiColor::Green.into())),
            Style::Bad => plain.fg_color(Some(AnsiColor::Red.into())),
            Style::Unsure => plain.fg_color(Some(AnsiColor::Yellow.into())),
        }
    }
}

/// Paints, or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Palette {
    pub color: bool,
}

impl Palette {
    pub fn new(color: bool) -> Palette {
        Palette { color }
    }

    pub fn paint(self, style: Style, text: &str) -> String {
        if !self.color || style == Style::Plain || text.is_empty() {
            return text.to_string();
        }
        let ansi = style.ansi();
        format!("{}{text}{}", ansi.render(), ansi.render_reset())
    }

    pub fn bold(self, text: &str) -> String {
        self.paint(Style::Bold, text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint(Style::Dim, text)
    }

    /// ✓ holds, ✗ does not, ? undecided.
    pub fn mark(self, holds: Option<bool>) -> String {
        let (style, sign) = mark(holds);
        self.paint(style, sign)
    }
}

/// The sign of an answer and its style, for a cell of a table.
pub fn mark(holds: Option<bool>) -> (Style, &'static str) {
    match holds {
        Some(true) => (Style::Good, "✓"),
        Some(false) => (Style::Bad, "✗"),
        None => (Style::Unsure, "?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_there_only_when_switched_on() {
        assert_eq!(Palette::new(false).mark(Some(true)), "✓");
        assert_eq!(Palette::new(true).mark(Some(true)), "\u{1b}[32m✓\u{1b}[0m");
        assert_eq!(Palette::new(true).paint(Style::Plain, "x"), "x");
    }
}
