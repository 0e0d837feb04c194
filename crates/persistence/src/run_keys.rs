//! The table `run_keys`: which run an Idempotency-Key stands for.

use deadpool_postgres::GenericClient;
use gathering_domain::{PipelineId, RunId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    /// The run that was started under it.
    pub run_id: RunId,
    /// What was asked for.
    pub fingerprint: Vec<u8>,
}

/// What the key of a pipeline stands for, if it was used.
pub async fn get(client: &impl GenericClient, pipeline: PipelineId, key: &str) -> Result<Option<RunKey>, Error> {
    let statement = client
        .prepare_cached("SELECT run_id, fingerprint FROM run_keys WHERE pipeline_id = $1 AND key = $2")
        .await?;
    let row = client.query_opt(&statement, &[&pipeline.as_uuid(), &key]).await?;
    Ok(row.map(|row| RunKey {
        run_id: row.get::<_, Uuid>(0).into(),
        fingerprint: row.get(1),
    }))
}

/// Forgets up to `limit` keys that were used before `before`: used again, such a key starts a new run. Gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (SELECT pipeline_id, key FROM run_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)
             DELETE FROM run_keys k USING old WHERE k.pipeline_id = old.pipeline_id AND k.key = old.key",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
