//! The table `firings`: each due time of a schedule, once, and what became of it.

mod growth;
mod writing;

use std::str::FromStr;

use deadpool_postgres::GenericClient;
use gathering_domain::schedule::Origin;
use gathering_domain::{FiringId, Json, ScheduleId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::Error;

pub use growth::{drop_weeks, ensure_weeks, forget};
pub use writing::{Ending, NewFiring, end, existing, give_up_waiting, insert, is_taken, put_back, start};

/// A firing.
#[derive(Debug, Clone, PartialEq)]
pub struct FiringRow {
    /// Its id, and that of the run that it started.
    pub id: FiringId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why it is there.
    pub origin: Origin,
    /// What became of it.
    pub status: FiringStatus,
    /// The revision of the schedule that decided on it.
    pub revision: i32,
    /// When that was.
    pub created_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it was skipped.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<Json>,
    /// Of missed ones, the first due time that this row stands for.
    pub missed_since: Option<Timestamp>,
    /// How many; `None` if they were too many to count.
    pub missed_count: Option<i64>,
}

/// What became of a due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FiringStatus {
    /// It waits for an earlier firing.
    Buffered,
    /// It fired, and what it started has not ended.
    Started,
    /// What it was for was done.
    Succeeded,
    /// It was not.
    Failed,
    /// Somebody, or a later firing, took it back.
    Cancelled,
    /// It did not fire, because of an earlier one.
    Skipped,
    /// Nobody was there to fire it, and it was not made up for.
    Missed,
}

/// A word that is no status of a firing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no status of a firing; there are buffered, started, succeeded, failed, cancelled, skipped and missed"
)]
pub struct UnknownFiringStatus(String);

impl FiringStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Buffered,
        Self::Started,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
        Self::Missed,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Buffered => "buffered",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
        }
    }
}

impl FromStr for FiringStatus {
    type Err = UnknownFiringStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| UnknownFiringStatus(text.chars().take(40).collect()))
    }
}

macro_rules! columns {
    () => {
        "f.id, f.schedule_id, f.due_at, f.origin, f.status, f.revision, f.created_at, f.started_at, f.finished_at, f.reason, f.error,
         f.missed_since, f.missed_count"
    };
}

/// The firings of a schedule by their due times, the latest first: `limit` of them before `before`, of one status if that is said.
pub async fn list(
    client: &impl GenericClient,
    schedule: ScheduleId,
    status: Option<FiringStatus>,
    (before, limit): (Option<Timestamp>, i64),
) -> Result<Vec<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM firings f WHERE schedule_id = $1 AND ($2::timestamptz IS NULL OR due_at < $2) AND ($3::text IS NULL OR status = $3)
             ORDER BY due_at DESC LIMIT $4"
        ))
        .await?;
    let status = status.map(FiringStatus::as_str);
    let rows = client
        .query(&statement, &[&schedule.as_uuid(), &before, &status, &limit])
        .await?;
    rows.iter().map(read).collect()
}

/// One firing, by what it is known by.
pub async fn get(
    client: &impl GenericClient,
    schedule: ScheduleId,
    due_at: Timestamp,
) -> Result<Option<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM firings f WHERE schedule_id = $1 AND due_at = $2"
        ))
        .await?;
    let row = client.query_opt(&statement, &[&schedule.as_uuid(), &due_at]).await?;
    row.as_ref().map(read).transpose()
}

/// Firings that started and have not ended: up to `limit` of them, in the order of their ids, from `after` on.
pub async fn started(client: &impl GenericClient, after: FiringId, limit: i64) -> Result<Vec<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM firings f WHERE status = 'started' AND id > $1 ORDER BY id LIMIT $2"
        ))
        .await?;
    let rows = client.query(&statement, &[&after.as_uuid(), &limit]).await?;
    rows.iter().map(read).collect()
}

/// The firing of this id that started and has not ended.
pub async fn started_one(client: &impl GenericClient, id: FiringId) -> Result<Option<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM firings f WHERE status = 'started' AND id = $1"
        ))
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// Of each of these schedules the firings that have started and not ended, the earliest first.
pub async fn open_of(client: &impl GenericClient, schedules: &[ScheduleId]) -> Result<Vec<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM firings f WHERE status = 'started' AND schedule_id = ANY ($1) ORDER BY due_at"
        ))
        .await?;
    let ids: Vec<Uuid> = schedules.iter().map(|id| id.as_uuid()).collect();
    let rows = client.query(&statement, &[&ids]).await?;
    rows.iter().map(read).collect()
}

/// Of each of these schedules the firings that have started and not ended, up to `limit` of the earliest.
pub async fn earliest_open_of(
    client: &impl GenericClient,
    schedules: &[ScheduleId],
    limit: i64,
) -> Result<Vec<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM unnest($1::uuid[]) AS s (id)
             CROSS JOIN LATERAL (SELECT * FROM firings w WHERE w.schedule_id = s.id AND w.status = 'started' ORDER BY w.due_at LIMIT $2) f"
        ))
        .await?;
    let ids: Vec<Uuid> = schedules.iter().map(|id| id.as_uuid()).collect();
    let rows = client.query(&statement, &[&ids, &limit]).await?;
    rows.iter().map(read).collect()
}

/// Of each of these schedules the firings that wait, up to `limit` of the earliest; of those that are paused the ones only that somebody asked for.
pub async fn waiting(
    client: &impl GenericClient,
    schedules: &[(ScheduleId, bool)],
    limit: i64,
) -> Result<Vec<FiringRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM unnest($1::uuid[], $2::boolean[]) AS s (id, paused)
             CROSS JOIN LATERAL (SELECT * FROM firings w WHERE w.schedule_id = s.id AND w.status = 'buffered'
                                   AND (NOT s.paused OR w.origin <> 'schedule') ORDER BY w.due_at LIMIT $3) f"
        ))
        .await?;
    let ids: Vec<Uuid> = schedules.iter().map(|(id, _)| id.as_uuid()).collect();
    let paused: Vec<bool> = schedules.iter().map(|(_, paused)| *paused).collect();
    let rows = client.query(&statement, &[&ids, &paused, &limit]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<FiringRow, Error> {
    let word = |index| row.try_get::<_, &str>(index);
    Ok(FiringRow {
        id: row.try_get::<_, Uuid>(0)?.into(),
        schedule_id: row.try_get::<_, Uuid>(1)?.into(),
        due_at: row.try_get(2)?,
        origin: word(3)?
            .parse()
            .map_err(|error| Error::corrupt("firings", &format!("{error}")))?,
        status: word(4)?
            .parse()
            .map_err(|error: UnknownFiringStatus| Error::corrupt("firings", &error.to_string()))?,
        revision: row.try_get(5)?,
        created_at: row.try_get(6)?,
        started_at: row.try_get(7)?,
        finished_at: row.try_get(8)?,
        reason: row.try_get(9)?,
        error: row.try_get::<_, Option<Sql<Json>>>(10)?.map(|error| error.0),
        missed_since: row.try_get(11)?,
        missed_count: row.try_get(12)?,
    })
}
