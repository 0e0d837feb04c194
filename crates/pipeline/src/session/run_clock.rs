//! The time of one run.

use std::sync::Arc;

use gathering_domain::Clock;
use gathering_persistence::run_journal::EntryRow;
use gathering_persistence::runs::ClaimedRun;
use jiff::{SignedDuration, Timestamp};

/// The clock of the instance, but never before what the run's journal tells already, which cannot have been written later than now.
///
/// When a retry or a delay is due stands in the journal by the clock of whoever wrote it. Without this, a clock that is a minute behind would make
/// a retry that is due in a second wait for a minute; with it, it waits for no longer than it was to wait from the beginning. All times of
/// a run are this clock's: what circuit breakers tell its nodes, too.
#[derive(Clone)]
pub(crate) struct RunClock {
    clock: Arc<dyn Clock>,
    behind: SignedDuration,
}

impl RunClock {
    pub(crate) fn new(clock: Arc<dyn Clock>, run: &ClaimedRun, journal: &[EntryRow]) -> Self {
        let latest = journal.iter().map(|row| row.at).fold(run.started_at, Timestamp::max);
        let behind = latest.duration_since(clock.now()).max(SignedDuration::ZERO);
        Self { clock, behind }
    }

    /// By how much, at least, the instance's clock is behind the one that wrote the journal.
    pub(crate) fn behind(&self) -> SignedDuration {
        self.behind
    }
}

impl Clock for RunClock {
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(self.behind).unwrap_or(now)
    }
}

impl std::fmt::Debug for RunClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunClock")
            .field("behind", &self.behind)
            .finish_non_exhaustive()
    }
}
