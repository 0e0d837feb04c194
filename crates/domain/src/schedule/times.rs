//! When a schedule is due: functions of (specification, instant, zone), without a clock.
//!
//! Due times are instants, and strictly after the one that is asked about, so that a schedule that is asked about its last due time goes on.

mod cron;
mod dst;
mod exclusions;
mod field;
mod missed;
mod pattern;
mod problem;
mod series;
mod span;
mod zone;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use span::Span;

pub use cron::CronTimes;
pub use dst::{Dst, Fold, Gap};
pub use exclusions::{ExclusionProblem, Exclusions, MAX_EXCLUSIONS};
pub use missed::{Before, MAX_COUNTED, Missed};
pub use pattern::LAST_YEAR;
pub use problem::{CronProblem, MAX_PATTERN};
pub use series::{MAX_EXCLUDED_IN_A_ROW, Series};
pub use zone::{UnknownZone, canonical as canonical_zone, zone};

/// At which instants a schedule is due.
#[derive(Debug, Clone)]
pub enum Times {
    /// As a cron pattern says, on the clocks of a time zone.
    Cron(CronTimes),
    /// Again and again, so long after `anchor` and after each other, however long what it starts takes.
    FixedRate {
        /// The first due time.
        anchor: Timestamp,
        /// Less than a millisecond counts as one.
        every: Duration,
    },
    /// Once.
    Once(Timestamp),
}

impl Times {
    /// The first due time after this instant; `None` if there is none any more.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.next_near(after, &mut None)
    }

    /// The same for whoever walks: what is in `near` is taken and left there for the next step.
    fn next_near(&self, after: Timestamp, near: &mut Option<Span>) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_near(after, near),
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
    let seconds = i64::try_from(wanted / 1_000_000_000).ok()?;
    let rest = i32::try_from(wanted % 1_000_000_000).ok()?;
    anchor.checked_add(SignedDuration::new(seconds, rest)).ok()
}
