//! The rule by which a shared limit decides (GCRA): what the script in Redis computes, and a model of it for tests.

use super::super::tier::{Allowance, Rate};
use std::time::Duration;

/// What the script is told of a limit, in whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// What one request takes up; rounded up, so that a limit never grows.
    pub(super) each: u64,
    /// How many go at once.
    pub(super) burst: u32,
}

impl Pace {
    pub(super) fn of(rate: Rate) -> Self {
        let per = u64::try_from(rate.per.as_micros()).unwrap_or(u64::MAX);
        Self {
            each: per.div_ceil(u64::from(rate.requests.get())).max(1),
            burst: rate.requests.get(),
        }
    }
}

/// What became of one request: allowed (1) or not (0), how long to wait, how many are left.
pub(super) type Decision = (u8, u64, u32);

/// What that comes to for the client, the same as a limit of one instance tells.
pub(super) fn allowance(rate: Rate, (allowed, wait, remaining): Decision) -> Result<Allowance, Allowance> {
    if allowed == 1 {
        Ok(Allowance::left(rate, remaining))
    } else {
        Err(Allowance {
            limit: rate.requests.get(),
            remaining: 0,
            reset: Duration::from_micros(wait),
        })
    }
}

/// The script as a pure function of what is stored and the time, which gives what is stored then.
#[cfg(test)]
pub(super) fn decide(pace: Pace, stored: Option<u64>, now: u64) -> (Decision, u64) {
    let full = pace.each * u64::from(pace.burst);
    let free = stored.unwrap_or(now).clamp(now, now + full);
    let wait = (free + pace.each).saturating_sub(now + full);
    if wait > 0 {
        return ((0, wait, 0), free);
    }
    let free = free + pace.each;
    let left = (now + full - free) / pace.each;
    ((1, 0, u32::try_from(left).unwrap_or(u32::MAX)), free)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn rate(requests: u32, per: Duration) -> Rate {
        let requests = NonZeroU32::new(requests).unwrap();
        Rate { requests, per }
    }

    #[test]
    fn so_many_at_once_and_then_one_for_each_part_of_the_time() {
        let pace = Pace::of(rate(3, Duration::from_micros(30)));
        let (mut stored, mut seen) = (None, Vec::new());
        for now in [100, 100, 100, 100, 109, 110, 110, 1000] {
            let (decision, free) = decide(pace, stored, now);
            stored = Some(free);
            seen.push(decision);
        }
        let (last, refused) = ((1, 0, 0), |wait| (0, wait, 0));
        assert_eq!(
            seen,
            [
                (1, 0, 2),
                (1, 0, 1),
                last,
                refused(10),
                refused(1),
                last,
                refused(10),
                (1, 0, 2)
            ]
        );
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_the_limits_own_time() {
        let pace = Pace::of(rate(3, Duration::from_micros(30)));
        let (refused, stored) = decide(pace, Some(1_000_000), 500);
        assert_eq!((refused, stored), ((0, 10, 0), 530));
        assert_eq!(decide(pace, Some(stored), 510).0, (1, 0, 0));
    }

    #[test]
    fn a_share_that_is_no_whole_number_makes_a_limit_smaller_and_never_greater() {
        let pace = Pace::of(rate(7, Duration::from_secs(1)));
        assert_eq!(pace.each, 142_858);
        assert_eq!(Pace::of(rate(1_000_000, Duration::from_secs(1))).each, 1);
    }
}
