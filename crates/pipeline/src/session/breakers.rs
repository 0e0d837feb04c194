//! Circuit breakers on the way of attempts: what is known of them here, and who asks the database for more.
//!
//! The truth stands in the table `breakers`. A cache knows the breakers that this instance uses and is refreshed with every poll, so
//! that an attempt under a healthy one costs no statement; one task, the keeper, writes failures and probes for all runs together.

mod cache;
mod guard;
mod keeper;
mod orphans;
mod wakes;

use std::sync::Mutex;
use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_domain::breaker::{BreakerRules, Verdict};
use gathering_persistence::breakers::BreakerKey;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

use cache::{Cache, Seen};
pub(crate) use guard::Guard;
pub(super) use keeper::run;
pub(super) use orphans::free_probes;

/// How many askers may wait for the keeper; more wait for room.
const MAX_ASKS: usize = 10_000;

/// The breakers as this instance knows them.
#[derive(Debug)]
pub(crate) struct Breakers {
    cache: Mutex<Cache>,
    asks: mpsc::Sender<Ask>,
    /// Counts the times that one was free earlier than was known.
    frees: watch::Sender<u64>,
}

/// Something that the keeper is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// Whether a call may go through.
    Enter {
        key: BreakerKey,
        answer: oneshot::Sender<Entry>,
    },
    /// To count a failure of a call that was let through while the breaker had this version.
    Count {
        key: BreakerKey,
        rules: BreakerRules,
        version: i64,
        done: oneshot::Sender<()>,
    },
    /// To write what a probe found.
    Probed {
        key: BreakerKey,
        rules: BreakerRules,
        probe: Uuid,
        verdict: Verdict,
        done: oneshot::Sender<()>,
    },
}

/// Whether a call may go through.
#[derive(Debug)]
pub(super) enum Entry {
    /// It may.
    Closed {
        /// The version of the breaker, for what the call comes to.
        version: i64,
    },
    /// It may, to see whether the target works.
    Probe(Right),
    /// It may not yet.
    Held(Holding),
}

/// A breaker that holds a call back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding {
    /// Which.
    id: BreakerId,
    /// After how long a probe may be asked for.
    wait: Duration,
    /// How often in a row it opened.
    times: u32,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Calls go through.
    Closed,
    /// Calls are held back for so long, until a probe may be asked for.
    HoldsFor(Duration),
}

/// The right to probe; whoever drops it gives it up.
#[derive(Debug)]
pub(super) struct Right {
    id: Uuid,
    _alive: std::sync::Arc<()>,
}

impl Breakers {
    /// None known yet; what is asked goes to [`run`].
    pub(super) fn new() -> (Self, mpsc::Receiver<Ask>) {
        let (asks, asked) = mpsc::channel(MAX_ASKS);
        let breakers = Self {
            cache: Mutex::default(),
            asks,
            frees: watch::Sender::default(),
        };
        (breakers, asked)
    }

    /// Asks whether a call may go through: the cache if it knows, else the keeper.
    async fn enter(&self, key: &BreakerKey) -> Entry {
        if let Some(entry) = self.known(key) {
            return entry;
        }
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Enter {
            key: key.clone(),
            answer,
        };
        if self.asks.send(ask).await.is_err() {
            return Entry::Closed { version: 0 };
        }
        // The keeper ends with the session, and the attempt with it.
        answered.await.unwrap_or(Entry::Closed { version: 0 })
    }

    fn known(&self, key: &BreakerKey) -> Option<Entry> {
        let now = Instant::now();
        let mut cache = self.cache.lock().ok()?;
        match cache.look(key, now)? {
            Seen::Closed { version } => Some(Entry::Closed { version }),
            Seen::Held { id, until, times } => {
                let wait = until.checked_duration_since(now).filter(|wait| !wait.is_zero())?;
                Some(Entry::Held(Holding { id, wait, times }))
            }
        }
    }

    /// Tells the keeper, and waits until it is durable.
    async fn tell(&self, ask: impl FnOnce(oneshot::Sender<()>) -> Ask) {
        let (done, told) = oneshot::channel();
        if self.asks.send(ask(done)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// Counts a success, for rates; it is written with the next ones.
    fn count_success(&self, key: &BreakerKey, rules: &BreakerRules) {
        if let Ok(mut cache) = self.cache.lock() {
            cache.count_success(key, *rules);
        }
    }

    /// How this breaker stands, as far as is known.
    pub(crate) fn standing(&self, key: &BreakerKey) -> Option<Standing> {
        let now = Instant::now();
        Some(match self.cache.lock().ok()?.look(key, now)? {
            Seen::Closed { .. } => Standing::Closed,
            Seen::Held { until, .. } => Standing::HoldsFor(until.saturating_duration_since(now)),
        })
    }

    /// How many of those that are known hold calls back.
    pub(crate) fn open(&self) -> usize {
        self.cache.lock().map_or(0, |cache| cache.open())
    }

    /// Tells each time that some breaker is free earlier than was known.
    pub(crate) fn frees(&self) -> watch::Receiver<u64> {
        self.frees.subscribe()
    }
}
