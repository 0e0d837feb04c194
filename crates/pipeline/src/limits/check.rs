//! Which limits make sense: one by one, and together.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use gathering_domain::duration::format_duration;

use super::Limits;

const DAY: Duration = Duration::from_hours(24);
/// More than PostgreSQL keeps in one value would never come to it.
const MAX_VALUE_BYTES: usize = 256 << 20;

/// A limit that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {message}")]
pub struct LimitProblem {
    /// Which, as it is called in [`Limits`].
    pub field: &'static str,
    /// What is wrong, and what would do.
    pub message: String,
}

impl Limits {
    /// Everything that is wrong with these limits; empty when an engine can work with them.
    pub fn problems(&self) -> Vec<LimitProblem> {
        // Every field is named, so that a new one does not compile until somebody has thought of its range.
        let Self {
            max_runs,
            max_nodes,
            max_output_bytes,
            max_run_bytes,
            max_attempts_per_run,
            max_attempts,
            max_input_bytes,
            max_waiting_starts,
            max_waiting_start_bytes,
            release_after,
            max_lost_attempts,
            cancel_grace,
            poll_interval,
            heartbeat_interval,
            grace,
            lease,
            max_cached_weight,
            retention,
        } = self;
        let ms = Duration::from_millis(1);
        let bytes = 1..=MAX_VALUE_BYTES;
        let alone = [
            number("max_runs", *max_runs, 1..=1_000_000),
            number("max_nodes", *max_nodes, 1..=100_000),
            number("max_output_bytes", *max_output_bytes, bytes.clone()),
            number("max_run_bytes", *max_run_bytes, 1..=64 << 30),
            number("max_attempts_per_run", *max_attempts_per_run, 1..=100_000),
            number("max_attempts", *max_attempts, 1..=1_000_000),
            number("max_input_bytes", *max_input_bytes, bytes),
            number("max_waiting_starts", *max_waiting_starts, 1..=1_000_000),
            number("max_waiting_start_bytes", *max_waiting_start_bytes, 1..=64 << 30),
            duration("release_after", *release_after, Duration::ZERO..=DAY),
            number("max_lost_attempts", *max_lost_attempts, 1..=1_000),
            duration("cancel_grace", *cancel_grace, Duration::ZERO..=60 * 1000 * ms),
            duration("poll_interval", *poll_interval, ms..=60 * 1000 * ms),
            duration("heartbeat_interval", *heartbeat_interval, ms..=60 * 1000 * ms),
            duration("grace", *grace, 10 * ms..=600 * 1000 * ms),
            duration("lease", *lease, 20 * ms..=3600 * 1000 * ms),
            number("max_cached_weight", *max_cached_weight, 1..=1 << 40),
            retention.and_then(|retention| duration("retention", retention, DAY..=3650 * DAY)),
        ];
        let together = [
            at_most("max_output_bytes", *max_output_bytes, "max_run_bytes", *max_run_bytes),
            half("heartbeat_interval", *heartbeat_interval, "grace", *grace),
            half("grace", *grace, "lease", *lease),
        ];
        alone.into_iter().chain(together).flatten().collect()
    }
}

fn number<N: PartialOrd + Display + Copy>(
    field: &'static str,
    value: N,
    range: RangeInclusive<N>,
) -> Option<LimitProblem> {
    (!range.contains(&value)).then(|| LimitProblem {
        field,
        message: format!("is {value}, but must be from {} to {}", range.start(), range.end()),
    })
}

fn duration(field: &'static str, value: Duration, range: RangeInclusive<Duration>) -> Option<LimitProblem> {
    let shown = |duration: &Duration| format_duration(*duration);
    (!range.contains(&value)).then(|| LimitProblem {
        field,
        message: format!(
            "is {value:?}, but must be from {} to {}",
            shown(range.start()),
            shown(range.end())
        ),
    })
}

fn at_most(field: &'static str, value: usize, other: &'static str, bound: usize) -> Option<LimitProblem> {
    (value > bound).then(|| LimitProblem {
        field,
        message: format!("is {value}, more than {other}, which is {bound}; lower it, or raise {other}"),
    })
}

/// A beat that comes late once must not look like a death.
fn half(field: &'static str, value: Duration, other: &'static str, whole: Duration) -> Option<LimitProblem> {
    (value > whole / 2).then(|| LimitProblem {
        field,
        message: format!("is {value:?}, more than half of {other}, which is {whole:?}; lower it, or raise {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(limits: &Limits) -> Vec<String> {
        limits.problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_defaults_make_sense() {
        assert_eq!(told(&Limits::default()), [""; 0]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_what_would_do() {
        let limits = Limits {
            max_runs: 0,
            max_attempts: usize::MAX,
            max_run_bytes: 1 << 10,
            poll_interval: Duration::ZERO,
            heartbeat_interval: Duration::from_secs(2),
            lease: Duration::from_secs(1),
            retention: Some(Duration::from_hours(1)),
            ..Limits::default()
        };
        assert_eq!(
            told(&limits),
            [
                "max_runs is 0, but must be from 1 to 1000000",
                "max_attempts is 18446744073709551615, but must be from 1 to 1000000",
                "poll_interval is 0ns, but must be from 1ms to 1m",
                "retention is 3600s, but must be from 1d to 3650d",
                "max_output_bytes is 1048576, more than max_run_bytes, which is 1024; lower it, or raise max_run_bytes",
                "heartbeat_interval is 2s, more than half of grace, which is 1s; lower it, or raise grace",
                "grace is 1s, more than half of lease, which is 1s; lower it, or raise lease",
            ]
        );
    }

    #[test]
    fn the_bounds_themselves_are_taken() {
        let limits = Limits {
            max_runs: 1,
            max_attempts_per_run: 100_000,
            release_after: Duration::ZERO,
            retention: Some(DAY),
            ..Limits::default()
        };
        assert_eq!(told(&limits), [""; 0]);
    }
}
