//! The table `schedules`: what somebody wrote down, and the state of each.

mod due;
mod over;

use deadpool_postgres::GenericClient;
use gathering_domain::schedule::State;
use gathering_domain::{Json, ProjectId, ScheduleId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::{Error, Page, PageRequest};

pub use due::{Change, Whose, any_waiting, be_brisk, held, lock, lock_due, lock_one, next_wake, now, save};
pub use over::{any_not_over, delete_over};

/// Whoever listens here is woken when a schedule was made or changed, or a firing was asked for; never when one merely fires.
pub const CHANGED: &str = "gathering_schedules_changed";

/// A schedule.
#[derive(Debug, Clone)]
pub struct ScheduleRow {
    /// Its id.
    pub id: ScheduleId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// Raised by every change.
    pub revision: i32,
    /// When it is due, and its policies.
    pub rules: Json,
    /// What a firing means.
    pub payload: Json,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When; intervals count from then.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Since when, why and by whom it is paused.
    pub pause: Option<PauseRow>,
    /// Its state.
    pub state: State,
    /// When it is looked at next.
    pub wake_at: Option<Timestamp>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// Who paused it; `None` where it did so itself.
    pub by: Option<UserId>,
}

macro_rules! columns {
    () => {
        "id, project_id, name, revision, rules, payload, created_by, created_at, updated_at, paused_at, pause_reason, paused_by,
         due_at, open, buffered, asked, fired, failures, wake_at, decided_at"
    };
}
use columns;

/// Inserts a schedule.
pub async fn insert(client: &impl GenericClient, row: &ScheduleRow) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO schedules (id, project_id, name, revision, rules, payload, created_by, created_at, updated_at, due_at, wake_at,
                                    paused_at, pause_reason, paused_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12, $13)",
        )
        .await?;
    let pause = row.pause.as_ref();
    client
        .execute(
            &statement,
            &[
                &row.id.as_uuid(),
                &row.project_id.as_uuid(),
                &row.name,
                &row.revision,
                &Sql(&row.rules),
                &Sql(&row.payload),
                &row.created_by.map(UserId::as_uuid),
                &row.created_at,
                &row.state.due_at,
                &row.wake_at,
                &pause.map(|pause| pause.at),
                &pause.map(|pause| pause.reason.as_str()),
                &pause.and_then(|pause| pause.by).map(UserId::as_uuid),
            ],
        )
        .await?;
    Ok(())
}

/// A schedule that is not deleted.
pub async fn get(client: &impl GenericClient, id: ScheduleId) -> Result<Option<ScheduleRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM schedules WHERE id = $1 AND deleted_at IS NULL"
        ))
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// The project of a schedule that is not deleted.
pub async fn project(client: &impl GenericClient, id: ScheduleId) -> Result<Option<ProjectId>, Error> {
    let statement = client
        .prepare_cached("SELECT project_id FROM schedules WHERE id = $1 AND deleted_at IS NULL")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| row.get::<_, Uuid>(0).into()))
}

/// The schedules of a project, newest first; of those that are paused, or are not, and are called so, if that is said.
pub async fn list(
    client: &impl GenericClient,
    project: ProjectId,
    (paused, name): (Option<bool>, Option<&str>),
    page: PageRequest,
) -> Result<Page<ScheduleRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM schedules WHERE project_id = $1 AND id < $2 AND deleted_at IS NULL AND ($4::boolean IS NULL OR (paused_at IS NOT NULL) = $4)
               AND ($5::text IS NULL OR name = $5)
             ORDER BY id DESC LIMIT $3"
        ))
        .await?;
    let rows = client
        .query(
            &statement,
            &[&project.as_uuid(), &page.before(), &page.fetch(), &paused, &name],
        )
        .await?;
    let schedules = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(schedules, |schedule: &ScheduleRow| schedule.id.as_uuid()))
}

/// The schedules of all projects, newest first; with `paused` only those that are paused, or not, with `name` only those that are called so.
pub async fn list_all(
    client: &impl GenericClient,
    (paused, name): (Option<bool>, Option<&str>),
    page: PageRequest,
) -> Result<Page<ScheduleRow>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM schedules WHERE id < $1 AND deleted_at IS NULL AND ($3::boolean IS NULL OR (paused_at IS NOT NULL) = $3)
               AND ($4::text IS NULL OR name = $4)
             ORDER BY id DESC LIMIT $2"
        ))
        .await?;
    let rows = client
        .query(&statement, &[&page.before(), &page.fetch(), &paused, &name])
        .await?;
    let schedules = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(schedules, |schedule: &ScheduleRow| schedule.id.as_uuid()))
}

/// How many schedules a project has.
pub async fn count(client: &impl GenericClient, project: ProjectId) -> Result<u64, Error> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM schedules WHERE project_id = $1 AND deleted_at IS NULL")
        .await?;
    let count: i64 = client.query_one(&statement, &[&project.as_uuid()]).await?.get(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Writes everything that somebody may change, and the state that follows from it. The caller has the row locked.
pub async fn update(client: &impl GenericClient, row: &ScheduleRow) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "UPDATE schedules SET name = $2, revision = $3, rules = $4, payload = $5, updated_at = $6, paused_at = $7, pause_reason = $8,
                    paused_by = $9, due_at = $10, wake_at = $11, open = $12, buffered = $13, asked = $14, fired = $15, failures = $16
             WHERE id = $1",
        )
        .await?;
    let (pause, state) = (row.pause.as_ref(), due::Counts::from(&row.state));
    client
        .execute(
            &statement,
            &[
                &row.id.as_uuid(),
                &row.name,
                &row.revision,
                &Sql(&row.rules),
                &Sql(&row.payload),
                &row.updated_at,
                &pause.map(|pause| pause.at),
                &pause.map(|pause| pause.reason.as_str()),
                &pause.and_then(|pause| pause.by).map(UserId::as_uuid),
                &row.state.due_at,
                &row.wake_at,
                &state.open,
                &state.buffered,
                &state.asked,
                &state.fired,
                &state.failures,
            ],
        )
        .await?;
    Ok(())
}

/// Marks a schedule as deleted: nothing fires any more; its firings stay. `false` when there is none.
pub async fn delete(client: &impl GenericClient, id: ScheduleId, at: Timestamp) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("UPDATE schedules SET deleted_at = $2, wake_at = NULL WHERE id = $1 AND deleted_at IS NULL")
        .await?;
    Ok(client.execute(&statement, &[&id.as_uuid(), &at]).await? == 1)
}

/// Tells those who listen, when the transaction commits.
pub async fn announce(client: &impl GenericClient) -> Result<(), Error> {
    let statement = client.prepare_cached("SELECT pg_notify($1, '')").await?;
    client.execute(&statement, &[&CHANGED]).await?;
    Ok(())
}

fn read(row: &Row) -> Result<ScheduleRow, Error> {
    let reason: Option<String> = row.try_get(10)?;
    let by: Option<Uuid> = row.try_get(11)?;
    let pause = row.try_get::<_, Option<Timestamp>>(9)?.map(|at| PauseRow {
        at,
        reason: reason.unwrap_or_default(),
        by: by.map(Into::into),
    });
    let number = |index| {
        row.try_get::<_, i32>(index)
            .map(|number| u32::try_from(number).unwrap_or(0))
    };
    Ok(ScheduleRow {
        id: row.try_get::<_, Uuid>(0)?.into(),
        project_id: row.try_get::<_, Uuid>(1)?.into(),
        name: row.try_get(2)?,
        revision: row.try_get(3)?,
        rules: row.try_get::<_, Sql<Json>>(4)?.0,
        payload: row.try_get::<_, Sql<Json>>(5)?.0,
        created_by: row.try_get::<_, Option<Uuid>>(6)?.map(Into::into),
        created_at: row.try_get(7)?,
        updated_at: row.try_get(8)?,
        state: State {
            due_at: row.try_get(12)?,
            decided: row.try_get(19)?,
            paused: pause.is_some(),
            open: number(13)?,
            buffered: number(14)?,
            asked: number(15)?,
            fired: u64::try_from(row.try_get::<_, i64>(16)?).unwrap_or(0),
            failures: number(17)?,
        },
        pause,
        wake_at: row.try_get(18)?,
    })
}
