//! The connection pool.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{
    Connect, GenericClient, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime,
};
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, schema, tls};

pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A pool with a limit of its own speaks first.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the database is, and how much of it is used.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `postgres://user:password@host:port/database?sslmode=…`, or `host=/socket/dir user=… dbname=…`.
    pub url: String,
    /// The most connections of the pool. Default 16.
    pub max_connections: usize,
    /// Shown in `pg_stat_activity`. Default `gathering`.
    pub application_name: String,
    /// How long one statement may take; the server ends it then. Default 30 s.
    pub statement_timeout: Duration,
    /// The schema that the tables are in: up to 63 lower-case letters, digits and underscores. [`migrate`](crate::migrate) makes it.
    /// Default: what the database's own `search_path` names first, usually `public`.
    pub schema: Option<String>,
}

impl ConnectOptions {
    /// The defaults, for this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            application_name: "gathering".to_owned(),
            statement_timeout: Duration::from_secs(30),
            schema: None,
        }
    }

    /// Keeps the tables in a schema of their own, beside whatever else the database holds.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }
}

/// Makes a pool and tries it with one connection.
///
/// Call it on the runtime that lives longest: the tasks that drive the connections run there, whoever asks for one.
pub async fn connect(options: &ConnectOptions) -> Result<Pool, Error> {
    let (config, tls) = config(options)?;
    let connect = OnRuntime {
        runtime: Handle::current(),
        tls,
    };
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_connect(config, connect, recycling);
    let pool = Pool::builder(manager)
        .max_size(options.max_connections)
        .wait_timeout(Some(ACQUIRE_TIMEOUT))
        .create_timeout(Some(ACQUIRE_TIMEOUT))
        .recycle_timeout(Some(ACQUIRE_TIMEOUT))
        .runtime(Runtime::Tokio1)
        // The connection that was used last: its backend has planned the statements already, and has the tables at hand.
        .queue_mode(QueueMode::Lifo)
        .build()
        .map_err(|error| Error::Driver(error.to_string()))?;
    drop(pool.get().await?);
    Ok(pool)
}

/// A connection of the pool; waits at most for twice the limit that [`connect`] gives a pool, also where a pool of somebody else's making has
/// none of its own.
pub async fn acquire(pool: &Pool) -> Result<Object, Error> {
    match tokio::time::timeout(PATIENCE, pool.get()).await {
        Ok(connection) => Ok(connection?),
        Err(_) => Err(Error::PoolExhausted(PATIENCE)),
    }
}

/// Asks the database for a sign of life.
pub async fn ping(client: &impl GenericClient) -> Result<(), Error> {
    client.execute("SELECT 1", &[]).await?;
    Ok(())
}

pub(crate) fn config(options: &ConnectOptions) -> Result<(Config, MakeRustlsConnect), Error> {
    let (url, root_certificate) = tls::split(&options.url);
    let mut config = Config::from_str(&url).map_err(|error| Error::Url(Error::from(error).to_string()))?;
    if tls::must_be_encrypted(&config) {
        config.ssl_mode(SslMode::Require);
    }
    let tls = tls::connector(root_certificate.as_deref())?;
    config.application_name(&options.application_name);
    let statement = options.statement_timeout.as_millis();
    let schema = options.schema.as_deref().map(schema::setting).transpose()?;
    let schema = schema.unwrap_or_default();
    // What the caller put into `options` himself comes last, and so wins.
    let own = config.get_options().unwrap_or_default().to_owned();
    config.options(format!(
        "-c statement_timeout={statement} -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s {schema} {own}"
    ));
    config.connect_timeout(ACQUIRE_TIMEOUT);
    // A connection whose other end went away without a word is noticed in seconds, not in the system's hours.
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(2);
    config.tcp_user_timeout(Duration::from_secs(15));
    Ok((config, tls))
}

/// Drives every connection on one runtime. Left to itself the pool would drive it on whichever runtime asked first: a worker of the
/// HTTP server, say, and its queries would stall whenever that worker is busy.
struct OnRuntime {
    runtime: Handle,
    tls: MakeRustlsConnect,
}

impl Connect for OnRuntime {
    fn connect(
        &self,
        config: &Config,
    ) -> BoxFuture<'_, Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>> {
        let config = config.clone();
        Box::pin(async move {
            let tls = self.tls.clone();
            let connecting = self.runtime.spawn(async move {
                let (client, connection) = config.connect(tls).await?;
                Ok((client, connection))
            });
            match connecting.await {
                Ok(Ok((client, connection))) => Ok((
                    client,
                    self.runtime.spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::warn!(error = %Error::from(error), "a database connection ended");
                        }
                    }),
                )),
                Ok(Err(error)) => Err(error),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        })
    }
}
