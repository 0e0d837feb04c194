//! The table `sessions`: what a login opens, and what access tokens name.
//!
//! When a session ends is told by the clock of the database: every instance asks for those that ended of late, and none of them may be missed
//! because the clock of another one was wrong.

use deadpool_postgres::GenericClient;
use gathering_domain::policy::Role;
use gathering_domain::{SessionId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::users::read_role;
use crate::{Error, Page, PageRequest};

/// What is notified when sessions and API keys end, or signing keys change; see [`Listener`](crate::Listener).
pub const ENDED: &str = "gathering_sessions_ended";

/// A session to insert.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it is over in any case.
    pub expires_at: Timestamp,
    /// What the client calls itself, up to 200 characters.
    pub client: Option<&'a str>,
    /// Where it comes from, up to 64 characters.
    pub address: Option<&'a str>,
    /// 32 random bytes, which make a refresh token's successor from the token.
    pub seed: &'a [u8],
}

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last logged in with or refreshed.
    pub used_at: Timestamp,
    /// When it is over in any case.
    pub expires_at: Timestamp,
    /// What the client called itself.
    pub client: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its user logged out.
    Logout,
    /// Its user ended it from another one.
    Ended,
    /// Its user changed the password.
    PasswordChanged,
    /// One of its refresh tokens is in two hands.
    TokenReused,
    /// Its user may not come in any more.
    UserDisabled,
    /// Its user has opened too many.
    TooMany,
    /// Its user is something else on this server from now on.
    RoleChanged,
}

impl EndReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Ended => "ended",
            Self::PasswordChanged => "password_changed",
            Self::TokenReused => "token_reused",
            Self::UserDisabled => "user_disabled",
            Self::TooMany => "too_many",
            Self::RoleChanged => "role_changed",
        }
    }
}

/// Inserts a session.
pub async fn insert(client: &impl GenericClient, session: &NewSession<'_>) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO sessions (id, user_id, created_at, used_at, expires_at, client, address, seed)
             VALUES ($1, $2, $3, $3, $4, $5, $6, $7)",
        )
        .await?;
    let (id, user) = (session.id.as_uuid(), session.user_id.as_uuid());
    client
        .execute(
            &statement,
            &[
                &id,
                &user,
                &session.created_at,
                &session.expires_at,
                &session.client,
                &session.address,
                &session.seed,
            ],
        )
        .await?;
    Ok(())
}

/// Notes that a session was refreshed.
pub async fn refreshed(client: &impl GenericClient, id: SessionId, at: Timestamp) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE sessions SET used_at = greatest($2, used_at) WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id.as_uuid(), &at]).await?;
    Ok(())
}

/// The open sessions of a user, newest first.
pub async fn open(
    client: &impl GenericClient,
    user: UserId,
    now: Timestamp,
    page: PageRequest,
) -> Result<Page<SessionRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, created_at, used_at, expires_at, client, address FROM sessions
             WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND id < $3
             ORDER BY id DESC LIMIT $4",
        )
        .await?;
    let rows = client
        .query(&statement, &[&user.as_uuid(), &now, &page.before(), &page.fetch()])
        .await?;
    Ok(page.page(rows.iter().map(read).collect(), |session: &SessionRow| {
        session.id.as_uuid()
    }))
}

/// The user of a session that counts, as the access tokens of it are to say.
#[derive(Debug, Clone)]
pub struct SessionUser {
    /// The user.
    pub user_id: UserId,
    /// The user's address.
    pub email: String,
    /// What the user is on this server.
    pub role: Role,
    /// The user's own project.
    pub default_project_id: gathering_domain::ProjectId,
}

/// The user of a session, if it has not ended and the user may come in.
pub async fn user(client: &impl GenericClient, id: SessionId, now: Timestamp) -> Result<Option<SessionUser>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT u.id, u.email, u.role, u.default_project_id FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_uuid(), &now]).await?;
    let read = |row: Row| {
        Ok(SessionUser {
            user_id: row.get::<_, Uuid>(0).into(),
            email: row.get(1),
            role: read_role(&row, 2)?,
            default_project_id: row.get::<_, Uuid>(3).into(),
        })
    };
    row.map(read).transpose()
}

/// Ends a session of this user, and tells every instance with the commit; `false` if there is no such open one.
pub async fn end(client: &impl GenericClient, user: UserId, id: SessionId, reason: EndReason) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE sessions SET ended_at = greatest(now(), created_at), end_reason = $3
             WHERE id = $1 AND user_id = $2 AND ended_at IS NULL",
        )
        .await?;
    let ended = client
        .execute(&statement, &[&id.as_uuid(), &user.as_uuid(), &reason.as_str()])
        .await?;
    if ended > 0 {
        notify(client).await?;
    }
    Ok(ended == 1)
}

/// Ends a session, whosever it is.
pub async fn end_any(client: &impl GenericClient, id: SessionId, reason: EndReason) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE sessions SET ended_at = greatest(now(), created_at), end_reason = $2 WHERE id = $1 AND ended_at IS NULL",
        )
        .await?;
    let ended = client.execute(&statement, &[&id.as_uuid(), &reason.as_str()]).await?;
    if ended > 0 {
        notify(client).await?;
    }
    Ok(ended == 1)
}

/// Ends all open sessions of this user but `except`; gives them.
pub async fn end_all(
    client: &impl GenericClient,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
) -> Result<Vec<SessionId>, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE sessions SET ended_at = greatest(now(), created_at), end_reason = $3
             WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND ended_at IS NULL RETURNING id",
        )
        .await?;
    let except = except.map(SessionId::as_uuid);
    let rows = client
        .query(&statement, &[&user.as_uuid(), &except, &reason.as_str()])
        .await?;
    if !rows.is_empty() {
        notify(client).await?;
    }
    Ok(ids(&rows))
}

/// Ends the open sessions of this user beyond the `keep` that were used last; gives them.
pub async fn end_surplus(client: &impl GenericClient, user: UserId, keep: i64) -> Result<Vec<SessionId>, Error> {
    let statement = client
        .prepare_cached(
            // Locked in the order of their ids: several logins of one user that end some at once must not wait for one another.
            "WITH surplus AS (
                 SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY used_at DESC, id DESC OFFSET $2),
             locked AS (
                 SELECT s.id FROM sessions s WHERE s.id IN (SELECT id FROM surplus) AND s.ended_at IS NULL ORDER BY s.id FOR UPDATE)
             UPDATE sessions SET ended_at = greatest(now(), created_at), end_reason = $3
             WHERE ended_at IS NULL AND id IN (SELECT id FROM locked)
             RETURNING id",
        )
        .await?;
    let reason = EndReason::TooMany.as_str();
    let rows = client.query(&statement, &[&user.as_uuid(), &keep, &reason]).await?;
    if !rows.is_empty() {
        notify(client).await?;
    }
    Ok(ids(&rows))
}

/// Up to `limit` of the sessions and API keys that ended in the last `seconds`, by the clock of the database, the last ones first.
pub async fn ended_lately(client: &impl GenericClient, seconds: i64, limit: i64) -> Result<Vec<Uuid>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, ended_at FROM sessions WHERE ended_at > now() - $1::bigint * interval '1 second'
             UNION ALL
             SELECT id, ended_at FROM api_keys WHERE ended_at > now() - $1::bigint * interval '1 second'
             ORDER BY ended_at DESC LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&seconds, &limit]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Forgets up to `limit` sessions that ended, or were over, before `before`; gives how many.
pub async fn forget(client: &impl GenericClient, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            // Two walks along an index each, instead of one over the table.
            "DELETE FROM sessions WHERE id IN (
                 (SELECT id FROM sessions WHERE ended_at < $1 LIMIT $2)
                 UNION (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2))",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}

/// Wakes whoever keeps up with the sessions that end, and with the signing keys.
pub(crate) async fn notify(client: &impl GenericClient) -> Result<(), Error> {
    let statement = client.prepare_cached("SELECT pg_notify($1, '')").await?;
    client.query_one(&statement, &[&ENDED]).await?;
    Ok(())
}

fn ids(rows: &[Row]) -> Vec<SessionId> {
    rows.iter().map(|row| row.get::<_, Uuid>(0).into()).collect()
}

fn read(row: &Row) -> SessionRow {
    SessionRow {
        id: row.get::<_, Uuid>(0).into(),
        created_at: row.get(1),
        used_at: row.get(2),
        expires_at: row.get(3),
        client: row.get(4),
        address: row.get(5),
    }
}
