//! Time and chance, as parameters: whoever needs them is handed them.

use std::fmt::Debug;

use jiff::Timestamp;

/// Tells what time it is.
///
/// The system's clock is `gathering_persistence::SystemClock`; tests hand in one that they move by hand.
pub trait Clock: Debug + Send + Sync {
    /// The present moment, in UTC.
    fn now(&self) -> Timestamp;
}

/// A source of randomness.
///
/// The system's is `gathering_persistence::SystemEntropy`; tests hand in a seeded one, so that what they saw repeats.
pub trait Entropy: Debug + Send + Sync {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}
