//! The table `run_journal`: the truth of each run, appended by compare-and-append.

mod single;

use deadpool_postgres::GenericClient;
use gathering_domain::{BreakerId, InstanceId, Json, RunId};
use jiff::Timestamp;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::{Error, Safety};

// In tests as well, so that a change of a statement which the other ones are made from is noticed at once.
#[cfg(any(test, feature = "without-safeties"))]
mod without;

#[cfg(any(test, feature = "without-safeties"))]
use without::{append_statement, has_entry_statement};

/// An entry to append: its writer names its number.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The run.
    pub run_id: RunId,
    /// Its number, from 1, without gaps.
    pub seq: i32,
    /// The epoch of the writer's claim.
    pub epoch: i32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: &'static str,
    /// To which node.
    pub node: Option<std::sync::Arc<str>>,
    /// With which facts.
    pub data: Option<String>,
    /// Whether a [`HeadChange`] of the same run goes with it: then it counts only if that one does.
    pub with_head: bool,
}

/// A change of a run's head that commits together with its entries.
#[derive(Debug, Clone)]
pub struct HeadChange {
    /// The run.
    pub run_id: RunId,
    /// The epoch of the writer's claim.
    pub epoch: i32,
    /// The new status: a final one, `waiting`, or `queued` for a run that its owner passes on.
    pub status: &'static str,
    /// For `waiting`: after how many milliseconds, by the database's clock.
    pub wait_ms: Option<i64>,
    /// For `waiting`: the breaker whose closing makes it due at once.
    pub held_by: Option<BreakerId>,
    /// For `completed`: what the run gave.
    pub output: Option<Json>,
    /// For the other ends: why.
    pub error: Option<String>,
    /// For a final status: when.
    pub finished_at: Option<Timestamp>,
}

/// What goes to the database in one statement: the entries and head changes of many runs.
#[derive(Debug, Default)]
pub struct Batch {
    /// Entries, those of one run in the order of their numbers.
    pub entries: Vec<NewEntry>,
    /// At most one per run.
    pub heads: Vec<HeadChange>,
}

/// What [`append`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// Everything is durable.
    All,
    /// Some runs were not the writer's any more; [`has_entry`] tells which. The others are durable.
    Some,
}

/// An entry as it stands.
#[derive(Debug, Clone)]
pub struct EntryRow {
    /// The run.
    pub run_id: RunId,
    /// Its number, from 1.
    pub seq: i32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// To which node.
    pub node: Option<String>,
    /// With which facts.
    pub data: Option<Json>,
}

/// Appends the entries and changes the heads of all runs in the batch that `owner` still holds, in one round trip and one commit.
///
/// Fails as a whole, with a unique violation, when an entry of the same number exists already.
pub async fn append(client: &impl GenericClient, owner: InstanceId, batch: &Batch) -> Result<Appended, Error> {
    if !(Safety::EpochCheck.is_off() || Safety::CompareAndAppend.is_off())
        && let Some(claim) = single::only_claim(batch)
    {
        return single::append(client, owner, claim, batch).await;
    }
    let statement = client.prepare_cached(append_statement()).await?;
    let (entries, heads) = (&batch.entries, &batch.heads);
    let run_ids: Vec<Uuid> = entries.iter().map(|entry| entry.run_id.as_uuid()).collect();
    let seqs: Vec<i32> = entries.iter().map(|entry| entry.seq).collect();
    let epochs: Vec<i32> = entries.iter().map(|entry| entry.epoch).collect();
    let ats: Vec<Timestamp> = entries.iter().map(|entry| entry.at).collect();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind).collect();
    let nodes: Vec<Option<&str>> = entries.iter().map(|entry| entry.node.as_deref()).collect();
    let data: Vec<Option<&str>> = entries.iter().map(|entry| entry.data.as_deref()).collect();
    let with_head: Vec<bool> = entries.iter().map(|entry| entry.with_head).collect();
    let head_ids: Vec<Uuid> = heads.iter().map(|head| head.run_id.as_uuid()).collect();
    let head_epochs: Vec<i32> = heads.iter().map(|head| head.epoch).collect();
    let statuses: Vec<&str> = heads.iter().map(|head| head.status).collect();
    let waits: Vec<Option<i64>> = heads.iter().map(|head| head.wait_ms).collect();
    let held_by: Vec<Option<Uuid>> = heads.iter().map(|head| head.held_by.map(BreakerId::as_uuid)).collect();
    let outputs: Vec<Option<&str>> = heads.iter().map(|head| head.output.as_ref().map(Json::text)).collect();
    let errors: Vec<Option<&str>> = heads.iter().map(|head| head.error.as_deref()).collect();
    let finished: Vec<Option<Timestamp>> = heads.iter().map(|head| head.finished_at).collect();
    let row = client
        .query_one(
            &statement,
            &[
                &owner.as_uuid(),
                &run_ids,
                &seqs,
                &epochs,
                &ats,
                &kinds,
                &nodes,
                &data,
                &with_head,
                &head_ids,
                &head_epochs,
                &statuses,
                &waits,
                &outputs,
                &errors,
                &finished,
                &held_by,
            ],
        )
        .await?;
    Ok(appended(row.get(0), batch))
}

fn appended(done: i64, batch: &Batch) -> Appended {
    let all = i64::try_from(batch.entries.len() + batch.heads.len()).unwrap_or(i64::MAX);
    if done == all { Appended::All } else { Appended::Some }
}

// `head` locks and changes the rows of runs that end or wait, if they are still the writer's. No entry is written before all of them are
// locked, which is what the comparison with their number is for: an entry that is not committed yet is waited for, and whoever waits for one
// of this statement's entries while holding a head would else wait in a circle. An entry counts if its run's head was changed just now, or
// else if the run is the writer's in this statement's snapshot: should somebody take the run over at this very moment, the primary key
// decides who was first.
const APPEND: &str = "
    WITH head AS (
        UPDATE runs r
        SET status = h.status, owner = NULL, wake_at = now() + h.wait_ms * interval '1 millisecond',
            held_by = h.held_by, output = h.output::json, error = h.error::json, finished_at = h.finished_at
        FROM unnest($10::uuid[], $11::integer[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::timestamptz[],
                    $17::uuid[])
            AS h (run_id, epoch, status, wait_ms, output, error, finished_at, held_by)
        WHERE r.id = h.run_id AND r.owner = $1 AND r.epoch = h.epoch
        RETURNING r.id),
    entry AS (
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
        SELECT e.run_id, e.seq, e.epoch, e.at, e.kind, e.node, e.data::json
        FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::boolean[])
            AS e (run_id, seq, epoch, at, kind, node, data, with_head)
        WHERE (SELECT count(*) FROM head) >= 0
            AND CASE WHEN e.with_head THEN e.run_id IN (SELECT id FROM head)
                     ELSE EXISTS (SELECT FROM runs r WHERE r.id = e.run_id AND r.owner = $1 AND r.epoch = e.epoch) END
        RETURNING 1)
    SELECT (SELECT count(*) FROM head) + (SELECT count(*) FROM entry)";

#[cfg(not(any(test, feature = "without-safeties")))]
const fn append_statement() -> &'static str {
    APPEND
}

/// Whether entry `seq` of the run was written under `epoch`.
pub async fn has_entry(client: &impl GenericClient, run: RunId, seq: i32, epoch: i32) -> Result<bool, Error> {
    let statement = client.prepare_cached(has_entry_statement()).await?;
    Ok(client
        .query_one(&statement, &[&run.as_uuid(), &seq, &epoch])
        .await?
        .get(0))
}

const HAS_ENTRY: &str = "SELECT EXISTS (SELECT FROM run_journal WHERE run_id = $1 AND seq = $2 AND epoch = $3)";

#[cfg(not(any(test, feature = "without-safeties")))]
const fn has_entry_statement() -> &'static str {
    HAS_ENTRY
}

/// The journals of some runs, each in its order.
pub async fn of_runs(client: &impl GenericClient, runs: &[RunId]) -> Result<Vec<EntryRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT run_id, seq, at, kind, node, data FROM run_journal WHERE run_id = ANY ($1) ORDER BY run_id, seq",
        )
        .await?;
    let runs: Vec<Uuid> = runs.iter().map(|run| run.as_uuid()).collect();
    Ok(client.query(&statement, &[&runs]).await?.iter().map(read).collect())
}

/// Up to `limit` entries of a run after number `after` (0 for the first).
pub async fn page(client: &impl GenericClient, run: RunId, after: i32, limit: i64) -> Result<Vec<EntryRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT run_id, seq, at, kind, node, data FROM run_journal WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .await?;
    Ok(client
        .query(&statement, &[&run.as_uuid(), &after, &limit])
        .await?
        .iter()
        .map(read)
        .collect())
}

pub(crate) fn read(row: &tokio_postgres::Row) -> EntryRow {
    EntryRow {
        run_id: row.get::<_, Uuid>(0).into(),
        seq: row.get(1),
        at: row.get(2),
        kind: row.get(3),
        node: row.get(4),
        data: row.get::<_, Option<Sql<Json>>>(5).map(|data| data.0),
    }
}
