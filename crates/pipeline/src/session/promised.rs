//! Runs that somebody else's transaction inserts as this instance's own: whether they are there is known once that has ended.
//!
//! Each has its room in memory from the insert on, so that it is launched at once when its commit is told. Where nobody tells, because the
//! transaction was rolled back, its caller was dropped, or the answer to the commit was lost, the database is asked what became of the
//! transaction, until it has ended. A row of a run that this instance owns is never forgotten, and no room is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gathering_domain::RunId;
use gathering_persistence::runs::{self, NewRun};
use gathering_persistence::transactions::{self, TransactionNumber};
use gathering_persistence::{Connection, Error};
use tokio::sync::OwnedSemaphorePermit;

use super::Session;
use super::holder::Claimed;
use super::recovery::Before;

/// How often it is asked whether transactions have ended of which nobody told.
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Slots = HashMap<RunId, OwnedSemaphorePermit>;

/// Runs of one transaction, each held and with its room in memory. Dropped before their commit was told, they are asked after.
#[derive(Debug)]
pub(crate) struct Promised {
    session: Arc<Session>,
    /// `None` for as long as nothing can have been inserted.
    transaction: Option<TransactionNumber>,
    slots: Slots,
}

impl Promised {
    /// Holds those runs that there is room for here, and makes them this instance's own.
    pub(crate) fn hold(session: Arc<Session>, runs: &mut [NewRun]) -> Self {
        let mut slots = Slots::new();
        for run in runs {
            // What this instance cannot run is not for it to own.
            if session.shared.excluded.may_have(run.pipeline_id, run.version) {
                continue;
            }
            let Some(slot) = session.slot() else { break };
            if session.held.hold_new(run.id) {
                run.owner = Some(session.instance);
                slots.insert(run.id, slot);
            }
        }
        Self {
            session,
            transaction: None,
            slots,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// From here on they may be inserted.
    pub(crate) fn begin(&mut self, transaction: TransactionNumber) {
        self.transaction = Some(transaction);
    }

    /// Lets go of a run that was not inserted.
    pub(crate) fn let_go(&mut self, run: RunId) {
        if let Some(slot) = self.slots.remove(&run) {
            self.session.give_up(run, slot);
        }
    }

    /// Drives them: the transaction was committed.
    pub(crate) fn launch(mut self, claims: Vec<Claimed>) {
        for claimed in claims {
            if let Some(slot) = self.slots.remove(&claimed.run.id) {
                self.session.launch_held(claimed, slot);
            }
        }
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        if slots.is_empty() {
            return;
        }
        if let Some(transaction) = self.transaction {
            self.session.untold.add(Untold { transaction, slots });
            self.session.wake.notify_one();
        } else {
            for (run, slot) in slots {
                self.session.give_up(run, slot);
            }
        }
    }
}

/// Transactions of which nobody told what became of them. Each keeps room in memory, which bounds how many there are.
#[derive(Debug, Default)]
pub(crate) struct AllUntold(Mutex<Vec<Untold>>);

#[derive(Debug)]
struct Untold {
    transaction: TransactionNumber,
    slots: Slots,
}

impl AllUntold {
    fn add(&self, untold: Untold) {
        self.with(|all| all.push(untold));
    }

    /// How long until they are to be looked at, at most `pause`.
    pub(crate) fn next_look(&self, pause: Duration) -> Duration {
        if self.with(|all| all.is_empty()) {
            pause
        } else {
            pause.min(LOOK_EVERY)
        }
    }

    fn take(&self) -> Vec<Untold> {
        self.with(std::mem::take)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Untold>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Session {
    /// Asks what became of transactions of which nobody told: launches what they left, and lets go of what they did not.
    pub(crate) async fn settle_untold(self: &Arc<Self>, client: &Connection) -> Result<(), Error> {
        let mut looked_at = Looked {
            session: self,
            untold: self.untold.take(),
        };
        if looked_at.untold.is_empty() {
            return Ok(());
        }
        let numbers: Vec<_> = looked_at.untold.iter().map(|untold| untold.transaction).collect();
        let under_way = transactions::under_way(client, &numbers).await?;
        let has_ended = |untold: &Untold| !under_way.contains(&untold.transaction);
        let runs: Vec<_> = looked_at.untold.iter().filter(|untold| has_ended(untold)).collect();
        let runs: Vec<RunId> = runs
            .into_iter()
            .flat_map(|untold| untold.slots.keys().copied())
            .collect();
        // After they have ended, so that what they wrote is seen.
        let there = runs::owned_of(client, self.instance, &runs).await?;
        let mut there: HashMap<_, _> = there.into_iter().map(|run| (run.id, run)).collect();
        for (id, slot) in looked_at.take_out(has_ended) {
            let Some(run) = there.remove(&id) else {
                self.give_up(id, slot);
                continue;
            };
            tracing::warn!(run_id = %id, "found a run of whose commit nobody told");
            self.shared.counters.started.one();
            let (before, journal) = (Before::Nobody, None);
            self.launch_held(Claimed { run, before, journal }, slot);
        }
        Ok(())
    }

    /// A run that was held, and is not there.
    fn give_up(&self, run: RunId, slot: OwnedSemaphorePermit) {
        self.let_go(run);
        drop(slot);
        self.slot_freed();
    }
}

/// What is being looked at; what is left of it when it is dropped is looked at again.
struct Looked<'s> {
    session: &'s Session,
    untold: Vec<Untold>,
}

impl Looked<'_> {
    fn take_out(&mut self, has_ended: impl Fn(&Untold) -> bool) -> Vec<(RunId, OwnedSemaphorePermit)> {
        let (ended, rest) = std::mem::take(&mut self.untold).into_iter().partition(has_ended);
        self.untold = rest;
        ended.into_iter().flat_map(|untold: Untold| untold.slots).collect()
    }
}

impl Drop for Looked<'_> {
    fn drop(&mut self) {
        self.untold.drain(..).for_each(|untold| self.session.untold.add(untold));
    }
}
