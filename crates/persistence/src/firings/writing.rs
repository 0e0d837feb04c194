//! Writing firings: as they are decided on, as they start, and as they end.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::schedule::{Origin, Outcome};
use gathering_domain::{FiringId, Json, ScheduleId};
use jiff::Timestamp;
use uuid::Uuid;

use super::FiringStatus;
use crate::Error;

/// A firing to insert.
#[derive(Debug, Clone)]
pub struct NewFiring {
    /// Its id.
    pub id: FiringId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// When it was due.
    pub due_at: Timestamp,
    /// Why it is there.
    pub origin: Origin,
    /// What became of it.
    pub status: FiringStatus,
    /// The revision of the schedule.
    pub revision: i32,
    /// Why it was skipped.
    pub reason: Option<&'static str>,
    /// Why it failed.
    pub error: Option<Json>,
    /// Of missed ones, the first due time, and how many they were.
    pub missed: Option<(Timestamp, Option<i64>)>,
}

/// How a firing ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// When it was due.
    pub due_at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// When.
    pub finished_at: Timestamp,
    /// Why it failed, or was cancelled.
    pub error: Option<Json>,
}

/// Whether an insert was refused because a due time has a firing already: by the key of whichever week.
pub fn is_taken(error: &Error) -> bool {
    let of_firings = |constraint: &str| constraint.starts_with("firings") && constraint.ends_with("_pkey");
    error.is_unique_violation() && error.constraint().is_some_and(of_firings)
}

/// Inserts firings in one statement, all of this moment.
///
/// A due time that has a firing already is a unique violation, and none of them is written.
pub async fn insert(tx: &Transaction<'_>, firings: &[NewFiring], now: Timestamp) -> Result<(), Error> {
    let statement = tx
        .prepare_cached(
            "INSERT INTO firings (schedule_id, due_at, id, origin, status, revision, created_at, started_at, finished_at, reason, error,
                                  missed_since, missed_count)
             SELECT schedule_id, due_at, id, origin, status, revision, $1,
                    CASE WHEN status IN ('started', 'succeeded', 'failed', 'cancelled') THEN $1::timestamptz END,
                    CASE WHEN status IN ('succeeded', 'failed', 'cancelled') THEN $1::timestamptz END,
                    reason, error::json, missed_since, missed_count
             FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::text[],
                         $10::timestamptz[], $11::bigint[])
                 AS f (schedule_id, due_at, id, origin, status, revision, reason, error, missed_since, missed_count)",
        )
        .await?;
    let schedules: Vec<Uuid> = firings.iter().map(|firing| firing.schedule_id.as_uuid()).collect();
    let due: Vec<Timestamp> = firings.iter().map(|firing| firing.due_at).collect();
    let ids: Vec<Uuid> = firings.iter().map(|firing| firing.id.as_uuid()).collect();
    let origins: Vec<&str> = firings.iter().map(|firing| firing.origin.as_str()).collect();
    let statuses: Vec<&str> = firings.iter().map(|firing| firing.status.as_str()).collect();
    let revisions: Vec<i32> = firings.iter().map(|firing| firing.revision).collect();
    let reasons: Vec<Option<&str>> = firings.iter().map(|firing| firing.reason).collect();
    let errors: Vec<Option<&str>> = firings
        .iter()
        .map(|firing| firing.error.as_ref().map(Json::text))
        .collect();
    let since: Vec<Option<Timestamp>> = firings
        .iter()
        .map(|firing| firing.missed.map(|missed| missed.0))
        .collect();
    let counts: Vec<Option<i64>> = firings
        .iter()
        .map(|firing| firing.missed.and_then(|missed| missed.1))
        .collect();
    tx.execute(
        &statement,
        &[
            &now, &schedules, &due, &ids, &origins, &statuses, &revisions, &reasons, &errors, &since, &counts,
        ],
    )
    .await?;
    Ok(())
}

/// Starts firings that waited.
pub async fn start(tx: &Transaction<'_>, firings: &[(ScheduleId, Timestamp)], now: Timestamp) -> Result<(), Error> {
    let statement = tx
        .prepare_cached(
            "UPDATE firings f SET status = 'started', started_at = $3
             FROM unnest($1::uuid[], $2::timestamptz[]) AS w (schedule_id, due_at)
             WHERE f.schedule_id = w.schedule_id AND f.due_at = w.due_at AND f.status = 'buffered'",
        )
        .await?;
    let (schedules, due) = keys(firings.iter().copied());
    let started = tx.execute(&statement, &[&schedules, &due, &now]).await?;
    if started == firings.len() as u64 {
        Ok(())
    } else {
        Err(Error::corrupt("firings", "one that waits and was locked is gone"))
    }
}

/// Ends firings that had started; gives which of them were still open.
pub async fn end(tx: &Transaction<'_>, endings: &[Ending]) -> Result<Vec<(ScheduleId, Timestamp)>, Error> {
    let statement = tx
        .prepare_cached(
            "UPDATE firings f SET status = e.status, finished_at = greatest(e.finished_at, f.started_at), error = e.error::json
             FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::timestamptz[], $5::text[])
                 AS e (schedule_id, due_at, status, finished_at, error)
             WHERE f.schedule_id = e.schedule_id AND f.due_at = e.due_at AND f.status = 'started'
             RETURNING f.schedule_id, f.due_at",
        )
        .await?;
    let (schedules, due) = keys(endings.iter().map(|ending| (ending.schedule_id, ending.due_at)));
    let statuses: Vec<&str> = endings.iter().map(|ending| ending.outcome.as_str()).collect();
    let finished: Vec<Timestamp> = endings.iter().map(|ending| ending.finished_at).collect();
    let errors: Vec<Option<&str>> = endings
        .iter()
        .map(|ending| ending.error.as_ref().map(Json::text))
        .collect();
    let rows = tx
        .query(&statement, &[&schedules, &due, &statuses, &finished, &errors])
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get::<_, Uuid>(0).into(), row.get(1)))
        .collect())
}

/// Which of these due times have a firing already.
pub async fn existing(
    client: &impl GenericClient,
    schedule: ScheduleId,
    due: &[Timestamp],
) -> Result<Vec<(Timestamp, FiringStatus)>, Error> {
    let statement = client
        .prepare_cached("SELECT due_at, status FROM firings WHERE schedule_id = $1 AND due_at = ANY ($2)")
        .await?;
    let rows = client.query(&statement, &[&schedule.as_uuid(), &due]).await?;
    let read = |row: &tokio_postgres::Row| {
        let status = row.try_get::<_, &str>(1)?.parse();
        let status =
            status.map_err(|error: super::UnknownFiringStatus| Error::corrupt("firings", &error.to_string()))?;
        Ok((row.try_get(0)?, status))
    };
    rows.iter().map(read).collect()
}

/// Makes due times that were skipped or missed wait, because somebody asks for them after all.
pub async fn put_back(
    tx: &Transaction<'_>,
    schedule: ScheduleId,
    due: &[Timestamp],
    origin: Origin,
) -> Result<u64, Error> {
    let statement = tx
        .prepare_cached(
            "UPDATE firings SET status = 'buffered', origin = $3, reason = NULL
             WHERE schedule_id = $1 AND due_at = ANY ($2) AND status IN ('skipped', 'missed')",
        )
        .await?;
    Ok(tx
        .execute(&statement, &[&schedule.as_uuid(), &due, &origin.as_str()])
        .await?)
}

/// Has skipped whatever waits of schedules, or of it only what nobody asked for; gives how many.
pub async fn give_up_waiting(
    tx: &Transaction<'_>,
    schedules: &[ScheduleId],
    (also_asked, reason): (bool, &'static str),
) -> Result<u64, Error> {
    let statement = tx
        .prepare_cached(
            "UPDATE firings SET status = 'skipped', reason = $2
             WHERE schedule_id = ANY ($1) AND status = 'buffered' AND ($3 OR origin = 'schedule')",
        )
        .await?;
    let ids: Vec<Uuid> = schedules.iter().map(|id| id.as_uuid()).collect();
    Ok(tx.execute(&statement, &[&ids, &reason, &also_asked]).await?)
}

fn keys(keys: impl Iterator<Item = (ScheduleId, Timestamp)>) -> (Vec<Uuid>, Vec<Timestamp>) {
    keys.map(|(schedule, due)| (schedule.as_uuid(), due)).unzip()
}
