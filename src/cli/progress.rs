//! A line on stderr for what takes over a second, and Ctrl-C.

use super::print::Printer;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{CancelHandle, Progress};
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
        let seconds = progress.elapsed.as_secs_f64();
        let rows = group(&progress.rows_scanned.to_string());
        let rate = group(&format!("{:.0}", progress.rows_scanned as f64 / seconds.max(0.001)));
        let of = progress.rows_known.map(|n| format!(" of {}", group(&n.to_string()))).unwrap_or_default();
        self.say(&format!("{rows}{of} rows read, {rate} rows/s, {seconds:.0} s"));
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
