//! How late calls come.

use jiff::{SignedDuration, Timestamp};

use crate::judge::Call;

/// A due time this near to a kill is told apart.
const NEAR: SignedDuration = SignedDuration::from_secs(1);

/// From the due time to the receiver's clock, of the first request of each due time, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lateness {
    pub(crate) median: i64,
    pub(crate) p99: i64,
    pub(crate) worst: i64,
    /// The worst of due times that no kill is near to.
    pub(crate) worst_in_peace: i64,
}

impl Lateness {
    /// Of first requests, one for each due time.
    pub(crate) fn of<'a>(first: impl Iterator<Item = &'a Call>, kills: &[Timestamp]) -> Self {
        let mut late = Vec::new();
        let mut worst_in_peace = 0;
        for call in first {
            let millis = i64::try_from(call.at.duration_since(call.due).as_millis()).unwrap_or(i64::MAX);
            late.push(millis);
            if !kills.iter().any(|kill| call.due.duration_since(*kill).abs() <= NEAR) {
                worst_in_peace = worst_in_peace.max(millis);
            }
        }
        late.sort_unstable();
        let at = |percent: usize| {
            late.get((late.len() * percent / 100).min(late.len().saturating_sub(1)))
                .copied()
        };
        Self {
            median: at(50).unwrap_or_default(),
            p99: at(99).unwrap_or_default(),
            worst: late.last().copied().unwrap_or_default(),
            worst_in_peace,
        }
    }
}
