//! The table `instances`, and the session advisory lock that each instance holds for as long as it lives.

use deadpool_postgres::GenericClient;
use gathering_domain::InstanceId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Error, Page, PageRequest};

/// The advisory lock of an instance: the random last 63 bits of its id.
pub fn lock_key(id: InstanceId) -> i64 {
    let (_, low) = id.as_uuid().as_u64_pair();
    i64::try_from(low >> 1).unwrap_or(i64::MAX)
}

/// An instance that is registered.
#[derive(Debug, Clone)]
pub struct InstanceRow {
    /// Its id: a new one for each life.
    pub id: InstanceId,
    /// Its name for people.
    pub name: String,
    /// When it was registered, by its own clock.
    pub started_at: Timestamp,
    /// How old its heartbeat is, in milliseconds by the database's clock.
    pub heartbeat_age_ms: i64,
    /// How many runs it has in memory.
    pub runs: i64,
}

/// Up to `limit` instances, the youngest first, behind `after`.
pub async fn list(client: &impl GenericClient, page: PageRequest) -> Result<Page<InstanceRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, name, started_at, (greatest(extract(epoch FROM now() - heartbeat_at), 0) * 1000)::bigint,
                    (SELECT count(*) FROM runs r WHERE r.status = 'running' AND r.owner = i.id)
             FROM instances i WHERE id < $1 ORDER BY id DESC LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&page.before(), &page.fetch()]).await?;
    let read = |row: &tokio_postgres::Row| InstanceRow {
        id: row.get::<_, Uuid>(0).into(),
        name: row.get(1),
        started_at: row.get(2),
        heartbeat_age_ms: row.get(3),
        runs: row.get(4),
    };
    Ok(page.page(rows.iter().map(read).collect(), |row: &InstanceRow| row.id.as_uuid()))
}

/// Registers an instance, or beats its heartbeat; the database's clock counts, because the others judge by it.
pub async fn beat(client: &impl GenericClient, id: InstanceId, name: &str, started_at: Timestamp) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO instances (id, lock_key, name, started_at, heartbeat_at) VALUES ($1, $2, $3, $4, now())
             ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()",
        )
        .await?;
    client
        .execute(&statement, &[&id.as_uuid(), &lock_key(id), &name, &started_at])
        .await?;
    Ok(())
}

/// Takes the advisory lock of an instance on this session; `false` when another session still holds it.
pub async fn lock(client: &impl GenericClient, id: InstanceId) -> Result<bool, Error> {
    let statement = client.prepare_cached("SELECT pg_try_advisory_lock($1)").await?;
    Ok(client.query_one(&statement, &[&lock_key(id)]).await?.get(0))
}

/// The instances that are dead: their lock is free and their heartbeat older than `grace_ms`, or their heartbeat is older than
/// `lease_ms` whatever their lock says (paused, or cut off).
pub async fn dead(client: &impl GenericClient, grace_ms: i64, lease_ms: i64) -> Result<Vec<InstanceId>, Error> {
    let statement = client
        .prepare_cached(
            // A session advisory lock stands in pg_locks as two halves of its key. Reading it there, instead of trying the lock, never
            // holds somebody else's lock even for a moment.
            "SELECT id FROM instances i
             WHERE heartbeat_at < now() - $1::bigint * interval '1 millisecond'
               AND (heartbeat_at < now() - $2::bigint * interval '1 millisecond'
                    OR NOT EXISTS (
                        SELECT FROM pg_locks
                        WHERE locktype = 'advisory' AND objsubid = 1
                          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                          AND ((classid::bigint << 32) | objid::bigint) = i.lock_key))",
        )
        .await?;
    let rows = client.query(&statement, &[&grace_ms, &lease_ms]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// Forgets instances that own no run any more.
pub async fn forget(client: &impl GenericClient, ids: &[InstanceId]) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "WITH gone AS (
                 DELETE FROM instances i WHERE id = ANY ($1)
                 AND NOT EXISTS (SELECT FROM runs r WHERE r.status = 'running' AND r.owner = i.id)
                 RETURNING id),
             undecided AS (
                 DELETE FROM node_decisions d USING gone WHERE d.instance_id = gone.id)
             DELETE FROM cancellations c USING gone WHERE c.instance_id = gone.id",
        )
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    client.execute(&statement, &[&ids]).await?;
    Ok(())
}
