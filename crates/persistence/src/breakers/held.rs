//! The runs that breakers hold.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use gathering_domain::BreakerId;
use uuid::Uuid;

use super::millis;
use crate::Error;

/// Makes up to `limit` runs due that these breakers held for longer than they have to wait: at once where one has closed. Spread over
/// half a second, so that they do not all come together. Gives how many.
pub async fn wake_held(
    client: &impl GenericClient,
    breakers: &[(BreakerId, Duration)],
    limit: i64,
) -> Result<u64, Error> {
    let (ids, waits): (Vec<Uuid>, Vec<i64>) = breakers.iter().map(|(id, wait)| (id.as_uuid(), millis(*wait))).unzip();
    let statement = client
        .prepare_cached(
            // SKIP LOCKED: a run that is being claimed or cancelled at this moment needs no waking.
            "WITH sooner AS (
                 SELECT id, now() + wait_ms * interval '1 millisecond' AS at FROM unnest($1::uuid[], $2::bigint[]) AS s (id, wait_ms)),
             held AS (
                 SELECT r.id, s.at FROM sooner s JOIN runs r ON r.held_by = s.id
                 WHERE r.status = 'waiting' AND r.wake_at > s.at + interval '500 milliseconds'
                 LIMIT $3 FOR UPDATE OF r SKIP LOCKED)
             UPDATE runs r SET wake_at = held.at + random() * interval '500 milliseconds'
             FROM held WHERE r.id = held.id AND r.status = 'waiting'",
        )
        .await?;
    Ok(client.execute(&statement, &[&ids, &waits, &limit]).await?)
}
