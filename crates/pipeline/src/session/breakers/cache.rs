//! The breakers that this instance uses, as they were when they were last seen.

use std::collections::HashMap;
use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_domain::breaker::{BreakerRules, BreakerState};
use gathering_persistence::breakers::{BreakerKey, BreakerRow};
use tokio::time::Instant;

/// The most that are known at once; of more, those that were not used for longest are forgotten, and read again when they are.
const MAX_KNOWN: usize = 4_096;
/// How many are forgotten then, so that looking for them is rare.
const FORGOTTEN: usize = 512;
/// One that was not used for so long is forgotten.
const IDLE: Duration = Duration::from_mins(10);
/// How much earlier a breaker must be free than those were told whom it holds, for them to be told again.
const SLACK: Duration = Duration::from_millis(500);

/// What is known of each breaker.
#[derive(Debug, Default)]
pub(super) struct Cache(HashMap<BreakerKey, Known>);

#[derive(Debug)]
struct Known {
    seen: Seen,
    used: Instant,
    /// Whether calls failed within its window.
    fails: bool,
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
        /// How often in a row it opened.
        times: u32,
    },
}

/// A breaker that is free earlier than those know whom it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sooner {
    pub(super) id: BreakerId,
    /// From when on a probe may be asked for; `None` where it has closed.
    pub(super) due: Option<Instant>,
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
            Some(BreakerState::Open { until, times }) => Some((*until, *times)),
            Some(BreakerState::HalfOpen { probe, times }) => Some((probe.until, *times)),
        };
        let (version, id, read_at) = row.map_or((0, BreakerId::from(uuid::Uuid::nil()), None), |row| {
            (row.version, row.id, Some(row.now))
        });
        match until.zip(read_at) {
            None => Self::Closed { version },
            Some(((until, times), read_at)) => Self::Held {
                id,
                times,
                // By the database's clock, as a distance, so that the clocks of instances need not agree.
                until: now + Duration::try_from(until.duration_since(read_at)).unwrap_or_default(),
            },
        }
    }
}

impl Cache {
    /// How many hold calls back.
    pub(super) fn open(&self) -> usize {
        let open = |known: &&Known| matches!(known.seen, Seen::Held { .. });
        self.0.values().filter(open).count()
    }

    /// What is known of a breaker, which is now used.
    pub(super) fn look(&mut self, key: &BreakerKey, now: Instant) -> Option<Seen> {
        let known = self.0.get_mut(key)?;
        known.used = now;
        Some(known.seen)
    }

    /// Takes in what was read; gives the breaker if it held calls back, and from when on it does not, if that is earlier than was known.
    pub(super) fn take_in(&mut self, key: &BreakerKey, row: Option<&BreakerRow>, now: Instant) -> Option<Sooner> {
        let fails = row.is_some_and(fails);
        let known = self.0.get_mut(key);
        let before = known.as_ref().map(|known| known.seen);
        let seen = Seen::of(row, before, now);
        if let Some(known) = known {
            known.seen = seen;
            known.fails = fails;
        } else {
            self.make_room();
            let known = Known {
                seen,
                used: now,
                fails,
                successes: 0,
                rules: None,
            };
            self.0.insert(key.clone(), known);
        }
        match (before?, seen) {
            (Seen::Held { id, .. }, Seen::Closed { .. }) => Some(Sooner { id, due: None }),
            (Seen::Held { until: told, .. }, Seen::Held { id, until, .. }) if until + SLACK < told => {
                let due = Some(until);
                Some(Sooner { id, due })
            }
            (Seen::Held { .. } | Seen::Closed { .. }, Seen::Held { .. } | Seen::Closed { .. }) => None,
        }
    }

    pub(super) fn count_success(&mut self, key: &BreakerKey, rules: BreakerRules) {
        if let Some(known) = self.0.get_mut(key) {
            known.successes = known.successes.saturating_add(1);
            known.rules = Some(rules);
        }
    }

    /// The successes that are not written yet, of breakers that let calls through: of all, or of those where calls fail.
    pub(super) fn take_successes(&mut self, of_all: bool) -> Vec<Successes> {
        let counted = self
            .0
            .iter_mut()
            .filter(|(_, known)| known.successes > 0 && (of_all || known.fails));
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
        // Those that hold calls back last: whoever knows them wakes the runs that they hold.
        let age = |known: &Known| (matches!(known.seen, Seen::Held { .. }), known.used);
        let mut by_age: Vec<_> = self.0.iter().map(|(key, known)| (age(known), key.clone())).collect();
        by_age.sort_unstable_by_key(|(age, _)| *age);
        for (_, key) in by_age.into_iter().take(FORGOTTEN) {
            self.0.remove(&key);
        }
    }
}

fn fails(row: &BreakerRow) -> bool {
    match &row.state {
        BreakerState::Closed { counts } => counts.within(row.window, row.now).0 > 0,
        BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => false,
    }
}
