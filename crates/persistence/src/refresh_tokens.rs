//! The table `refresh_tokens`: every refresh token that a session had, as its hash.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::SessionId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::Error;

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A refresh token and its session, both locked until the transaction ends.
#[derive(Debug, Clone)]
pub struct LockedToken {
    /// The session.
    pub session_id: SessionId,
    /// When the token was exchanged for its successor.
    pub used_at: Option<Timestamp>,
    /// When the session is over in any case.
    pub expires_at: Timestamp,
    /// Since when the session has ended.
    pub ended_at: Option<Timestamp>,
    /// Makes a token's successor from the token.
    pub seed: Vec<u8>,
}

/// Inserts a token that was not used yet.
pub async fn insert(
    client: &impl GenericClient,
    hash: &TokenHash,
    session: SessionId,
    issued_at: Timestamp,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached("INSERT INTO refresh_tokens (hash, session_id, issued_at) VALUES ($1, $2, $3)")
        .await?;
    client
        .execute(&statement, &[&hash.as_slice(), &session.as_uuid(), &issued_at])
        .await?;
    Ok(())
}

/// The token of this hash with its session.
pub async fn lock_in(tx: &Transaction<'_>, hash: &TokenHash) -> Result<Option<LockedToken>, Error> {
    // Both rows, and so in the state in which whoever had them before left them: of all who present one token at once, the first exchanges
    // it, and the others then see that. Always the token first: of two who take both, none waits for the other in a circle.
    let statement = tx
        .prepare_cached(
            "SELECT s.id, t.used_at, s.expires_at, s.ended_at, s.seed
             FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
             WHERE t.hash = $1 FOR UPDATE OF t, s",
        )
        .await?;
    let row = tx.query_opt(&statement, &[&hash.as_slice()]).await?;
    Ok(row.map(|row| LockedToken {
        session_id: row.get::<_, Uuid>(0).into(),
        used_at: row.get(1),
        expires_at: row.get(2),
        ended_at: row.get(3),
        seed: row.get(4),
    }))
}

/// Whether a token exists and was exchanged for its successor.
pub async fn is_used(client: &impl GenericClient, hash: &TokenHash) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT EXISTS (SELECT FROM refresh_tokens WHERE hash = $1 AND used_at IS NOT NULL)")
        .await?;
    Ok(client.query_one(&statement, &[&hash.as_slice()]).await?.get(0))
}

/// Notes that a token was exchanged; `false` if that is noted already.
pub async fn use_up(client: &impl GenericClient, hash: &TokenHash, at: Timestamp) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE refresh_tokens SET used_at = greatest($2, issued_at) WHERE hash = $1 AND used_at IS NULL",
        )
        .await?;
    Ok(client.execute(&statement, &[&hash.as_slice(), &at]).await? == 1)
}
