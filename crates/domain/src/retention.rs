//! What is old enough to be forgotten. History goes by whole weeks, as it is stored.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How long a partition of `runs` covers.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The most runs of an old week that are moved aside so that the rest of it can go.
const MAX_MOVED_RUNS: usize = 1_000;
/// The most bytes of journal that go with them: they are copied under a lock.
const MAX_MOVED_BYTES: i64 = 32 << 20;

/// What is forgotten: runs that ended before it, of weeks that ended before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon(Timestamp);

/// What is to become of an old week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it goes, but for so many runs, which move aside.
    Forget {
        /// How many.
        moved: usize,
    },
    /// It stays as it is.
    Keep {
        /// Why, as part of a sentence.
        reason: &'static str,
    },
}

impl Horizon {
    /// `None` where that is before the beginning of time.
    ///
    /// Of the two clocks the one that is behind counts: one that runs ahead must not make anybody forget too soon.
    pub fn new(retention: Duration, own: Timestamp, database: Timestamp) -> Option<Self> {
        own.min(database).checked_sub(retention).ok().map(Self)
    }

    /// Runs that ended at or after it are kept.
    pub fn at(self) -> Timestamp {
        self.0
    }

    /// Whether the week that began on this Monday is over long enough.
    pub fn is_past(self, monday: Timestamp) -> bool {
        monday.checked_add(WEEK).is_ok_and(|end| end <= self.0)
    }

    /// Whether a week can go, in which so many runs are still wanted, with so many bytes of journal.
    pub fn judge(runs: usize, journal_bytes: i64) -> Verdict {
        if runs > MAX_MOVED_RUNS {
            Verdict::Keep {
                reason: "more than 1,000 of its runs have not ended, or ended not long ago",
            }
        } else if journal_bytes > MAX_MOVED_BYTES {
            Verdict::Keep {
                reason: "the journals of its runs that have not ended, or ended not long ago, are larger than 32 MiB",
            }
        } else {
            Verdict::Forget { moved: runs }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_week_is_past_when_its_last_moment_is_as_old_as_the_retention() {
        let retention = Duration::from_hours(24);
        let (monday, end) = (at("2026-01-05T00:00:00Z"), at("2026-01-12T00:00:00Z"));
        let horizon = |now| Horizon::new(retention, now, now).unwrap();
        assert!(horizon(end + retention).is_past(monday));
        assert!(!horizon(end + retention - Duration::from_micros(1)).is_past(monday));
    }

    #[test]
    fn a_clock_that_runs_ahead_forgets_nothing_sooner() {
        let (now, ahead) = (at("2026-01-12T00:00:00Z"), at("2036-01-12T00:00:00Z"));
        let expected = Horizon::new(Duration::ZERO, now, now);
        assert_eq!(Horizon::new(Duration::ZERO, now, ahead), expected);
        assert_eq!(Horizon::new(Duration::ZERO, ahead, now), expected);
    }

    #[test]
    fn a_retention_longer_than_time_forgets_nothing() {
        let now = at("2026-01-12T00:00:00Z");
        assert_eq!(Horizon::new(Duration::MAX, now, now), None);
    }

    #[test]
    fn a_week_with_too_much_to_move_is_kept() {
        assert_eq!(Horizon::judge(1_000, 32 << 20), Verdict::Forget { moved: 1_000 });
        assert!(matches!(Horizon::judge(1_001, 0), Verdict::Keep { .. }));
        assert!(matches!(Horizon::judge(1, (32 << 20) + 1), Verdict::Keep { .. }));
    }
}
