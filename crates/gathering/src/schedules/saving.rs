//! Use cases of schedules: save, change, delete. A schedule and the pipeline that its action may need are saved in one transaction.

use gathering_auth::Identity;
use gathering_domain::policy::ProjectAction;
use gathering_domain::{Json, ProjectId, ScheduleId, UserId};
use gathering_persistence::schedules::{self, ScheduleRow};
use gathering_persistence::{Error as DatabaseError, Transaction};
use gathering_pipeline::{NewPipeline, UpdatePipeline};
use gathering_scheduler::{OnceKey, ScheduleView, UpdateSchedule};

use super::action::{Action, problem};
use super::definition::Definition;
use super::payload::{OwnPipeline, Payload};
use super::view::Schedule;
use crate::access::{Proof, Thing};
use crate::{Error, Gathering};

/// A schedule to save.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    /// Where it will live; `None` for the caller's own project.
    pub project_id: Option<ProjectId>,
    /// `{name, kind, …, action}`, and perhaps `description` and `paused`.
    pub definition: Json,
}

/// A schedule that was saved, now or by an earlier request with the same key.
#[derive(Debug, Clone)]
pub struct CreatedSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// Whether an earlier request with the same key had saved it.
    pub replayed: bool,
}

/// Who saves, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author<'a> {
    /// `None` for whoever has the command line: what they change is in the audit, in the same transaction.
    pub(super) identity: Option<&'a Identity>,
    pub(super) proof: &'a Proof<ProjectId>,
}

impl Author<'_> {
    fn user(self) -> Option<UserId> {
        self.identity.map(|identity| identity.user_id)
    }
}

impl Gathering {
    /// Saves a schedule; it is due from then on.
    pub async fn create_schedule(&self, identity: &Identity, new: NewSchedule) -> Result<Schedule, Error> {
        let action = ProjectAction::ChangeSchedules;
        let proof = self.may_in(identity, action, new.project_id).await?;
        let by = Author {
            identity: Some(identity),
            proof: &proof,
        };
        self.create_schedule_by(by, &new.definition).await
    }

    /// Saves a schedule once for this key in its project; asked again within a day, it answers with the same schedule, as it is then.
    pub async fn create_schedule_once(
        &self,
        identity: &Identity,
        new: NewSchedule,
        key: &str,
    ) -> Result<CreatedSchedule, Error> {
        let action = ProjectAction::ChangeSchedules;
        let proof = self.may_in(identity, action, new.project_id).await?;
        let mut checked = self.check_definition(&proof, &new.definition).await?;
        // Whether it is ever due is asked of a new one only: `once` may have fired when it is asked for again.
        let once = OnceKey {
            scope: proof.project().as_uuid(),
            key,
            asked: new.definition.text(),
        };
        if self.scheduler.with(&proof).key_is_new(once).await? {
            self.next_due(&proof, &mut checked, 1).await?;
        }
        let definition = checked.finish()?;
        let by = Author {
            identity: Some(identity),
            proof: &proof,
        };
        let saved = self.insert_schedule(by, definition, Some(once)).await?;
        self.scheduler.with(&proof).wake();
        Ok(saved)
    }

    /// Changes a schedule: the definition is all of it. Whether it is paused stays as it is.
    ///
    /// What was due before, and not looked at yet, still fires, as the schedule is then.
    pub async fn update_schedule(
        &self,
        identity: &Identity,
        id: ScheduleId,
        definition: Json,
        expected: Option<i32>,
    ) -> Result<Schedule, Error> {
        let proof = self
            .may(identity, ProjectAction::ChangeSchedules, Thing::Schedule(id))
            .await?;
        let by = Author {
            identity: Some(identity),
            proof: &proof,
        };
        self.update_schedule_by(by, id, &definition, expected).await
    }

    /// Deletes a schedule, with the pipeline that was saved for it: nothing fires any more. Its firings stay, and what is under way goes on. `expected` is
    /// the revision that the caller has seen; `None` deletes it whatever that is.
    pub async fn delete_schedule(
        &self,
        identity: &Identity,
        id: ScheduleId,
        expected: Option<i32>,
    ) -> Result<(), Error> {
        let thing = Thing::Schedule(id);
        let proof = self.may(identity, ProjectAction::ChangeSchedules, thing).await?;
        let by = Author {
            identity: Some(identity),
            proof: &proof,
        };
        self.delete_schedule_by(by, id, expected).await
    }

    /// Saves a schedule of which it is known that its author may.
    pub(super) async fn create_schedule_by(&self, by: Author<'_>, definition: &Json) -> Result<Schedule, Error> {
        let mut checked = self.check_definition(by.proof, definition).await?;
        self.next_due(by.proof, &mut checked, 1).await?;
        let saved = self.insert_schedule(by, checked.finish()?, None).await?;
        self.scheduler.with(by.proof).wake();
        Ok(saved.schedule)
    }

    /// Changes a schedule of which it is known that its author may.
    pub(super) async fn update_schedule_by(
        &self,
        by: Author<'_>,
        id: ScheduleId,
        definition: &Json,
        expected: Option<i32>,
    ) -> Result<Schedule, Error> {
        let scheduler = self.scheduler.with(by.proof);
        let old = scheduler
            .schedule(id)
            .await?
            .ok_or_else(|| Thing::Schedule(id).not_found())?;
        let mut checked = self.check_definition(by.proof, definition).await?;
        if checked.rules != old.rules {
            self.next_due(by.proof, &mut checked, 1).await?;
        }
        if checked.paused.is_some() {
            let message = "a schedule is paused and resumed with POST …/pause and …/resume; leave this out";
            checked
                .problems
                .push(problem("/paused", "invalid_value", message.to_owned()));
        }
        let definition = checked.finish()?;
        let saved = self.save_schedule(by, (id, expected), definition).await?;
        scheduler.wake();
        Ok(saved.into())
    }

    /// Deletes a schedule of which it is known that its author may.
    pub(super) async fn delete_schedule_by(
        &self,
        by: Author<'_>,
        id: ScheduleId,
        expected: Option<i32>,
    ) -> Result<(), Error> {
        if self.remove_schedule(by, id, expected).await? {
            Ok(())
        } else {
            Err(Thing::Schedule(id).not_found())
        }
    }

    async fn insert_schedule(
        &self,
        by: Author<'_>,
        definition: Definition,
        once: Option<OnceKey<'_>>,
    ) -> Result<CreatedSchedule, Error> {
        let scheduler = self.scheduler.with(by.proof);
        let mut client = self.connection().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        self.keep_project_in(&tx, by.proof, Thing::Project(by.proof.project()))
            .await?;
        let id = scheduler.new_id_in(&tx).await?;
        if let Some(once) = once
            && let Some(earlier) = scheduler.use_key_in(&tx, once, id.as_uuid()).await?
        {
            drop(tx);
            let earlier = ScheduleId::from(earlier);
            let schedule = scheduler.schedule(earlier).await?;
            return Ok(CreatedSchedule {
                schedule: schedule.ok_or_else(|| Thing::Schedule(earlier).not_found())?.into(),
                replayed: true,
            });
        }
        let pipeline = self.save_action(&tx, by, id, (&definition, None)).await?;
        let payload = Payload {
            pipeline,
            ..definition.payload
        };
        let new = gathering_scheduler::NewSchedule {
            id: Some(id),
            project_id: by.proof.project(),
            name: definition.name,
            rules: Json::from_value(&definition.rules.to_json().into()),
            payload: payload.to_json(),
            paused: definition.paused,
            created_by: by.user(),
        };
        let saved = scheduler.create_in(&tx, new).await?;
        self.commit_by(tx, by, id).await?;
        self.fire_runs.prepare(saved.id, saved.revision, &saved.payload);
        Ok(CreatedSchedule {
            schedule: saved.into(),
            replayed: false,
        })
    }

    /// The row stays locked from the look at what it was until it is what it will be.
    async fn save_schedule(
        &self,
        by: Author<'_>,
        (id, expected_revision): (ScheduleId, Option<i32>),
        definition: Definition,
    ) -> Result<ScheduleView, Error> {
        let mut client = self.connection().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        self.keep_project_in(&tx, by.proof, Thing::Schedule(id)).await?;
        let row = schedules::lock_one(&tx, id).await?;
        let old = row.ok_or_else(|| Thing::Schedule(id).not_found())?;
        let pipeline = self.save_action(&tx, by, id, (&definition, Some(&old))).await?;
        let payload = Payload {
            pipeline,
            ..definition.payload
        };
        let rules = Json::from_value(&definition.rules.to_json().into());
        let update = UpdateSchedule {
            id,
            name: Some(definition.name),
            // What was not changed keeps its next due time.
            rules: (rules.to_value() != old.rules.to_value()).then_some(rules),
            payload: Some(payload.to_json()),
            expected_revision,
        };
        let saved = self.scheduler.with(by.proof).update_in(&tx, update).await?;
        self.commit_by(tx, by, id).await?;
        self.fire_runs.prepare(saved.id, saved.revision, &saved.payload);
        Ok(saved)
    }

    /// Saves the pipeline that the action needs: its first one, its next version, or none any more.
    async fn save_action(
        &self,
        tx: &Transaction<'_>,
        by: Author<'_>,
        id: ScheduleId,
        (definition, old): (&Definition, Option<&ScheduleRow>),
    ) -> Result<Option<OwnPipeline>, Error> {
        let engine = self.engine.with(by.proof);
        let was = old.map(|old| Payload::read(&old.payload).unwrap_or_default());
        let had = was.as_ref().and_then(|was| was.pipeline);
        let Action::Call { definition: wanted } = &definition.action else {
            if let Some(had) = had {
                engine.delete_pipeline_in(tx, had.id, None).await?;
            }
            return Ok(None);
        };
        let is_same = |was: &Payload| was.action.to_value() == definition.payload.action.to_value();
        let same_name = old.is_some_and(|old| old.name == definition.name);
        if had.is_some() && same_name && was.as_ref().is_some_and(is_same) {
            return Ok(had);
        }
        let created_by = by.user();
        let saved = if let Some(had) = had {
            let update = UpdatePipeline {
                id: had.id,
                name: Some(definition.name.clone()),
                definition: wanted.clone(),
                expected_version: None,
                created_by,
            };
            engine.update_pipeline_in(tx, update).await?
        } else {
            let new = NewPipeline {
                project_id: by.proof.project(),
                schedule_id: Some(id),
                name: definition.name.clone(),
                definition: wanted.clone(),
                created_by,
            };
            engine.create_pipeline_in(tx, new).await?
        };
        Ok(Some(OwnPipeline {
            id: saved.summary.id,
            version: saved.summary.version,
        }))
    }

    async fn remove_schedule(&self, by: Author<'_>, id: ScheduleId, expected: Option<i32>) -> Result<bool, Error> {
        let mut client = self.connection().await?;
        let tx = client.transaction().await.map_err(DatabaseError::from)?;
        // In this order, as whoever fires locks them.
        let Some(row) = schedules::lock_one(&tx, id).await? else {
            return Ok(false);
        };
        let payload = Payload::read(&row.payload).unwrap_or_default();
        if let Some(own) = payload.pipeline {
            let engine = self.engine.with(by.proof);
            engine.delete_pipeline_in(&tx, own.id, None).await?;
        }
        let deleted = self.scheduler.with(by.proof).delete_in(&tx, id, expected).await?;
        self.commit_by(tx, by, id).await?;
        Ok(deleted)
    }

    /// Commits what was changed; where an operator did, together with the row of the audit that says so.
    async fn commit_by(&self, tx: Transaction<'_>, by: Author<'_>, id: ScheduleId) -> Result<(), Error> {
        if by.identity.is_none() {
            let action = ProjectAction::ChangeSchedules;
            self.note_operated_on_schedule(&tx, action, id).await?;
        }
        Ok(tx.commit().await.map_err(DatabaseError::from)?)
    }

    /// Deletes the schedules of a project that have ended, of which nothing is open or waits, with the pipelines that were saved for them.
    pub(crate) async fn delete_ended_schedules_in(
        &self,
        tx: &Transaction<'_>,
        proof: &Proof<ProjectId>,
    ) -> Result<(), Error> {
        let payloads = self.scheduler.with(proof).delete_over_in(tx, proof.project()).await?;
        let payloads = payloads
            .iter()
            .map(|payload| Payload::read(payload).unwrap_or_default());
        let own: Vec<_> = payloads
            .filter_map(|payload| payload.pipeline)
            .map(|own| own.id)
            .collect();
        Ok(self.engine.with(proof).delete_pipelines_in(tx, &own).await?)
    }
}
