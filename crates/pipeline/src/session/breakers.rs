//! Circuit breakers on the way of attempts: what is known of them here, and who asks the database for more.
//!
//! The truth stands in the table `breakers`. A cache knows the breakers that this instance uses and is refreshed with every poll, so
//! that an attempt under a healthy one costs no statement; one task, the keeper, writes failures and probes for all runs together.

mod cache;
mod guard;
mod keeper;
mod wakes;

use std::sync::Mutex;
use std::time::Duration;

use gathering_domain::breaker::{BreakerRules, Verdict};
use gathering_domain::node_event::HeldBy;
use gathering_domain::{BreakerId, ProjectId};
use gathering_persistence::breakers::BreakerKey;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

use cache::{Cache, Seen};
pub(crate) use guard::Guard;
pub(super) use keeper::run;

/// How many askers may wait for the keeper; more wait for room.
const MAX_ASKS: usize = 10_000;

/// The breakers as this instance knows them.
#[derive(Debug)]
pub(crate) struct Breakers {
    cache: Mutex<Cache>,
    asks: mpsc::Sender<Ask>,
    /// Counts the times that one closed.
    closings: watch::Sender<u64>,
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
    Held {
        /// The breaker.
        id: BreakerId,
        /// When to ask again at the latest.
        wait: Duration,
    },
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
            closings: watch::Sender::default(),
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
            Seen::Held { id, until } => {
                let wait = until.checked_duration_since(now).filter(|wait| !wait.is_zero())?;
                Some(Entry::Held { id, wait })
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

    /// Whether this breaker, which held a node of the project, is known to be closed.
    pub(crate) fn is_closed(&self, project_id: ProjectId, by: &HeldBy) -> bool {
        let key = BreakerKey {
            project_id,
            key: by.key.clone(),
        };
        let Ok(mut cache) = self.cache.lock() else { return false };
        matches!(cache.look(&key, Instant::now()), Some(Seen::Closed { .. }))
    }

    /// Returns once one of these breakers is known to be closed; pending for ever while there are none.
    pub(crate) async fn one_closes(&self, project: ProjectId, held_by: impl Iterator<Item = &HeldBy> + Clone) {
        if held_by.clone().next().is_none() {
            std::future::pending::<()>().await;
        }
        let mut closings = self.closings.subscribe();
        while !held_by.clone().any(|by| self.is_closed(project, by)) {
            if closings.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
