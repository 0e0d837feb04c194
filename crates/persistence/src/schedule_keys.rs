//! The table `schedule_keys`: which schedule, or which firing that somebody asked for, an Idempotency-Key stands for.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleKey {
    /// The project of the schedule, or the schedule of the firing.
    pub scope: Uuid,
    /// The key.
    pub key: String,
    /// SHA-256 of what was asked for.
    pub fingerprint: Vec<u8>,
    /// The schedule, or the firing.
    pub made: Uuid,
    /// Of a firing, its due time.
    pub due_at: Option<Timestamp>,
}

/// Uses a key; `false` where it is used already. Waits for whoever is about to use it.
pub async fn insert(tx: &Transaction<'_>, key: &ScheduleKey, now: Timestamp) -> Result<bool, Error> {
    let statement = tx
        .prepare_cached(
            "INSERT INTO schedule_keys (scope, key, fingerprint, made, due_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .await?;
    let inserted = tx
        .execute(
            &statement,
            &[&key.scope, &key.key, &key.fingerprint, &key.made, &key.due_at, &now],
        )
        .await?;
    Ok(inserted == 1)
}

/// What a key stands for, if it was used.
pub async fn get(client: &impl GenericClient, scope: Uuid, key: &str) -> Result<Option<ScheduleKey>, Error> {
    let statement = client
        .prepare_cached("SELECT fingerprint, made, due_at FROM schedule_keys WHERE scope = $1 AND key = $2")
        .await?;
    let row = client.query_opt(&statement, &[&scope, &key]).await?;
    Ok(row.map(|row| ScheduleKey {
        scope,
        key: key.to_owned(),
        fingerprint: row.get(0),
        made: row.get(1),
        due_at: row.get(2),
    }))
}

/// Forgets up to `limit` keys that were used before `before`: used again, such a key makes something new. Gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (SELECT scope, key FROM schedule_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)
             DELETE FROM schedule_keys k USING old WHERE k.scope = old.scope AND k.key = old.key",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
