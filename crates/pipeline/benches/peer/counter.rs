//! Counts the calls of a handler, and wakes who waits for so many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Counter {
    calls: AtomicUsize,
    wanted: AtomicUsize,
    reached: Notify,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            wanted: AtomicUsize::new(usize::MAX),
            reached: Notify::new(),
        }
    }
}

impl Counter {
    pub(crate) fn reset(&self) {
        self.calls.store(0, Ordering::SeqCst);
        self.wanted.store(usize::MAX, Ordering::SeqCst);
    }

    pub(crate) fn hit(&self) {
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        if before + 1 >= self.wanted.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }

    /// How many there were since the last reset.
    pub(crate) fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits for as many calls since the last reset; ends the benchmark if they do not come within `limit`.
    pub(crate) async fn reaches(&self, calls: usize, limit: Duration) {
        self.wanted.store(calls, Ordering::SeqCst);
        let waiting = async {
            while self.count() < calls {
                self.reached.notified().await;
            }
        };
        tokio::time::timeout(limit, waiting).await.unwrap();
    }
}
