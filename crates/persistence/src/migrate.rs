//! Migrations: embedded in the binary, applied under a lock, forward only. Each set of tables has its own, and its own history, so
//! that whoever embeds one engine gets the tables of that one alone.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use deadpool_postgres::Pool;
use refinery::Runner;
use tokio_postgres::Client;

use crate::error::{Hindrance, hindrance};
use crate::{Error, schema};

/// The key of the advisory lock under which migrations run: the first eight bytes of the product's name.
const LOCK: i64 = 0x4761_7468_6552_696e;

mod pipelines {
    refinery::embed_migrations!("../../migrations/pipelines");
}

mod accounts {
    refinery::embed_migrations!("../../migrations/accounts");
}

mod schedules {
    refinery::embed_migrations!("../../migrations/schedules");
}

/// A set of tables that are of no use without each other.
#[derive(Debug, Clone, Copy)]
enum Tables {
    Pipelines,
    Accounts,
    Schedules,
}

impl Tables {
    const ALL: [Self; 3] = [Self::Pipelines, Self::Accounts, Self::Schedules];

    fn runner(self) -> Runner {
        let mut runner = match self {
            Self::Pipelines => pipelines::migrations::runner(),
            Self::Accounts => accounts::migrations::runner(),
            Self::Schedules => schedules::migrations::runner(),
        };
        runner.set_migration_table_name(self.history());
        runner
    }

    /// What was applied when. Not refinery's usual name: the embedder's own migrations may have that one.
    const fn history(self) -> &'static str {
        match self {
            Self::Pipelines => schema::PIPELINES_HISTORY,
            Self::Accounts => "gathering_accounts_history",
            Self::Schedules => "gathering_schedules_history",
        }
    }

    /// The newest migration of this release.
    fn newest_known(self) -> i64 {
        let runner = self.runner();
        let versions = runner.get_migrations().iter().map(refinery::Migration::version);
        versions.max().unwrap_or(0)
    }

    /// The newest migration that the database has; 0 for none, and where there is no history yet.
    async fn newest_applied(self, client: &Client) -> Result<i64, Error> {
        let exists = "SELECT to_regclass(format('%I.%I', current_schema(), $1::text)) IS NOT NULL";
        if !client.query_one(exists, &[&self.history()]).await?.get::<_, bool>(0) {
            return Ok(0);
        }
        let newest = match self {
            Self::Pipelines => "SELECT coalesce(max(version), 0)::bigint FROM gathering_pipelines_history",
            Self::Accounts => "SELECT coalesce(max(version), 0)::bigint FROM gathering_accounts_history",
            Self::Schedules => "SELECT coalesce(max(version), 0)::bigint FROM gathering_schedules_history",
        };
        Ok(client.query_one(newest, &[]).await?.get(0))
    }

    /// After a migration that failed: whoever finds a history takes the tables to be there.
    async fn drop_empty_history(self, client: &Client) {
        let drop = match self {
            Self::Pipelines => "DROP TABLE IF EXISTS gathering_pipelines_history",
            Self::Accounts => "DROP TABLE IF EXISTS gathering_accounts_history",
            Self::Schedules => "DROP TABLE IF EXISTS gathering_schedules_history",
        };
        let dropped = match self.newest_applied(client).await {
            Ok(0) => client.batch_execute(drop).await.map_err(Error::from),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = dropped {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                history = self.history(),
                "the empty history of a migration that failed is left"
            );
        }
    }
}

/// What [`migrate`] did.
#[derive(Debug, Clone, Default)]
pub struct Migrated {
    /// The migrations that it applied, as `V1__name`; empty when the database was up to date.
    pub applied: Vec<String>,
}

/// Brings all tables up to this release: those of pipelines, of accounts and of schedules.
///
/// They are made in the first schema of the connections' `search_path`, and that schema too where it does not exist: see
/// [`ConnectOptions::schema`](crate::ConnectOptions::schema). Several instances may call it at once: one applies, the others wait for it. A
/// database that a newer release has migrated is refused.
pub async fn migrate(pool: &Pool) -> Result<Migrated, Error> {
    migrate_tables(pool, &Tables::ALL).await
}

/// The same for the tables of pipelines and runs alone.
pub async fn migrate_pipelines(pool: &Pool) -> Result<Migrated, Error> {
    migrate_tables(pool, &[Tables::Pipelines]).await
}

/// The same for the tables of accounts alone.
pub async fn migrate_accounts(pool: &Pool) -> Result<Migrated, Error> {
    migrate_tables(pool, &[Tables::Accounts]).await
}

/// The same for the tables of schedules and firings alone.
pub async fn migrate_schedules(pool: &Pool) -> Result<Migrated, Error> {
    migrate_tables(pool, &[Tables::Schedules]).await
}

/// Whether the database is as this release expects it. Changes nothing.
pub async fn check_migrated(pool: &Pool) -> Result<(), Error> {
    let connection = pool.get().await?;
    for tables in Tables::ALL {
        let (found, known) = (tables.newest_applied(&connection).await?, tables.newest_known());
        if found > known {
            return Err(Error::TooNew { found, known });
        }
        if found < known {
            return Err(Error::TooOld { found, known });
        }
    }
    Ok(())
}

async fn migrate_tables(pool: &Pool, sets: &[Tables]) -> Result<Migrated, Error> {
    let mut connection = pool.get().await?;
    let client: &mut Client = &mut connection;
    // Waiting for another instance's migrations, and building an index, may take longer than any statement of daily work. What
    // exists already is no news worth a line in the log.
    client
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0; SET client_min_messages = warning")
        .await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let result = apply_all(client, sets).await;
    // Not returned to the pool: closing the session undoes the settings and frees the lock, also after an error.
    drop(deadpool_postgres::Object::take(connection));
    result
}

/// Differs whenever a migration does: names a database that is a template for others.
pub fn migrations_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    for tables in Tables::ALL {
        for migration in tables.runner().get_migrations() {
            migration.checksum().hash(&mut hasher);
        }
    }
    hasher.finish()
}

async fn apply_all(client: &mut Client, sets: &[Tables]) -> Result<Migrated, Error> {
    schema::create_missing(client).await?;
    let mut applied = Vec::new();
    for tables in sets {
        applied.extend(apply(client, *tables).await?);
    }
    Ok(Migrated { applied })
}

async fn apply(client: &mut Client, tables: Tables) -> Result<Vec<String>, Error> {
    let (runner, known) = (tables.runner(), tables.newest_known());
    let found = tables.newest_applied(client).await?;
    if found > known {
        return Err(Error::TooNew { found, known });
    }
    let report = match runner.run_async(client).await {
        Ok(report) => report,
        // The database went away under it: nothing is wrong with the migration, and the next try begins where this one ended.
        Err(error) if hindrance(&error) == Some(Hindrance::Away) => {
            return Err(Error::Unavailable(format!(": {}", chain(&error))));
        }
        Err(error) => {
            tables.drop_empty_history(client).await;
            return Err(Error::Migration(chain(&error)));
        }
    };
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

fn chain(error: &refinery::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    std::iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
