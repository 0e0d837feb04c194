//! Pausing schedules, and letting them go on.

use gathering_domain::{ScheduleId, UserId};
use gathering_persistence::{Transaction, firings};

use crate::saving::check_texts;
use crate::{Error, Pause, ScheduleView, Scheduler};

/// Why firings are skipped that waited when their schedule was paused.
pub(crate) const PAUSED: &str = "paused";

impl Scheduler {
    /// Pauses a schedule: due times pass without firing, and are not made up for afterwards; what waits is skipped, but for what somebody asked for. One that is paused already keeps its pause.
    pub async fn pause(&self, id: ScheduleId, reason: &str, by: Option<UserId>) -> Result<ScheduleView, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let view = self.pause_in(&tx, id, reason, by).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        Ok(view)
    }

    /// Pauses a schedule in the caller's transaction.
    pub async fn pause_in(
        &self,
        tx: &Transaction<'_>,
        id: ScheduleId,
        reason: &str,
        by: Option<UserId>,
    ) -> Result<ScheduleView, Error> {
        check_texts(None, Some(reason))?;
        let (mut row, now) = self.lock_in(tx, id, None).await?;
        if row.pause.is_some() {
            return Ok(self.view(row));
        }
        row.pause = Some(Pause {
            at: now,
            reason: reason.to_owned(),
            by,
        });
        row.state = row.state.paused();
        firings::give_up_waiting(tx, &[id], (false, PAUSED)).await?;
        row.wake_at = match self.shared.timetable(&row) {
            Ok(timetable) => row.state.wake_at(id, &timetable, now),
            Err(_unreadable) => None,
        };
        self.save_in(tx, row, now).await
    }

    /// Lets a paused schedule go on with its next due time, and forgets its failures. One that is not paused stays as it is.
    pub async fn resume(&self, id: ScheduleId) -> Result<ScheduleView, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let view = self.resume_in(&tx, id).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        self.wake();
        Ok(view)
    }

    /// Lets a schedule go on in the caller's transaction.
    pub async fn resume_in(&self, tx: &Transaction<'_>, id: ScheduleId) -> Result<ScheduleView, Error> {
        let (mut row, now) = self.lock_in(tx, id, None).await?;
        if row.pause.is_none() {
            return Ok(self.view(row));
        }
        let timetable = self
            .shared
            .timetable(&row)
            .map_err(|reason| Error::invalid("", format!("its rules cannot be read, so it stays paused: {reason}")))?;
        row.pause = None;
        row.state.paused = false;
        row.state.failures = 0;
        row.state = row.state.due_anew(&timetable, now);
        row.wake_at = row.state.wake_at(id, &timetable, now);
        self.save_in(tx, row, now).await
    }
}
