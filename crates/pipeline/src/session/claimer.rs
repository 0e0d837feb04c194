//! Takes runs into memory: from the queue, at their wake time, from instances that died.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gathering_domain::{InstanceId, RunId};
use gathering_persistence::run_journal::EntryRow;
use gathering_persistence::runs::{ClaimedRun, QueueClaim};
use gathering_persistence::{Connection, instances, run_journal, runs};
use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Session;
use super::breakers::free_probes;
use super::holder::Claimed;
use super::lane::Lane;
use super::recovery::Before;
use crate::Error;
use crate::error::chain;

/// The most runs in one claim.
const MAX_CLAIM: usize = 500;
/// How often runs are looked for whose owner is not even registered: it stopped while a start of its own was still being committed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Claims until dropped. Waking it only makes it earlier: it also looks by itself.
pub(super) async fn run(session: Arc<Session>, mut lane: Lane) {
    let mut sweep = every(SWEEP_INTERVAL);
    while !session.draining.is_cancelled() {
        let pause = match session.claim_once(&mut lane).await {
            // A full batch: more is likely there.
            Ok(count) if count >= MAX_CLAIM => continue,
            // No room: whatever is due waits for a slot, and a freed one wakes this loop.
            Ok(_) if session.slots.available_permits() == 0 => session.shared.limits.poll_interval,
            Ok(_) => session.next_wake(&mut lane).await,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "claiming failed; it is tried again");
                session.claims_lost.store(true, Ordering::Release);
                session.queue_place.forget();
                lane.lost();
                session.shared.limits.poll_interval
            }
        };
        let pause = session.untold.next_look(pause);
        tokio::select! {
            () = session.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = sweep.tick() => session.sweep().await,
        }
    }
}

impl Session {
    /// One tick: claims what there is room for and starts driving it. Gives how many.
    ///
    /// What a failed statement may have claimed all the same is found by the next tick.
    pub(crate) async fn claim_once(self: &Arc<Self>, lane: &mut Lane) -> Result<usize, Error> {
        let client = lane.connection().await?;
        self.settle_untold(client).await?;
        // Before the look: what is lost meanwhile is looked for again.
        if self.claims_lost.swap(false, Ordering::AcqRel)
            && let Err(error) = self.find_lost_claims(client).await
        {
            self.claims_lost.store(true, Ordering::Release);
            return Err(error);
        }
        let mut slots: Vec<_> = std::iter::from_fn(|| self.slot()).take(MAX_CLAIM).collect();
        let room = slots.len();
        self.take_over(client, &mut slots).await?;
        let after_deaths = slots.len();
        if !slots.is_empty() {
            self.claim_waiting(client, &mut slots).await?;
        }
        if !slots.is_empty() {
            let claimed = self.claim_queued(client, slots.len(), self.shared.clock.now()).await?;
            self.launch_all(claimed, &mut slots, Before::Nobody).await?;
        }
        self.shared.counters.claimed.add((after_deaths - slots.len()) as u64);
        self.backlog.store(slots.is_empty(), Ordering::Release);
        Ok(room - slots.len())
    }

    /// The waiting runs that are due come first: somebody waits for them already. Then those that only end, because their time is over and
    /// this instance could not do them anyway.
    async fn claim_waiting(
        self: &Arc<Self>,
        client: &Connection,
        slots: &mut Vec<OwnedSemaphorePermit>,
    ) -> Result<(), Error> {
        let due = runs::claim_waiting(client, self.instance, count(slots.len())).await?;
        self.launch_all(due, slots, Before::Nobody).await?;
        let now = self.shared.clock.now();
        let timed = self.shared.excluded.to_time_out(now);
        if let Some(limit) = limit(slots).filter(|_| !timed.is_empty()) {
            let overdue = runs::claim_overdue(client, self.instance, limit, now, &timed).await?;
            self.launch_all(overdue, slots, Before::Nobody).await?;
        }
        Ok(())
    }

    async fn claim_queued(&self, client: &Connection, room: usize, now: Timestamp) -> Result<Vec<ClaimedRun>, Error> {
        let (except, parts) = (self.shared.excluded.versions(now), self.queue_place.parts());
        let (begun, mut claimed) = (Instant::now(), Vec::new());
        for part in &parts {
            let wanted = QueueClaim {
                owner: self.instance,
                limit: count(room - claimed.len()),
                now,
                except: &except,
                part: *part,
            };
            if wanted.limit > 0 {
                claimed.extend(runs::claim_queued(client, wanted).await?);
            }
        }
        self.queue_place.claimed(&parts, &claimed, begun.elapsed());
        Ok(claimed)
    }

    async fn take_over(
        self: &Arc<Self>,
        client: &Connection,
        slots: &mut Vec<OwnedSemaphorePermit>,
    ) -> Result<(), Error> {
        let limits = &self.shared.limits;
        // Who has not seen the database for a while cannot tell the dead from those who could not reach it either.
        if self.steady.lasts() < limits.grace {
            return Ok(());
        }
        let dead = instances::dead(client, millis(limits.grace), millis(limits.lease)).await?;
        if dead.is_empty() {
            return Ok(());
        }
        // Without room for their runs, too: others may wait for these probes.
        free_probes(self, &dead).await?;
        let (own, others): (Vec<_>, Vec<_>) = dead.iter().partition(|id| self.shared.was(**id));
        self.take_over_from(client, &own, slots, Before::Fenced).await?;
        self.take_over_from(client, &others, slots, Before::Dead).await?;
        Ok(instances::forget(client, &dead).await?)
    }

    async fn take_over_from(
        self: &Arc<Self>,
        client: &Connection,
        dead: &[InstanceId],
        slots: &mut Vec<OwnedSemaphorePermit>,
        before: Before,
    ) -> Result<(), Error> {
        let Some(limit) = limit(slots).filter(|_| !dead.is_empty()) else {
            return Ok(());
        };
        let orphans = runs::take_over(client, self.instance, dead, limit).await?;
        for run in &orphans {
            tracing::debug!(run_id = %run.id, epoch = run.epoch, "took the run over");
        }
        if !orphans.is_empty() {
            let what = match before {
                Before::Dead => "took over runs of instances that died",
                Before::Fenced | Before::Nobody => {
                    "took back runs that this process had before it lost its hold on them"
                }
            };
            tracing::warn!(instances = ?dead, runs = orphans.len(), "{what}");
        }
        self.shared.counters.taken_over.add(orphans.len() as u64);
        self.launch_all(orphans, slots, before).await
    }

    /// Drives what was just claimed, each with its journal. If those cannot be read now, each run reads its own later.
    async fn launch_all(
        self: &Arc<Self>,
        claimed: Vec<ClaimedRun>,
        slots: &mut Vec<OwnedSemaphorePermit>,
        before: Before,
    ) -> Result<(), Error> {
        let again: Vec<_> = claimed.iter().filter(|run| run.epoch > 1).map(|run| run.id).collect();
        let journals = if again.is_empty() {
            Ok(Vec::new())
        } else {
            self.journals(&again).await
        };
        let mut rows = journals.as_deref().unwrap_or_default();
        let mut by_id = std::collections::HashMap::new();
        while let Some(first) = rows.first() {
            let (journal, rest) = rows.split_at(rows.partition_point(|row| row.run_id == first.run_id));
            by_id.insert(first.run_id, journal.to_vec());
            rows = rest;
        }
        for run in claimed {
            let journal = (journals.is_ok() || run.epoch == 1).then(|| by_id.remove(&run.id).unwrap_or_default());
            if let Some(slot) = slots.pop() {
                self.launch(Claimed { run, before, journal }, slot);
            }
        }
        journals?;
        Ok(())
    }

    /// On any connection: that of the claims plans for many statements at once, and would look for these journals in every week.
    async fn journals(&self, of: &[RunId]) -> Result<Vec<EntryRow>, gathering_persistence::Error> {
        run_journal::of_runs(&self.shared.connection().await?, of).await
    }

    /// How long until a waiting run is due, at most the poll interval.
    async fn next_wake(&self, lane: &mut Lane) -> Duration {
        let poll = self.shared.limits.poll_interval;
        let next = async { runs::next_wake_ms(lane.connection().await?).await };
        match next.await {
            // A millisecond more: rather once late than twice early.
            Ok(Some(ms)) => Duration::from_millis(ms.unsigned_abs().saturating_add(1)).min(poll),
            Ok(None) | Err(_) => poll,
        }
    }

    async fn sweep(self: &Arc<Self>) {
        let swept = async {
            let client = self.shared.connection().await?;
            let unregistered = runs::unregistered_owners(&client).await?;
            let mut slots: Vec<_> = std::iter::from_fn(|| self.slot()).take(MAX_CLAIM).collect();
            let (own, others): (Vec<_>, Vec<_>) = unregistered.iter().partition(|id| self.shared.was(**id));
            self.take_over_from(&client, &own, &mut slots, Before::Fenced).await?;
            self.take_over_from(&client, &others, &mut slots, Before::Dead).await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = swept.await {
            tracing::warn!(error = %chain(&error), "looking for runs without an owner failed; it is tried again");
            self.claims_lost.store(true, Ordering::Release);
        }
    }
}

fn limit(slots: &[OwnedSemaphorePermit]) -> Option<i64> {
    Some(count(slots.len())).filter(|limit| *limit > 0)
}

fn count(room: usize) -> i64 {
    i64::try_from(room).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The first tick is one period away.
fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
