//! The table `runs`: the head of each run.

mod filter;
mod insert;
mod outcome;

use std::time::Duration;

use deadpool_postgres::GenericClient;
use gathering_domain::{InstanceId, Json, PipelineId, ProjectId, RunId, TraceContext};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{Json as Sql, ToSql};
use uuid::Uuid;

pub use self::filter::{RunFilter, count_open, count_queued, list, open};
pub use self::insert::{find, insert};
pub use self::outcome::{RunOutcome, gone, outcomes};
use crate::Error;

/// A run to insert.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The pipeline to run.
    pub pipeline_id: PipelineId,
    /// The version to run; `None` for the latest.
    pub version: Option<i32>,
    /// Higher is claimed first.
    pub priority: i16,
    /// What it is given.
    pub input: Json,
    /// A JSON object of strings, for whoever searches.
    pub labels: Option<Json>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The Idempotency-Key, if one was given.
    pub key: Option<NewRunKey>,
    /// The instance that claims it as it is inserted; `None` leaves it in the queue.
    pub owner: Option<InstanceId>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// The Idempotency-Key of a run to insert.
#[derive(Debug, Clone)]
pub struct NewRunKey {
    /// As the client sent it.
    pub key: String,
    /// SHA-256 of what was asked for.
    pub fingerprint: Vec<u8>,
}

/// A run that was inserted, or that is there already.
#[derive(Debug, Clone)]
pub struct InsertedRun {
    /// Its id.
    pub id: RunId,
    /// The project of its pipeline.
    pub project_id: ProjectId,
    /// The version that it runs.
    pub version: i32,
    /// The instance that works on it.
    pub owner: Option<InstanceId>,
}

/// A run that an instance just claimed.
#[derive(Debug, Clone)]
pub struct ClaimedRun {
    /// Its id.
    pub id: RunId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// The version that it runs.
    pub version: i32,
    /// The epoch of this claim.
    pub epoch: i32,
    /// What it was given.
    pub input: Json,
    /// When it was first claimed.
    pub started_at: Timestamp,
    /// Higher is claimed first.
    pub priority: i16,
    /// A JSON object of strings.
    pub labels: Option<Json>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// A run as it stands, without what may be large.
#[derive(Debug, Clone)]
pub struct RunHead {
    /// Its id.
    pub id: RunId,
    /// The project it lives in.
    pub project_id: ProjectId,
    /// Its pipeline.
    pub pipeline_id: PipelineId,
    /// The version that it runs.
    pub version: i32,
    /// See [`RunState`](gathering_domain::run_state::RunState::name).
    pub status: String,
    /// Higher is claimed first.
    pub priority: i16,
    /// The instance that works on it.
    pub owner: Option<InstanceId>,
    /// How often it was claimed.
    pub epoch: i32,
    /// When a waiting run is due.
    pub wake_at: Option<Timestamp>,
    /// A JSON object of strings.
    pub labels: Option<Json>,
    /// Why it did not complete.
    pub error: Option<Json>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A run as it stands.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// All but input and output.
    pub head: RunHead,
    /// What it was given.
    pub input: Json,
    /// What it gave.
    pub output: Option<Json>,
}

/// Versions of pipelines.
#[derive(Debug, Clone, Default)]
pub struct Versions {
    pipelines: Vec<Uuid>,
    numbers: Vec<i32>,
}

impl Versions {
    /// How many.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

impl FromIterator<(PipelineId, i32)> for Versions {
    fn from_iter<I: IntoIterator<Item = (PipelineId, i32)>>(versions: I) -> Self {
        let (pipelines, numbers) = versions
            .into_iter()
            .map(|(pipeline, number)| (pipeline.as_uuid(), number))
            .unzip();
        Self { pipelines, numbers }
    }
}

/// What [`read_claimed`] reads, after the id.
macro_rules! claimed {
    () => {
        "pipeline_id, version, epoch, input, started_at, project_id, priority, labels, created_at, trace"
    };
}

// SKIP LOCKED: two instances that claim at once take different runs, and none waits. What is locked is queued; that its status is not asked
// for again leaves the primary key as the only way to find it.
// NOT IN stays a filter on the walk along the queue, where NOT EXISTS might become a join that reads all of it.
macro_rules! claim_queued {
    ($part:literal) => {
        concat!(
            "WITH due AS (
                 SELECT id FROM runs
                 WHERE status = 'queued' AND (pipeline_id, version) NOT IN (SELECT * FROM unnest($4::uuid[], $5::integer[])) AND ",
            $part,
            "    ORDER BY priority DESC, id LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE runs r SET status = 'running', owner = $1, epoch = epoch + 1, started_at = coalesce(started_at, $3)
             FROM due WHERE r.id = due.id AND r.owner IS NULL
             RETURNING r.id, ",
            claimed!()
        )
    };
}

/// A part of the queue, in its order: the most urgent first, and of those of one priority the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// Runs of a higher priority.
    Above(i16),
    /// Runs of this priority that are younger than this one.
    Behind(i16, RunId),
    /// Runs of a lower priority.
    Below(i16),
}

/// What to claim from the queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueClaim<'a> {
    /// Who claims.
    pub owner: InstanceId,
    /// At most this many runs.
    pub limit: i64,
    /// The time of the claim.
    pub now: Timestamp,
    /// Not runs of these versions.
    pub except: &'a Versions,
    /// From which part of the queue.
    pub part: Part,
}

/// Claims queued runs in the order of the queue.
pub async fn claim_queued(client: &impl GenericClient, wanted: QueueClaim<'_>) -> Result<Vec<ClaimedRun>, Error> {
    let QueueClaim {
        owner,
        limit,
        now,
        except,
        part,
    } = wanted;
    let (owner, pipelines, numbers) = (owner.as_uuid(), &except.pipelines, &except.numbers);
    match part {
        Part::All => {
            claim(
                client,
                claim_queued!("true"),
                &[&owner, &limit, &now, pipelines, numbers],
            )
            .await
        }
        Part::Above(priority) => {
            let parameters: [&(dyn ToSql + Sync); 6] = [&owner, &limit, &now, pipelines, numbers, &priority];
            claim(client, claim_queued!("priority > $6"), &parameters).await
        }
        Part::Behind(priority, run) => {
            let run = run.as_uuid();
            let parameters: [&(dyn ToSql + Sync); 7] = [&owner, &limit, &now, pipelines, numbers, &priority, &run];
            claim(client, claim_queued!("priority = $6 AND id > $7"), &parameters).await
        }
        Part::Below(priority) => {
            let parameters: [&(dyn ToSql + Sync); 6] = [&owner, &limit, &now, pipelines, numbers, &priority];
            claim(client, claim_queued!("priority < $6"), &parameters).await
        }
    }
}

/// Claims up to `limit` queued runs of these versions whose timeout is over. It counts from their first claim; of a run that nobody ever
/// claimed, because nobody can do it, from when it was asked for.
///
/// Reads all of the queue.
pub async fn claim_overdue(
    client: &impl GenericClient,
    owner: InstanceId,
    limit: i64,
    now: Timestamp,
    versions: &[(PipelineId, i32, Duration)],
) -> Result<Vec<ClaimedRun>, Error> {
    let pipelines: Vec<Uuid> = versions.iter().map(|(pipeline, ..)| pipeline.as_uuid()).collect();
    let numbers: Vec<i32> = versions.iter().map(|(_, number, _)| *number).collect();
    let millis = |timeout: &Duration| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
    let timeouts: Vec<i64> = versions.iter().map(|(.., timeout)| millis(timeout)).collect();
    // SKIP LOCKED: whoever claims one of them at the same time ends it as well. Compared in milliseconds, because an interval may be too
    // long to be added to a time.
    claim(
        client,
        concat!(
            "WITH due AS (
             SELECT r.id FROM runs r
             JOIN unnest($4::uuid[], $5::integer[], $6::bigint[]) AS v (pipeline_id, version, timeout_ms)
               ON v.pipeline_id = r.pipeline_id AND v.version = r.version
             WHERE r.status = 'queued'
               AND extract(epoch FROM $3::timestamptz - coalesce(r.started_at, r.created_at)) * 1000 >= v.timeout_ms
             ORDER BY r.priority DESC, r.id LIMIT $2 FOR UPDATE OF r SKIP LOCKED)
         UPDATE runs r SET status = 'running', owner = $1, epoch = epoch + 1, started_at = coalesce(started_at, created_at)
         FROM due WHERE r.id = due.id AND r.owner IS NULL
         RETURNING r.id, ",
            claimed!()
        ),
        &[&owner.as_uuid(), &limit, &now, &pipelines, &numbers, &timeouts],
    )
    .await
}

/// Claims up to `limit` waiting runs whose time has come.
pub async fn claim_waiting(
    client: &impl GenericClient,
    owner: InstanceId,
    limit: i64,
) -> Result<Vec<ClaimedRun>, Error> {
    claim(
        client,
        concat!(
            "WITH due AS (
             SELECT id FROM runs WHERE status = 'waiting' AND wake_at <= now() ORDER BY wake_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         UPDATE runs r SET status = 'running', owner = $1, epoch = epoch + 1, wake_at = NULL, held_by = NULL
         FROM due WHERE r.id = due.id AND r.owner IS NULL
         RETURNING r.id, ",
            claimed!()
        ),
        &[&owner.as_uuid(), &limit],
    )
    .await
}

/// Takes over up to `limit` runs of instances that are dead.
pub async fn take_over(
    client: &impl GenericClient,
    owner: InstanceId,
    dead: &[InstanceId],
    limit: i64,
) -> Result<Vec<ClaimedRun>, Error> {
    let dead: Vec<Uuid> = dead.iter().map(|id| id.as_uuid()).collect();
    claim(
        client,
        concat!(
            "WITH due AS (
             SELECT id FROM runs WHERE status = 'running' AND owner = ANY ($3)
             ORDER BY priority DESC, id LIMIT $2 FOR UPDATE SKIP LOCKED)
         UPDATE runs r SET owner = $1, epoch = epoch + 1
         FROM due WHERE r.id = due.id AND r.owner = ANY ($3)
         RETURNING r.id, ",
            claimed!()
        ),
        &[&owner.as_uuid(), &limit, &dead],
    )
    .await
}

/// Gives runs back to the queue: an instance that shuts down hands over what it could not finish. Only those it still owns.
pub async fn hand_back(client: &impl GenericClient, owner: InstanceId) -> Result<u64, Error> {
    let statement = client
        .prepare_cached("UPDATE runs SET status = 'queued', owner = NULL WHERE status = 'running' AND owner = $1")
        .await?;
    Ok(client.execute(&statement, &[&owner.as_uuid()]).await?)
}

/// The claim of one run, if `owner` still holds it: its journal is to be read again.
pub async fn claimed_by(
    client: &impl GenericClient,
    id: RunId,
    owner: InstanceId,
) -> Result<Option<ClaimedRun>, Error> {
    let statement = client
        .prepare_cached(concat!(
            "SELECT id, ",
            claimed!(),
            " FROM runs WHERE id = $1 AND owner = $2 AND status = 'running'"
        ))
        .await?;
    client
        .query_opt(&statement, &[&id.as_uuid(), &owner.as_uuid()])
        .await?
        .as_ref()
        .map(read_claimed)
        .transpose()
}

/// The runs that an instance owns.
pub async fn owned(client: &impl GenericClient, owner: InstanceId) -> Result<Vec<ClaimedRun>, Error> {
    claim(
        client,
        concat!(
            "SELECT id, ",
            claimed!(),
            " FROM runs WHERE status = 'running' AND owner = $1"
        ),
        &[&owner.as_uuid()],
    )
    .await
}

/// Those of these runs that an instance owns.
pub async fn owned_of(client: &impl GenericClient, owner: InstanceId, ids: &[RunId]) -> Result<Vec<ClaimedRun>, Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    claim(
        client,
        concat!(
            "SELECT id, ",
            claimed!(),
            " FROM runs WHERE id = ANY ($2) AND status = 'running' AND owner = $1"
        ),
        &[&owner.as_uuid(), &ids],
    )
    .await
}

/// The owners of running runs that are not registered as instances.
pub async fn unregistered_owners(client: &impl GenericClient) -> Result<Vec<InstanceId>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT DISTINCT owner FROM runs
             WHERE status = 'running' AND NOT EXISTS (SELECT FROM instances i WHERE i.id = owner)",
        )
        .await?;
    Ok(client
        .query(&statement, &[])
        .await?
        .iter()
        .map(|row| row.get::<_, Uuid>(0).into())
        .collect())
}

/// When the next waiting run is due, in milliseconds from now by the database's clock; 0 when one is due already, `None` when none waits.
pub async fn next_wake_ms(client: &impl GenericClient) -> Result<Option<i64>, Error> {
    let statement = client
        .prepare_cached(
            // No row where nobody waits: `greatest` would take the missing time for none.
            "SELECT (greatest(extract(epoch FROM min(wake_at) - now()), 0) * 1000)::bigint FROM runs WHERE status = 'waiting'
             HAVING min(wake_at) IS NOT NULL",
        )
        .await?;
    Ok(client.query_opt(&statement, &[]).await?.map(|row| row.get(0)))
}

/// Which of these runs nobody has locked just now.
pub async fn unlocked(client: &impl GenericClient, ids: &[RunId]) -> Result<Vec<RunId>, Error> {
    // SKIP LOCKED is the question; its own locks are gone with the statement.
    let statement = client
        .prepare_cached("SELECT id FROM runs WHERE id = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED")
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// Which of these runs have ended, or do not exist (any more).
pub async fn over(client: &impl GenericClient, ids: &[RunId]) -> Result<Vec<RunId>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id FROM unnest($1::uuid[]) AS asked (id)
             WHERE NOT EXISTS (SELECT FROM runs r WHERE r.id = asked.id AND r.finished_at IS NULL)",
        )
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = client.query(&statement, &[&ids]).await?;
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// The project of a run.
pub async fn project(client: &impl GenericClient, id: RunId) -> Result<Option<ProjectId>, Error> {
    let statement = client
        .prepare_cached("SELECT project_id FROM runs WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| row.get::<_, Uuid>(0).into()))
}

/// One run.
pub async fn get(client: &impl GenericClient, id: RunId) -> Result<Option<RunRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, project_id, pipeline_id, version, status, priority, owner, epoch, wake_at, labels, error,
                    created_at, started_at, finished_at, input, output
             FROM runs WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid()]).await?;
    Ok(row.map(|row| RunRow {
        head: read(&row),
        input: row.get::<_, Sql<Json>>(14).0,
        output: row.get::<_, Option<Sql<Json>>>(15).map(|output| output.0),
    }))
}

async fn claim(
    client: &impl GenericClient,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<ClaimedRun>, Error> {
    let statement = client.prepare_cached(sql).await?;
    client
        .query(&statement, parameters)
        .await?
        .iter()
        .map(read_claimed)
        .collect()
}

fn read_claimed(row: &Row) -> Result<ClaimedRun, Error> {
    let started_at: Option<Timestamp> = row.get(5);
    Ok(ClaimedRun {
        id: row.get::<_, Uuid>(0).into(),
        project_id: row.get::<_, Uuid>(6).into(),
        pipeline_id: row.get::<_, Uuid>(1).into(),
        version: row.get(2),
        epoch: row.get(3),
        input: row.get::<_, Sql<Json>>(4).0,
        started_at: started_at.ok_or_else(|| Error::corrupt("runs", "a claimed run has no started_at"))?,
        priority: row.get(7),
        labels: row.get::<_, Option<Sql<Json>>>(8).map(|labels| labels.0),
        created_at: row.get(9),
        // One that cannot be read is none: a run is not to fail over it.
        trace: row.get::<_, Option<&str>>(10).and_then(|trace| trace.parse().ok()),
    })
}

fn read(row: &Row) -> RunHead {
    let json = |column: usize| row.get::<_, Option<Sql<Json>>>(column).map(|json| json.0);
    RunHead {
        id: row.get::<_, Uuid>(0).into(),
        project_id: row.get::<_, Uuid>(1).into(),
        pipeline_id: row.get::<_, Uuid>(2).into(),
        version: row.get(3),
        status: row.get(4),
        priority: row.get(5),
        owner: row.get::<_, Option<Uuid>>(6).map(Into::into),
        epoch: row.get(7),
        wake_at: row.get(8),
        labels: json(9),
        error: json(10),
        created_at: row.get(11),
        started_at: row.get(12),
        finished_at: row.get(13),
    }
}
