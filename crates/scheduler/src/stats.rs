//! What a scheduler has done, in numbers.

use gathering_domain::measure::{Counter, Histogram, Spread};

use crate::Scheduler;

/// How late something fires, in milliseconds.
const LATENESS: &[u64] = &[
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000, 600_000, 3_600_000,
];

/// What a scheduler has done since it was built. The numbers are of this one alone; those of several instances are to be added.
#[derive(Debug, Clone)]
pub struct SchedulerStats {
    /// Firings that started.
    pub started: u64,
    /// Due times that were skipped because of an earlier firing.
    pub skipped: u64,
    /// Due times that had to wait for an earlier firing.
    pub buffered: u64,
    /// Times that due times were found missed, and not made up for.
    pub missed: u64,
    /// Firings that ended well, failed, or were cancelled.
    pub succeeded: u64,
    /// Failed ones.
    pub failed: u64,
    /// Cancelled ones.
    pub cancelled: u64,
    /// Schedules that paused themselves.
    pub paused: u64,
    /// How long after their time firings of schedules started, in milliseconds; those that waited for an earlier one are not in it.
    pub lateness_millis: Spread,
}

/// What is counted on the way.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) started: Counter,
    pub(crate) skipped: Counter,
    pub(crate) buffered: Counter,
    pub(crate) missed: Counter,
    pub(crate) succeeded: Counter,
    pub(crate) failed: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) paused: Counter,
    pub(crate) lateness: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            started: Counter::default(),
            skipped: Counter::default(),
            buffered: Counter::default(),
            missed: Counter::default(),
            succeeded: Counter::default(),
            failed: Counter::default(),
            cancelled: Counter::default(),
            paused: Counter::default(),
            lateness: Histogram::new(LATENESS),
        }
    }
}

impl Scheduler {
    /// What it has done; read from memory.
    pub fn stats(&self) -> SchedulerStats {
        let counters = &self.shared.counters;
        SchedulerStats {
            started: counters.started.get(),
            skipped: counters.skipped.get(),
            buffered: counters.buffered.get(),
            missed: counters.missed.get(),
            succeeded: counters.succeeded.get(),
            failed: counters.failed.get(),
            cancelled: counters.cancelled.get(),
            paused: counters.paused.get(),
            lateness_millis: counters.lateness.read(),
        }
    }
}
