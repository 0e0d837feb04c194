//! Schedules as callers see them.

use gathering_domain::name::Name;
use gathering_domain::schedule::rules::Rules;
use gathering_domain::schedule::{State, Timetable};
use gathering_domain::{Json, ProjectId, ScheduleId, UserId};
use gathering_persistence::schedules::ScheduleRow;
use jiff::Timestamp;

use crate::Pause;

/// A schedule to save.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    /// Its id; `None` for a new one.
    pub id: Option<ScheduleId>,
    /// The project it will live in.
    pub project_id: ProjectId,
    /// Its name, 1 to 200 characters that can be seen.
    pub name: String,
    /// When it is due, and by which policies: an object with the fields of [`Rules`].
    pub rules: Json,
    /// What it is for: given to each firing as it is.
    pub payload: Json,
    /// Whether it begins paused, and why.
    pub paused: Option<String>,
    /// Who saves it.
    pub created_by: Option<UserId>,
}

impl NewSchedule {
    /// A schedule of nobody in particular, in the project that stands for having none: the nil UUID.
    pub fn new(name: impl Into<String>, rules: impl Into<Json>) -> Self {
        Self {
            id: None,
            project_id: ProjectId::from(uuid::Uuid::nil()),
            name: name.into(),
            rules: rules.into(),
            payload: Json::null(),
            paused: None,
            created_by: None,
        }
    }

    /// What it is for.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Json>) -> Self {
        self.payload = payload.into();
        self
    }
}

/// A change of a schedule.
#[derive(Debug, Clone)]
pub struct UpdateSchedule {
    /// The schedule.
    pub id: ScheduleId,
    /// A new name; `None` keeps the old one.
    pub name: Option<String>,
    /// New rules, all of them; `None` keeps the old ones.
    pub rules: Option<Json>,
    /// A new payload; `None` keeps the old one.
    pub payload: Option<Json>,
    /// The revision as the caller knows it; another one is a [`RevisionConflict`](crate::Error::RevisionConflict).
    pub expected_revision: Option<i32>,
}

/// Which schedules are listed; all of them by default.
#[derive(Debug, Clone, Default)]
pub struct ScheduleFilter {
    /// Those that are paused, or those that are not.
    pub paused: Option<bool>,
    /// Those that are called exactly so.
    pub name: Option<Name>,
}

/// A schedule.
#[derive(Debug, Clone)]
pub struct ScheduleView {
    /// Its id.
    pub id: ScheduleId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// Raised by every change.
    pub revision: i32,
    /// When it is due, and by which policies; `None` if this release cannot read them.
    pub rules: Option<Rules>,
    /// What it is for.
    pub payload: Json,
    /// Whether it is at work.
    pub phase: Phase,
    /// The next due time.
    pub next_due_at: Option<Timestamp>,
    /// When that fires: jitter is in it.
    pub next_fire_at: Option<Timestamp>,
    /// Firings that have started and not ended.
    pub open: u32,
    /// Firings that wait.
    pub buffered: u32,
    /// Due times that fired, or wait to.
    pub fired: u64,
    /// Failures since the last success.
    pub failures: u32,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Whether a schedule is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It fires when it is due.
    Active,
    /// It does not.
    Paused(Pause),
    /// Nothing is due any more.
    Ended,
}

impl Phase {
    /// Its name in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused(_) => "paused",
            Self::Ended => "ended",
        }
    }
}

impl ScheduleView {
    pub(crate) fn new(row: ScheduleRow, rules: Option<Rules>, timetable: Option<&Timetable>) -> Self {
        let phase = match row.pause {
            Some(pause) => Phase::Paused(pause),
            None if is_over(&row.state, timetable) => Phase::Ended,
            None => Phase::Active,
        };
        let next_due_at = row.state.due_at.filter(|_| phase == Phase::Active);
        Self {
            id: row.id,
            project_id: row.project_id,
            name: row.name,
            revision: row.revision,
            rules,
            payload: row.payload,
            phase,
            next_due_at,
            next_fire_at: next_due_at
                .zip(timetable)
                .map(|(due, table)| table.fires_at(row.id, due)),
            open: row.state.open,
            buffered: row.state.buffered,
            fired: row.state.fired,
            failures: row.state.failures,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Whether nothing comes any more, also when what is open has ended.
fn is_over(state: &State, timetable: Option<&Timetable>) -> bool {
    let comes_after_end = |table: &Timetable| table.is_fixed_delay() && state.open > 0 && !state.is_spent(table);
    state.due_at.is_none() && !timetable.is_some_and(comes_after_end)
}
