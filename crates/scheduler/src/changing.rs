//! Changing and deleting schedules.

use gathering_domain::{Json, ProjectId, ScheduleId};
use gathering_persistence::schedules::{self, ScheduleRow};
use gathering_persistence::{Transaction, firings};
use jiff::Timestamp;

use crate::saving::{check_texts, compile, json};
use crate::{Error, ScheduleView, Scheduler, UpdateSchedule};

/// Why firings are skipped that waited when their schedule was deleted.
const SCHEDULE_DELETED: &str = "schedule_deleted";

impl Scheduler {
    /// Changes a schedule.
    pub async fn update(&self, update: UpdateSchedule) -> Result<ScheduleView, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let view = self.update_in(&tx, update).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        self.wake();
        Ok(view)
    }

    /// Changes a schedule in the caller's transaction, which keeps its row locked until it ends.
    ///
    /// What was due before, and not looked at yet, still fires; under other rules the first due time after that comes after now.
    pub async fn update_in(&self, tx: &Transaction<'_>, update: UpdateSchedule) -> Result<ScheduleView, Error> {
        let (row, now) = self.lock_in(tx, update.id, update.expected_revision).await?;
        check_texts(update.name.as_deref(), None)?;
        if let Some(payload) = &update.payload {
            self.check_payload(payload)?;
        }
        let mut new = ScheduleRow {
            name: update.name.unwrap_or_else(|| row.name.clone()),
            payload: update.payload.unwrap_or_else(|| row.payload.clone()),
            ..row
        };
        if let Some(rules) = update.rules {
            let compiled = compile(rules, new.created_at, Some(now)).await?;
            new.rules = json(&compiled.rules);
            new.state = new.state.changed(&compiled.timetable, now);
            new.wake_at = new.state.wake_at(new.id, &compiled.timetable, now);
        }
        self.save_in(tx, new, now).await
    }

    /// Deletes a schedule: nothing fires any more, and what waits is skipped; its firings stay, and what is open goes on. `false` when there is none.
    ///
    /// With `expected_revision` only while it has that one; another one is a [`Error::RevisionConflict`].
    pub async fn delete(&self, id: ScheduleId, expected_revision: Option<i32>) -> Result<bool, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let deleted = self.delete_in(&tx, id, expected_revision).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        Ok(deleted)
    }

    /// Deletes a schedule in the caller's transaction.
    pub async fn delete_in(
        &self,
        tx: &Transaction<'_>,
        id: ScheduleId,
        expected_revision: Option<i32>,
    ) -> Result<bool, Error> {
        // The row stays locked until the transaction ends, so nothing changes between the look at its revision and its end.
        let now = match self.lock_in(tx, id, expected_revision).await {
            Err(Error::NotFound(_)) => return Ok(false),
            locked => locked?.1,
        };
        let deleted = schedules::delete(tx, id, now).await?;
        if deleted {
            firings::give_up_waiting(tx, &[id], (true, SCHEDULE_DELETED)).await?;
        }
        Ok(deleted)
    }

    /// Whether a project has schedules that are not over: they are due again or paused, or something of them is open or waits;
    /// as the caller's transaction sees it.
    pub async fn has_schedules_at_work_in(&self, tx: &Transaction<'_>, project: ProjectId) -> Result<bool, Error> {
        Ok(schedules::any_not_over(tx, project).await?)
    }

    /// Deletes the schedules of a project that are over, in the caller's transaction; gives their payloads. Their firings stay.
    pub async fn delete_over_in(&self, tx: &Transaction<'_>, project: ProjectId) -> Result<Vec<Json>, Error> {
        let now = self.now(tx).await?;
        Ok(schedules::delete_over(tx, project, now).await?)
    }

    /// A schedule, locked, if it has the revision that is expected.
    pub(crate) async fn lock_in(
        &self,
        tx: &Transaction<'_>,
        id: ScheduleId,
        expected: Option<i32>,
    ) -> Result<(ScheduleRow, Timestamp), Error> {
        let row = schedules::lock_one(tx, id).await?.ok_or(Error::NotFound(id))?;
        let now = self.now(tx).await?;
        match expected.filter(|expected| *expected != row.revision) {
            Some(expected) => Err(Error::RevisionConflict {
                id,
                expected,
                current: row.revision,
            }),
            None => Ok((row, now)),
        }
    }

    /// Writes a changed schedule as its next revision, and tells those who listen.
    pub(crate) async fn save_in(
        &self,
        tx: &Transaction<'_>,
        mut row: ScheduleRow,
        now: Timestamp,
    ) -> Result<ScheduleView, Error> {
        row.revision += 1;
        row.updated_at = now.max(row.updated_at);
        schedules::update(tx, &row).await?;
        schedules::announce(tx).await?;
        Ok(self.view(row))
    }
}
