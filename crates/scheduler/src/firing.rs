//! Looking at schedules whose time has come: locked, decided on, fired and moved on in one transaction.

mod claim;
mod looks;
mod writing;

use std::sync::atomic::Ordering;
use std::time::Duration;

use gathering_domain::ScheduleId;
use gathering_persistence::{Error, Transaction, schedules};
use jiff::SignedDuration;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{FireError, Scheduler};
use claim::{Claim, Claimed};
use looks::{Looks, Mode};
use writing::Written;

pub(crate) use looks::too_many_failures;

/// How long a schedule rests whose firings could not even be written down as failed.
const LONG_REST: SignedDuration = SignedDuration::from_mins(1);
/// How long nothing may be heard in a transaction that has schedules locked, before the database ends it: an instance that is stopped in the middle of one is not to hold
/// them up for the others.
pub(crate) const SILENCE: &str = "5s";
/// How long one rests that waited for somebody else's lock in vain, or took too long.
const REST: SignedDuration = SignedDuration::from_secs(5);

/// How often a schedule is put off before the database counts as away, and how long from one try to the next.
const RESTS: u32 = 3;
const MOMENT: Duration = Duration::from_millis(50);

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// Schedules whose time had come.
    pub schedules: usize,
    /// Firings that started.
    pub started: usize,
    /// Whether more schedules may be due.
    pub more: bool,
}

/// Why a transaction came to nothing.
#[derive(Debug)]
enum Failure {
    /// The database was not there, or no longer: the same may work in a moment. With what was due, if that was known.
    Passing { due: Vec<ScheduleId>, error: FireError },
    /// One of the firings cannot be, or a due time has fired already.
    Spoilt {
        due: Vec<ScheduleId>,
        fired_already: bool,
        error: FireError,
    },
}

impl Scheduler {
    /// One step of what [`Scheduler::start`] does all the time: fires what is due, up to [`Limits::batch`](crate::Limits::batch) schedules in one transaction.
    ///
    /// Schedules that another instance is looking at are left to it. Of a project that had much of a full step the next one takes something only if there is room when all
    /// others have been served.
    pub async fn fire_due(&self) -> Result<Looked, crate::Error> {
        self.fire_up_to(self.shared.limits.batch).await
    }

    /// The same for at most so many schedules.
    pub(crate) async fn fire_up_to(&self, most: u32) -> Result<Looked, crate::Error> {
        let turn = self.shared.fairness.take(Instant::now());
        match self.attempt(Claim::Due { most, turn: &turn }, &Mode::Usual).await {
            Ok(looked) => Ok(looked),
            Err(Failure::Passing { due, error }) => {
                // A connection that is lost again and again in the middle may be one firing's doing.
                let stumbles = self.shared.stumbles.fetch_add(1, Ordering::Relaxed);
                if due.is_empty() || stumbles == 0 {
                    return Err(passing(&error));
                }
                tracing::warn!(
                    error = error.chain(),
                    "what is due is fired one by one, because the transaction was lost twice"
                );
                self.fire_each(due).await
            }
            Err(Failure::Spoilt { due, .. }) => self.fire_each(due).await,
        }
    }

    /// Each in a transaction of its own, so that one that cannot fire does not hold up the others.
    async fn fire_each(&self, due: Vec<ScheduleId>) -> Result<Looked, crate::Error> {
        let mut all = Looked {
            more: true,
            ..Looked::default()
        };
        for id in due {
            let looked = self.fire_one(id).await?;
            all.schedules += looked.schedules;
            all.started += looked.started;
        }
        Ok(all)
    }

    async fn fire_one(&self, id: ScheduleId) -> Result<Looked, crate::Error> {
        let (mut mode, mut away) = (Mode::Usual, None);
        // The usual way, then the one that its failure asks for, and at last as failed; and again where the pool hands out connections that were lost.
        for _ in 0..3 + RESTS {
            match self.attempt(Claim::One(id), &mode).await {
                Ok(looked) => return Ok(looked),
                Err(Failure::Passing { due, error }) if due.is_empty() => {
                    away = Some(error);
                    tokio::time::sleep(MOMENT).await;
                }
                Err(Failure::Passing { error, .. }) => {
                    // If the database answers now, it may be this one's doing: the others are not to wait for it.
                    let rest = self.shared.rest_of(id);
                    tracing::warn!(schedule_id = %id, error = error.chain(), %rest, "the transaction of a firing was lost; its schedule rests");
                    return self.let_rest(id, rest).await;
                }
                Err(Failure::Spoilt {
                    fired_already, error, ..
                }) => {
                    tracing::warn!(schedule_id = %id, error = error.chain(), "a firing was rolled back");
                    if error.is_interrupted() {
                        // Nothing is wrong with it; it comes again, and the others need not wait for that.
                        return self.let_rest(id, REST).await;
                    }
                    mode = if fired_already {
                        Mode::Checked
                    } else {
                        Mode::Failing(error.chain())
                    };
                }
            }
        }
        if let Some(error) = away {
            return Err(passing(&error));
        }
        tracing::error!(schedule_id = %id, "the firings of a schedule can neither be done nor be written down; it rests for a minute");
        self.let_rest(id, LONG_REST).await
    }

    /// Puts a schedule off; tried again, because the pool may hand out the connection that was lost a moment ago.
    async fn let_rest(&self, id: ScheduleId, rest: SignedDuration) -> Result<Looked, crate::Error> {
        for _ in 0..RESTS {
            if let Ok(looked) = self.put_off(id, rest).await {
                return Ok(looked);
            }
            tokio::time::sleep(MOMENT).await;
        }
        self.put_off(id, rest).await
    }

    async fn put_off(&self, id: ScheduleId, rest: SignedDuration) -> Result<Looked, crate::Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(Error::from)?;
        if let Some(mut row) = schedules::lock_one(&tx, id).await? {
            let now = self.now(&tx).await?;
            row.wake_at = now.checked_add(rest).ok();
            schedules::update(&tx, &row).await?;
        }
        tx.commit().await.map_err(Error::from)?;
        Ok(Looked::default())
    }

    /// One transaction: over all that is due, or over one schedule if it still is.
    async fn attempt(&self, claim: Claim<'_>, mode: &Mode) -> Result<Looked, Failure> {
        let begun = async {
            let mut client = self.shared.connection().await?;
            // What is left of a transaction is undone when its connection goes back.
            let tx = client.transaction().await.map_err(Error::from)?;
            let Some(claimed) = self.claim(&tx, claim).await? else {
                return Ok(Ok(Looked::default()));
            };
            schedules::be_brisk(&tx, SILENCE).await?;
            let seen = claimed.seen();
            let written = self.fire_in(&tx, claimed, mode).await;
            let done = written.as_ref().map_or(seen.due.len(), |written| written.looked);
            let rest_is_due = self.learn(claim, &seen, done);
            let written = match written {
                Ok(written) => written,
                Err(error) => return Ok(Err((seen.due, error))),
            };
            tx.commit().await.map_err(Error::from)?;
            let looked = Looked {
                schedules: seen.due.len(),
                started: written.started,
                more: rest_is_due,
            };
            self.shared.stumbles.store(0, Ordering::Relaxed);
            self.committed(written);
            Ok::<_, FireError>(Ok(looked))
        };
        match begun.await {
            Ok(Ok(looked)) => Ok(looked),
            Ok(Err((due, error))) if !error.is_unavailable() => Err(Failure::Spoilt {
                due,
                fired_already: error.is_of_a_due_time(),
                error,
            }),
            Ok(Err((due, error))) => Err(Failure::Passing { due, error }),
            Err(error) => Err(Failure::Passing { due: Vec::new(), error }),
        }
    }

    async fn fire_in(&self, tx: &Transaction<'_>, claimed: Claimed, mode: &Mode) -> Result<Written, FireError> {
        let Claimed { rows, now, .. } = claimed;
        let span = tracing::debug_span!("fire", schedules = rows.len());
        async {
            let rows = self.settle_before(tx, rows).await?;
            let mut looks = Looks::decide(self, tx, rows, now).await?;
            if matches!(mode, Mode::Checked) {
                looks.leave_out_fired(tx).await?;
            }
            looks.cancel_previous(self, tx).await?;
            let committed = looks.fire(self, tx, mode).await?;
            Ok(looks.write(self, tx, committed).await?)
        }
        .instrument(span)
        .await
    }

    /// All of it is durable.
    fn committed(&self, written: Written) {
        let counters = &self.shared.counters;
        counters.started.add(written.started as u64);
        counters.succeeded.add(written.succeeded);
        counters.failed.add(written.failed);
        counters.skipped.add(written.skipped);
        counters.buffered.add(written.buffered);
        counters.missed.add(written.missed);
        counters.paused.add(written.paused);
        for late in written.late_millis {
            counters.lateness.see(late);
        }
        if written.waits {
            self.shared.hurry.notify_one();
        }
        if let Some(committed) = written.committed {
            committed();
        }
    }
}

fn passing(error: &FireError) -> crate::Error {
    crate::Error::Database(Error::Unavailable(format!(": {}", error.chain())))
}
