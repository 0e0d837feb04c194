//! The table `signing_keys`: what access tokens are signed with, shared by all instances of a database.

use std::fmt;

use deadpool_postgres::GenericClient;
use gathering_domain::signing_key::KeyTimes;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{Error, sessions};

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

/// What is known of a key without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyHead {
    /// The thumbprint of the public key, base64url.
    pub kid: String,
    /// When it signs.
    pub times: KeyTimes,
}

/// A key and its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its id and its times.
    pub head: SigningKeyHead,
    /// The private key.
    pub private_key: PrivateKey,
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
            "SELECT kid, created_at, coalesce(signs_from, created_at) AS signs_from, retired_at, refused_at, private_key
             FROM signing_keys WHERE retired_at IS NULL OR retired_at > $1
             ORDER BY created_at DESC, kid DESC
             LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&retired_after, &MAX_KEYS]).await?;
    rows.iter().map(key_row).collect()
}

/// The same without the keys themselves, in the same order: what tells whether anything has changed.
pub async fn heads(client: &impl GenericClient, retired_after: Timestamp) -> Result<Vec<SigningKeyHead>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT kid, created_at, coalesce(signs_from, created_at) AS signs_from, retired_at, refused_at
             FROM signing_keys WHERE retired_at IS NULL OR retired_at > $1
             ORDER BY created_at DESC, kid DESC
             LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&retired_after, &MAX_KEYS]).await?;
    rows.iter().map(head).collect()
}

/// Inserts a key that is not retired, and tells every instance with the commit.
pub async fn insert(client: &impl GenericClient, row: &SigningKeyRow) -> Result<(), Error> {
    let statement = client
        .prepare_cached("INSERT INTO signing_keys (kid, private_key, created_at, signs_from) VALUES ($1, $2, $3, $4)")
        .await?;
    let SigningKeyRow { head, private_key } = row;
    let (created_at, signs_from) = (head.times.created_at, head.times.signs_from);
    client
        .execute(
            &statement,
            &[&head.kid, &private_key.as_bytes(), &created_at, &signs_from],
        )
        .await?;
    sessions::notify(client).await
}

/// Makes a key sign from then on, and tells every instance with the commit.
pub async fn set_signs_from(client: &impl GenericClient, kid: &str, at: Timestamp) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE signing_keys SET signs_from = greatest($2, created_at) WHERE kid = $1")
        .await?;
    client.execute(&statement, &[&kid, &at]).await?;
    sessions::notify(client).await
}

/// Makes nothing count that a key has signed, and tells every instance with the commit; `false` if it is refused already, or there is none.
pub async fn refuse(client: &impl GenericClient, kid: &str, at: Timestamp) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE signing_keys SET refused_at = greatest($2, created_at), retired_at = greatest($2, created_at)
             WHERE kid = $1 AND refused_at IS NULL",
        )
        .await?;
    let refused = client.execute(&statement, &[&kid, &at]).await? == 1;
    if refused {
        sessions::notify(client).await?;
    }
    Ok(refused)
}

/// Forgets these keys; gives how many there were.
pub async fn forget(client: &impl GenericClient, kids: &[&str]) -> Result<u64, Error> {
    let statement = client
        .prepare_cached("DELETE FROM signing_keys WHERE kid = ANY($1::text[])")
        .await?;
    Ok(client.execute(&statement, &[&kids]).await?)
}

fn key_row(row: &Row) -> Result<SigningKeyRow, Error> {
    Ok(SigningKeyRow {
        head: head(row)?,
        private_key: PrivateKey(row.try_get("private_key")?),
    })
}

fn head(row: &Row) -> Result<SigningKeyHead, Error> {
    Ok(SigningKeyHead {
        kid: row.try_get("kid")?,
        times: KeyTimes {
            created_at: row.try_get("created_at")?,
            signs_from: row.try_get("signs_from")?,
            retired_at: row.try_get("retired_at")?,
            refused_at: row.try_get("refused_at")?,
        },
    })
}
