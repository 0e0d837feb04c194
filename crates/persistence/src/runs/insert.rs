//! Inserting runs: many in one statement, or one, which is what an idle instance does, by a leaner one.

use deadpool_postgres::GenericClient;
use gathering_domain::{InstanceId, Json, RunId, TraceContext};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{InsertedRun, NewRun};
use crate::Error;

/// Inserts runs in one statement and gives those that it inserted.
///
/// Missing are runs whose pipeline or version does not exist, whose key was used before, or that are there already; [`find`] and
/// [`run_keys::get`](crate::run_keys::get) tell which.
pub async fn insert(client: &impl GenericClient, runs: &[NewRun]) -> Result<Vec<InsertedRun>, Error> {
    if let [run] = runs
        && run.key.is_none()
    {
        return insert_one(client, run).await;
    }
    let statement = client.prepare_cached(INSERT).await?;
    let ids: Vec<Uuid> = runs.iter().map(|run| run.id.as_uuid()).collect();
    let pipelines: Vec<Uuid> = runs.iter().map(|run| run.pipeline_id.as_uuid()).collect();
    let versions: Vec<Option<i32>> = runs.iter().map(|run| run.version).collect();
    let priorities: Vec<i16> = runs.iter().map(|run| run.priority).collect();
    let inputs: Vec<&str> = runs.iter().map(|run| run.input.text()).collect();
    let labels: Vec<Option<&str>> = runs.iter().map(|run| run.labels.as_ref().map(Json::text)).collect();
    let created: Vec<Timestamp> = runs.iter().map(|run| run.created_at).collect();
    let keys: Vec<Option<&str>> = runs
        .iter()
        .map(|run| run.key.as_ref().map(|key| key.key.as_str()))
        .collect();
    let prints: Vec<Option<&[u8]>> = runs
        .iter()
        .map(|run| run.key.as_ref().map(|key| &*key.fingerprint))
        .collect();
    let owners: Vec<Option<Uuid>> = runs.iter().map(|run| run.owner.map(InstanceId::as_uuid)).collect();
    let traces: Vec<Option<String>> = runs.iter().map(|run| trace(run.trace.as_ref())).collect();
    let rows = client
        .query(
            &statement,
            &[
                &ids,
                &pipelines,
                &versions,
                &priorities,
                &inputs,
                &labels,
                &created,
                &keys,
                &prints,
                &owners,
                &traces,
            ],
        )
        .await?;
    Ok(rows.iter().map(read_inserted).collect())
}

const INSERT: &str = "
    WITH asked AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::smallint[], $5::text[], $6::text[], $7::timestamptz[],
                             $8::text[], $9::bytea[], $10::uuid[], $11::text[])
            AS a (id, pipeline_id, version, priority, input, labels, created_at, key, fingerprint, owner, trace)),
    startable AS (
        SELECT a.*, p.project_id, v.version AS actual
        FROM asked a
        JOIN pipelines p ON p.id = a.pipeline_id AND p.deleted_at IS NULL
        JOIN pipeline_versions v ON v.pipeline_id = p.id AND v.version = coalesce(a.version, p.version)),
    keyed AS (
        INSERT INTO run_keys (pipeline_id, key, fingerprint, run_id, created_at)
        SELECT pipeline_id, key, fingerprint, id, created_at FROM startable WHERE key IS NOT NULL
        -- Waits for a concurrent start under the same key, and then leaves it alone.
        ON CONFLICT DO NOTHING RETURNING run_id)
    INSERT INTO runs (id, project_id, pipeline_id, version, status, priority, owner, epoch, input, labels, created_at, started_at, trace)
    SELECT id, project_id, pipeline_id, actual, CASE WHEN owner IS NULL THEN 'queued' ELSE 'running' END, priority, owner,
           CASE WHEN owner IS NULL THEN 0 ELSE 1 END, input::json, labels::json, created_at,
           CASE WHEN owner IS NULL THEN NULL ELSE created_at END, trace
    FROM startable s
    WHERE s.key IS NULL OR EXISTS (SELECT FROM keyed k WHERE k.run_id = s.id)
    -- A start whose answer was lost is tried again under the same id.
    ON CONFLICT DO NOTHING
    RETURNING id, project_id, version, owner";

/// The same for one run without a key.
async fn insert_one(client: &impl GenericClient, run: &NewRun) -> Result<Vec<InsertedRun>, Error> {
    let NewRun {
        id,
        pipeline_id,
        version,
        priority,
        input,
        labels,
        created_at,
        key: _,
        owner,
        trace: belongs_to,
    } = run;
    let statement = client.prepare_cached(INSERT_ONE).await?;
    let rows = client
        .query(
            &statement,
            &[
                &id.as_uuid(),
                &pipeline_id.as_uuid(),
                version,
                priority,
                &input.text(),
                &labels.as_ref().map(Json::text),
                created_at,
                &owner.map(InstanceId::as_uuid),
                &trace(belongs_to.as_ref()),
            ],
        )
        .await?;
    Ok(rows.iter().map(read_inserted).collect())
}

const INSERT_ONE: &str = "
    INSERT INTO runs (id, project_id, pipeline_id, version, status, priority, owner, epoch, input, labels, created_at, started_at, trace)
    SELECT $1, p.project_id, p.id, v.version, CASE WHEN $8::uuid IS NULL THEN 'queued' ELSE 'running' END, $4::smallint, $8,
           CASE WHEN $8 IS NULL THEN 0 ELSE 1 END, $5::text::json, $6::text::json, $7::timestamptz,
           CASE WHEN $8 IS NULL THEN NULL ELSE $7 END, $9::text
    FROM pipelines p
    JOIN pipeline_versions v ON v.pipeline_id = p.id AND v.version = coalesce($3::integer, p.version)
    WHERE p.id = $2 AND p.deleted_at IS NULL
    -- A start whose answer was lost is tried again under the same id.
    ON CONFLICT DO NOTHING
    RETURNING id, project_id, version, owner";

/// The runs of these ids that exist.
pub async fn find(client: &impl GenericClient, ids: &[RunId]) -> Result<Vec<InsertedRun>, Error> {
    let statement = client
        .prepare_cached("SELECT id, project_id, version, owner FROM runs WHERE id = ANY ($1)")
        .await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    Ok(client
        .query(&statement, &[&ids])
        .await?
        .iter()
        .map(read_inserted)
        .collect())
}

fn trace(context: Option<&TraceContext>) -> Option<String> {
    context.map(TraceContext::to_string)
}

fn read_inserted(row: &Row) -> InsertedRun {
    InsertedRun {
        id: row.get::<_, Uuid>(0).into(),
        project_id: row.get::<_, Uuid>(1).into(),
        version: row.get(2),
        owner: row.get::<_, Option<Uuid>>(3).map(Into::into),
    }
}
