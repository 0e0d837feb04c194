//! Retry arithmetic: whether a failed attempt is tried again, and when.

mod on;

use std::time::Duration;

pub(crate) use on::TIMEOUT;
pub use on::{RetryOn, Statuses};

/// How long another side may ask to wait (`Retry-After`) where the policy's own longest wait is shorter: an answer from outside must
/// not park a node for a year.
pub const MAX_ASKED_WAIT: Duration = Duration::from_hours(1);

/// How often and when a failed attempt is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 1 means that nothing is tried again.
    pub max_attempts: u32,
    /// The wait after the first failure.
    pub initial: Duration,
    /// What each further wait is multiplied with; at least 1.
    pub multiplier: f64,
    /// The longest wait.
    pub max: Duration,
    /// How the wait is spread.
    pub jitter: Jitter,
    /// Which failures are tried again.
    pub on: RetryOn,
}

/// How a wait is spread, so that many that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// The wait as computed.
    None,
    /// Evenly between zero and the wait ("full jitter": Brooker, "Exponential Backoff and Jitter", 2015).
    Full,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            initial: Duration::from_secs(1),
            multiplier: 2.0,
            max: Duration::from_mins(1),
            jitter: Jitter::Full,
            on: RetryOn::default(),
        }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt number `attempt` (from 1), or `None` when that was the last one.
    ///
    /// `chance` is a random number in [0, 1). The wait is min(max, initial × multiplier^(attempt − 1)), spread by the jitter.
    pub fn wait_after(&self, attempt: u32, chance: f64) -> Option<Duration> {
        if attempt >= self.max_attempts {
            return None;
        }
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        // Finite, so that waits of zero stay zero.
        let growth = self.multiplier.powi(exponent).min(f64::MAX);
        let seconds = self.initial.as_secs_f64() * growth;
        let wait = Duration::try_from_secs_f64(seconds).map_or(self.max, |wait| wait.min(self.max));
        Some(match self.jitter {
            Jitter::None => wait,
            Jitter::Full => wait.mul_f64(chance.clamp(0.0, 1.0)),
        })
    }

    /// The same where the other side asked for a wait of at least `asked`: that is kept to as far as `max` or, if that is more,
    /// [`MAX_ASKED_WAIT`].
    pub fn wait_at_least(&self, asked: Duration, attempt: u32, chance: f64) -> Option<Duration> {
        let wait = self.wait_after(attempt, chance)?;
        Some(wait.max(asked.min(self.max.max(MAX_ASKED_WAIT))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 100,
            initial: Duration::from_millis(200),
            multiplier: 2.0,
            max: Duration::from_secs(10),
            jitter: Jitter::None,
            on: RetryOn::default(),
        }
    }

    #[test]
    fn waits_grow_by_the_multiplier_up_to_the_maximum() {
        let waits: Vec<_> = [1, 2, 3, 6, 7, 99]
            .iter()
            .map(|attempt| policy().wait_after(*attempt, 0.5).map(|wait| wait.as_millis()))
            .collect();
        assert_eq!(
            waits,
            [Some(200), Some(400), Some(800), Some(6400), Some(10_000), Some(10_000)]
        );
    }

    #[test]
    fn the_last_attempt_is_not_followed_by_another() {
        assert_eq!(policy().wait_after(100, 0.5), None);
        assert_eq!(RetryPolicy::default().wait_after(1, 0.5), None);
    }

    #[test]
    fn full_jitter_spreads_from_zero_to_the_wait() {
        let policy = RetryPolicy {
            jitter: Jitter::Full,
            ..policy()
        };
        assert_eq!(policy.wait_after(1, 0.0), Some(Duration::ZERO));
        assert_eq!(policy.wait_after(1, 0.5), Some(Duration::from_millis(100)));
    }
}
