//! The runs in memory: each is driven by a task of its own, and none that this instance owns is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gathering_domain::pipeline::Pipeline;
use gathering_domain::{RunId, TraceContext};
use gathering_persistence::run_journal::EntryRow;
use gathering_persistence::runs::ClaimedRun;
use gathering_persistence::{Connection, run_journal, runs};
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Session;
use super::committer::{Refused, Rejection};
use super::decisions::{Decisions, NodeDecision};
use super::driver::{Driver, Leave};
use super::recovery::Before;
use super::spans;
use crate::Error;
use crate::error::chain;
use crate::library::Version;

/// The pauses before a run that could not be driven is read again.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often the database may refuse what a run comes to before the run fails: each time its attempts are made again.
const MAX_REJECTIONS: u32 = 3;

/// A run that this instance just claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) run: ClaimedRun,
    /// From whom.
    pub(crate) before: Before,
    /// Its journal; `None` when that is still to be read.
    pub(crate) journal: Option<Vec<EntryRow>>,
}

/// What reaches the driver of a run from outside.
#[derive(Debug, Default)]
pub(crate) struct Reins {
    /// Stops the run's attempts.
    pub(crate) stop: CancellationToken,
    /// What somebody decided about its nodes in quarantine.
    pub(crate) decisions: Arc<Decisions>,
}

/// The runs in memory, and those whose insert is under way.
#[derive(Debug, Default)]
pub(crate) struct Held(Mutex<HashMap<RunId, Hold>>);

#[derive(Debug, Default)]
struct Hold {
    reins: Reins,
    /// Somebody took the run away and this instance claimed it again, while its first driver had not noticed yet.
    claimed_again: bool,
}

impl Held {
    /// `false` if it was held already; that is remembered until it is let go.
    pub(crate) fn hold(&self, run: RunId) -> bool {
        let Ok(mut held) = self.0.lock() else { return false };
        match held.entry(run) {
            Entry::Vacant(entry) => {
                entry.insert(Hold::default());
                true
            }
            Entry::Occupied(mut entry) => {
                entry.get_mut().claimed_again = true;
                false
            }
        }
    }

    /// Holds a run that is about to be inserted; `false`, and nothing else, if one of this id is held already.
    pub(crate) fn hold_new(&self, run: RunId) -> bool {
        let Ok(mut held) = self.0.lock() else { return false };
        let Entry::Vacant(entry) = held.entry(run) else {
            return false;
        };
        entry.insert(Hold::default());
        true
    }

    /// Whether it was claimed again meanwhile.
    pub(crate) fn let_go(&self, run: RunId) -> bool {
        self.0
            .lock()
            .is_ok_and(|mut held| held.remove(&run).is_some_and(|hold| hold.claimed_again))
    }

    /// Stops the run's attempts, if it is held.
    pub(crate) fn stop(&self, run: RunId) {
        if let Some(token) = self.token(run) {
            token.cancel();
        }
    }

    /// Whether the run is in memory, or its insert is under way.
    pub(crate) fn holds(&self, run: RunId) -> bool {
        self.0.lock().is_ok_and(|held| held.contains_key(&run))
    }

    /// Hands a decision to the run's driver; `false` when it is not held.
    pub(crate) fn decide(&self, run: RunId, decision: NodeDecision) -> bool {
        let Some(decisions) = self.decisions(run) else {
            return false;
        };
        decisions.add(decision);
        true
    }

    fn decisions(&self, run: RunId) -> Option<Arc<Decisions>> {
        self.0.lock().ok()?.get(&run).map(|hold| hold.reins.decisions.clone())
    }

    fn token(&self, run: RunId) -> Option<CancellationToken> {
        self.0.lock().ok()?.get(&run).map(|hold| hold.reins.stop.clone())
    }
}

impl Session {
    /// Drives a run that this instance owns, in a task of its own.
    pub(crate) fn launch(self: &Arc<Self>, claimed: Claimed, slot: OwnedSemaphorePermit) {
        if self.held.hold(claimed.run.id) {
            self.launch_held(claimed, slot);
        }
    }

    /// The same for a run whose id is held already.
    pub(crate) fn launch_held(self: &Arc<Self>, mut claimed: Claimed, slot: OwnedSemaphorePermit) {
        let (session, id) = (self.clone(), claimed.run.id);
        let trace = claimed
            .run
            .trace
            .as_ref()
            .map(|parent| parent.child(&*self.shared.entropy));
        let span = spans::run(id, trace.as_ref(), claimed.run.trace.as_ref());
        claimed.run.trace = trace;
        let driving = async move {
            session.drive(claimed).await;
            session.let_go(id);
            session.shared.waiters.wake(id);
            drop(slot);
            session.slot_freed();
        };
        // On the heap: what wraps a future keeps room for it more than once, and there are as many as runs in memory.
        let driving = Box::pin(driving.instrument(span));
        let driving = self.dropped.clone().run_until_cancelled_owned(driving);
        self.drivers.spawn_on(driving, &self.runtime);
    }

    /// The run has left the memory. A claim of it that came while it was still there is to be found now.
    pub(crate) fn let_go(&self, run: RunId) {
        if self.held.let_go(run) {
            self.claims_lost.store(true, Ordering::Release);
            self.wake.notify_one();
        }
    }

    /// Launches the runs that this instance owns without holding them: claimed by a statement whose answer was lost.
    pub(crate) async fn find_lost_claims(self: &Arc<Self>, client: &Connection) -> Result<(), Error> {
        for run in runs::owned(client, self.instance).await? {
            if self.held.token(run.id).is_some() {
                continue;
            }
            let Some(slot) = self.slot() else {
                return Err(Error::Stopping);
            };
            tracing::warn!(run_id = %run.id, "found a claim whose answer was lost");
            self.launch(
                Claimed {
                    run,
                    before: Before::Nobody,
                    journal: None,
                },
                slot,
            );
        }
        Ok(())
    }

    /// Drives until the run leaves the memory. One that lost a race without losing the run, or that could not be read, is read again:
    /// its row says that this instance owns it, so it must not be forgotten here.
    async fn drive(self: &Arc<Self>, claimed: Claimed) {
        let (id, trace) = (claimed.run.id, claimed.run.trace.clone());
        let mut next = Some(claimed);
        let mut pause = FIRST_PAUSE;
        let (mut rejections, mut rejection) = (0, None);
        while let Some(claimed) = next {
            let hopeless = rejection.clone().filter(|_| rejections >= MAX_REJECTIONS);
            match self.drive_once(claimed, hopeless).await {
                Ok(Leave::Done | Leave::Draining | Leave::Cancelled) => return,
                Ok(Leave::Refused(refused)) => {
                    match refused {
                        // As after every pause that was long enough for others to take over.
                        Refused::Fenced => tracing::info!(%refused, "the run is read again"),
                        Refused::Rejected(last) => {
                            tracing::warn!(error = %Refused::Rejected(last.clone()), "an append was refused; the run is read again");
                            rejections += 1;
                            rejection = Some(last);
                        }
                    }
                }
                Err(error) => tracing::error!(error = %chain(&error), "the run cannot be driven; it is tried again"),
            }
            next = loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                match Box::pin(self.read_again(id, trace.clone())).await {
                    Ok(found) => break found,
                    Err(error) => tracing::warn!(error = %chain(&error), "the run cannot be read; it is tried again"),
                }
            };
        }
    }

    async fn drive_once(self: &Arc<Self>, claimed: Claimed, hopeless: Option<Rejection>) -> Result<Leave, Error> {
        let (id, version) = (claimed.run.pipeline_id, claimed.run.version);
        let mut waited_for = None;
        let pipeline = match self.shared.library.get(&self.shared.pool, id, version).await {
            Ok(Version {
                pipeline,
                missing: None,
            }) => pipeline,
            Ok(Version {
                pipeline,
                missing: Some(handler),
            }) => {
                if !is_over(&claimed.run, &pipeline, self.shared.clock.now()) {
                    let reason = format!("no handler is registered here for its {handler}");
                    return Box::pin(self.pass_on(claimed, pipeline.timeout, &reason)).await;
                }
                waited_for = Some(handler);
                pipeline
            }
            // Saved by a release that knows more than this one; its timeout may mean something else, too.
            Err(Error::Unreadable { reason, .. }) => return Box::pin(self.pass_on(claimed, None, &reason)).await,
            Err(error) => return Err(error),
        };
        let Claimed { run, before, journal } = claimed;
        let journal = match journal {
            Some(journal) => journal,
            None => Box::pin(self.journal(run.id)).await?,
        };
        // The driver's own: what it cancels when it leaves must not stop the one that goes on with the run.
        let reins = Reins {
            stop: self.held.token(run.id).unwrap_or_default().child_token(),
            decisions: self.held.decisions(run.id).unwrap_or_default(),
        };
        let mut driver = Driver::resume(self.clone(), run, pipeline, &journal, reins)?;
        tracing::debug!(entries = journal.len(), ?before, "driving the run");
        driver.note_take_over(before);
        driver.settle_lost(&journal, before);
        Ok(match (waited_for, hopeless) {
            (Some(handler), _) => driver.time_out(&handler).await,
            (None, Some(rejection)) => driver.give_up(&rejection).await,
            (None, None) => driver.drive().await,
        })
    }

    async fn journal(&self, of: RunId) -> Result<Vec<EntryRow>, gathering_persistence::Error> {
        run_journal::of_runs(&self.shared.connection().await?, &[of]).await
    }

    async fn read_again(&self, id: RunId, trace: Option<TraceContext>) -> Result<Option<Claimed>, Error> {
        let client = self.shared.connection().await?;
        let run = runs::claimed_by(&client, id, self.instance).await?;
        // It is still the same span that drives it.
        Ok(run.map(|run| Claimed {
            run: ClaimedRun { trace, ..run },
            before: Before::Nobody,
            journal: None,
        }))
    }
}

/// Whether the run has had its time: it may end so wherever it is looked at.
fn is_over(run: &ClaimedRun, pipeline: &Pipeline, now: Timestamp) -> bool {
    let deadline = |timeout| run.started_at.checked_add(timeout).ok();
    pipeline
        .timeout
        .and_then(deadline)
        .is_some_and(|deadline| deadline <= now)
}
