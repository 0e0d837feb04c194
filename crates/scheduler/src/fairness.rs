//! Whose turn it is, and how often it is looked for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gathering_domain::schedule::turns::{Found, Turn, Turns};
use tokio::time::Instant;

/// Looking past a backlog takes at most this part of the time of an instance, however much is due.
const SHARE: u32 = 10;

/// The turns of a scheduler's looks.
#[derive(Debug, Default)]
pub(crate) struct Fairness(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    turns: Turns,
    rests_until: Option<Instant>,
}

impl Fairness {
    /// What the next look takes; whatever waits longest, while it would cost too much to look past it again.
    pub(crate) fn take(&self, now: Instant) -> Turn {
        self.with(|inner| match inner.rests_until {
            Some(until) if now < until => Turn::default(),
            Some(_) | None => inner.turns.take(),
        })
    }

    /// Looking past a backlog took so long, until now.
    pub(crate) fn looked_past(&self, took: Duration, now: Instant) {
        self.with(|inner| inner.rests_until = Some(now + took * (SHARE - 1)));
    }

    /// Learns what became of a turn.
    pub(crate) fn looked(&self, turn: &Turn, found: Found<'_>) {
        self.with(|inner| inner.turns.looked(turn, found));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use gathering_domain::ProjectId;

    use super::*;

    #[tokio::test]
    async fn looking_past_a_backlog_takes_a_tenth_of_the_time() {
        let (fairness, began) = (Fairness::default(), Instant::now());
        let busy = [ProjectId::from(uuid::Uuid::nil())];
        let found = Found {
            projects: &busy,
            more_in_turn: true,
            more: true,
        };
        fairness.looked(&Turn::default(), found);
        fairness.looked_past(Duration::from_millis(20), began);
        assert_eq!(fairness.take(began + Duration::from_millis(179)), Turn::default());
        assert_eq!(fairness.take(began + Duration::from_millis(180)).last, busy);
    }
}
