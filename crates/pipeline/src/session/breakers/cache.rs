//! The breakers that this instance uses, as they were when they were last seen.

use std::collections::HashMap;
use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_domain::breaker::{BreakerRules, BreakerState};
use gathering_persistence::breakers::{BreakerKey, BreakerRow};
use tokio::time::Instant;

/// The most that are known at once; of more, the one that was not used for longest is forgotten, and read again when it is.
const MAX_KNOWN: usize = 4_096;
/// One that was not used for so long is forgotten.
const IDLE: Duration = Duration::from_mins(10);

/// What is known of each breaker.
#[derive(Debug, Default)]
pub(super) struct Cache(HashMap<BreakerKey, Known>);

#[derive(Debug)]
struct Known {
    seen: Seen,
    used: Instant,
    /// Successes that are not written yet, and the rules of their node.
    successes: u32,
    rules: Option<BreakerRules>,
}

/// What is known of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Calls go through.
    Closed {
        /// For what they come to.
        version: i64,
    },
    /// Calls are held back: it is open, or somebody probes.
    Held {
        /// The breaker.
        id: BreakerId,
        /// From when on a probe may be asked for.
        until: Instant,
    },
}

/// Successes to write.
#[derive(Debug)]
pub(super) struct Successes {
    pub(super) key: BreakerKey,
    pub(super) rules: BreakerRules,
    pub(super) count: u32,
    pub(super) version: i64,
}

impl Seen {
    /// What a row says; `None` stands for a breaker that has none, and so never failed of late.
    fn of(row: Option<&BreakerRow>, before: Option<Self>, now: Instant) -> Self {
        let until = match row.map(|row| &row.state) {
            None => {
                let version = before.map_or(0, |seen| {
                    if let Self::Closed { version } = seen {
                        version
                    } else {
                        0
                    }
                });
                return Self::Closed { version };
            }
            Some(BreakerState::Closed { .. }) => None,
            Some(BreakerState::Open { until, .. }) => Some(*until),
            Some(BreakerState::HalfOpen { probe, .. }) => Some(probe.until),
        };
        let (version, id, read_at) = row.map_or((0, BreakerId::from(uuid::Uuid::nil()), None), |row| {
            (row.version, row.id, Some(row.now))
        });
        match until.zip(read_at) {
            None => Self::Closed { version },
            Some((until, read_at)) => Self::Held {
                id,
                // By the database's clock, as a distance, so that the clocks of instances need not agree.
                until: now + Duration::try_from(until.duration_since(read_at)).unwrap_or_default(),
            },
        }
    }
}

impl Cache {
    /// What is known of a breaker, which is now used.
    pub(super) fn look(&mut self, key: &BreakerKey, now: Instant) -> Option<Seen> {
        let known = self.0.get_mut(key)?;
        known.used = now;
        Some(known.seen)
    }

    /// Takes in what was read; gives the breaker if it held calls back until now, and is closed.
    pub(super) fn take_in(&mut self, key: &BreakerKey, row: Option<&BreakerRow>, now: Instant) -> Option<BreakerId> {
        let known = self.0.get_mut(key);
        let before = known.as_ref().map(|known| known.seen);
        let seen = Seen::of(row, before, now);
        if let Some(known) = known {
            known.seen = seen;
        } else {
            self.make_room();
            let known = Known {
                seen,
                used: now,
                successes: 0,
                rules: None,
            };
            self.0.insert(key.clone(), known);
        }
        match (before, seen) {
            (Some(Seen::Held { id, .. }), Seen::Closed { .. }) => Some(id),
            _ => None,
        }
    }

    pub(super) fn count_success(&mut self, key: &BreakerKey, rules: BreakerRules) {
        if let Some(known) = self.0.get_mut(key) {
            known.successes = known.successes.saturating_add(1);
            known.rules = Some(rules);
        }
    }

    /// The successes that are not written yet, of breakers that let calls through.
    pub(super) fn take_successes(&mut self) -> Vec<Successes> {
        let counted = self.0.iter_mut().filter(|(_, known)| known.successes > 0);
        counted
            .filter_map(|(key, known)| {
                let count = std::mem::take(&mut known.successes);
                let Seen::Closed { version } = known.seen else {
                    return None;
                };
                Some(Successes {
                    key: key.clone(),
                    rules: known.rules?,
                    count,
                    version,
                })
            })
            .collect()
    }

    /// Those that are in use; the others are forgotten.
    pub(super) fn in_use(&mut self, now: Instant) -> Vec<BreakerKey> {
        self.0
            .retain(|_, known| now.saturating_duration_since(known.used) < IDLE);
        self.0.keys().cloned().collect()
    }

    fn make_room(&mut self) {
        if self.0.len() < MAX_KNOWN {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, known)| known.used);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.0.remove(&key);
        }
    }
}
