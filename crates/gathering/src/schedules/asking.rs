//! Use cases of schedules: pause and resume, and firings that somebody asks for.

use gathering_auth::Identity;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{ProjectId, ScheduleId};
use gathering_persistence::{Connection, Error as DatabaseError, Transaction};
use jiff::Timestamp;
use serde::Serialize;

use super::view::{Firing, Schedule};
use crate::access::{Proof, Thing};
use crate::{Error, Gathering};

/// What came of asking for due times that have passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Backfill {
    /// Those that fire now, or wait to.
    pub due_times: Vec<Timestamp>,
    /// How many of the range had fired already, and do not again.
    pub already_fired: usize,
}

/// A firing that was asked for, now or by an earlier request with the same key.
#[derive(Debug, Clone)]
pub struct AskedFiring {
    /// The firing.
    pub firing: Firing,
    /// Whether an earlier request with the same key had asked for it.
    pub replayed: bool,
}

impl Gathering {
    /// Pauses a schedule: due times pass without firing, and are not made up for afterwards. One that is paused already keeps its pause.
    pub async fn pause_schedule(&self, identity: &Identity, id: ScheduleId, reason: &str) -> Result<Schedule, Error> {
        let proof = self
            .may(identity, ProjectAction::ChangeSchedules, Thing::Schedule(id))
            .await?;
        let mut client = self.connection().await?;
        let tx = self.begin_in_project(&mut client, &proof, id).await?;
        let scheduler = self.scheduler.with(&proof);
        let paused = scheduler.pause_in(&tx, id, reason, Some(identity.user_id)).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        Ok(paused.into())
    }

    /// Lets a paused schedule go on with its next due time, and forgets its failures. One that is not paused stays as it is.
    pub async fn resume_schedule(&self, identity: &Identity, id: ScheduleId) -> Result<Schedule, Error> {
        let proof = self
            .may(identity, ProjectAction::ChangeSchedules, Thing::Schedule(id))
            .await?;
        let mut client = self.connection().await?;
        let tx = self.begin_in_project(&mut client, &proof, id).await?;
        let scheduler = self.scheduler.with(&proof);
        let resumed = scheduler.resume_in(&tx, id).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        scheduler.wake();
        Ok(resumed.into())
    }

    /// Has a schedule fire now, beside what is due; also a paused one. Where an earlier firing must end first, it waits.
    pub async fn trigger_schedule(&self, identity: &Identity, id: ScheduleId) -> Result<Firing, Error> {
        let proof = self
            .may(identity, ProjectAction::TriggerSchedule, Thing::Schedule(id))
            .await?;
        let mut client = self.connection().await?;
        let tx = self.begin_in_project(&mut client, &proof, id).await?;
        let scheduler = self.scheduler.with(&proof);
        let firing = scheduler.trigger_in(&tx, id).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        scheduler.wake();
        Ok(firing.into())
    }

    /// The same, once for this key: asked again within a day, it answers with the same firing, as it is then.
    pub async fn trigger_schedule_once(
        &self,
        identity: &Identity,
        id: ScheduleId,
        key: &str,
    ) -> Result<AskedFiring, Error> {
        let proof = self
            .may(identity, ProjectAction::TriggerSchedule, Thing::Schedule(id))
            .await?;
        let mut client = self.connection().await?;
        let tx = self.begin_in_project(&mut client, &proof, id).await?;
        let scheduler = self.scheduler.with(&proof);
        let triggered = scheduler.trigger_once_in(&tx, id, key).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        scheduler.wake();
        Ok(AskedFiring {
            firing: triggered.firing.into(),
            replayed: triggered.replayed,
        })
    }

    /// Has a schedule fire for the due times in [from, until) that were missed, skipped or never came, as its rules are now.
    pub async fn backfill_schedule(
        &self,
        identity: &Identity,
        id: ScheduleId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Backfill, Error> {
        let proof = self
            .may(identity, ProjectAction::TriggerSchedule, Thing::Schedule(id))
            .await?;
        let mut client = self.connection().await?;
        let tx = self.begin_in_project(&mut client, &proof, id).await?;
        let scheduler = self.scheduler.with(&proof);
        let backfilled = scheduler.backfill_in(&tx, id, (from, until)).await?;
        tx.commit().await.map_err(DatabaseError::from)?;
        scheduler.wake();
        Ok(Backfill {
            due_times: backfilled.due_times,
            already_fired: backfilled.already_fired,
        })
    }
    /// A transaction in which nobody deletes the project of a schedule, in which there is something to do again.
    async fn begin_in_project<'a>(
        &self,
        client: &'a mut Connection,
        proof: &Proof<ProjectId>,
        id: ScheduleId,
    ) -> Result<Transaction<'a>, Error> {
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        self.keep_project_in(&tx, proof, Thing::Schedule(id)).await?;
        Ok(tx)
    }
}
