//! The database of a command: the one that the settings name, or the embedded one, started and stopped with it.

use std::time::Duration;

use gathering::database::{ConnectOptions, Error, Migrated, Pool, connect, migrate};
use gathering_embedded_postgres::{Binaries, Cluster, Options, default_data_dir};
use secrecy::ExposeSecret as _;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;
use crate::settings::Settings;

/// How long a database that is just starting is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// A database that takes connections.
#[derive(Debug)]
pub(crate) struct Database {
    /// Connections to it.
    pub(crate) pool: Pool,
    embedded: Option<Cluster>,
}

impl Database {
    /// Starts the embedded database where the settings name no other, connects, and brings it up to this release.
    ///
    /// Tries for a while: the database may be starting at this moment, too, or belong to a server that is just ending.
    pub(crate) async fn open(settings: &Settings) -> Result<(Self, Migrated), Failure> {
        let started = Instant::now();
        loop {
            match Self::try_open(settings).await {
                Err(Failure::Database(source)) if source.is_unavailable() => {
                    if started.elapsed() >= PATIENCE {
                        return Err(Failure::NoDatabase {
                            after: PATIENCE,
                            source,
                        });
                    }
                    log(&source);
                }
                other => return other,
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_open(settings: &Settings) -> Result<(Self, Migrated), Failure> {
        let (url, embedded) = if let Some(url) = &settings.database_url {
            (url.expose_secret().to_owned(), None)
        } else {
            let cluster = start(settings).await?;
            (cluster.url(), Some(cluster))
        };
        let options = ConnectOptions {
            max_connections: settings.database_max_connections,
            ..ConnectOptions::new(url)
        };
        let pool = connect(&options).await.map_err(Failure::Database)?;
        let database = Self { pool, embedded };
        let migrated = migrate(&database.pool).await.map_err(|error| {
            if error.is_unavailable() {
                Failure::Database(error)
            } else {
                Failure::Migration(error)
            }
        })?;
        Ok((database, migrated))
    }

    /// Closes the connections and stops the embedded database, if this process manages it.
    pub(crate) async fn close(self) {
        self.pool.close();
        let Some(cluster) = self.embedded else { return };
        // Stopping waits for PostgreSQL's processes, so it has a thread of its own.
        if let Err(error) = spawn_blocking(move || cluster.stop()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the embedded database did not stop cleanly"
            );
        }
    }
}

async fn start(settings: &Settings) -> Result<Cluster, Failure> {
    let data_dir = settings.data_dir.clone().unwrap_or_else(default_data_dir);
    let bin_dir = settings.pg_bin_dir.clone();
    let starting = spawn_blocking(move || {
        let options = match bin_dir {
            Some(dir) => Options::new(data_dir).binaries(Binaries::at(dir)?),
            None => Options::new(data_dir),
        };
        Cluster::start(&options)
    });
    match starting.await {
        Ok(started) => started.map_err(Failure::Embedded),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn log(error: &Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "waiting for the database");
}
