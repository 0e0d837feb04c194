//! Counts over a sliding window, in few buckets.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most buckets of counts that are kept; of more, the two oldest become one.
const MAX_BUCKETS: usize = 32;
/// How many buckets the counts of one window are spread over: a window is off by at most one of them.
const BUCKETS_PER_WINDOW: u32 = 10;

/// Failures and successes of late, in buckets of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(Vec<Bucket>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    /// When its first call was counted.
    at: Timestamp,
    failures: u32,
    successes: u32,
}

impl Counts {
    /// Failures and successes that were counted within `window` before `at`.
    pub fn within(&self, window: Duration, at: Timestamp) -> (u64, u64) {
        let since = at.checked_sub(window).unwrap_or(Timestamp::MIN);
        let recent = self.0.iter().filter(|bucket| bucket.at > since);
        recent.fold((0, 0), |(failures, successes), bucket| {
            (
                failures + u64::from(bucket.failures),
                successes + u64::from(bucket.successes),
            )
        })
    }

    pub(super) fn add(&mut self, failures: u32, successes: u32, window: Duration, at: Timestamp) {
        let width = window / BUCKETS_PER_WINDOW;
        let since = at.checked_sub(width).unwrap_or(Timestamp::MIN);
        match self.0.last_mut().filter(|last| last.at > since) {
            Some(last) => {
                last.failures = last.failures.saturating_add(failures);
                last.successes = last.successes.saturating_add(successes);
            }
            None => self.0.push(Bucket {
                at,
                failures,
                successes,
            }),
        }
        if self.0.len() > MAX_BUCKETS {
            // Under the older time, so that they are forgotten rather too early than never.
            let oldest = self.0.remove(0);
            self.0[0] = Bucket {
                at: oldest.at,
                failures: oldest.failures.saturating_add(self.0[0].failures),
                successes: oldest.successes.saturating_add(self.0[0].successes),
            };
        }
    }
}
