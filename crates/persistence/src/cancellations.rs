//! The table `cancellations`, and the one write that ends runs from outside.

use deadpool_postgres::GenericClient;
use gathering_domain::{InstanceId, RunId, RunStatus};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Connection, Error, Transaction};

/// What to cancel, and why.
#[derive(Debug, Clone, Copy)]
pub struct Cancel<'a> {
    /// The runs.
    pub runs: &'a [RunId],
    /// Only those with this status.
    pub status: Option<RunStatus>,
    /// Why, as the text of a JSON object.
    pub error: &'a str,
    /// When.
    pub at: Timestamp,
}

/// A run that had not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// The run.
    pub id: RunId,
    /// The instance that was working on it.
    pub owner: Option<InstanceId>,
    /// Whether it is over now. If not, its owner appended at this very moment, and it is to be tried again.
    pub done: bool,
}

/// Ends runs as cancelled: heads, journal entries and the notes to their owners in one statement. Waits for whoever has a head locked. Those
/// that have ended already, do not exist or have another status are missing from what it gives.
pub async fn cancel(client: &impl GenericClient, cancel: Cancel<'_>) -> Result<Vec<Cancelled>, Error> {
    let statement = client.prepare_cached(CANCEL).await?;
    let Cancel {
        runs,
        status,
        error,
        at,
    } = cancel;
    let status = status.map(RunStatus::as_str);
    let rows = client.query(&statement, &[&uuids(runs), &status, &error, &at]).await?;
    let read = |row: &tokio_postgres::Row| Cancelled {
        id: row.get::<_, Uuid>(0).into(),
        owner: row.get::<_, Option<Uuid>>(1).map(Into::into),
        done: row.get(2),
    };
    Ok(rows.iter().map(read).collect())
}

// The locks on the heads, taken in the order of the ids, make cancel wait for an end that is being committed, and then miss that run. A plain
// append of the owner takes no lock: of it and of this entry, which name the same number, the primary key lets one through. Where that is the
// owner's, the conflict leaves the run as it is, so that a caller's transaction goes on and the next try names the next number. The epoch
// rises, so that a retry of the owner's lost append can never take this entry for its own. What the run was tells readers whether somebody was
// at work on it, which is written nowhere else.
const CANCEL: &str = "
    WITH present AS (
        SELECT id, owner, status, epoch + 1 AS epoch, greatest($4::timestamptz, started_at, created_at) AS at
        FROM runs WHERE id = ANY ($1) AND finished_at IS NULL AND ($2::text IS NULL OR status = $2)
        ORDER BY id FOR UPDATE),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, data)
        SELECT id, coalesce((SELECT max(seq) FROM run_journal j WHERE j.run_id = present.id), 0) + 1, epoch, at, 'run_ended',
               json_build_object('status', 'cancelled', 'was', status)
        FROM present
        ON CONFLICT DO NOTHING
        RETURNING run_id, epoch, at),
    head AS (
        UPDATE runs r
        SET status = 'cancelled', owner = NULL, wake_at = NULL, held_by = NULL, epoch = entry.epoch, error = $3::text::json,
            finished_at = entry.at
        FROM entry WHERE r.id = entry.run_id
        RETURNING r.id),
    note AS (
        INSERT INTO cancellations (run_id, instance_id, created_at)
        SELECT present.id, present.owner, present.at FROM present JOIN head USING (id) WHERE present.owner IS NOT NULL)
    SELECT present.id, present.owner, head.id IS NOT NULL FROM present LEFT JOIN head USING (id)";

/// The same for many runs, in a transaction of its own, but for those that somebody has locked: these are missing, too, and may be tried by
/// themselves with [`cancel_patiently`].
pub async fn cancel_free(client: &mut Connection, asked: Cancel<'_>) -> Result<Vec<Cancelled>, Error> {
    let transaction = begin(client).await?;
    let statement = transaction.prepare_cached(LOCK_FREE).await?;
    let status = asked.status.map(RunStatus::as_str);
    let rows = transaction.query(&statement, &[&uuids(asked.runs), &status]).await?;
    let free: Vec<RunId> = rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect();
    // A statement of its own sees what was appended until the locks were there.
    let runs = cancel(&transaction, Cancel { runs: &free, ..asked }).await?;
    transaction.commit().await?;
    Ok(runs)
}

// SKIP LOCKED: whoever ends, claims or cancels one of them at this moment is not waited for while the others are locked. In the order of the
// ids, as everybody who locks several.
const LOCK_FREE: &str = "
    SELECT id FROM runs WHERE id = ANY ($1) AND finished_at IS NULL AND ($2::text IS NULL OR status = $2)
    ORDER BY id FOR UPDATE SKIP LOCKED";

/// [`cancel`] in a transaction of its own, which waits for 100 ms at the longest: then it fails with
/// [`Error::is_lock_timeout`].
pub async fn cancel_patiently(client: &mut Connection, asked: Cancel<'_>) -> Result<Vec<Cancelled>, Error> {
    let transaction = begin(client).await?;
    let runs = cancel(&transaction, asked).await?;
    transaction.commit().await?;
    Ok(runs)
}

/// Begins a transaction that waits for nobody for long, an owner's append included: it holds the heads of many runs. However long the
/// history is, the runs are to be found by primary key.
async fn begin(client: &mut Connection) -> Result<Transaction<'_>, Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(
            "SET LOCAL lock_timeout = '100ms'; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
             SET LOCAL enable_mergejoin = off; SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_generic_plan",
        )
        .await?;
    Ok(transaction)
}

fn uuids(runs: &[RunId]) -> Vec<Uuid> {
    runs.iter().map(|run| run.as_uuid()).collect()
}

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
