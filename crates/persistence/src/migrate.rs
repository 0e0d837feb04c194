//! Migrations: embedded in the binary, applied under a lock, forward only.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use deadpool_postgres::Pool;
use tokio_postgres::Client;

use crate::Error;

/// The key of the advisory lock under which migrations run: the first eight bytes of the product's name.
const LOCK: i64 = 0x4761_7468_6552_696e;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// What [`migrate`] did.
#[derive(Debug, Clone, Default)]
pub struct Migrated {
    /// The migrations that it applied, as `V1__name`; empty when the database was up to date.
    pub applied: Vec<String>,
}

/// Brings the database up to this release.
///
/// Several instances may call it at once: one applies, the others wait for it. A database that a newer release has migrated is
/// refused.
pub async fn migrate(pool: &Pool) -> Result<Migrated, Error> {
    let mut connection = pool.get().await?;
    let client: &mut Client = &mut connection;
    // Waiting for another instance's migrations, and building an index, may take longer than any statement of daily work.
    client
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let result = apply(client).await;
    // Not returned to the pool: closing the session undoes the settings and frees the lock, also after an error.
    drop(deadpool_postgres::Object::take(connection));
    result
}

/// Differs whenever a migration does: names a database that is a template for others.
pub fn migrations_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in embedded::migrations::runner().get_migrations() {
        migration.checksum().hash(&mut hasher);
    }
    hasher.finish()
}

async fn apply(client: &mut Client) -> Result<Migrated, Error> {
    let runner = embedded::migrations::runner();
    let known = runner
        .get_migrations()
        .iter()
        .map(refinery::Migration::version)
        .max()
        .unwrap_or(0);
    if let Some(found) = newest_applied(client).await?.filter(|found| *found > known) {
        return Err(Error::TooNew { found, known });
    }
    let report = runner
        .run_async(client)
        .await
        .map_err(|error| Error::Migration(chain(&error)))?;
    Ok(Migrated {
        applied: report.applied_migrations().iter().map(ToString::to_string).collect(),
    })
}

async fn newest_applied(client: &Client) -> Result<Option<i64>, Error> {
    let exists: bool = client
        .query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[])
        .await?
        .get(0);
    if !exists {
        return Ok(None);
    }
    Ok(client
        .query_one("SELECT max(version)::bigint FROM refinery_schema_history", &[])
        .await?
        .get(0))
}

fn chain(error: &refinery::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    std::iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
