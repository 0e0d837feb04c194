//! The table `api_keys`: what machines come in with. When a key ends is told by the clock of the database, as with sessions.

use deadpool_postgres::GenericClient;
use gathering_domain::policy::{Role, Scope, Scopes};
use gathering_domain::{ApiKeyId, ProjectId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::refresh_tokens::TokenHash;
use crate::sessions::notify;
use crate::users::read_role;
use crate::{Error, Page, PageRequest};

/// A key as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// What its user calls it.
    pub name: String,
    /// Its first letters.
    pub hint: String,
    /// What it is for.
    pub scopes: Scopes,
    /// The only project that it is for.
    pub project_id: Option<ProjectId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Timestamp,
    /// About when it was used last.
    pub used_at: Option<Timestamp>,
}

/// Who comes with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUser {
    /// The key.
    pub id: ApiKeyId,
    /// What it is for.
    pub scopes: Scopes,
    /// The only project that it is for.
    pub project_id: Option<ProjectId>,
    /// Until when it may be used.
    pub expires_at: Timestamp,
    /// The user.
    pub user_id: UserId,
    /// The user's address.
    pub email: String,
    /// What the user is on this server.
    pub role: Role,
    /// The user's own project.
    pub default_project_id: ProjectId,
}

/// Inserts a key.
pub async fn insert(client: &impl GenericClient, user: UserId, key: &ApiKeyRow, hash: &TokenHash) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO api_keys (id, user_id, hash, name, hint, scopes, project_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .await?;
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
    client
        .execute(
            &statement,
            &[
                &key.id.as_uuid(),
                &user.as_uuid(),
                &hash.as_slice(),
                &key.name,
                &key.hint,
                &scopes,
                &key.project_id.map(ProjectId::as_uuid),
                &key.created_at,
                &key.expires_at,
            ],
        )
        .await?;
    Ok(())
}

/// Who comes with the key of this hash, if it counts and its user may come in; notes that it was used, to the minute.
pub async fn use_key(client: &impl GenericClient, hash: &TokenHash, now: Timestamp) -> Result<Option<KeyUser>, Error> {
    let find = client
        .prepare_cached(
            "SELECT k.id, k.scopes, k.project_id, k.expires_at, u.id, u.email, u.role, u.default_project_id,
                    coalesce(k.used_at < $2::timestamptz - interval '1 minute', true)
             FROM api_keys k JOIN users u ON u.id = k.user_id
             WHERE k.hash = $1 AND k.ended_at IS NULL AND k.expires_at > $2 AND u.disabled_at IS NULL",
        )
        .await?;
    let Some(row) = client.query_opt(&find, &[&hash.as_slice(), &now]).await? else {
        return Ok(None);
    };
    if row.get(8) {
        let note = client
            .prepare_cached("UPDATE api_keys SET used_at = $2 WHERE hash = $1 AND ended_at IS NULL")
            .await?;
        client.execute(&note, &[&hash.as_slice(), &now]).await?;
    }
    Ok(Some(KeyUser {
        id: row.get::<_, Uuid>(0).into(),
        scopes: scopes(&row, 1)?,
        project_id: row.get::<_, Option<Uuid>>(2).map(Into::into),
        expires_at: row.get(3),
        user_id: row.get::<_, Uuid>(4).into(),
        email: row.get(5),
        role: read_role(&row, 6)?,
        default_project_id: row.get::<_, Uuid>(7).into(),
    }))
}

/// The keys of a user that may be used, newest first.
pub async fn open(
    client: &impl GenericClient,
    user: UserId,
    now: Timestamp,
    page: PageRequest,
) -> Result<Page<ApiKeyRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, name, hint, scopes, project_id, created_at, expires_at, used_at FROM api_keys
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id < $3 ORDER BY id DESC LIMIT $4",
        )
        .await?;
    let rows = client
        .query(&statement, &[&user.as_uuid(), &now, &page.before(), &page.fetch()])
        .await?;
    let keys = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(page.page(keys, |key: &ApiKeyRow| key.id.as_uuid()))
}

/// A key of a user that may be used.
pub async fn open_one(
    client: &impl GenericClient,
    user: UserId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<ApiKeyRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, name, hint, scopes, project_id, created_at, expires_at, used_at FROM api_keys
             WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&id.as_uuid(), &user.as_uuid(), &now])
        .await?;
    row.as_ref().map(read).transpose()
}

/// How many keys of a user may be used.
pub async fn count(client: &impl GenericClient, user: UserId, now: Timestamp) -> Result<i64, Error> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM api_keys WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2")
        .await?;
    Ok(client.query_one(&statement, &[&user.as_uuid(), &now]).await?.get(0))
}

/// Ends a key of this user, and tells every instance with the commit; `false` if there is no such one.
pub async fn end(client: &impl GenericClient, user: UserId, id: ApiKeyId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE api_keys SET ended_at = greatest(now(), created_at) WHERE id = $1 AND user_id = $2 AND ended_at IS NULL",
        )
        .await?;
    let ended = client.execute(&statement, &[&id.as_uuid(), &user.as_uuid()]).await?;
    if ended > 0 {
        notify(client).await?;
    }
    Ok(ended == 1)
}

/// Ends all keys of this user; gives them.
pub async fn end_all(client: &impl GenericClient, user: UserId) -> Result<Vec<ApiKeyId>, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE api_keys SET ended_at = greatest(now(), created_at) WHERE user_id = $1 AND ended_at IS NULL RETURNING id",
        )
        .await?;
    let rows = client.query(&statement, &[&user.as_uuid()]).await?;
    if !rows.is_empty() {
        notify(client).await?;
    }
    Ok(rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect())
}

/// Forgets up to `limit` keys that ended, or were over, before `before`; gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // Two walks along an index each, instead of one over the table.
            "DELETE FROM api_keys WHERE id IN (
                 (SELECT id FROM api_keys WHERE ended_at < $1 LIMIT $2)
                 UNION (SELECT id FROM api_keys WHERE expires_at < $1 LIMIT $2))",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}

fn scopes(row: &Row, column: usize) -> Result<Scopes, Error> {
    let words: Vec<&str> = row.try_get(column)?;
    let scopes = words.iter().map(|word| word.parse::<Scope>());
    scopes
        .collect::<Result<Scopes, _>>()
        .map_err(|_unknown| Error::corrupt("api_keys", "a scope that is none"))
}

fn read(row: &Row) -> Result<ApiKeyRow, Error> {
    Ok(ApiKeyRow {
        id: row.try_get::<_, Uuid>(0)?.into(),
        name: row.try_get(1)?,
        hint: row.try_get(2)?,
        scopes: scopes(row, 3)?,
        project_id: row.try_get::<_, Option<Uuid>>(4)?.map(Into::into),
        created_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
        used_at: row.try_get(7)?,
    })
}
