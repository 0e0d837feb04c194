//! Everything that a seed decides.

use std::time::Duration;

use gathering_testkit::SeededEntropy;

/// The numbers that belong to a seed, and to one of those who draw from it.
#[derive(Debug)]
pub(crate) struct Chance(SeededEntropy);

impl Chance {
    /// Each `purpose` draws numbers of its own, so that how fast the others draw changes nothing for it.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mixed = SeededEntropy::new(seed).next() ^ SeededEntropy::new(!purpose).next();
        Self(SeededEntropy::new(mixed))
    }

    /// From 0 to `end`, without it.
    pub(crate) fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.0.next() % end).unwrap_or_default()
    }

    /// One of a hundred, this often.
    pub(crate) fn percent(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A time of so many milliseconds.
    pub(crate) fn millis(&self, from: usize, to: usize) -> Duration {
        let millis = from + self.below(to.saturating_sub(from) + 1);
        Duration::from_millis(u64::try_from(millis).unwrap_or_default())
    }

    /// In any order.
    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
