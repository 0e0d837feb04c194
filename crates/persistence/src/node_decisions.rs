//! The table `node_decisions`, the nodes in quarantine, and the one write that resolves such a node from outside.

use std::fmt;
use std::str::FromStr;

use deadpool_postgres::GenericClient;
use gathering_domain::{InstanceId, Json, PipelineId, ProjectId, RunId};
use jiff::Timestamp;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::Error;
use crate::run_journal::EntryRow;

/// A decision about a node in quarantine, on its way to the instance that has its run in memory.
#[derive(Debug, Clone)]
pub struct DecisionRow {
    /// The run.
    pub run_id: RunId,
    /// The node.
    pub node: String,
    /// The number of the attempt after which it was quarantined.
    pub attempt: i32,
    /// What was decided.
    pub decision: Json,
}

/// A node in quarantine.
#[derive(Debug, Clone)]
pub struct QuarantinedRow {
    /// The entry that says so.
    pub entry: EntryRow,
    /// The pipeline of its run.
    pub pipeline_id: PipelineId,
    /// The version that the run runs.
    pub version: i32,
}

/// An entry that resolves a quarantine, to be written while nobody owns the run.
#[derive(Debug, Clone)]
pub struct Resolution<'a> {
    /// The run.
    pub run_id: RunId,
    /// The epoch at which its journal was read.
    pub epoch: i32,
    /// The number of the entry: the next one.
    pub seq: i32,
    /// When it was decided.
    pub at: Timestamp,
    /// What becomes of the node.
    pub kind: &'a str,
    /// The node.
    pub node: &'a str,
    /// With which facts.
    pub data: Option<&'a str>,
}

/// The place of an entry in the journals of all runs: where a list of entries goes on. Written `RUN:SEQ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPlace {
    /// The run.
    pub run_id: RunId,
    /// The number of the entry.
    pub seq: i32,
}

impl fmt::Display for EntryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run_id, self.seq)
    }
}

/// A text that is no place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is written RUN:SEQ")]
pub struct NoPlace;

impl FromStr for EntryPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (run_id, seq) = text.split_once(':').ok_or(NoPlace)?;
        let (run_id, seq) = (run_id.parse().ok(), seq.parse().ok());
        run_id.zip(seq).map(|(run_id, seq)| Self { run_id, seq }).ok_or(NoPlace)
    }
}

/// Appends the entry if nobody owns the run and its epoch is still the same, and makes it due; `false` otherwise.
pub async fn resolve(client: &impl GenericClient, resolution: &Resolution<'_>) -> Result<bool, Error> {
    // The epoch says that nobody claimed, cancelled or resolved anything since the journal was read, so that the entry has the next number;
    // it rises, so that a second resolution from the same reading comes to nothing. The lock on the head makes this wait for a claim that
    // is being committed, and then miss.
    let statement = client
        .prepare_cached(
            "WITH head AS (
                 UPDATE runs SET epoch = epoch + 1, wake_at = CASE WHEN status = 'waiting' THEN now() END
                 WHERE id = $1 AND epoch = $2 AND status IN ('queued', 'waiting')
                 RETURNING id, epoch)
             INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
             SELECT id, $3, epoch, $4, $5, $6, $7::text::json FROM head",
        )
        .await?;
    let Resolution {
        run_id,
        epoch,
        seq,
        at,
        kind,
        node,
        data,
    } = resolution;
    let count = client
        .execute(&statement, &[&run_id.as_uuid(), epoch, seq, at, kind, node, data])
        .await?;
    Ok(count == 1)
}

/// Leaves a decision for the instance that has the run in memory; of two about one node the later one counts.
pub async fn leave(
    client: &impl GenericClient,
    row: &DecisionRow,
    instance: InstanceId,
    at: Timestamp,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO node_decisions (run_id, node, attempt, decision, instance_id, created_at)
             SELECT $1, $2, $3, $4, id, $6 FROM instances WHERE id = $5
             ON CONFLICT (run_id, node) DO UPDATE SET
                 attempt = excluded.attempt, decision = excluded.decision, instance_id = excluded.instance_id,
                 created_at = excluded.created_at",
        )
        .await?;
    let DecisionRow {
        run_id,
        node,
        attempt,
        decision,
    } = row;
    client
        .execute(
            &statement,
            &[
                &run_id.as_uuid(),
                node,
                attempt,
                &Sql(decision),
                &instance.as_uuid(),
                &at,
            ],
        )
        .await?;
    Ok(())
}

/// Takes the decisions for an instance.
pub async fn take(client: &impl GenericClient, instance: InstanceId) -> Result<Vec<DecisionRow>, Error> {
    let statement = client
        .prepare_cached("DELETE FROM node_decisions WHERE instance_id = $1 RETURNING run_id, node, attempt, decision")
        .await?;
    let rows = client.query(&statement, &[&instance.as_uuid()]).await?;
    let read = |row: &tokio_postgres::Row| DecisionRow {
        run_id: row.get::<_, Uuid>(0).into(),
        node: row.get(1),
        attempt: row.get(2),
        decision: row.get::<_, Sql<Json>>(3).0,
    };
    Ok(rows.iter().map(read).collect())
}

/// Up to `limit` nodes of a project that are in quarantine, those of the newest runs first, behind `after`.
pub async fn quarantined(
    client: &impl GenericClient,
    project: ProjectId,
    after: Option<EntryPlace>,
    limit: i64,
) -> Result<Vec<QuarantinedRow>, Error> {
    let statement = client
        .prepare_cached(
            // In quarantine is a node about which the journal of an open run says nothing later.
            "SELECT q.run_id, q.seq, q.at, q.kind, q.node, q.data, r.pipeline_id, r.version
             FROM run_journal q JOIN runs r ON r.id = q.run_id
             WHERE q.kind = 'node_quarantined' AND (q.run_id, q.seq) < ($2::uuid, $3::integer)
                 AND r.project_id = $1 AND r.finished_at IS NULL
                 AND NOT EXISTS (SELECT FROM run_journal j WHERE j.run_id = q.run_id AND j.seq > q.seq AND j.node = q.node)
             ORDER BY q.run_id DESC, q.seq DESC LIMIT $4",
        )
        .await?;
    let (run, seq) = after.map_or((Uuid::max(), i32::MAX), |place| (place.run_id.as_uuid(), place.seq));
    let rows = client
        .query(&statement, &[&project.as_uuid(), &run, &seq, &limit])
        .await?;
    let read = |row: &tokio_postgres::Row| QuarantinedRow {
        entry: crate::run_journal::read(row),
        pipeline_id: row.get::<_, Uuid>(6).into(),
        version: row.get(7),
    };
    Ok(rows.iter().map(read).collect())
}
