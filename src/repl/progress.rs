//! A line on stderr for what takes over a second; it goes away when the answer is there.

use super::words::{Msg, say};
use crate::engine::Progress;
use crate::ir::print::Lang;
use crate::value::group;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);

/// Shows how far a query is, on a terminal only.
pub struct Meter {
    lang: Lang,
    shown: bool,
    started: Instant,
    bar: RefCell<Option<ProgressBar>>,
}

impl Meter {
    pub fn new(lang: Lang, shown: bool) -> Meter {
        Meter { lang, shown, started: Instant::now(), bar: RefCell::new(None) }
    }

    pub fn update(&self, progress: Progress) {
        if !self.shown || self.started.elapsed() < PATIENCE {
            return;
        }
        let number = |n: u64| group(&n.to_string());
        let seconds = format!("{:.0}", self.started.elapsed().as_secs_f64());
        let read = number(progress.rows_scanned);
        let text = match progress.rows_known {
            Some(all) => say(self.lang, Msg::Rows, &[&read, &number(all), &seconds]),
            None => say(self.lang, Msg::RowsUnknown, &[&read, &seconds]),
        };
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(text);
        bar.tick();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}
