//! `gathering serve`: database, engines and HTTP, up in this order and down in the other.

mod listener;
mod signals;

use std::num::NonZeroUsize;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use gathering::{Gathering, Handle, Limits, SystemEntropy};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::signals::Signals;
use crate::database::Database;
use crate::failure::Failure;
use crate::http::limits::Limits as RateLimits;
use crate::http::{Readiness, Room, State};
use crate::settings::Settings;

/// Serves until a signal comes, and then ends in order.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let server = tokio::select! {
        started = start(&settings) => started?,
        // Nothing has been promised to anybody yet. Dropping the start stops the database.
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before the server was up");
            return Ok(());
        }
    };
    let name = signals.next().await;
    let deadline = settings.shutdown_deadline;
    tracing::info!(signal = name, deadline_s = deadline.as_secs_f64(), "shutting down");
    tokio::select! {
        () = server.stop(Instant::now() + deadline) => {
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
    state: Data<State>,
    http: ServerHandle,
    tasks: JoinSet<std::io::Result<()>>,
}

async fn start(settings: &Settings) -> Result<Server, Failure> {
    let socket = listener::bind(settings.listen)?;
    let (database, migrated) = Database::open(settings).await?;
    for migration in migrated.applied {
        tracing::info!(migration, "migration applied");
    }
    let gathering = build(settings, &database).await.map_err(Failure::Start)?;
    let listener = listener::listen(socket, settings.listen)?;
    let engines = gathering.start().await.map_err(Failure::Start)?;
    let state = Data::new(State {
        gathering,
        entropy: Arc::new(SystemEntropy::default()),
        body_limit: settings.http_body_limit,
        bodies: Room::new(settings.http_body_limit),
        limits: settings.rate_limits.as_ref().map(RateLimits::new),
        trust: settings.trust.clone(),
        readiness: Readiness::default(),
    });
    let serving = listener::serve(listener, state.clone())?;
    let http = serving.handle();
    let mut tasks = JoinSet::new();
    tasks.spawn(serving);
    Ok(Server {
        database,
        engines,
        state,
        http,
        tasks,
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
        .access_token_lifetime(settings.access_token_ttl)
        .session_lifetime(settings.session_ttl)
        .signing_key_lifetime(settings.signing_key_lifetime)
        .listen(database.options.clone())
        .limits(limits);
    if let Some(threads) = settings.hashing_threads.and_then(NonZeroUsize::new) {
        builder = builder.hashing_threads(threads);
    }
    builder.build().await
}

impl Server {
    /// Not ready first, then the nodes in flight, then the requests, then the database.
    ///
    /// The listener stays open while nodes end, so that a proxy that has not noticed yet loses no request.
    async fn stop(mut self, deadline: Instant) {
        self.state.readiness.drain();
        self.database.expect_end();
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        self.engines.shutdown(left(deadline)).await;
        let requests = async {
            self.http.stop(true).await;
            while self.tasks.join_next().await.is_some() {}
        };
        if timeout_at(deadline, requests).await.is_err() {
            tracing::warn!("requests in flight were cut off at the deadline");
            self.http.stop(false).await;
        }
        drop(self.state);
        self.database.close().await;
    }
}
