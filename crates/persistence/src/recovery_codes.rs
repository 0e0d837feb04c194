//! The table `recovery_codes`: those of a second factor that were not used yet, as their hashes.

use deadpool_postgres::GenericClient;
use gathering_domain::UserId;
use jiff::Timestamp;

use crate::Error;

/// SHA-256 of a recovery code.
pub type RecoveryHash = [u8; 32];

/// Puts these in the place of all that the user has.
pub async fn replace(
    client: &impl GenericClient,
    user: UserId,
    hashes: &[RecoveryHash],
    at: Timestamp,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached("DELETE FROM recovery_codes WHERE user_id = $1")
        .await?;
    client.execute(&statement, &[&user.as_uuid()]).await?;
    let statement = client
        .prepare_cached(
            "INSERT INTO recovery_codes (user_id, hash, created_at) SELECT $1, hash, $3 FROM unnest($2::bytea[]) AS hash",
        )
        .await?;
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    client.execute(&statement, &[&user.as_uuid(), &hashes, &at]).await?;
    Ok(())
}

/// Uses a code up; `false` if the user has no such code, or not any more.
pub async fn use_up(client: &impl GenericClient, user: UserId, hash: &RecoveryHash) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2")
        .await?;
    Ok(client.execute(&statement, &[&user.as_uuid(), &hash.as_slice()]).await? == 1)
}

/// How many a user has left.
pub async fn left(client: &impl GenericClient, user: UserId) -> Result<i64, Error> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM recovery_codes WHERE user_id = $1")
        .await?;
    Ok(client.query_one(&statement, &[&user.as_uuid()]).await?.get(0))
}
