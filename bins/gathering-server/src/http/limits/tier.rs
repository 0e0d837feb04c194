//! One limit: so many requests at once, and as many again in a time, for each of whoever asks.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gathering::UserId;
use gathering::measure::Counter;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use ring::digest;
use tokio::time::Instant;

/// The most that are told apart. Beyond, when the idle ones are forgotten, those who come share as many places as [`SHARED`].
const MOST_KEYS: usize = 100_000;
const SHARED: u64 = 1 << 16;
/// How many checks between two looks at how many there are.
const LOOK_EVERY: u32 = 256;
/// How often the idle ones are forgotten, at most.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// So many requests in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// At once, and in `per`.
    pub(crate) requests: NonZeroU32,
    /// The time in which that many are allowed again.
    pub(crate) per: Duration,
}

/// Who is held to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// An IPv4 address.
    V4(u32),
    /// A network of IPv6, which is what one subscriber gets: its first 64 bits.
    V6(u64),
    /// A user.
    User(u128),
    /// An account that somebody at this address wants to log in to.
    Login(u128),
    /// Several of the others, when there are too many.
    Shared(u16),
}

impl Key {
    /// The key of an address.
    pub(crate) fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default()),
        }
    }

    /// The key of a user.
    pub(crate) fn user(user: UserId) -> Self {
        Self::User(user.as_uuid().as_u128())
    }

    /// The key of who tries to log in from this address with this email address.
    pub(crate) fn login(address: IpAddr, email: &str) -> Self {
        let mut both = Self::address(address).bytes().to_vec();
        both.extend_from_slice(email.trim().to_lowercase().as_bytes());
        let digest = digest::digest(&digest::SHA256, &both);
        let kept = digest.as_ref().first_chunk().copied();
        Self::Login(u128::from_be_bytes(kept.unwrap_or_default()))
    }

    /// The key in bytes, the same in every process: what kind it is, and the value.
    pub(super) fn bytes(self) -> [u8; 17] {
        let (kind, value) = match self {
            Self::V4(address) => (1, address.into()),
            Self::V6(network) => (2, network.into()),
            Self::User(user) => (3, user),
            Self::Login(both) => (4, both),
            Self::Shared(place) => (5, place.into()),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(&u128::to_be_bytes(value));
        bytes
    }

    fn shared(self) -> Self {
        Self::Shared(u16::try_from(hash(&self) % SHARED).unwrap_or_default())
    }
}

fn hash(of: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// What is left for whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// How many requests at most.
    pub(crate) limit: u32,
    /// How many of them are left now.
    pub(crate) remaining: u32,
    /// Until the next one, where none is left; else until all of them are.
    pub(crate) reset: Duration,
}

impl Allowance {
    /// So many are left.
    pub(super) fn left(rate: Rate, remaining: u32) -> Self {
        let limit = rate.requests.get();
        let used = limit.saturating_sub(remaining);
        Self {
            limit,
            remaining,
            reset: rate.per.mul_f64(f64::from(used) / f64::from(limit)),
        }
    }
}

/// A limit, with what everybody has used of it.
pub(crate) struct Tier {
    rate: Rate,
    limiter: RateLimiter<Key, DashMapStateStore<Key>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    checks: AtomicU32,
    /// Whether there were too many at the last look.
    is_crowded: AtomicBool,
    /// When those were forgotten last who have all of it left.
    tidied: Mutex<Option<Instant>>,
    refused: Counter,
}

impl Tier {
    pub(crate) fn new(rate: Rate) -> Self {
        let each = (rate.per / rate.requests.get()).max(Duration::from_nanos(1));
        // Only a time of nothing is refused.
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(rate.requests));
        let limiter = RateLimiter::keyed(quota.allow_burst(rate.requests));
        Self {
            rate,
            limiter: limiter.with_middleware(),
            clock: DefaultClock::default(),
            checks: AtomicU32::new(0),
            is_crowded: AtomicBool::new(false),
            tidied: Mutex::default(),
            refused: Counter::default(),
        }
    }

    /// How many were one too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// How often somebody may ask.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Somebody else has counted, and found one too many.
    pub(super) fn refuse(&self) {
        self.refused.one();
    }

    /// Counts one request; `Err` if it is one too many.
    pub(crate) fn check(&self, key: Key) -> Result<Allowance, Allowance> {
        let key = if self.is_crowded() { key.shared() } else { key };
        let limit = self.rate.requests.get();
        match self.limiter.check_key(&key) {
            Ok(snapshot) => Ok(Allowance::left(self.rate, snapshot.remaining_burst_capacity())),
            Err(too_early) => {
                self.refused.one();
                Err(Allowance {
                    limit,
                    remaining: 0,
                    reset: too_early.wait_time_from(self.clock.now()),
                })
            }
        }
    }

    /// Whether more are told apart than may be, even without those who have all of it left.
    fn is_crowded(&self) -> bool {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            if self.limiter.len() > MOST_KEYS {
                self.tidy();
            }
            let crowded = self.limiter.len() > MOST_KEYS;
            self.is_crowded.store(crowded, Ordering::Relaxed);
        }
        self.is_crowded.load(Ordering::Relaxed)
    }

    /// Walks over all of them, so not for everybody who comes.
    fn tidy(&self) {
        let (mut tidied, now) = (
            self.tidied.lock().unwrap_or_else(PoisonError::into_inner),
            Instant::now(),
        );
        if tidied.is_none_or(|tidied| now.duration_since(tidied) >= TIDY_EVERY) {
            *tidied = Some(now);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(requests: u32, per: Duration) -> Tier {
        let requests = NonZeroU32::new(requests).unwrap();
        Tier::new(Rate { requests, per })
    }

    fn key(text: &str) -> Key {
        Key::address(text.parse().unwrap())
    }

    #[test]
    fn so_many_at_once_and_then_none_for_a_while_and_others_are_not_concerned() {
        let tier = tier(3, Duration::from_hours(1));
        let left: Vec<_> = (0..3)
            .map(|_| tier.check(key("192.0.2.1")).unwrap().remaining)
            .collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = tier.check(key("192.0.2.1")).unwrap_err();
        assert_eq!((refused.limit, refused.remaining), (3, 0));
        assert!(
            refused.reset > Duration::from_mins(19) && refused.reset <= Duration::from_mins(20),
            "{refused:?}"
        );
        assert!(tier.check(key("192.0.2.2")).is_ok());
    }

    #[test]
    fn the_addresses_of_one_subscriber_are_one_and_of_two_are_two() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn who_logs_in_is_the_same_however_the_address_is_spelt() {
        let from = "192.0.2.1".parse().unwrap();
        assert_eq!(
            Key::login(from, " Ada@Example.org"),
            Key::login(from, "ada@example.org")
        );
        assert_ne!(Key::login(from, "ada@example.org"), Key::login(from, "eve@example.org"));
    }

    #[test]
    fn a_million_addresses_take_a_bounded_number_of_places_and_are_held_to_the_limit_all_the_same() {
        let tier = tier(1, Duration::from_hours(1));
        for address in 0..1_000_000 {
            let _ = tier.check(Key::V4(address));
        }
        let bound = MOST_KEYS + usize::try_from(SHARED).unwrap() + usize::try_from(LOOK_EVERY).unwrap();
        assert!(tier.limiter.len() <= bound, "{}", tier.limiter.len());
        assert!(tier.check(Key::V4(999_999)).is_err());
    }
}
