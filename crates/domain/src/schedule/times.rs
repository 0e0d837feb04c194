//! When a schedule is due: functions of (specification, instant, zone), without a clock.
//!
//! Due times are instants, and strictly after the one that is asked about, so that a schedule that is asked about its last due time goes on.

mod cron;
mod dst;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use cron::{CronProblem, CronTimes};
pub use dst::{Dst, Fold, Gap};

/// At which instants a schedule is due.
#[derive(Debug, Clone)]
pub enum Times {
    /// As a cron pattern says, on the clocks of a time zone.
    Cron(CronTimes),
    /// Again and again, so long after `anchor` and after each other, however long what it starts takes.
    FixedRate {
        /// The first due time.
        anchor: Timestamp,
        /// At least a millisecond.
        every: Duration,
    },
    /// Once.
    Once(Timestamp),
}

impl Times {
    /// The first due time after this instant; `None` if there is none any more.
    ///
    /// Of a cron pattern that fires rarely this takes milliseconds; see [`CronTimes::next`].
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next(after),
            Self::FixedRate { anchor, every } => next_of_rate(*anchor, *every, after),
            Self::Once(at) => (*at > after).then_some(*at),
        }
    }
}

/// Counted from the anchor, never from the last one: nothing adds up.
fn next_of_rate(anchor: Timestamp, every: Duration, after: Timestamp) -> Option<Timestamp> {
    if after < anchor {
        return Some(anchor);
    }
    let every = every.max(Duration::from_millis(1)).as_nanos();
    let passed = after.duration_since(anchor).unsigned_abs().as_nanos();
    let wanted = (passed / every + 1).checked_mul(every)?;
    let wanted = SignedDuration::try_from(Duration::from_nanos_u128(wanted)).ok()?;
    anchor.checked_add(wanted).ok()
}
