//! Weeks of firings: made ahead, and dropped whole.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;

use crate::Error;

/// Makes the partitions of so many weeks, from this moment's on; gives how many were missing.
pub async fn ensure_weeks(client: &impl GenericClient, since: Timestamp, weeks: i32) -> Result<i32, Error> {
    let statement = client.prepare_cached("SELECT ensure_firing_weeks($1, $2)").await?;
    Ok(client.query_one(&statement, &[&since, &weeks]).await?.get(0))
}

/// Drops the weeks that were over before `horizon` and have nothing open in them; gives how many.
pub async fn drop_weeks(client: &impl GenericClient, horizon: Timestamp) -> Result<i32, Error> {
    let statement = client.prepare_cached("SELECT drop_firing_weeks($1)").await?;
    Ok(client.query_one(&statement, &[&horizon]).await?.get(0))
}

/// Forgets up to `limit` firings of before `horizon` that no week has: old times that somebody asked for.
pub async fn forget(client: &impl GenericClient, horizon: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (
                 SELECT schedule_id, due_at FROM firings_default
                 WHERE due_at < $1 AND created_at < $1 AND status NOT IN ('buffered', 'started') LIMIT $2)
             DELETE FROM firings_default f USING old WHERE f.schedule_id = old.schedule_id AND f.due_at = old.due_at",
        )
        .await?;
    Ok(client.execute(&statement, &[&horizon, &limit]).await?)
}
