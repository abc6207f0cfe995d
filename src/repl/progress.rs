//! A line on stderr for what takes over a second; it goes away when the answer is there.

use super::words::{Msg, say};
use crate::engine::{Progress, Things};
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
        let text = words(self.lang, &progress, self.started.elapsed());
        self.drawn.set(true);
        // Not padded to the width, as a progress bar would: the terminal echoes ^C behind it, on the same line.
        let _ = write!(std::io::stderr().lock(), "\r{text}\u{1b}[K");
    }
}

/// `elapsed`: since the question was asked.
fn words(lang: Lang, progress: &Progress, elapsed: Duration) -> String {
    let number = |n: u64| group(&n.to_string());
    let seconds = |d: Duration| format!("{:.0}", d.as_secs_f64());
    if let Some(after) = progress.after.filter(|after| after.done > 0) {
        let what = match after.what {
            Things::Parts => Msg::Parts,
            Things::Lists => Msg::Lists,
        };
        let done = say(lang, what, &[&number(after.done), &number(after.all)]);
        return match after.left.map(seconds).filter(|left| left != "0") {
            Some(left) => say(lang, Msg::SecondsLeft, &[&done, &left]),
            None => done,
        };
    }
    let read = number(progress.rows_scanned);
    let rate = group(&format!("{:.0}", progress.rate()));
    let left = progress.left().map(seconds).filter(|left| left != "0");
    match (progress.rows_known, left) {
        (Some(all), Some(left)) => say(lang, Msg::RowsLeft, &[&read, &number(all), &rate, &left]),
        (Some(all), None) => say(lang, Msg::Rows, &[&read, &number(all), &rate, &seconds(elapsed)]),
        (None, _) => say(lang, Msg::RowsUnknown, &[&read, &rate, &seconds(elapsed)]),
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.drawn.get() {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::After;

    #[test]
    fn how_far_a_question_is_in_words() {
        let mut progress = Progress {
            rows_scanned: 3_000,
            rows_known: Some(9_000),
            elapsed: Duration::from_secs(2),
            ..Progress::default()
        };
        let words = |lang, progress: &Progress| words(lang, progress, Duration::from_secs(5));
        assert_eq!(words(Lang::En, &progress), "3,000 of 9,000 rows read, 1,500 rows/s, about 4 s left");
        progress.rows_scanned = 9_000;
        assert_eq!(words(Lang::Zh, &progress), "已读 9,000 / 9,000 行，每秒 4,500 行，5 秒");
        progress.after = Some(After::new(Things::Parts, 16, 64, Duration::from_secs(4)));
        assert_eq!(words(Lang::En, &progress), "16 of 64 parts folded, about 12 s left");
        assert_eq!(words(Lang::Zh, &progress), "已汇总 16 / 64 份，约剩 12 秒");
        progress.after = Some(After::new(Things::Lists, 3, 3, Duration::from_secs(4)));
        assert_eq!(words(Lang::Zh, &progress), "已完成 3 / 3 份名单");
    }
}
