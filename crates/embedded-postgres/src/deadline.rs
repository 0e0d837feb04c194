//! Bounded waiting: a moment after which nobody waits any longer.

use std::time::{Duration, Instant};

/// Pause between two looks at something that is about to change.
const PAUSE: Duration = Duration::from_millis(10);

/// A moment in the near future, and how far away it was at first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// The moment `limit` from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self {
            at: now() + limit,
            limit,
        }
    }

    /// How far away the moment was at first.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// The time that is left; zero once it has passed.
    pub(crate) fn left(&self) -> Duration {
        self.at.saturating_duration_since(now())
    }

    /// How long to wait for the next look: short, and never past the moment.
    pub(crate) fn pause(&self) -> Duration {
        PAUSE.min(self.left())
    }

    /// Looks again and again until `look` finds something; `None` once the moment has passed.
    pub(crate) fn poll<T>(&self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = look() {
                return Some(found);
            }
            if self.left().is_zero() {
                return None;
            }
            sleep(self.pause());
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounds the wait for another process, which no test clock moves"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "files and foreign processes cannot be waited for, only looked at again"
)]
fn sleep(pause: Duration) {
    std::thread::sleep(pause);
}
