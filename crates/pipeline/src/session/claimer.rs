//! Takes runs into memory: from the queue, at their wake time, from instances that died.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gathering_domain::RunId;
use gathering_persistence::run_journal::EntryRow;
use gathering_persistence::runs::ClaimedRun;
use gathering_persistence::{GenericClient, instances, partitions, run_journal, runs};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use super::Session;
use super::driver::{Driver, Leave};
use crate::Error;

/// The most runs in one claim.
const MAX_CLAIM: usize = 200;
/// The pauses before a run that could not be driven is read again.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often partitions are looked after.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// Claims until dropped. Waking it only makes it earlier: it also looks by itself.
pub(super) async fn run(session: Arc<Session>) {
    let mut upkeep = tokio::time::interval(UPKEEP_INTERVAL);
    while !session.draining.is_cancelled() {
        let claimed = session.claim_once().await;
        let pause = match &claimed {
            // A full batch: more is likely there.
            Ok(count) if *count >= MAX_CLAIM => continue,
            Ok(_) => session.next_wake().await,
            Err(error) => {
                tracing::warn!(error = %chain(error), "claiming failed; it is tried again");
                session.shared.limits.poll_interval
            }
        };
        tokio::select! {
            () = session.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = upkeep.tick() => session.upkeep().await,
        }
    }
}

impl Session {
    /// One tick: claims what there is room for and starts driving it. Gives how many.
    pub(crate) async fn claim_once(self: &Arc<Self>) -> Result<usize, Error> {
        let mut slots: Vec<_> = std::iter::from_fn(|| self.slot()).take(MAX_CLAIM).collect();
        if slots.is_empty() {
            return Ok(0);
        }
        let client = self.shared.connection().await?;
        let claimed = self.claim(&client, slots.len()).await?;
        let again: Vec<RunId> = claimed
            .iter()
            .filter(|claimed| claimed.run.epoch > 1)
            .map(|claimed| claimed.run.id)
            .collect();
        let mut journals = journals(&client, &again).await?;
        drop(client);
        let count = claimed.len();
        for claimed in claimed {
            let Some(slot) = slots.pop() else { break };
            let journal = journals.remove(&claimed.run.id).unwrap_or_default();
            self.launch(claimed, journal, slot);
        }
        Ok(count)
    }

    async fn claim(&self, client: &impl GenericClient, room: usize) -> Result<Vec<Claimed>, Error> {
        let limits = &self.shared.limits;
        let left = |taken: &Vec<Claimed>| i64::try_from(room - taken.len().min(room)).unwrap_or(0);
        let mut taken: Vec<Claimed> = Vec::new();
        let dead = match self.steady.lasts() >= limits.grace {
            true => instances::dead(client, millis(limits.grace), millis(limits.lease)).await?,
            // Who has not seen the database for a while cannot tell the dead from those who could not reach it either.
            false => Vec::new(),
        };
        if !dead.is_empty() {
            let orphans = runs::take_over(client, self.instance, &dead, left(&taken)).await?;
            tracing::warn!(?dead, runs = orphans.len(), "taking over the runs of dead instances");
            taken.extend(orphans.into_iter().map(|run| Claimed { run, taken_over: true }));
            instances::forget(client, &dead).await?;
        }
        for wait in [true, false] {
            let room = left(&taken);
            if room == 0 {
                break;
            }
            let runs = match wait {
                true => runs::claim_waiting(client, self.instance, room).await?,
                false => runs::claim_queued(client, self.instance, room, self.shared.clock.now()).await?,
            };
            taken.extend(runs.into_iter().map(|run| Claimed { run, taken_over: false }));
        }
        self.backlog.store(left(&taken) == 0, Ordering::Release);
        Ok(taken)
    }

    /// Drives a run that this instance holds, in a task of its own.
    pub(crate) fn launch(self: &Arc<Self>, claimed: Claimed, journal: Vec<EntryRow>, slot: OwnedSemaphorePermit) {
        let session = self.clone();
        let span = tracing::info_span!("run", run_id = %claimed.run.id);
        let id = claimed.run.id;
        let driving = async move {
            session.drive(claimed, journal).await;
            session.shared.waiters.wake(id);
            drop(slot);
            session.slot_freed();
        };
        self.drivers.spawn_on(
            self.dropped.clone().run_until_cancelled_owned(driving.instrument(span)),
            &self.runtime,
        );
    }

    /// Drives until the run leaves the memory. One that lost a race without losing the run, or that could not be read, is read again:
    /// its row says that this instance holds it, so it must not be forgotten here.
    async fn drive(self: &Arc<Self>, claimed: Claimed, journal: Vec<EntryRow>) {
        let id = claimed.run.id;
        let mut next = Some((claimed, journal));
        let mut pause = FIRST_PAUSE;
        while let Some((claimed, journal)) = next {
            match self.drive_once(claimed, journal).await {
                Ok(Leave::Done | Leave::Draining) => return,
                Ok(Leave::Refused(refused)) => tracing::warn!(%refused, "an append was refused; the run is read again"),
                Err(error) => tracing::error!(error = %chain(&error), "the run cannot be driven; it is tried again"),
            }
            next = loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                match self.read_again(id).await {
                    Ok(found) => break found,
                    Err(error) => tracing::warn!(error = %chain(&error), "the run cannot be read; it is tried again"),
                }
            };
        }
    }

    async fn drive_once(self: &Arc<Self>, claimed: Claimed, journal: Vec<EntryRow>) -> Result<Leave, Error> {
        let ClaimedRun {
            pipeline_id, version, ..
        } = claimed.run;
        let pipeline = self.shared.library.get(&self.shared.pool, pipeline_id, version).await?;
        let mut driver = Driver::resume(self.clone(), claimed.run, pipeline, &journal)?;
        if claimed.taken_over {
            driver.note_take_over();
        }
        Ok(driver.drive().await)
    }

    async fn read_again(&self, id: RunId) -> Result<Option<(Claimed, Vec<EntryRow>)>, Error> {
        let client = self.shared.connection().await?;
        let Some(run) = runs::claimed_by(&client, id, self.instance).await? else {
            return Ok(None);
        };
        let journal = run_journal::of_runs(&client, &[id]).await?;
        Ok(Some((Claimed { run, taken_over: false }, journal)))
    }

    /// How long until a waiting run is due, at most the poll interval.
    async fn next_wake(&self) -> Duration {
        let poll = self.shared.limits.poll_interval;
        let next = async {
            let client = self.shared.connection().await?;
            runs::next_wake_ms(&client).await
        };
        match next.await {
            // A millisecond more: rather once late than twice early.
            Ok(Some(ms)) => Duration::from_millis(ms.unsigned_abs().saturating_add(1)).min(poll),
            Ok(None) | Err(_) => poll,
        }
    }

    async fn upkeep(&self) {
        let ensured = async {
            let client = self.shared.connection().await?;
            partitions::ensure(&client, self.shared.clock.now()).await
        };
        match ensured.await {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "made partitions ahead"),
            Err(error) => tracing::error!(%error, "partitions could not be made; it is tried again within the hour"),
        }
    }
}

/// A run that this instance just claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) run: ClaimedRun,
    /// Whether from an instance that died.
    pub(crate) taken_over: bool,
}

async fn journals(client: &impl GenericClient, ids: &[RunId]) -> Result<HashMap<RunId, Vec<EntryRow>>, Error> {
    let mut journals: HashMap<RunId, Vec<EntryRow>> = HashMap::new();
    if !ids.is_empty() {
        for row in run_journal::of_runs(client, ids).await? {
            journals.entry(row.run_id).or_default().push(row);
        }
    }
    Ok(journals)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn chain(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
