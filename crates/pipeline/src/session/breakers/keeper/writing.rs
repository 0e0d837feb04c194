//! Writing breakers: each under the lock of its row, by the pure table.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use gathering_domain::BreakerId;
use gathering_domain::breaker::{BreakerEvent, BreakerState, Probe};
use gathering_persistence::breakers::{self, BreakerKey, BreakerRow, BreakerWrite, ChangedBy, NewBreaker};
use gathering_persistence::{Error, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Keeper, may_pass, wait};
use crate::breakers::{log, rules_json};

/// Something to write.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) key: BreakerKey,
    /// What it was let through under; of an older version it does not count any more.
    pub(super) version: i64,
    pub(super) job: Job,
}

#[derive(Debug)]
pub(super) enum Job {
    /// As it is.
    Event(BreakerEvent),
    /// To ask for the right to probe, or for more time, from when the row is locked.
    Probe(Uuid),
}

impl Keeper {
    /// Writes in one transaction; tried again for as long as the database is away. Gives the breakers as they are then.
    ///
    /// A failure whose commit was done and its answer lost is counted twice: a breaker may then open one failure early.
    pub(super) async fn write(&mut self, works: &[Work]) -> Vec<BreakerRow> {
        let mut pause = Duration::from_millis(20);
        while !works.is_empty() {
            match self.try_write(works).await {
                Ok(rows) => {
                    let keys: HashSet<BreakerKey> = works.iter().map(|work| work.key.clone()).collect();
                    self.take_in(&keys.into_iter().collect::<Vec<_>>(), &rows);
                    self.wakes.free(&freed(works, &rows));
                    return rows;
                }
                Err(error) if may_pass(&error) => wait(&error, &mut pause).await,
                Err(error) => {
                    tracing::error!(%error, "breakers cannot be written; what was to be counted is not");
                    break;
                }
            }
        }
        Vec::new()
    }

    async fn try_write(&self, works: &[Work]) -> Result<Vec<BreakerRow>, Error> {
        let mut client = self.session.shared.connection().await?;
        let transaction = client.transaction().await.map_err(Error::from)?;
        let mut rows = self.locked(&transaction, works).await?;
        let lease = self.lease();
        let writes: Vec<_> = rows.iter().filter_map(|row| written(row, works, lease)).collect();
        let by = ChangedBy {
            instance_id: Some(self.session.instance),
            user_id: None,
        };
        let versions: HashMap<BreakerId, i64> = if writes.is_empty() {
            HashMap::new()
        } else {
            breakers::write(&transaction, &writes, by).await?.into_iter().collect()
        };
        transaction.commit().await.map_err(Error::from)?;
        for write in writes {
            log(&write);
            if let Some(row) = rows.iter_mut().find(|row| row.id == write.row.id) {
                *row = write.row;
                row.version = versions.get(&row.id).copied().unwrap_or(row.version);
            }
        }
        Ok(rows)
    }

    /// The breakers of these works, locked; those that failed for the first time are made.
    async fn locked(&self, transaction: &Transaction<'_>, works: &[Work]) -> Result<Vec<BreakerRow>, Error> {
        let keys: Vec<_> = works
            .iter()
            .map(|work| &work.key)
            .collect::<HashSet<_>>()
            .into_iter()
            .cloned()
            .collect();
        let counted: HashSet<_> = works
            .iter()
            .filter(|work| work.job.counts())
            .map(|work| &work.key)
            .collect();
        let rows = breakers::lock(transaction, &keys).await?;
        let found: HashSet<_> = rows.iter().map(|row| &row.key).collect();
        let missing: Vec<_> = counted.into_iter().filter(|key| !found.contains(key)).collect();
        if missing.is_empty() {
            return Ok(rows);
        }
        let new: Vec<_> = missing.iter().map(|key| self.new_breaker(key)).collect();
        if breakers::ensure(transaction, &new).await? < new.len() as u64 {
            let projects: BTreeSet<_> = missing.iter().map(|key| key.project_id).collect();
            for project in projects {
                breakers::make_room(transaction, project).await?;
            }
            breakers::ensure(transaction, &new).await?;
        }
        let rows = breakers::lock(transaction, &keys).await?;
        if rows.len() < keys.len() {
            tracing::warn!("a project has more open breakers than there is room for; further ones are not counted");
        }
        Ok(rows)
    }

    fn new_breaker(&self, key: &BreakerKey) -> NewBreaker {
        NewBreaker {
            id: self.new_id(),
            key: key.clone(),
        }
    }
}

impl Work {
    /// One that counts whatever happened meanwhile: the machine itself sees whether it comes too late.
    pub(super) fn always(key: BreakerKey, job: Job) -> Self {
        Self {
            key,
            version: i64::MAX,
            job,
        }
    }
}

impl Job {
    fn counts(&self) -> bool {
        matches!(self, Self::Event(BreakerEvent::Counted { .. }))
    }

    pub(super) fn probe(&self) -> Option<Uuid> {
        if let Self::Probe(id) = self { Some(*id) } else { None }
    }

    fn event(&self, now: Timestamp, lease: Duration) -> BreakerEvent {
        match self {
            Self::Event(event) => *event,
            Self::Probe(id) => BreakerEvent::ProbeAsked {
                probe: Probe {
                    id: *id,
                    until: now.checked_add(lease).unwrap_or(Timestamp::MAX),
                },
            },
        }
    }
}

/// A breaker after all that concerns it, if that changes anything.
fn written(row: &BreakerRow, works: &[Work], lease: Duration) -> Option<BreakerWrite> {
    let mut after = row.clone();
    let mut reason = None;
    for work in works
        .iter()
        .filter(|work| work.key == row.key && work.version >= row.version)
    {
        let event = work.job.event(row.now, lease);
        let state = after.state.after(&event, row.now);
        if state.name() != after.state.name() {
            reason = Some(event.reason());
        }
        if let BreakerEvent::Counted { rules, .. } | BreakerEvent::ProbeFailed { rules, .. } = event {
            after.rules = Some(rules_json(&rules));
            after.window = rules.window;
        }
        after.state = state;
    }
    (after.state != row.state).then(|| BreakerWrite {
        change: reason.map(|reason| (reason, row.state.name())),
        row: after,
    })
}

/// The breakers whose probe was given up, so that the next may have the right.
fn freed(works: &[Work], rows: &[BreakerRow]) -> Vec<BreakerId> {
    let gave_up = |work: &&Work| matches!(work.job, Job::Event(BreakerEvent::ProbeFreed { .. }));
    let keys: HashSet<_> = works.iter().filter(gave_up).map(|work| &work.key).collect();
    let is_free = |row: &&BreakerRow| keys.contains(&row.key) && matches!(row.state, BreakerState::Open { .. });
    rows.iter().filter(is_free).map(|row| row.id).collect()
}
