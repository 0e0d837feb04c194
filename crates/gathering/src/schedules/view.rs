//! Schedules and their firings as callers see them.

use std::fmt;
use std::str::FromStr;

use gathering_domain::{FiringId, Json, ProjectId, RunId, ScheduleId, UserId};
use gathering_scheduler::{FiringRow, FiringStatus, Origin, Phase, ScheduleView};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::payload::{Payload, has_run};
use super::rules::ScheduleRules;

/// A schedule.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Raised by every change, and by every pause; from 1.
    pub revision: i32,
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: Option<String>,
    /// Whether it is at work.
    pub status: ScheduleStatus,
    /// Since when, why and by whom it is paused.
    pub paused: Option<SchedulePause>,
    /// When it is due, and by which policies; left out if this release cannot read them.
    #[serde(flatten)]
    #[cfg_attr(feature = "openapi", schema(value_type = ScheduleRules))]
    pub rules: Option<ScheduleRules>,
    /// What a firing does.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub action: Json,
    /// The next due time; of a fixed delay none while a firing has not ended.
    pub next_due_at: Option<Timestamp>,
    /// When that fires: jitter is in it.
    pub next_fire_at: Option<Timestamp>,
    /// Firings that have started and not ended.
    pub open_firings: u32,
    /// Firings that wait for an earlier one.
    pub buffered_firings: u32,
    /// Due times that fired, or wait to.
    pub fired: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// Whether a schedule is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ScheduleStatus {
    /// It fires when it is due.
    Active,
    /// It does not.
    Paused,
    /// Nothing is due any more.
    Ended,
}

/// A word that is no status of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no status of a schedule; there are active, paused and ended")]
pub struct UnknownScheduleStatus(String);

/// Since when, why and by whom a schedule is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SchedulePause {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Who paused it; `None` where it did so itself, or the command line did.
    pub by: Option<UserId>,
}

/// A due time of a schedule, and what became of it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Firing {
    /// Its id.
    pub id: FiringId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// When it was due.
    pub due_at: Timestamp,
    /// How it came about: `schedule`, `trigger` or `backfill`.
    #[serde(serialize_with = "origin")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub origin: Origin,
    /// What became of it: `buffered`, `started`, `succeeded`, `failed`, `cancelled`, `skipped` or `missed`.
    #[serde(serialize_with = "status")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub status: FiringStatus,
    /// The run that it started, which has its id; `None` where none was.
    pub run_id: Option<RunId>,
    /// When it was decided on.
    pub created_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it was skipped.
    pub reason: Option<String>,
    /// Why it failed, or was cancelled: code and message.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub error: Option<Json>,
    /// Of one that was missed, how many due times it stands for.
    pub missed: Option<MissedFirings>,
}

/// Due times that were missed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissedFirings {
    /// The first of them; the last is the firing's own.
    pub since: Timestamp,
    /// How many; `None` if they were too many to count.
    pub count: Option<i64>,
}

/// Firings by their due times, the latest first.
#[derive(Debug, Clone)]
pub struct FiringPage {
    /// The firings.
    pub items: Vec<Firing>,
    /// What to ask for next; `None` on the last page.
    pub next: Option<Timestamp>,
}

impl ScheduleStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Ended];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }
}

impl FromStr for ScheduleStatus {
    type Err = UnknownScheduleStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| UnknownScheduleStatus(text.chars().take(40).collect()))
    }
}

impl fmt::Display for ScheduleStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<ScheduleView> for Schedule {
    fn from(view: ScheduleView) -> Self {
        let payload = Payload::read(&view.payload).unwrap_or_default();
        let (status, paused) = match view.phase {
            Phase::Active => (ScheduleStatus::Active, None),
            Phase::Ended => (ScheduleStatus::Ended, None),
            Phase::Paused(pause) => (ScheduleStatus::Paused, Some(pause)),
        };
        Self {
            id: view.id,
            project_id: view.project_id,
            revision: view.revision,
            name: view.name,
            description: payload.description,
            status,
            paused: paused.map(|pause| SchedulePause {
                at: pause.at,
                reason: pause.reason,
                by: pause.by,
            }),
            rules: view.rules.as_ref().and_then(ScheduleRules::new),
            action: payload.action,
            next_due_at: view.next_due_at,
            next_fire_at: view.next_fire_at,
            open_firings: view.open,
            buffered_firings: view.buffered,
            fired: view.fired,
            failures_in_a_row: view.failures,
            created_by: view.created_by,
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}

impl From<FiringRow> for Firing {
    fn from(row: FiringRow) -> Self {
        let run_id = has_run(&row).then(|| RunId::from(row.id.as_uuid()));
        Self {
            id: row.id,
            schedule_id: row.schedule_id,
            due_at: row.due_at,
            origin: row.origin,
            status: row.status,
            run_id,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            reason: row.reason,
            error: row.error,
            missed: row.missed_since.map(|since| MissedFirings {
                since,
                count: row.missed_count,
            }),
        }
    }
}

impl From<gathering_scheduler::FiringPage> for FiringPage {
    fn from(page: gathering_scheduler::FiringPage) -> Self {
        Self {
            items: page.items.into_iter().map(Firing::from).collect(),
            next: page.next,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn origin<S: Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(origin.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn status<S: Serializer>(status: &FiringStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.as_str())
}
