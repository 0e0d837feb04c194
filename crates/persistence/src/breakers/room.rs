//! How many breakers there are: made when they count for the first time, forgotten when nobody uses them or others need the room.

use deadpool_postgres::GenericClient;
use gathering_domain::{BreakerId, ProjectId};
use uuid::Uuid;

use super::{BreakerKey, split};
use crate::Error;

/// The most breakers of one project.
pub const MAX_PER_PROJECT: i64 = 1_000;

/// A breaker to make, if its key has none yet.
#[derive(Debug, Clone)]
pub struct NewBreaker {
    /// The id that it is to have.
    pub id: BreakerId,
    /// Whose, and which.
    pub key: BreakerKey,
}

/// Makes breakers that do not exist yet, as far as their projects have room for them. Gives how many.
pub async fn ensure(client: &impl GenericClient, new: &[NewBreaker]) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // Counted once for each project, and no more than fits is made of each.
            "WITH new AS (
                 SELECT u.*, row_number() OVER (PARTITION BY u.project_id ORDER BY u.key) AS place
                 FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS u (id, project_id, key)
                 WHERE NOT EXISTS (SELECT FROM breakers b WHERE b.project_id = u.project_id AND b.key = u.key)),
             there AS MATERIALIZED (
                 SELECT b.project_id, count(*) AS count FROM breakers b
                 WHERE b.project_id IN (SELECT project_id FROM new) GROUP BY b.project_id)
             INSERT INTO breakers (id, project_id, key, status, counts, times, version, window_ms, created_at, updated_at)
             SELECT u.id, u.project_id, u.key, 'closed', '[]', 0, 0, 1, now(), now()
             FROM new u LEFT JOIN there t ON t.project_id = u.project_id
             WHERE u.place + coalesce(t.count, 0) <= $4
             -- In one order everywhere, so that two instances that make the same ones never wait for each other in a circle.
             ORDER BY u.project_id, u.key
             ON CONFLICT DO NOTHING",
        )
        .await?;
    let ids: Vec<Uuid> = new.iter().map(|new| new.id.as_uuid()).collect();
    let (projects, keys) = split(new.iter().map(|new| &new.key));
    Ok(client
        .execute(&statement, &[&ids, &projects, &keys, &MAX_PER_PROJECT])
        .await?)
}

/// Removes up to `count` closed breakers of a project that has no room left, those first that were not counted for longest; none with
/// one of the keys in hand. Gives how many.
pub async fn make_room(
    client: &impl GenericClient,
    project: ProjectId,
    count: i64,
    in_hand: &[&str],
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // SKIP LOCKED: one that is being written elsewhere is in use. Those that this transaction has locked are among the keys.
            "DELETE FROM breakers WHERE id IN (
                 SELECT id FROM breakers WHERE project_id = $1 AND status = 'closed' AND key <> ALL ($3::text[])
                 ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&project.as_uuid(), &count, &in_hand])
        .await?)
}

/// Removes up to `limit` breakers that nobody used for long: closed ones for a day, others for a week past their time.
pub async fn forget_unused(client: &impl GenericClient, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // SKIP LOCKED: one that is being written is in use.
            "DELETE FROM breakers WHERE id IN (
                 SELECT id FROM breakers
                 WHERE updated_at < now() - interval '1 day'
                   AND (status = 'closed' OR coalesce(open_until, probe_until) < now() - interval '7 days')
                 LIMIT $1 FOR UPDATE SKIP LOCKED)",
        )
        .await?;
    Ok(client.execute(&statement, &[&limit]).await?)
}
