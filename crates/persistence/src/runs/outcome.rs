//! What runs came to.

use deadpool_postgres::GenericClient;
use gathering_domain::{Json, RunId, RunStatus};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::Error;

/// A run that has ended, without what it gave.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// The run.
    pub id: RunId,
    /// As what it ended.
    pub status: RunStatus,
    /// Why it did not complete.
    pub error: Option<Json>,
    /// When.
    pub finished_at: Timestamp,
}

/// What those of these runs came to that have ended, in no order. Missing are those that are open, and those that do not exist (any more).
pub async fn outcomes(client: &impl GenericClient, ids: &[RunId]) -> Result<Vec<RunOutcome>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, status, error, finished_at FROM runs WHERE id = ANY ($1) AND finished_at IS NOT NULL",
        )
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    client.query(&statement, &[&ids]).await?.iter().map(read).collect()
}

/// Which of these runs do not exist, or not any more.
pub async fn gone(client: &impl GenericClient, ids: &[RunId]) -> Result<Vec<RunId>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT a.id FROM unnest($1::uuid[]) AS a (id) WHERE NOT EXISTS (SELECT FROM runs r WHERE r.id = a.id)",
        )
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

fn read(row: &Row) -> Result<RunOutcome, Error> {
    let status: &str = row.get(1);
    Ok(RunOutcome {
        id: row.get::<_, Uuid>(0).into(),
        status: status
            .parse()
            .map_err(|_unknown| Error::corrupt("runs", &format!("`{status}` is no status")))?,
        error: row.get::<_, Option<Sql<Json>>>(2).map(|error| error.0),
        finished_at: row.get(3),
    })
}
