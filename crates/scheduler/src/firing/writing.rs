//! Writes down what was decided and done.

use gathering_domain::schedule::plan::{Fate, Planned};
use gathering_domain::schedule::{Origin, Outcome};
use gathering_domain::{FiringId, ScheduleId};
use gathering_persistence::firings::{self, Ending, FiringStatus, NewFiring};
use gathering_persistence::schedules::{self, Change};
use gathering_persistence::{Error, Transaction};

use super::looks::{Look, Looks, Starting};
use crate::pausing::PAUSED;
use crate::{Fired, Scheduler};

/// What a transaction wrote.
#[derive(Default)]
pub(super) struct Written {
    pub(super) started: usize,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    pub(super) buffered: u64,
    pub(super) missed: u64,
    pub(super) paused: u64,
    pub(super) late_millis: Vec<u64>,
    /// How many schedules were looked at; what is due beyond is left for the next transaction.
    pub(super) looked: usize,
    /// Whether something waits for a firing to end.
    pub(super) waits: bool,
    pub(super) committed: Option<Box<dyn FnOnce() + Send>>,
}

impl Looks {
    /// Writes the firings and moves the schedules on.
    pub(super) async fn write(
        self,
        scheduler: &Scheduler,
        tx: &Transaction<'_>,
        committed: Option<Box<dyn FnOnce() + Send>>,
    ) -> Result<Written, Error> {
        let mut written = Written {
            looked: self.each.len(),
            committed,
            ..Written::default()
        };
        let mut new: Vec<NewFiring> = Vec::new();
        for starting in self.starting.iter().filter(|starting| !starting.waited) {
            new.push(started(&self.each[starting.look], starting));
            written.late_millis.push(self.lateness(starting));
        }
        for look in &self.each {
            let quiet = look.plan.firings.iter().filter(|planned| planned.fate != Fate::Start);
            new.extend(quiet.map(|planned| quiet_firing(scheduler.shared.firing_id(self.now), look, planned)));
        }
        if !new.is_empty() {
            firings::insert(tx, &new, self.now).await?;
        }
        self.write_waited(tx).await?;
        let paused = self.each.iter().filter(|look| look.pauses.is_some());
        let paused: Vec<ScheduleId> = paused.map(|look| look.row.id).collect();
        if !paused.is_empty() {
            firings::give_up_waiting(tx, &paused, (false, PAUSED)).await?;
        }
        let changes: Vec<Change> = self.each.iter().map(|look| self.change(look)).collect();
        schedules::save(tx, &changes, self.now).await?;
        tell_missed(&new);
        written.count(&new, &self);
        Ok(written)
    }

    /// Those that waited have a row already.
    async fn write_waited(&self, tx: &Transaction<'_>) -> Result<(), Error> {
        let waited: Vec<&Starting> = self.starting.iter().filter(|starting| starting.waited).collect();
        if waited.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = waited
            .iter()
            .map(|starting| (starting.firing.schedule_id, starting.firing.due_at))
            .collect();
        firings::start(tx, &keys, self.now).await?;
        let ended = waited.iter().filter(|starting| starting.fired != Fired::Started);
        let endings: Vec<Ending> = ended
            .map(|starting| Ending {
                schedule_id: starting.firing.schedule_id,
                due_at: starting.firing.due_at,
                outcome: match starting.fired {
                    Fired::Done | Fired::Started => Outcome::Succeeded,
                    Fired::Failed { .. } => Outcome::Failed,
                },
                finished_at: self.now,
                error: starting.fired.error(),
            })
            .collect();
        if !endings.is_empty() {
            firings::end(tx, &endings).await?;
        }
        Ok(())
    }

    fn change(&self, look: &Look) -> Change {
        Change {
            id: look.row.id,
            state: look.plan.state,
            wake_at: look.wake_at(self.now),
            pauses: look.pauses.clone(),
        }
    }

    /// How long after its time a firing starts, in milliseconds.
    fn lateness(&self, starting: &Starting) -> u64 {
        let look = &self.each[starting.look];
        let due = starting.firing.due_at;
        let fires_at = look
            .timetable
            .as_ref()
            .map_or(due, |table| table.fires_at(look.row.id, due));
        u64::try_from(self.now.duration_since(fires_at).as_millis()).unwrap_or(0)
    }
}

/// A due time that does not fire, or not yet.
fn quiet_firing(id: FiringId, look: &Look, planned: &Planned) -> NewFiring {
    let (status, reason, missed) = match planned.fate {
        Fate::Start | Fate::Buffer => (FiringStatus::Buffered, None, None),
        Fate::Skip(reason) => (FiringStatus::Skipped, Some(reason.as_str()), None),
        Fate::Missed { first, count } => {
            let count = count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
            (FiringStatus::Missed, None, Some((first, count)))
        }
    };
    NewFiring {
        id,
        schedule_id: look.row.id,
        due_at: planned.due_at,
        origin: Origin::Schedule,
        status,
        revision: look.row.revision,
        reason,
        error: None,
        missed,
    }
}

/// Whoever reads the log learns that due times were missed, and of which schedule.
fn tell_missed(new: &[NewFiring]) {
    for firing in new {
        if let Some((since, count)) = firing.missed {
            tracing::warn!(schedule_id = %firing.schedule_id, %since, until = %firing.due_at, count, "due times were missed, and are not made up for");
        }
    }
}

fn started(look: &Look, starting: &Starting) -> NewFiring {
    NewFiring {
        id: starting.firing.id,
        schedule_id: starting.firing.schedule_id,
        due_at: starting.firing.due_at,
        origin: starting.firing.origin,
        status: match starting.fired {
            Fired::Started => FiringStatus::Started,
            Fired::Done => FiringStatus::Succeeded,
            Fired::Failed { .. } => FiringStatus::Failed,
        },
        revision: look.row.revision,
        reason: None,
        error: starting.fired.error(),
        missed: None,
    }
}

impl Written {
    fn count(&mut self, new: &[NewFiring], looks: &Looks) {
        let of = |status| new.iter().filter(|firing| firing.status == status).count() as u64;
        self.skipped = of(FiringStatus::Skipped);
        self.buffered = of(FiringStatus::Buffered);
        self.missed = of(FiringStatus::Missed);
        self.started = looks.starting.len();
        let came_to =
            |wanted: fn(&Fired) -> bool| looks.starting.iter().filter(|one| wanted(&one.fired)).count() as u64;
        self.succeeded = came_to(|fired| *fired == Fired::Done);
        self.failed = came_to(|fired| matches!(fired, Fired::Failed { .. }));
        self.paused = looks.each.iter().filter(|look| look.pauses.is_some()).count() as u64;
        self.waits = looks.each.iter().any(|look| look.plan.state.buffered > 0);
    }
}
