//! Firings that somebody asks for: now, or for due times that have passed.

use gathering_domain::ScheduleId;
use gathering_domain::schedule::{MAX_BUFFERED, Origin, Timetable};
use gathering_persistence::firings::{self, FiringRow, FiringStatus, NewFiring};
use gathering_persistence::schedules::{self, ScheduleRow};
use gathering_persistence::{GenericClient, Transaction};
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Scheduler};

/// What came of asking for due times that have passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfilled {
    /// Those that fire now, or wait to.
    pub due_times: Vec<Timestamp>,
    /// How many of the range had fired already, and do not again.
    pub already_fired: usize,
}

impl Scheduler {
    /// Asks for a firing now, beside what is due; also of a paused schedule. Where an earlier firing must end first, it waits.
    pub async fn trigger(&self, id: ScheduleId) -> Result<FiringRow, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let firing = self.trigger_in(&tx, id).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        self.wake();
        Ok(firing)
    }

    /// Asks for a firing in the caller's transaction: it fires once that commits.
    pub async fn trigger_in(&self, tx: &Transaction<'_>, id: ScheduleId) -> Result<FiringRow, Error> {
        let (row, now) = self.lock_in(tx, id, None).await?;
        check_room(&row, 1)?;
        let due_at = self.free_moment(tx, id, now).await?;
        let firing = self.new_firing(&row, due_at, Origin::Trigger, now);
        firings::insert(tx, std::slice::from_ref(&firing), now).await?;
        self.note_asked(tx, row, 1, now).await?;
        let inserted = firings::get(tx, id, due_at).await?;
        inserted.ok_or(Error::NotFound(id))
    }

    /// Asks for the due times in [from, until), as the rules are now: those that were missed, skipped or never came. They fire one after the other where they must
    /// not overlap; those that fired do not again.
    pub async fn backfill(&self, id: ScheduleId, from: Timestamp, until: Timestamp) -> Result<Backfilled, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let backfilled = self.backfill_in(&tx, id, (from, until)).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        self.wake();
        Ok(backfilled)
    }

    /// Asks for due times that have passed, in the caller's transaction.
    pub async fn backfill_in(
        &self,
        tx: &Transaction<'_>,
        id: ScheduleId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Backfilled, Error> {
        let (row, now) = self.lock_in(tx, id, None).await?;
        let timetable = self
            .shared
            .timetable(&row)
            .map_err(|reason| Error::invalid("", format!("its rules cannot be read: {reason}")))?;
        let until = until.min(passed_until(&row, now));
        let due = passed(&timetable, from, until)?;
        let existing = firings::existing(tx, id, &due).await?;
        let is_over = |status: FiringStatus| matches!(status, FiringStatus::Skipped | FiringStatus::Missed);
        let again: Vec<_> = existing
            .iter()
            .filter(|(_, status)| is_over(*status))
            .map(|(due, _)| *due)
            .collect();
        let new: Vec<_> = due
            .iter()
            .copied()
            .filter(|due| !existing.iter().any(|(there, _)| there == due))
            .collect();
        check_room(&row, again.len() + new.len())?;
        firings::put_back(tx, id, &again, Origin::Backfill).await?;
        let inserted: Vec<_> = new
            .iter()
            .map(|due| self.new_firing(&row, *due, Origin::Backfill, now))
            .collect();
        firings::insert(tx, &inserted, now).await?;
        let already_fired = existing.len() - again.len();
        let mut due_times = [again, new].concat();
        due_times.sort_unstable();
        if !due_times.is_empty() {
            self.note_asked(tx, row, due_times.len(), now).await?;
        }
        Ok(Backfilled {
            due_times,
            already_fired,
        })
    }

    /// A moment that no firing of the schedule has: now, or a little later.
    async fn free_moment(
        &self,
        client: &impl GenericClient,
        id: ScheduleId,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        let mut at = now;
        while firings::get(client, id, at).await?.is_some() {
            at = at.checked_add(SignedDuration::from_micros(1)).unwrap_or(at);
        }
        Ok(at)
    }

    fn new_firing(&self, row: &ScheduleRow, due_at: Timestamp, origin: Origin, now: Timestamp) -> NewFiring {
        NewFiring {
            id: self.shared.firing_id(now),
            schedule_id: row.id,
            due_at,
            origin,
            status: FiringStatus::Buffered,
            revision: row.revision,
            reason: None,
            error: None,
            missed: None,
        }
    }

    /// Counts what waits because somebody asked for it, and has the schedule looked at.
    async fn note_asked(
        &self,
        tx: &Transaction<'_>,
        mut row: ScheduleRow,
        count: usize,
        now: Timestamp,
    ) -> Result<(), Error> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        row.state.buffered = row.state.buffered.saturating_add(count);
        row.state.asked = row.state.asked.saturating_add(count);
        if let Ok(timetable) = self.shared.timetable(&row) {
            row.wake_at = row.state.wake_at(row.id, &timetable, now);
        }
        schedules::update(tx, &row).await?;
        schedules::announce(tx).await?;
        Ok(())
    }
}

/// What is before is over: it was decided on, or never will be.
fn passed_until(row: &ScheduleRow, now: Timestamp) -> Timestamp {
    let next = row.state.due_at.filter(|_| !row.state.paused);
    next.map_or(now, |next| next.min(now))
}

fn passed(timetable: &Timetable, from: Timestamp, until: Timestamp) -> Result<Vec<Timestamp>, Error> {
    if from >= until {
        let message = format!(
            "there is nothing to make up for: it must be before `until`, and before {until}, up to which due times have passed"
        );
        return Err(Error::invalid("from", message));
    }
    if timetable.is_fixed_delay() {
        let message = "a fixed delay is due after the end of a firing: no times of it were missed; trigger it instead";
        return Err(Error::invalid("from", message));
    }
    let most = MAX_BUFFERED as usize;
    let before = from.checked_sub(SignedDuration::from_micros(1)).unwrap_or(from);
    let times = std::iter::successors(timetable.next(before), |due| timetable.next(*due));
    let due: Vec<_> = times.take_while(|due| *due < until).take(most + 1).collect();
    if due.len() > most {
        let message = format!("there are more than {most} due times in this range; ask for a part of it");
        return Err(Error::invalid("until", message));
    }
    Ok(due)
}

fn check_room(row: &ScheduleRow, more: usize) -> Result<(), Error> {
    let waiting = row.state.buffered;
    if waiting as usize + more > MAX_BUFFERED as usize {
        return Err(Error::BufferFull {
            id: row.id,
            waiting,
            limit: MAX_BUFFERED,
        });
    }
    Ok(())
}
