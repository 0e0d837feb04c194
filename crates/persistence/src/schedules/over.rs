//! Schedules that are over: nothing comes any more, nothing is open, nothing waits.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::{Json, ProjectId};
use jiff::Timestamp;
use tokio_postgres::types::Json as Sql;

use crate::Error;

/// As `ended` is told, and nothing of it is under way. One that is paused may go on.
macro_rules! over {
    () => {
        "paused_at IS NULL AND due_at IS NULL AND open = 0 AND buffered = 0"
    };
}

/// Whether a project has schedules that are not over.
pub async fn any_not_over(client: &impl GenericClient, project: ProjectId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT EXISTS (SELECT FROM schedules WHERE project_id = $1 AND deleted_at IS NULL AND NOT (",
            over!(),
            "))"
        ))
        .await?;
    Ok(client.query_one(&statement, &[&project.as_uuid()]).await?.get(0))
}

/// Marks the schedules of a project as deleted that are over, and gives their payloads.
pub async fn delete_over(tx: &Transaction<'_>, project: ProjectId, at: Timestamp) -> Result<Vec<Json>, Error> {
    let statement = tx
        .prepare_cached(concat!(
            // Locked in the order of their ids, as everywhere, so that of two who lock several nobody waits in a circle.
            "WITH over AS (
                 SELECT id FROM schedules WHERE project_id = $1 AND deleted_at IS NULL AND ",
            over!(),
            " ORDER BY id FOR UPDATE)
             UPDATE schedules s SET deleted_at = $2, wake_at = NULL FROM over WHERE s.id = over.id RETURNING s.payload"
        ))
        .await?;
    let rows = tx.query(&statement, &[&project.as_uuid(), &at]).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Sql<Json>>(0)?.0)).collect()
}
