//! The table `cancellations`, and the one write that ends a run from outside.

use deadpool_postgres::GenericClient;
use gathering_domain::{InstanceId, RunId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// A run that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// The instance that was working on it.
    pub owner: Option<InstanceId>,
}

/// Ends a run as cancelled: head, journal entry and the note to its owner in one statement. `None` when it has ended already, or does
/// not exist.
///
/// Fails with a unique violation when the owner appended at this very moment: then it is to be tried again.
pub async fn cancel(
    client: &impl GenericClient,
    run: RunId,
    error: &str,
    at: Timestamp,
) -> Result<Option<Cancelled>, Error> {
    let statement = client.prepare_cached(CANCEL).await?;
    let row = client.query_opt(&statement, &[&run.as_uuid(), &error, &at]).await?;
    Ok(row.map(|row| Cancelled {
        owner: row.get::<_, Option<Uuid>>(0).map(Into::into),
    }))
}

// The lock on the head makes cancel wait for an end that is being committed, and then find it. A plain append of the owner takes no
// lock: of it and of this entry, which name the same number, the primary key lets one through. The epoch rises, so that a retry of the
// owner's lost append can never take this entry for its own.
const CANCEL: &str = "
    WITH present AS (
        SELECT id, owner FROM runs WHERE id = $1 AND finished_at IS NULL FOR UPDATE),
    head AS (
        UPDATE runs r
        SET status = 'cancelled', owner = NULL, wake_at = NULL, held_by = NULL, epoch = r.epoch + 1, error = $2::text::json,
            finished_at = greatest($3::timestamptz, r.started_at, r.created_at)
        FROM present WHERE r.id = present.id
        RETURNING r.id, r.epoch, r.finished_at, present.owner),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, data)
        SELECT id, coalesce((SELECT max(seq) FROM run_journal j WHERE j.run_id = head.id), 0) + 1, epoch, finished_at, 'run_ended',
               '{\"status\":\"cancelled\"}'
        FROM head),
    note AS (
        INSERT INTO cancellations (run_id, instance_id, created_at)
        SELECT id, owner, finished_at FROM head WHERE owner IS NOT NULL)
    SELECT owner FROM head";

/// Takes the notes for an instance.
pub async fn take(client: &impl GenericClient, instance: InstanceId) -> Result<Vec<RunId>, Error> {
    let statement = client
        .prepare_cached("DELETE FROM cancellations WHERE instance_id = $1 RETURNING run_id")
        .await?;
    let rows = client.query(&statement, &[&instance.as_uuid()]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// Forgets up to `limit` notes from before `before` that nobody took: their instance is long gone. Gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (SELECT run_id FROM cancellations WHERE created_at < $1 LIMIT $2)
             DELETE FROM cancellations c USING old WHERE c.run_id = old.run_id",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
