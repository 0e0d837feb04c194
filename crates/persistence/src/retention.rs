//! Forgetting what is old: weeks of `runs` and `run_journal` go whole, what is in their default partitions goes row by row.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// How long a read of a whole week may take.
const READ_LIMIT: &str = "5min";
/// How long the tables are waited for: whoever comes meanwhile waits behind.
const LOCK_LIMIT: &str = "100ms";

/// A week that there are partitions of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// Its first moment, in UTC.
    pub monday: Timestamp,
    /// What its partitions take, indexes included.
    pub bytes: i64,
    /// Whether it still belongs to the tables; else it only waits to be dropped.
    pub attached: bool,
}

/// What a week must not lose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The runs.
    pub runs: Vec<Uuid>,
    /// What their journals take.
    pub journal_bytes: i64,
}

/// The database's clock.
pub async fn now(client: &impl GenericClient) -> Result<Timestamp, Error> {
    let statement = client.prepare_cached("SELECT now()").await?;
    Ok(client.query_one(&statement, &[]).await?.get(0))
}

/// The weeks that there are partitions of, the oldest first.
pub async fn weeks(client: &impl GenericClient) -> Result<Vec<Week>, Error> {
    let statement = client
        .prepare_cached(
            // A partition that another instance drops meanwhile has no size any more.
            "SELECT monday, coalesce(sum(pg_total_relation_size(part)), 0)::bigint, bool_or(attached) FROM partition_weeks()
             GROUP BY monday ORDER BY monday",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    Ok(rows
        .iter()
        .map(|row| Week {
            monday: row.get(0),
            bytes: row.get(1),
            attached: row.get(2),
        })
        .collect())
}

/// Makes this transaction the one that forgets; `false` when another instance is at it.
pub async fn begin(transaction: &Transaction<'_>) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached(
            // The lock is the transaction's. One per schema: engines in two of them have nothing to do with each other.
            "SELECT pg_try_advisory_xact_lock(hashtextextended('gathering retention ' || current_schema(), 0)),
                    set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)",
        )
        .await?;
    Ok(transaction
        .query_one(&statement, &[&READ_LIMIT, &LOCK_LIMIT])
        .await?
        .get(0))
}

/// The runs of a week that have not ended, or not before `horizon`: at most `limit`.
pub async fn wanted(
    client: &impl GenericClient,
    monday: Timestamp,
    horizon: Timestamp,
    limit: i64,
) -> Result<Wanted, Error> {
    let statement = client
        .prepare_cached(
            "WITH wanted AS (
                 SELECT id FROM runs
                 WHERE id >= uuid_of_time($1::timestamptz AT TIME ZONE 'UTC')
                   AND id < uuid_of_time(($1::timestamptz + interval '7 days') AT TIME ZONE 'UTC')
                   AND (finished_at IS NULL OR finished_at >= $2)
                 LIMIT $3)
             SELECT coalesce(array_agg(id), '{}'),
                    (SELECT coalesce(sum(pg_column_size(j.data)), 0)::bigint FROM run_journal j
                     WHERE j.run_id IN (SELECT id FROM wanted))
             FROM wanted",
        )
        .await?;
    let row = client.query_one(&statement, &[&monday, &horizon, &limit]).await?;
    Ok(Wanted {
        runs: row.get(0),
        journal_bytes: row.get(1),
    })
}

/// Takes a week out of the tables; the runs that are wanted move into the default partitions. Gives how many; `None` when the tables were
/// in use for too long, so that the transaction is to be given up.
pub async fn detach(transaction: &Transaction<'_>, monday: Timestamp, wanted: &Wanted) -> Result<Option<usize>, Error> {
    let statement = transaction.prepare_cached("SELECT detach_week($1, $2)").await?;
    match transaction.query_one(&statement, &[&monday, &wanted.runs]).await {
        Ok(row) => Ok(Some(usize::try_from(row.get::<_, i32>(0)).unwrap_or(0))),
        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Drops what was detached of a week.
pub async fn drop_detached(client: &impl GenericClient, monday: Timestamp) -> Result<(), Error> {
    let statement = client.prepare_cached("SELECT drop_detached($1)").await?;
    client.execute(&statement, &[&monday]).await?;
    Ok(())
}

/// Forgets up to `limit` runs in the default partition that are of weeks before `horizon` and ended before it. Gives how many.
pub async fn forget_runs(client: &impl GenericClient, horizon: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (
                 SELECT id FROM runs_default
                 WHERE id < uuid_of_time(date_trunc('week', $1::timestamptz AT TIME ZONE 'UTC')) AND finished_at < $1
                 ORDER BY id LIMIT $2)
             DELETE FROM runs_default r USING old WHERE r.id = old.id",
        )
        .await?;
    Ok(client.execute(&statement, &[&horizon, &limit]).await?)
}

/// Forgets up to `limit` journal entries in the default partition that are of weeks before `horizon` and whose run is gone. Gives
/// how many.
pub async fn forget_entries(client: &impl GenericClient, horizon: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (
                 SELECT run_id, seq FROM run_journal_default j
                 WHERE run_id < uuid_of_time(date_trunc('week', $1::timestamptz AT TIME ZONE 'UTC'))
                   AND NOT EXISTS (SELECT FROM runs r WHERE r.id = j.run_id)
                 LIMIT $2)
             DELETE FROM run_journal_default j USING old WHERE j.run_id = old.run_id AND j.seq = old.seq",
        )
        .await?;
    Ok(client.execute(&statement, &[&horizon, &limit]).await?)
}
