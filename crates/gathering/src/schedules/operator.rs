//! Use cases of schedules for whoever may do everything anyway: the command line.

use gathering_domain::policy::ProjectAction;
use gathering_domain::{Json, PipelineId, ProjectId, ScheduleId};
use gathering_persistence::schedules::{self, ScheduleRow};
use gathering_persistence::{Connection, Error as DatabaseError, Page, PageRequest, Transaction};
use gathering_scheduler::{FiringQuery, ScheduleFilter, ScheduleView};
use jiff::Timestamp;
use serde_json::Value;

use super::asking::Backfill;
use super::calendar::WeekQuery;
use super::definition::ScheduleCheck;
use super::saving::Author;
use super::view::{Firing, FiringPage, Schedule};
use super::week::Week;
use super::why::ScheduleWhy;
use crate::access::{Proof, Thing};
use crate::{Error, Gathering};

/// How many schedules are read for one picture.
const READ: u32 = 1_000;

/// The schedules of all projects, without asking who it is that does something with them. What is changed is in the audit, as done on the command line.
#[derive(Debug, Clone)]
pub struct ScheduleOperator {
    gathering: Gathering,
}

impl Gathering {
    /// The schedules, for whoever may do everything anyway: the command line.
    pub fn schedules_as_operator(&self) -> ScheduleOperator {
        ScheduleOperator {
            gathering: self.clone(),
        }
    }
}

impl ScheduleOperator {
    /// A schedule.
    pub async fn schedule(&self, id: ScheduleId) -> Result<Schedule, Error> {
        Ok(self.looked_at(id).await?.1.into())
    }

    /// The schedules of a project, or of all, newest first, of which this holds.
    pub async fn schedules(
        &self,
        project: Option<ProjectId>,
        filter: &ScheduleFilter,
        page: PageRequest,
    ) -> Result<Page<Schedule>, Error> {
        let Page { items, next } = self.listed(project, filter, page).await?;
        Ok(Page {
            items: items.into_iter().map(Schedule::from).collect(),
            next,
        })
    }

    /// Everything that is wrong with a schedule, and when it would be due: in this project, or in that of the pipeline that it starts.
    pub async fn validate(&self, project: Option<ProjectId>, definition: Json) -> Result<ScheduleCheck, Error> {
        let gathering = &self.gathering;
        let pipeline = pipeline_of(&definition);
        let proof = match (project, pipeline) {
            (None, Some(pipeline)) => {
                let looked = gathering.operator_may(ProjectAction::ViewSchedules, Thing::Pipeline(pipeline));
                match looked.await {
                    // It is told with everything else.
                    Err(Error::NotFound { .. }) => self.anywhere().await?,
                    looked => looked?,
                }
            }
            (Some(project), _) => self.in_project(ProjectAction::ViewSchedules, project).await?,
            (None, None) => self.anywhere().await?,
        };
        gathering.checked(&proof, &definition).await
    }

    /// Saves a schedule, made by nobody; it is due from then on.
    pub async fn create(&self, project: ProjectId, definition: &Json) -> Result<Schedule, Error> {
        let proof = self.in_project(ProjectAction::ChangeSchedules, project).await?;
        self.gathering.create_schedule_by(author(&proof), definition).await
    }

    /// Changes a schedule: the definition is all of it. Whether it is paused stays as it is. `expected` is the revision that the caller has seen; `None`
    /// changes it whatever that is.
    pub async fn update(&self, id: ScheduleId, definition: &Json, expected: Option<i32>) -> Result<Schedule, Error> {
        let gathering = &self.gathering;
        let (action, thing) = (ProjectAction::ChangeSchedules, Thing::Schedule(id));
        let proof = gathering.operator_may(action, thing).await?;
        let by = author(&proof);
        gathering.update_schedule_by(by, id, definition, expected).await
    }

    /// Deletes a schedule, with the pipeline that was saved for it: nothing fires any more. Its firings stay, and what is under way goes on.
    pub async fn delete(&self, id: ScheduleId, expected: Option<i32>) -> Result<(), Error> {
        let (action, thing) = (ProjectAction::ChangeSchedules, Thing::Schedule(id));
        let proof = self.gathering.operator_may(action, thing).await?;
        self.gathering.delete_schedule_by(author(&proof), id, expected).await
    }

    /// Pauses a schedule; one that is paused already keeps its pause.
    pub async fn pause(&self, id: ScheduleId, reason: &str) -> Result<Schedule, Error> {
        let action = ProjectAction::ChangeSchedules;
        let (proof, mut connection) = self.changes(action, id).await?;
        let (tx, before) = self.locked(&mut connection, &proof, id).await?;
        let paused = self.gathering.scheduler.with(&proof).pause_in(&tx, id, reason, None);
        let paused = paused.await?;
        let changed = before.pause.is_none();
        self.commit(tx, changed.then_some(action), id).await?;
        Ok(paused.into())
    }

    /// Lets a paused schedule go on with its next due time.
    pub async fn resume(&self, id: ScheduleId) -> Result<Schedule, Error> {
        let action = ProjectAction::ChangeSchedules;
        let (proof, mut connection) = self.changes(action, id).await?;
        let (tx, before) = self.locked(&mut connection, &proof, id).await?;
        let resumed = self.gathering.scheduler.with(&proof).resume_in(&tx, id).await?;
        let changed = before.pause.is_some();
        self.commit(tx, changed.then_some(action), id).await?;
        Ok(resumed.into())
    }

    /// Has a schedule fire now, beside what is due.
    pub async fn trigger(&self, id: ScheduleId) -> Result<Firing, Error> {
        let action = ProjectAction::TriggerSchedule;
        let (proof, mut connection) = self.changes(action, id).await?;
        let (tx, _) = self.locked(&mut connection, &proof, id).await?;
        let firing = self.gathering.scheduler.with(&proof).trigger_in(&tx, id).await?;
        self.commit(tx, Some(action), id).await?;
        Ok(firing.into())
    }

    /// Has a schedule fire for the due times in [from, until) that were missed, skipped or never came.
    pub async fn backfill(&self, id: ScheduleId, (from, until): (Timestamp, Timestamp)) -> Result<Backfill, Error> {
        let action = ProjectAction::TriggerSchedule;
        let (proof, mut connection) = self.changes(action, id).await?;
        let (tx, _) = self.locked(&mut connection, &proof, id).await?;
        let backfilled = self
            .gathering
            .scheduler
            .with(&proof)
            .backfill_in(&tx, id, (from, until));
        let backfilled = backfilled.await?;
        let changed = !backfilled.due_times.is_empty();
        self.commit(tx, changed.then_some(action), id).await?;
        Ok(Backfill {
            due_times: backfilled.due_times,
            already_fired: backfilled.already_fired,
        })
    }

    /// What became of the due times of a schedule, the latest first.
    pub async fn firings(&self, id: ScheduleId, query: FiringQuery) -> Result<FiringPage, Error> {
        let (proof, _) = self.looked_at(id).await?;
        Ok(self.gathering.scheduler.with(&proof).firings(id, query).await?.into())
    }

    /// Why a schedule does not fire, or not now.
    pub async fn why(&self, id: ScheduleId) -> Result<ScheduleWhy, Error> {
        let (proof, _) = self.looked_at(id).await?;
        self.gathering.explained(&proof, id).await
    }

    /// Seven days of one schedule, of those of a project, or of all.
    pub async fn week(&self, query: WeekQuery) -> Result<Week, Error> {
        if let Some(id) = query.schedule_id {
            let (proof, schedule) = self.looked_at(id).await?;
            return self.gathering.drawn_week(&proof, &query, vec![schedule]).await;
        }
        let page = PageRequest {
            limit: READ,
            after: None,
        };
        let listed = self.listed(query.project_id, &ScheduleFilter::default(), page).await?;
        let proof = self.anywhere().await?;
        self.gathering.drawn_week(&proof, &query, listed.items).await
    }

    async fn listed(
        &self,
        project: Option<ProjectId>,
        filter: &ScheduleFilter,
        page: PageRequest,
    ) -> Result<Page<ScheduleView>, Error> {
        let proof = self.anywhere().await?;
        let scheduler = self.gathering.scheduler.with(&proof);
        Ok(match project {
            Some(project) => scheduler.schedules(project, filter, page).await?,
            None => scheduler.all_schedules(filter, page).await?,
        })
    }

    /// A schedule, and the proof that it may be looked at.
    async fn looked_at(&self, id: ScheduleId) -> Result<(Proof<ProjectId>, ScheduleView), Error> {
        let thing = Thing::Schedule(id);
        let proof = self.gathering.operator_may(ProjectAction::ViewSchedules, thing).await?;
        let found = self.gathering.scheduler.with(&proof).schedule(id).await?;
        Ok((proof, found.ok_or_else(|| thing.not_found())?))
    }

    async fn changes(&self, action: ProjectAction, id: ScheduleId) -> Result<(Proof<ProjectId>, Connection), Error> {
        let proof = self.gathering.operator_may(action, Thing::Schedule(id)).await?;
        Ok((proof, self.gathering.connection().await?))
    }

    /// A transaction in which nobody else changes the schedule or deletes its project, and how that schedule stands.
    async fn locked<'a>(
        &self,
        connection: &'a mut Connection,
        proof: &Proof<ProjectId>,
        id: ScheduleId,
    ) -> Result<(Transaction<'a>, ScheduleRow), Error> {
        let tx = connection.transaction().await.map_err(DatabaseError::from)?;
        self.gathering.keep_project_in(&tx, proof, Thing::Schedule(id)).await?;
        let before = schedules::lock_one(&tx, id).await?;
        Ok((tx, before.ok_or_else(|| Thing::Schedule(id).not_found())?))
    }

    /// Commits what was changed, together with the row of the audit that says so; `None` where everything is as it was.
    async fn commit(&self, tx: Transaction<'_>, done: Option<ProjectAction>, id: ScheduleId) -> Result<(), Error> {
        if let Some(action) = done {
            self.gathering.note_operated_on_schedule(&tx, action, id).await?;
        }
        Ok(tx.commit().await.map_err(DatabaseError::from)?)
    }

    /// In a project, if there is one.
    async fn in_project(&self, action: ProjectAction, project: ProjectId) -> Result<Proof<ProjectId>, Error> {
        let thing = Thing::Project(project);
        if !self.gathering.accounts().project_exists(project).await? {
            return Err(thing.not_found());
        }
        self.gathering.operator_may(action, thing).await
    }

    /// Where it does not matter in which project: the nil UUID stands for none.
    async fn anywhere(&self) -> Result<Proof<ProjectId>, Error> {
        let nowhere = Thing::Project(uuid::Uuid::nil().into());
        self.gathering.operator_may(ProjectAction::ViewSchedules, nowhere).await
    }
}

impl Gathering {
    /// Notes in the audit what is done on the command line, in the transaction that does it.
    pub(super) async fn note_operated_on_schedule(
        &self,
        tx: &Transaction<'_>,
        action: ProjectAction,
        id: ScheduleId,
    ) -> Result<(), Error> {
        let accounts = self.accounts();
        Ok(accounts.note_operated_in(tx, action.as_str(), &id.to_string()).await?)
    }
}

/// Nobody whom the server knows, who may do this all the same.
fn author(proof: &Proof<ProjectId>) -> Author<'_> {
    Author { identity: None, proof }
}

/// The pipeline that a schedule would start.
fn pipeline_of(definition: &Json) -> Option<PipelineId> {
    let Value::Object(object) = definition.to_value() else {
        return None;
    };
    object.get("action")?.get("pipeline_id")?.as_str()?.parse().ok()
}
