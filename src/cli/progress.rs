//! A line on stderr for what takes over a second, and Ctrl-C.

use super::print::Printer;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{CancelHandle, Progress, Things};
use crate::source::SourceMap;
use crate::value::group;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// When the line begins to show.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows how far a run is, on a terminal only.
pub struct Meter {
    bar: RefCell<Option<ProgressBar>>,
    shown: bool,
}

impl Meter {
    pub fn new(shown: bool) -> Meter {
        Meter { bar: RefCell::new(None), shown }
    }

    pub fn update(&self, progress: Progress) {
        if !self.shown || progress.elapsed < PATIENCE {
            return;
        }
        self.say(&words(&progress));
    }

    /// Puts any text on the line.
    pub fn say(&self, text: &str) {
        if !self.shown {
            return;
        }
        let mut bar = self.bar.borrow_mut();
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(text.to_string());
        bar.tick();
    }

    pub fn clear(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

/// `12,345,678 of 70,000,000 rows read, 15,000,000 rows/s, 1 s, about 4 s left`; and once they are read,
/// `12 of 64 parts folded, about 3 s left`
fn words(progress: &Progress) -> String {
    let seconds = progress.elapsed.as_secs_f64();
    if let Some(after) = progress.after.filter(|after| after.done > 0) {
        let left = after.left.map(|left| left.as_secs_f64().round()).filter(|left| *left > 0.0);
        let left = left.map(|left| format!(", about {left:.0} s left")).unwrap_or_default();
        let what = match after.what {
            Things::Parts => "parts folded",
            Things::Lists => "lists done",
        };
        return format!("{} of {} {what}{left}", after.done, after.all);
    }
    let rows = group(&progress.rows_scanned.to_string());
    let rate = group(&format!("{:.0}", progress.rate()));
    let of = progress.rows_known.map(|n| format!(" of {}", group(&n.to_string()))).unwrap_or_default();
    let left = match progress.left().map(|left| left.as_secs_f64().round()) {
        // What was read is still worked out.
        Some(0.0) | None => String::new(),
        Some(left) if progress.after.is_some() => format!(", about {left:.0} s left to read"),
        Some(left) => format!(", about {left:.0} s left"),
    };
    format!("{rows}{of} rows read, {rate} rows/s, {seconds:.0} s{left}")
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Holds while a script is read and checked: no query runs that could be cancelled, and nothing is written.
pub struct Reading(Arc<AtomicBool>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Cancels the running query on Ctrl-C or SIGTERM; a second one ends the process, and so does the first while the
/// script is read.
pub fn cancel_on_signal(handle: CancelHandle, printer: Printer) -> Reading {
    let reading = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&reading);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async move {
            if wait().await {
                if still.load(Ordering::SeqCst) {
                    let stopped = Diagnostic::new(Code::Interrupted, Code::Interrupted.title());
                    let code = printer.findings(&[stopped], &SourceMap::default());
                    std::process::exit(i32::from(code));
                }
                handle.cancel();
            }
            if wait().await {
                std::process::exit(130);
            }
        });
    });
    Reading(reading)
}

#[cfg(unix)]
async fn wait() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped.is_ok(),
            _ = term.recv() => true,
        },
        Err(_) => tokio::signal::ctrl_c().await.is_ok(),
    }
}

#[cfg(not(unix))]
async fn wait() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::After;

    #[test]
    fn how_far_a_run_is_in_words() {
        let mut progress = Progress {
            rows_scanned: 30_000_000,
            rows_known: Some(70_000_000),
            elapsed: Duration::from_millis(2000),
            ..Progress::default()
        };
        let half = "30,000,000 of 70,000,000 rows read, 15,000,000 rows/s, 2 s, about 3 s left";
        assert_eq!(words(&progress), half);
        progress.rows_scanned = 70_000_000;
        assert_eq!(words(&progress), "70,000,000 of 70,000,000 rows read, 35,000,000 rows/s, 2 s");
        progress.rows_known = None;
        assert_eq!(words(&progress), "70,000,000 rows read, 35,000,000 rows/s, 2 s");
    }

    #[test]
    fn how_far_it_is_with_what_comes_after() {
        let mut progress = Progress {
            rows_scanned: 30_000_000,
            rows_known: Some(70_000_000),
            after: Some(After::new(Things::Parts, 0, 64, Duration::ZERO)),
            elapsed: Duration::from_millis(2000),
            ..Progress::default()
        };
        let reading = "30,000,000 of 70,000,000 rows read, 15,000,000 rows/s, 2 s, about 3 s left to read";
        assert_eq!(words(&progress), reading);
        progress.after = Some(After::new(Things::Parts, 16, 64, Duration::from_secs(4)));
        assert_eq!(words(&progress), "16 of 64 parts folded, about 12 s left");
        progress.after = Some(After::new(Things::Parts, 64, 64, Duration::from_secs(16)));
        assert_eq!(words(&progress), "64 of 64 parts folded");
        progress.after = Some(After::new(Things::Lists, 1, 3, Duration::from_secs(4)));
        assert_eq!(words(&progress), "1 of 3 lists done, about 8 s left");
    }
}
