//! The database of a command: the one that the settings name, or the embedded one, started and stopped with it.

mod embedded;

use std::error::Error as _;
use std::time::Duration;

use gathering::Gathering;
use gathering::database::{ConnectOptions, Error, Migrated, Pool, check_migrated, connect, migrate};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use self::embedded::Embedded;
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
    /// Where it is, for a connection that is nobody else's.
    pub(crate) options: ConnectOptions,
    embedded: Option<Embedded>,
}

impl Database {
    /// Starts the embedded database where the settings name no other, connects, and brings it up to this release.
    ///
    /// Tries for a while: the database may be starting at this moment, too, or belong to a server that is just ending.
    pub(crate) async fn open(settings: &Settings) -> Result<(Self, Migrated), Failure> {
        patiently(async || {
            let database = Self::try_connect(settings).await?;
            match migrate(&database.pool).await {
                Ok(migrated) => Ok((database, migrated)),
                Err(error) => Err(database.give_up(error, Failure::Migration).await),
            }
        })
        .await
    }

    /// The same for who needs what is in it already: where there is none, none is made.
    pub(crate) async fn open_existing(settings: &Settings) -> Result<Self, Failure> {
        Self::must_exist(settings)?;
        Ok(Self::open(settings).await?.0)
    }

    /// The same for who only looks: nothing is written, and a database of another release is refused.
    pub(crate) async fn open_unchanged(settings: &Settings) -> Result<Self, Failure> {
        Self::must_exist(settings)?;
        patiently(async || {
            let database = Self::try_connect(settings).await?;
            match check_migrated(&database.pool).await {
                Ok(()) => Ok(database),
                Err(error) => Err(database.give_up(error, Failure::Outdated).await),
            }
        })
        .await
    }

    fn must_exist(settings: &Settings) -> Result<(), Failure> {
        match settings.database_url {
            Some(_) => Ok(()),
            None => Embedded::must_exist(settings),
        }
    }

    async fn try_connect(settings: &Settings) -> Result<Self, Failure> {
        let (url, embedded) = if let Some(url) = &settings.database_url {
            (url.expose_secret().to_owned(), None)
        } else {
            let embedded = Embedded::start(settings).await?;
            (embedded.url().to_owned(), Some(embedded))
        };
        let options = ConnectOptions {
            max_connections: settings.database_max_connections,
            ..ConnectOptions::new(url)
        };
        match connect(&options).await {
            Ok(pool) => Ok(Self {
                pool,
                options,
                embedded,
            }),
            Err(error) => {
                if let Some(embedded) = embedded {
                    embedded.stop().await;
                }
                Err(Failure::Database(error))
            }
        }
    }

    /// Ends what was opened in vain, and says why.
    async fn give_up(self, error: Error, otherwise: impl FnOnce(Error) -> Failure) -> Failure {
        self.close().await;
        if error.is_unavailable() {
            Failure::Database(error)
        } else {
            otherwise(error)
        }
    }

    /// What a command of an operator works with, put together on this database; `failed` says what could not be done without it.
    pub(crate) async fn gathering(&self, failed: fn(gathering::Error) -> Failure) -> Result<Gathering, Failure> {
        patiently(async || Gathering::builder(self.pool.clone()).build().await.map_err(failed)).await
    }

    /// From now on an embedded database that dies is not started again.
    pub(crate) fn expect_end(&self) {
        if let Some(embedded) = &self.embedded {
            embedded.expect_end();
        }
    }

    /// Closes the connections and stops the embedded database, if this process manages it.
    pub(crate) async fn close(self) {
        self.pool.close();
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// Tries again for as long as the database is away, and for a minute at most. An embedded one whose manager ends meanwhile comes back under the same
/// address: this process takes the place of that one.
pub(crate) async fn patiently<T>(mut work: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let started = Instant::now();
    loop {
        let failure = match work().await {
            Err(failure) if failure.is_database_away() => failure,
            other => return other,
        };
        if started.elapsed() >= PATIENCE {
            return Err(Failure::NoDatabase {
                after: PATIENCE,
                source: Box::new(failure),
            });
        }
        tracing::warn!(error = failure.source(), "waiting for the database");
        sleep(PAUSE).await;
    }
}
