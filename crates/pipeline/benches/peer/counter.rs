//! Counts the calls of a handler, notes when the last one was, and wakes who waits for so many.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Counter {
    calls: AtomicUsize,
    wanted: AtomicUsize,
    reached: Notify,
    since: Instant,
    /// When the last one was, in nanoseconds since then.
    last: AtomicU64,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            wanted: AtomicUsize::new(usize::MAX),
            reached: Notify::new(),
            since: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Counter {
    pub(crate) fn reset(&self) {
        self.calls.store(0, Ordering::SeqCst);
        self.wanted.store(usize::MAX, Ordering::SeqCst);
    }

    pub(crate) fn hit(&self) {
        let nanos = u64::try_from(self.since.elapsed().as_nanos()).unwrap();
        self.last.store(nanos, Ordering::Relaxed);
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        if before + 1 >= self.wanted.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }

    /// How many there were since the last reset.
    pub(crate) fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// When the last call was.
    pub(crate) fn last(&self) -> Instant {
        self.since + Duration::from_nanos(self.last.load(Ordering::Relaxed))
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
