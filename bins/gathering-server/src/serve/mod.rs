//! `gathering serve`: database, engines and HTTP, up in this order and down in the other.

mod limits;
mod listener;
mod metrics;
mod signals;
mod tls;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use gathering::{Gathering, Handle, Limits, SystemEntropy};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use self::signals::Signals;
pub(crate) use self::tls::Error as TlsError;
use self::tls::Tls;
use crate::database::{Database, patiently};
use crate::failure::Failure;
use crate::http::{Compression, Readiness, Room, State};
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::telemetry::{Export, Losses, Taken};

/// Serves until a signal comes, and then ends in order.
pub(crate) async fn run(settings: Settings, spans: Option<Taken>) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let exporting = spans.zip(settings.otlp_endpoint.as_ref());
    let export = exporting
        .map(|(spans, endpoint)| Export::start(spans, endpoint))
        .transpose()?;
    let server = tokio::select! {
        started = start(&settings, export.as_ref().map(Export::losses)) => started?,
        // Nothing has been promised to anybody yet. Dropping the start stops the database.
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before the server was up");
            return Ok(());
        }
    };
    let name = signals.next().await;
    let deadline = settings.shutdown_deadline;
    tracing::info!(signal = name, deadline_s = deadline.as_secs_f64(), "shutting down");
    let deadline = Instant::now() + deadline;
    let stopping = async {
        server.stop(deadline).await;
        if let Some(export) = export {
            export.flush(deadline).await;
        }
    };
    tokio::select! {
        () = stopping => {
            tracing::info!("stopped");
            Ok(())
        }
        _ = signals.next() => Err(Failure::Interrupted),
    }
}

/// Everything that is up.
struct Server {
    database: Database,
    engines: Handle,
    notice: Duration,
    state: Data<State>,
    http: ServerHandle,
    metrics: Option<metrics::Serving>,
    tasks: JoinSet<std::io::Result<()>>,
    /// Looks at the certificate for as long as the server is up.
    _renewing: JoinSet<()>,
}

async fn start(settings: &Settings, losses: Option<Losses>) -> Result<Server, Failure> {
    let tls = match &settings.tls {
        Some(files) => Some(Tls::read(files).await.map_err(Failure::Tls)?),
        None => None,
    };
    let socket = listener::bind(settings.listen)?;
    let metrics = settings.metrics_listen.map(metrics::Bound::bind).transpose()?;
    let (database, migrated) = Database::open(settings).await?;
    for migration in migrated.applied {
        tracing::info!(migration, "migration applied");
    }
    // An embedded database may belong to a process that ends at this moment; then this one goes on with it.
    let gathering = patiently(async || build(settings, &database).await.map_err(Failure::Start)).await?;
    let listener = listener::listen(socket, settings.listen)?;
    let engines = patiently(async || gathering.start().await.map_err(Failure::Start)).await?;
    let limits = patiently(async || limits::start(settings, &database.pool).await).await?;
    let state = Data::new(State {
        gathering,
        entropy: Arc::new(SystemEntropy::default()),
        body_limit: settings.http_body_limit,
        bodies: Room::new(settings.http_body_limit),
        limits,
        trust: settings.trust.clone(),
        cors: settings.cors.clone(),
        tls: tls.is_some(),
        compression: Compression::default(),
        readiness: Readiness::default(),
        requests: Arc::default(),
    });
    let metrics = metrics.map(|bound| bound.serve(Metrics::new(state.clone(), losses)));
    let metrics = metrics.transpose()?;
    let serving = listener::serve(listener, state.clone(), tls.as_ref(), settings.http_max_connections)?;
    let http = serving.handle();
    let mut tasks = JoinSet::new();
    tasks.spawn(serving);
    let mut renewing = JoinSet::new();
    if let Some(tls) = tls {
        tls.keep_up(&mut renewing);
    }
    Ok(Server {
        notice: settings.shutdown_notice,
        database,
        engines,
        state,
        http,
        metrics,
        tasks,
        _renewing: renewing,
    })
}

async fn build(settings: &Settings, database: &Database) -> Result<Gathering, gathering::Error> {
    let limits = Limits {
        max_runs: settings.max_runs_in_memory,
        max_waiting_starts: settings.max_waiting_starts,
        max_nodes: settings.max_pipeline_nodes,
        lease: settings.instance_lease,
        retention: settings.run_retention,
        ..Limits::default()
    };
    let mut builder = Gathering::builder(database.pool.clone())
        .registration(settings.registration)
        .outbound(settings.outbound.clone())
        .access_token_lifetime(settings.accounts.access_token_ttl)
        .session_lifetime(settings.accounts.session_ttl)
        .signing_key_lifetime(settings.accounts.signing_key_lifetime)
        .listen(database.options.clone())
        .limits(limits);
    if let Some(threads) = settings.accounts.hashing_threads.and_then(NonZeroUsize::new) {
        builder = builder.hashing_threads(threads);
    }
    builder.build().await
}

/// What is left of the deadline for requests in flight, when nodes in flight have used up the rest.
const MOST_FOR_REQUESTS: Duration = Duration::from_secs(5);

impl Server {
    /// Not ready first, then the nodes in flight, then the requests, then the database.
    ///
    /// The listener stays open for the notice and while nodes end, so that a proxy that has not noticed yet loses no request.
    async fn stop(mut self, deadline: Instant) {
        self.state.readiness.drain();
        self.database.expect_end();
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        sleep(self.notice.min(left(deadline) / 2)).await;
        // Nodes that do not end must not take the time of the requests as well.
        let for_requests = (left(deadline) / 5).min(MOST_FOR_REQUESTS);
        self.engines.shutdown(left(deadline).saturating_sub(for_requests)).await;
        let requests = async {
            self.http.stop(true).await;
            while self.tasks.join_next().await.is_some() {}
        };
        if timeout_at(deadline, requests).await.is_err() {
            tracing::warn!("requests in flight were cut off at the deadline");
            self.http.stop(false).await;
        }
        // Last, so that how the server ends can be watched to its end.
        if let Some(metrics) = self.metrics {
            metrics.stop().await;
        }
        drop(self.state);
        self.database.close().await;
    }
}
