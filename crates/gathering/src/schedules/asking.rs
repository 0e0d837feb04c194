//! Use cases of schedules: pause and resume, and firings that somebody asks for.

use gathering_auth::Identity;
use gathering_domain::ScheduleId;
use gathering_domain::policy::ProjectAction;
use jiff::Timestamp;
use serde::Serialize;

use super::view::{Firing, Schedule};
use crate::access::Thing;
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
        let scheduler = self.scheduler.with(&proof);
        Ok(scheduler.pause(id, reason, Some(identity.user_id)).await?.into())
    }

    /// Lets a paused schedule go on with its next due time, and forgets its failures. One that is not paused stays as it is.
    pub async fn resume_schedule(&self, identity: &Identity, id: ScheduleId) -> Result<Schedule, Error> {
        let proof = self
            .may(identity, ProjectAction::ChangeSchedules, Thing::Schedule(id))
            .await?;
        Ok(self.scheduler.with(&proof).resume(id).await?.into())
    }

    /// Has a schedule fire now, beside what is due; also a paused one. Where an earlier firing must end first, it waits.
    pub async fn trigger_schedule(&self, identity: &Identity, id: ScheduleId) -> Result<Firing, Error> {
        let proof = self
            .may(identity, ProjectAction::TriggerSchedule, Thing::Schedule(id))
            .await?;
        Ok(self.scheduler.with(&proof).trigger(id).await?.into())
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
        let triggered = self.scheduler.with(&proof).trigger_once(id, key).await?;
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
        let backfilled = self.scheduler.with(&proof).backfill(id, from, until).await?;
        Ok(Backfill {
            due_times: backfilled.due_times,
            already_fired: backfilled.already_fired,
        })
    }
}
