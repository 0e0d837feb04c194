//! The table `project_keys`: which project an Idempotency-Key of a user stands for.

use deadpool_postgres::GenericClient;
use gathering_domain::{ProjectId, UserId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectKey {
    /// The project that was made under it.
    pub project_id: ProjectId,
    /// What was asked for.
    pub fingerprint: Vec<u8>,
    /// When.
    pub created_at: Timestamp,
}

/// Takes the key for a project that is about to be inserted in the same transaction; `false` where it is used already. Waits for whoever is about to use it.
pub async fn insert(
    client: &impl GenericClient,
    user: UserId,
    key: &str,
    stands_for: &ProjectKey,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO project_keys (user_id, key, fingerprint, project_id, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .await?;
    let ProjectKey {
        project_id,
        fingerprint,
        created_at,
    } = stands_for;
    let inserted = client
        .execute(
            &statement,
            &[&user.as_uuid(), &key, fingerprint, &project_id.as_uuid(), created_at],
        )
        .await?;
    Ok(inserted > 0)
}

/// What the key of a user stands for, if it was used.
pub async fn get(client: &impl GenericClient, user: UserId, key: &str) -> Result<Option<ProjectKey>, Error> {
    let statement = client
        .prepare_cached("SELECT project_id, fingerprint, created_at FROM project_keys WHERE user_id = $1 AND key = $2")
        .await?;
    let row = client.query_opt(&statement, &[&user.as_uuid(), &key]).await?;
    Ok(row.map(|row| ProjectKey {
        project_id: row.get::<_, Uuid>(0).into(),
        fingerprint: row.get(1),
        created_at: row.get(2),
    }))
}

/// Forgets up to `limit` keys that were used before `before`: used again, such a key makes a new project. Gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS (SELECT user_id, key FROM project_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)
             DELETE FROM project_keys k USING old WHERE k.user_id = old.user_id AND k.key = old.key",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
