//! The bounds of a scheduler.

use std::fmt;
use std::time::Duration;

/// The bounds of a scheduler; the defaults suit one server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Schedules that are looked at in one transaction. Default 500.
    pub batch: u32,
    /// How often due schedules are looked for although nothing woke the scheduler: it also notices by then that a clock was set. Default 1 s.
    pub poll_interval: Duration,
    /// How often it is asked which firings have ended. Default 1 s, and 20 ms while anything waits for that.
    pub ending_interval: Duration,
    /// Timetables that are kept in memory. Default 20,000.
    pub max_cached: usize,
    /// Schedules of a project. Default 10,000.
    pub max_schedules: u64,
    /// Bytes of a schedule's payload. Default 256 KiB.
    pub max_payload_bytes: usize,
    /// How long firings are kept: at least 1 day. They go by whole weeks, so one stays up to a week longer. `None` keeps everything for ever. Default
    /// `None`: nothing of an embedder is deleted unasked.
    pub retention: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 500,
            poll_interval: Duration::from_secs(1),
            ending_interval: Duration::from_secs(1),
            max_cached: 20_000,
            max_schedules: 10_000,
            max_payload_bytes: 256 << 10,
            retention: None,
        }
    }
}

/// A limit that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitProblem {
    /// Its name.
    pub limit: &'static str,
    /// What would do.
    pub message: &'static str,
}

impl fmt::Display for LimitProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.limit, self.message)
    }
}

impl Limits {
    /// Everything about them that makes no sense.
    pub(crate) fn problems(&self) -> Vec<LimitProblem> {
        let day = Duration::from_hours(24);
        let wrong = [
            (!(1..=10_000).contains(&self.batch), "batch", "must be from 1 to 10,000"),
            (
                self.poll_interval.is_zero(),
                "poll_interval",
                "must be longer than zero",
            ),
            (
                self.ending_interval.is_zero(),
                "ending_interval",
                "must be longer than zero",
            ),
            (self.max_cached == 0, "max_cached", "must be at least 1"),
            (
                self.retention.is_some_and(|kept| kept < day),
                "retention",
                "must be at least a day",
            ),
        ];
        let wrong = wrong.into_iter().filter(|(wrong, ..)| *wrong);
        wrong
            .map(|(_, limit, message)| LimitProblem { limit, message })
            .collect()
    }
}
