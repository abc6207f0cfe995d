//! A line on stderr for what takes over a second; it goes away when the answer is there.

use super::words::{Msg, say};
use crate::engine::Progress;
use crate::ir::print::Lang;
use crate::value::group;
use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);

/// Shows how far a query is, on a terminal only.
pub struct Meter {
    lang: Lang,
    shown: bool,
    started: Instant,
    drawn: Cell<bool>,
}

impl Meter {
    pub fn new(lang: Lang, shown: bool) -> Meter {
        Meter { lang, shown, started: Instant::now(), drawn: Cell::new(false) }
    }

    pub fn update(&self, progress: Progress) {
        if !self.shown || self.started.elapsed() < PATIENCE {
            return;
        }
        let number = |n: u64| group(&n.to_string());
        let seconds = format!("{:.0}", self.started.elapsed().as_secs_f64());
        let read = number(progress.rows_scanned);
        let rate = group(&format!("{:.0}", progress.rate()));
        let left = progress.left().map(|left| format!("{:.0}", left.as_secs_f64())).filter(|s| s != "0");
        let text = match (progress.rows_known, left) {
            (Some(all), Some(left)) => say(self.lang, Msg::RowsLeft, &[&read, &number(all), &rate, &left]),
            (Some(all), None) => say(self.lang, Msg::Rows, &[&read, &number(all), &rate, &seconds]),
            (None, _) => say(self.lang, Msg::RowsUnknown, &[&read, &rate, &seconds]),
        };
        self.drawn.set(true);
        // Not padded to the width, as a progress bar would: the terminal echoes ^C behind it, on the same line.
        let _ = write!(std::io::stderr().lock(), "\r{text}\u{1b}[K");
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.drawn.get() {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}
