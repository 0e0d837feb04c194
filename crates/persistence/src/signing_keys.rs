//! The table `signing_keys`: what access tokens are signed with, shared by all instances of a database.

use std::fmt;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::Error;

/// The advisory lock under which a first key is made: "gathsign" in ASCII.
const CREATION_LOCK: i64 = 0x6761_7468_7369_676e;
/// More keys than a rotation can leave alive; the youngest are the ones read.
const MAX_KEYS: i64 = 100;

/// An Ed25519 private key in PKCS#8; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Vec<u8>);

impl PrivateKey {
    /// Takes the DER bytes as they are.
    pub fn new(pkcs8: Vec<u8>) -> Self {
        Self(pkcs8)
    }

    /// The DER bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([hidden])")
    }
}

/// A key and its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// The thumbprint of the public key, base64url.
    pub kid: String,
    /// The private key.
    pub private_key: PrivateKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it signs no more.
    pub retired_at: Option<Timestamp>,
}

/// Waits until no other transaction is making a key; held to the end of this one.
pub async fn lock_creation_in(tx: &deadpool_postgres::Transaction<'_>) -> Result<(), Error> {
    // Two instances that start on an empty database at once must end with one key, so the second waits and then reads.
    let statement = tx.prepare_cached("SELECT pg_advisory_xact_lock($1)").await?;
    tx.query_one(&statement, &[&CREATION_LOCK]).await?;
    Ok(())
}

/// The keys that are not retired, or were retired after `retired_after`; youngest first.
pub async fn usable(client: &impl GenericClient, retired_after: Timestamp) -> Result<Vec<SigningKeyRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT kid, private_key, created_at, retired_at FROM signing_keys
             WHERE retired_at IS NULL OR retired_at > $1
             ORDER BY created_at DESC, kid DESC
             LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&retired_after, &MAX_KEYS]).await?;
    rows.iter().map(key_row).collect()
}

/// Inserts a key that is not retired.
pub async fn insert(
    client: &impl GenericClient,
    kid: &str,
    private_key: &PrivateKey,
    created_at: Timestamp,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached("INSERT INTO signing_keys (kid, private_key, created_at) VALUES ($1, $2, $3)")
        .await?;
    client
        .execute(&statement, &[&kid, &private_key.as_bytes(), &created_at])
        .await?;
    Ok(())
}

fn key_row(row: &Row) -> Result<SigningKeyRow, Error> {
    Ok(SigningKeyRow {
        kid: row.try_get("kid")?,
        private_key: PrivateKey(row.try_get("private_key")?),
        created_at: row.try_get("created_at")?,
        retired_at: row.try_get("retired_at")?,
    })
}
