//! The database of a command: the one that the settings name, or the embedded one, started and stopped with it.

use std::time::Duration;

use gathering::database::{ConnectOptions, Error, Pool, connect};
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
    /// Starts the embedded database where the settings name no other, and connects.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let embedded = match &settings.database_url {
            Some(_) => None,
            None => Some(start(settings).await?),
        };
        let url = match (&settings.database_url, &embedded) {
            (Some(url), _) => url.expose_secret().to_owned(),
            (None, Some(cluster)) => cluster.url(),
            (None, None) => String::new(),
        };
        let options = ConnectOptions {
            max_connections: settings.database_max_connections,
            ..ConnectOptions::new(url)
        };
        Ok(Self {
            pool: patiently(&options).await?,
            embedded,
        })
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

/// Tries until the database answers: it may be starting at this moment, too.
async fn patiently(options: &ConnectOptions) -> Result<Pool, Failure> {
    let started = Instant::now();
    loop {
        let error = match connect(options).await {
            Ok(pool) => return Ok(pool),
            Err(error) => error,
        };
        if !error.is_unavailable() {
            return Err(Failure::Database(error));
        }
        if started.elapsed() >= PATIENCE {
            return Err(Failure::NoDatabase {
                after: PATIENCE,
                source: error,
            });
        }
        log(&error);
        sleep(PAUSE).await;
    }
}

fn log(error: &Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "waiting for the database");
}
