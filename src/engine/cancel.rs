//! Stopping a run from another thread.

use tokio::sync::watch;

/// Stops the engine's run, from any thread. Until `reset`, later runs are stopped, too.
#[derive(Clone, Debug)]
pub struct CancelHandle {
    wish: watch::Sender<bool>,
}

impl CancelHandle {
    pub(super) fn new() -> CancelHandle {
        CancelHandle { wish: watch::Sender::new(false) }
    }

    pub fn cancel(&self) {
        self.wish.send_replace(true);
    }

    pub fn reset(&self) {
        self.wish.send_replace(false);
    }

    pub fn is_cancelled(&self) -> bool {
        *self.wish.borrow()
    }

    /// Comes back when it is cancelled.
    pub(super) async fn cancelled(&self) {
        let mut wish = self.wish.subscribe();
        // The sender lives as long as `self`, so waiting does not fail.
        let _ = wish.wait_for(|cancelled| *cancelled).await;
    }
}
