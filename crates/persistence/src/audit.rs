//! The tables `audit` and `audit_head`: who did what, in a chain of hashes. What the hashes are made of is decided elsewhere.

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::{SessionId, UserId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::Error;

/// SHA-256.
pub type Hash = [u8; 32];

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, from 1, without gaps.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What was done: `login`, `logout`, …
    pub action: String,
    /// `done`, `failed` or `denied`.
    pub outcome: String,
    /// The user who did it.
    pub actor: Option<UserId>,
    /// The session in which it was done.
    pub session: Option<SessionId>,
    /// What it was done to.
    pub subject: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Why it failed, and the like.
    pub detail: Option<String>,
    /// The hash of the row before, and of all of the above.
    pub hash: Hash,
}

/// The last row that was written: number 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// The last row, which from now to the end of the transaction nobody else follows.
///
/// To be called last in a transaction, and followed by its commit: everybody who writes waits for that.
pub async fn lock_head_in(tx: &Transaction<'_>) -> Result<Head, Error> {
    let statement = tx.prepare_cached("SELECT seq, hash FROM audit_head FOR UPDATE").await?;
    head_of(&tx.query_one(&statement, &[]).await?)
}

/// The last row.
pub async fn head(client: &impl GenericClient) -> Result<Head, Error> {
    let statement = client.prepare_cached("SELECT seq, hash FROM audit_head").await?;
    head_of(&client.query_one(&statement, &[]).await?)
}

/// Writes a row that follows the head, which is locked.
pub async fn append_in(tx: &Transaction<'_>, row: &AuditRow) -> Result<(), Error> {
    let statement = tx
        .prepare_cached(
            "WITH written AS (
                 INSERT INTO audit (seq, at, action, outcome, actor, session, subject, address, request_id, detail, hash)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING seq, hash)
             UPDATE audit_head h SET seq = w.seq, hash = w.hash FROM written w WHERE h.seq = w.seq - 1",
        )
        .await?;
    let updated = tx
        .execute(
            &statement,
            &[
                &row.seq,
                &row.at,
                &row.action,
                &row.outcome,
                &row.actor.map(UserId::as_uuid),
                &row.session.map(SessionId::as_uuid),
                &row.subject,
                &row.address,
                &row.request_id,
                &row.detail,
                &row.hash.as_slice(),
            ],
        )
        .await?;
    if updated == 1 {
        Ok(())
    } else {
        Err(Error::corrupt("audit", "the head is not the row before the next one"))
    }
}

/// A row that has what no row is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Its number.
    pub seq: i64,
}

/// How many rows have a number up to this one.
pub async fn count(client: &impl GenericClient, upto: i64) -> Result<i64, Error> {
    let statement = client
        .prepare_cached("SELECT count(*) FROM audit WHERE seq <= $1")
        .await?;
    Ok(client.query_one(&statement, &[&upto]).await?.get(0))
}

/// Up to `limit` rows after number `after`, in their order.
pub async fn after(
    client: &impl GenericClient,
    after: i64,
    limit: i64,
) -> Result<Vec<Result<AuditRow, UnreadableRow>>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT seq, at, action, outcome, actor, session, subject, address, request_id, detail, hash
             FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&after, &limit]).await?;
    let read_or_told = |row: &Row| {
        let seq: i64 = row.try_get(0)?;
        Ok(read(row).map_err(|_unlike| UnreadableRow { seq }))
    };
    rows.iter().map(read_or_told).collect()
}

/// Which rows are wanted; every one that is `None` stands for all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// What was done.
    pub action: Option<String>,
    /// What came of it.
    pub outcome: Option<String>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// What it was done to.
    pub subject: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Up to `limit` rows that match, before number `before`, the last ones first.
pub async fn matching(
    client: &impl GenericClient,
    filter: &AuditFilter,
    before: i64,
    limit: i64,
) -> Result<Vec<AuditRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT seq, at, action, outcome, actor, session, subject, address, request_id, detail, hash FROM audit
             WHERE seq < $1 AND ($3::text IS NULL OR action = $3) AND ($4::text IS NULL OR outcome = $4)
               AND ($5::uuid IS NULL OR actor = $5) AND ($6::text IS NULL OR subject = $6)
               AND ($7::text IS NULL OR request_id = $7)
               AND ($8::timestamptz IS NULL OR at >= $8) AND ($9::timestamptz IS NULL OR at < $9)
             ORDER BY seq DESC LIMIT $2",
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[
                &before,
                &limit,
                &filter.action,
                &filter.outcome,
                &filter.actor.map(UserId::as_uuid),
                &filter.subject,
                &filter.request_id,
                &filter.since,
                &filter.until,
            ],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<AuditRow, Error> {
    Ok(AuditRow {
        seq: row.try_get(0)?,
        at: row.try_get(1)?,
        action: row.try_get(2)?,
        outcome: row.try_get(3)?,
        actor: row.try_get::<_, Option<Uuid>>(4)?.map(Into::into),
        session: row.try_get::<_, Option<Uuid>>(5)?.map(Into::into),
        subject: row.try_get(6)?,
        address: row.try_get(7)?,
        request_id: row.try_get(8)?,
        detail: row.try_get(9)?,
        hash: hash(row.try_get(10)?)?,
    })
}

fn head_of(row: &Row) -> Result<Head, Error> {
    Ok(Head {
        seq: row.get(0),
        hash: hash(row.get(1))?,
    })
}

fn hash(bytes: &[u8]) -> Result<Hash, Error> {
    Hash::try_from(bytes).map_err(|_length| Error::corrupt("audit", "a hash has not 32 bytes"))
}
