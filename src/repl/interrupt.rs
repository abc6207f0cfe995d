//! Ctrl-C while a query runs: the query ends, the session stays. At the prompt the line editor reads it as a key.

use super::words::{Msg, say};
use crate::engine::CancelHandle;
use crate::ir::print::Lang;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const INTERRUPTED: i32 = 130;

/// Knows whether a query runs, and listens.
#[derive(Clone, Default)]
pub struct Watch {
    /// 0 idle, 1 running, 2 running and asked to stop.
    state: Arc<AtomicU8>,
    stopped: Arc<AtomicBool>,
}

impl Watch {
    /// Listens from now on. Before the line editor's first line: it puts its own handler over this one while it
    /// reads, and this one back.
    pub fn start(handle: CancelHandle, interactive: bool, lang: Lang) -> Watch {
        let watch = Watch::default();
        let mine = watch.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async move {
                let Ok(mut pressed) = listen() else { return };
                let _ = ready.send(());
                while pressed.next().await {
                    match mine.state.compare_exchange(1, 2, Ordering::SeqCst, Ordering::SeqCst) {
                        Ok(_) => {
                            mine.stopped.store(true, Ordering::SeqCst);
                            handle.cancel();
                        }
                        // Nothing runs: the key belongs to the editor, or to a pipe that may end.
                        Err(0) if interactive => {}
                        // It was asked and does not end.
                        Err(_) => {
                            eprintln!("{}", say(lang, Msg::Interrupted, &[]));
                            std::process::exit(INTERRUPTED);
                        }
                    }
                }
            });
        });
        // Without a listener (or a runtime) the channel closes and Ctrl-C does what it always does.
        let _ = is_ready.recv();
        watch
    }

    pub fn begin(&self) {
        self.state.store(1, Ordering::SeqCst);
    }

    pub fn end(&self) {
        self.state.store(0, Ordering::SeqCst);
    }

    /// Whether Ctrl-C was pressed while something ran, since this was last asked.
    pub fn was_stopped(&self) -> bool {
        self.stopped.swap(false, Ordering::SeqCst)
    }
}

#[cfg(unix)]
struct Listener(tokio::signal::unix::Signal);

#[cfg(unix)]
fn listen() -> std::io::Result<Listener> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).map(Listener)
}

#[cfg(unix)]
impl Listener {
    async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}

#[cfg(not(unix))]
struct Listener;

#[cfg(not(unix))]
fn listen() -> std::io::Result<Listener> {
    Ok(Listener)
}

#[cfg(not(unix))]
impl Listener {
    async fn next(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
