//! Which schedules are to be looked at, and what became of them.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::schedule::State;
use gathering_domain::{ProjectId, ScheduleId};
use jiff::Timestamp;
use uuid::Uuid;

use super::{ScheduleRow, columns, read};
use crate::Error;

/// What a look at a schedule came to.
#[derive(Debug, Clone)]
pub struct Change {
    /// The schedule.
    pub id: ScheduleId,
    /// Its state from now on.
    pub state: State,
    /// When to look at it again.
    pub wake_at: Option<Timestamp>,
    /// Why it pauses itself now.
    pub pauses: Option<String>,
}

/// The projects whose schedules are meant.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// All but these.
    AllBut(&'a [ProjectId]),
    /// These.
    Only(&'a [ProjectId]),
}

/// The counts of a state, as the database keeps them.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) open: i32,
    pub(super) buffered: i32,
    pub(super) asked: i32,
    pub(super) fired: i64,
    pub(super) failures: i32,
}

impl From<&State> for Counts {
    fn from(state: &State) -> Self {
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            open: number(state.open),
            buffered: number(state.buffered),
            asked: number(state.asked.min(state.buffered)),
            fired: i64::try_from(state.fired).unwrap_or(i64::MAX),
            failures: number(state.failures),
        }
    }
}

/// The time by which everything is judged: `given`, or the database's own, which all instances share. In a transaction it is that of its start.
pub async fn now(client: &impl GenericClient, given: Option<Timestamp>) -> Result<Timestamp, Error> {
    let statement = client.prepare_cached("SELECT coalesce($1::timestamptz, now())").await?;
    Ok(client.query_one(&statement, &[&given]).await?.get(0))
}

/// Up to `limit` schedules of these projects whose time has come, the longest first, locked until the transaction ends; with the time by which that was judged. Those that another
/// instance has locked are left to it.
pub async fn lock_due(
    tx: &Transaction<'_>,
    given: Option<Timestamp>,
    limit: i64,
    whose: Whose<'_>,
) -> Result<(Vec<ScheduleRow>, Option<Timestamp>), Error> {
    let statement = tx
        .prepare_cached(concat!(
            // The lock makes whoever has it the only one who decides on a schedule; skipping others' is what lets several instances
            // share the work. What is said of projects is a CASE, of which the planner expects that it keeps every other row: so it walks the index of what
            // is due and stops at the limit, also where statistics say that hardly any row is left.
            "SELECT ",
            columns!(),
            ", coalesce($1::timestamptz, now()) FROM schedules
             WHERE wake_at <= coalesce($1, now()) AND CASE WHEN project_id = ANY ($3::uuid[]) THEN $4::boolean ELSE NOT $4 END
             ORDER BY wake_at LIMIT $2 FOR UPDATE SKIP LOCKED"
        ))
        .await?;
    let (projects, only) = match whose {
        Whose::AllBut(projects) => (projects, false),
        Whose::Only(projects) => (projects, true),
    };
    let projects: Vec<Uuid> = projects.iter().map(|id| id.as_uuid()).collect();
    let rows = tx.query(&statement, &[&given, &limit, &projects, &only]).await?;
    let now = rows.first().map(|row| row.get(20));
    Ok((rows.iter().map(read).collect::<Result<_, _>>()?, now))
}

/// Has the database end this transaction if nothing is heard in it for this long: whoever holds the locks may have been stopped, and others wait.
pub async fn be_brisk(tx: &Transaction<'_>, silence: &str) -> Result<(), Error> {
    let statement = tx
        .prepare_cached("SELECT set_config('idle_in_transaction_session_timeout', $1, true)")
        .await?;
    tx.execute(&statement, &[&silence]).await?;
    Ok(())
}

/// A schedule that is not deleted, locked until the transaction ends.
pub async fn lock_one(tx: &Transaction<'_>, id: ScheduleId) -> Result<Option<ScheduleRow>, Error> {
    Ok(lock(tx, &[id]).await?.pop())
}

/// Those of these schedules that are not deleted, locked until the transaction ends, in the order of their ids.
pub async fn lock(tx: &Transaction<'_>, ids: &[ScheduleId]) -> Result<Vec<ScheduleRow>, Error> {
    let statement = tx
        .prepare_cached(concat!(
            // In one order, so that of two who lock several nobody waits in a circle.
            "SELECT ",
            columns!(),
            " FROM schedules WHERE id = ANY ($1) AND deleted_at IS NULL ORDER BY id FOR UPDATE"
        ))
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    tx.query(&statement, &[&ids]).await?.iter().map(read).collect()
}

/// When the next schedule is to be looked at, and the time now.
pub async fn next_wake(
    client: &impl GenericClient,
    given: Option<Timestamp>,
) -> Result<(Option<Timestamp>, Timestamp), Error> {
    let statement = client
        .prepare_cached(
            "SELECT (SELECT wake_at FROM schedules WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1),
                    coalesce($1::timestamptz, now())",
        )
        .await?;
    let row = client.query_one(&statement, &[&given]).await?;
    Ok((row.get(0), row.get(1)))
}

/// Up to `limit` schedules, in the order of their ids, from `after` on, that go on when a firing of theirs ends: one waits for it, or the next due time is counted
/// from its end.
pub async fn held(client: &impl GenericClient, after: ScheduleId, limit: i64) -> Result<Vec<ScheduleId>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id FROM schedules WHERE open > 0 AND (buffered > 0 OR due_at IS NULL) AND id > $1 ORDER BY id LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&after.as_uuid(), &limit]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// Whether any schedule has firings that wait for others to end.
pub async fn any_waiting(client: &impl GenericClient) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT EXISTS (SELECT FROM schedules WHERE buffered > 0 AND open > 0)")
        .await?;
    Ok(client.query_one(&statement, &[]).await?.get(0))
}

/// Writes what looks at many schedules came to, in one statement. The caller has their rows locked.
pub async fn save(tx: &Transaction<'_>, changes: &[Change], now: Timestamp) -> Result<(), Error> {
    let statement = tx
        .prepare_cached(
            "UPDATE schedules s SET due_at = c.due_at, decided_at = c.decided_at, wake_at = CASE WHEN s.deleted_at IS NULL THEN c.wake_at END, open = c.open,
                    buffered = c.buffered, asked = c.asked, fired = c.fired, failures = c.failures,
                    paused_at = CASE WHEN c.pauses IS NULL THEN s.paused_at ELSE $10 END,
                    pause_reason = coalesce(c.pauses, s.pause_reason),
                    revision = s.revision + (c.pauses IS NOT NULL)::integer
             FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::integer[], $5::integer[], $6::integer[], $7::bigint[],
                         $8::integer[], $9::text[], $11::timestamptz[])
                 AS c (id, due_at, wake_at, open, buffered, asked, fired, failures, pauses, decided_at)
             WHERE s.id = c.id",
        )
        .await?;
    let ids: Vec<Uuid> = changes.iter().map(|change| change.id.as_uuid()).collect();
    let due: Vec<Option<Timestamp>> = changes.iter().map(|change| change.state.due_at).collect();
    let wake: Vec<Option<Timestamp>> = changes.iter().map(|change| change.wake_at).collect();
    let counts: Vec<Counts> = changes.iter().map(|change| Counts::from(&change.state)).collect();
    let open: Vec<i32> = counts.iter().map(|counts| counts.open).collect();
    let buffered: Vec<i32> = counts.iter().map(|counts| counts.buffered).collect();
    let asked: Vec<i32> = counts.iter().map(|counts| counts.asked).collect();
    let fired: Vec<i64> = counts.iter().map(|counts| counts.fired).collect();
    let failures: Vec<i32> = counts.iter().map(|counts| counts.failures).collect();
    let decided: Vec<Option<Timestamp>> = changes.iter().map(|change| change.state.decided).collect();
    let pauses: Vec<Option<&str>> = changes.iter().map(|change| change.pauses.as_deref()).collect();
    tx.execute(
        &statement,
        &[
            &ids, &due, &wake, &open, &buffered, &asked, &fired, &failures, &pauses, &now, &decided,
        ],
    )
    .await?;
    Ok(())
}
