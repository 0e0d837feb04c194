//! The table `second_factors`: what the codes of a user are made from, and which of them count.

use std::fmt;
use std::num::NonZeroU16;

use deadpool_postgres::{GenericClient, Transaction};
use gathering_domain::UserId;
use gathering_domain::second_factor::{SecondFactor, Step, WrongCodes};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::Error;

const TABLE: &str = "second_factors";

/// 160 bits that codes are made from; its `Debug` does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TotpSecret([u8; 20]);

impl TotpSecret {
    /// Takes the bytes as they are.
    pub fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([hidden])")
    }
}

/// A second factor, locked until the transaction ends.
#[derive(Debug, Clone)]
pub struct LockedFactor {
    /// What its codes are made from.
    pub secret: TotpSecret,
    /// Since when logins ask for it.
    pub enabled_at: Option<Timestamp>,
    /// Which codes count.
    pub state: SecondFactor,
}

/// The second factor of a user, confirmed or not.
pub async fn lock_in(tx: &Transaction<'_>, user: UserId) -> Result<Option<LockedFactor>, Error> {
    // Of all who present one code at once, the first uses it, and the others then see that; and no wrong code goes uncounted.
    let statement = tx
        .prepare_cached(
            "SELECT secret, enabled_at, last_step, wrong_count, wrong_since FROM second_factors
             WHERE user_id = $1 FOR UPDATE",
        )
        .await?;
    let row = tx.query_opt(&statement, &[&user.as_uuid()]).await?;
    row.as_ref().map(read).transpose()
}

/// Since when logins of this user ask for a second factor.
pub async fn enabled_at(client: &impl GenericClient, user: UserId) -> Result<Option<Timestamp>, Error> {
    let statement = client
        .prepare_cached("SELECT enabled_at FROM second_factors WHERE user_id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&user.as_uuid()]).await?;
    Ok(row.and_then(|row| row.get(0)))
}

/// Inserts a factor that is yet to be confirmed, in the place of one that never was; `false` where one is enabled.
pub async fn offer(
    client: &impl GenericClient,
    user: UserId,
    secret: &TotpSecret,
    at: Timestamp,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            // What was wrong before stays counted: to begin anew gives nobody more tries.
            "INSERT INTO second_factors AS f (user_id, secret, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at
             WHERE f.enabled_at IS NULL",
        )
        .await?;
    let inserted = client
        .execute(&statement, &[&user.as_uuid(), &secret.as_bytes(), &at])
        .await?;
    Ok(inserted == 1)
}

/// Makes logins ask for it from now on; `false` if they do already.
pub async fn enable(client: &impl GenericClient, user: UserId, at: Timestamp) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE second_factors SET enabled_at = greatest($2, created_at) WHERE user_id = $1 AND enabled_at IS NULL",
        )
        .await?;
    Ok(client.execute(&statement, &[&user.as_uuid(), &at]).await? == 1)
}

/// Notes that the code of this step counted, so that no code of it or of an earlier one does again; `false` if that is noted already.
pub async fn use_step(client: &impl GenericClient, user: UserId, step: Step) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE second_factors SET last_step = $2, wrong_count = NULL, wrong_since = NULL
             WHERE user_id = $1 AND (last_step IS NULL OR last_step < $2)",
        )
        .await?;
    Ok(client.execute(&statement, &[&user.as_uuid(), &step.number()]).await? == 1)
}

/// Keeps the count of wrong codes; `None` where a right one came.
pub async fn set_wrong(client: &impl GenericClient, user: UserId, wrong: Option<WrongCodes>) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE second_factors SET wrong_count = $2, wrong_since = $3 WHERE user_id = $1")
        .await?;
    let count = wrong.map(|wrong| i16::try_from(wrong.count.get()).unwrap_or(i16::MAX));
    let since = wrong.map(|wrong| wrong.since);
    client.execute(&statement, &[&user.as_uuid(), &count, &since]).await?;
    Ok(())
}

/// Forgets the factor of a user, with its recovery codes.
pub async fn delete(client: &impl GenericClient, user: UserId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("DELETE FROM second_factors WHERE user_id = $1")
        .await?;
    Ok(client.execute(&statement, &[&user.as_uuid()]).await? == 1)
}

fn read(row: &Row) -> Result<LockedFactor, Error> {
    let secret = <[u8; 20]>::try_from(row.get::<_, &[u8]>(0));
    let secret = secret.map_err(|_length| Error::corrupt(TABLE, "the secret has not 20 bytes"))?;
    let (count, since) = (row.get::<_, Option<i16>>(3), row.get::<_, Option<Timestamp>>(4));
    let wrong = count.zip(since).and_then(|(count, since)| {
        let count = NonZeroU16::new(u16::try_from(count).ok()?)?;
        Some(WrongCodes { count, since })
    });
    Ok(LockedFactor {
        secret: TotpSecret(secret),
        enabled_at: row.get(1),
        state: SecondFactor {
            last_step: row.get::<_, Option<i64>>(2).map(Step::new),
            wrong,
        },
    })
}
