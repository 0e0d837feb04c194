//! The table `pipeline_keys`: which pipeline an Idempotency-Key stands for.

use deadpool_postgres::GenericClient;
use gathering_domain::{PipelineId, ProjectId, ScheduleId, UserId};
use jiff::Timestamp;
use tokio_postgres::types::Json as Sql;
use uuid::Uuid;

use crate::Error;
use crate::pipelines::{Home, NewVersion};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineKey {
    /// The pipeline that was made under it.
    pub pipeline_id: PipelineId,
    /// What was asked for.
    pub fingerprint: Vec<u8>,
    /// When.
    pub created_at: Timestamp,
}

/// A key to be used.
#[derive(Debug, Clone, Copy)]
pub struct NewPipelineKey<'a> {
    /// Where the pipeline will live; the key is of that project.
    pub home: Home,
    /// The key.
    pub key: &'a str,
    /// SHA-256 of what is asked for.
    pub fingerprint: &'a [u8],
}

/// Inserts a pipeline with its version 1 and its key, in one statement; `false` where the key is used already. Waits for whoever is about to use it.
pub async fn insert(
    client: &impl GenericClient,
    key: &NewPipelineKey<'_>,
    new: &NewVersion<'_>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            // The pipeline comes from the row of its key: without that row there is none.
            "WITH key AS (
                 INSERT INTO pipeline_keys (project_id, key, fingerprint, pipeline_id, created_at)
                 VALUES ($2, $7, $8, $1, $4) ON CONFLICT DO NOTHING RETURNING pipeline_id),
             pipeline AS (
                 INSERT INTO pipelines (id, project_id, name, version, created_at, updated_at, schedule_id)
                 SELECT pipeline_id, $2, $3, 1, $4, $4, $9 FROM key RETURNING id)
             INSERT INTO pipeline_versions (pipeline_id, version, definition, created_by, created_at)
             SELECT id, 1, $5, $6, $4 FROM pipeline",
        )
        .await?;
    let by = new.created_by.map(UserId::as_uuid);
    let inserted = client
        .execute(
            &statement,
            &[
                &new.id.as_uuid(),
                &key.home.project_id.as_uuid(),
                &new.name,
                &new.at,
                &Sql(new.definition),
                &by,
                &key.key,
                &key.fingerprint,
                &key.home.schedule_id.map(ScheduleId::as_uuid),
            ],
        )
        .await?;
    Ok(inserted > 0)
}

/// What the key of a project stands for, if it was used.
pub async fn get(client: &impl GenericClient, project: ProjectId, key: &str) -> Result<Option<PipelineKey>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT pipeline_id, fingerprint, created_at FROM pipeline_keys WHERE project_id = $1 AND key = $2",
        )
        .await?;
    let row = client.query_opt(&statement, &[&project.as_uuid(), &key]).await?;
    Ok(row.map(|row| PipelineKey {
        pipeline_id: row.get::<_, Uuid>(0).into(),
        fingerprint: row.get(1),
        created_at: row.get(2),
    }))
}

/// Forgets up to `limit` keys that were used before `before`: used again, such a key makes a new pipeline. Gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (SELECT project_id, key FROM pipeline_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)
             DELETE FROM pipeline_keys k USING old WHERE k.project_id = old.project_id AND k.key = old.key",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
