//! Writing breakers: each under the lock of its row, by the pure table.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gathering_domain::breaker::{BreakerEvent, Probe};
use gathering_domain::{BreakerId, InstanceId, ProjectId};
use gathering_persistence::breakers::{self, BreakerKey, BreakerRow, ChangedBy, NewBreaker};
use gathering_persistence::{Error, Transaction};
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Keeper, may_pass, wait};
use crate::breakers::written;

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

    async fn try_write(&mut self, works: &[Work]) -> Result<Vec<BreakerRow>, Error> {
        let mut client = self.session.shared.connection().await?;
        let transaction = client.transaction().await.map_err(Error::from)?;
        let mut rows = self.locked(&transaction, works).await?;
        let (instance, lease) = (self.session.instance, self.lease());
        let events = |row: &BreakerRow| {
            let row = row.clone();
            let mine = works
                .iter()
                .filter(move |work| work.key == row.key && work.version >= row.version);
            mine.map(move |work| work.job.event(row.now, instance, lease))
        };
        let writes: Vec<_> = rows.iter().filter_map(|row| written(row, events(row))).collect();
        let by = ChangedBy {
            instance_id: Some(instance),
            user_id: None,
        };
        let versions: HashMap<BreakerId, i64> = if writes.is_empty() {
            HashMap::new()
        } else {
            breakers::write(&transaction, &writes, by).await?.into_iter().collect()
        };
        transaction.commit().await.map_err(Error::from)?;
        for write in writes {
            self.telling.changed(&write, Instant::now());
            if let Some(row) = rows.iter_mut().find(|row| row.id == write.row.id) {
                *row = write.row;
                row.version = versions.get(&row.id).copied().unwrap_or(row.version);
            }
        }
        Ok(rows)
    }

    /// The breakers of these works, locked; those that failed for the first time are made.
    async fn locked(&mut self, transaction: &Transaction<'_>, works: &[Work]) -> Result<Vec<BreakerRow>, Error> {
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
            for (project, count) in by_project(&new) {
                breakers::make_room(transaction, project, count, &in_hand(&keys, project)).await?;
            }
            breakers::ensure(transaction, &new).await?;
        }
        let rows = breakers::lock(transaction, &keys).await?;
        let there: HashSet<_> = rows.iter().map(|row| &row.key).collect();
        if new.iter().any(|new| !there.contains(&new.key)) {
            self.telling.is_full(Instant::now());
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

    fn event(&self, now: Timestamp, by: InstanceId, lease: Duration) -> BreakerEvent {
        match self {
            Self::Event(event) => *event,
            Self::Probe(id) => BreakerEvent::ProbeAsked {
                probe: Probe {
                    id: *id,
                    by,
                    until: now.checked_add(lease).unwrap_or(Timestamp::MAX),
                },
            },
        }
    }
}

/// How many are to be made of each project.
fn by_project(new: &[NewBreaker]) -> HashMap<ProjectId, i64> {
    let mut counts = HashMap::new();
    for new in new {
        *counts.entry(new.key.project_id).or_default() += 1;
    }
    counts
}

/// The keys of a project that are being counted: none of these makes room for another.
fn in_hand(keys: &[BreakerKey], project: ProjectId) -> Vec<&str> {
    let mine = keys.iter().filter(|key| key.project_id == project);
    mine.map(|key| key.key.as_str()).collect()
}
