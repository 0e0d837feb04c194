//! The real clock and the real randomness, for those who run; tests hand in their own.

use gathering_domain::{Clock, Entropy};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

/// The clock of the operating system, in whole microseconds, which is what PostgreSQL keeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the product asks the operating system for the time"
    )]
    fn now(&self) -> Timestamp {
        let rounding = TimestampRound::new().smallest(Unit::Microsecond).mode(RoundMode::Floor);
        let now = Timestamp::now();
        now.round(rounding).unwrap_or(now)
    }
}

/// The randomness of the operating system.
#[derive(Debug, Clone)]
pub struct SystemEntropy(ring::rand::SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        use ring::rand::SecureRandom as _;
        if self.0.fill(buffer).is_err() {
            // getrandom(2) does not fail once the system has booted; going on with predictable ids and tokens would be worse than ending.
            std::process::abort();
        }
    }
}
