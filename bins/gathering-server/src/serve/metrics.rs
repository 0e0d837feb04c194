//! The listener for metrics: apart from that of the API, with a thread of its own, so that it answers also while that one is overloaded or closing.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::listener::{self, HEAD_PATIENCE};
use crate::failure::Failure;
use crate::metrics::{Metrics, routes};

/// The most connections at once; further ones wait.
const MOST_CONNECTIONS: usize = 64;

/// An address that was taken, so that a wrong or taken one is noticed before anything is made or started.
pub(super) struct Bound {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Bound {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, Failure> {
        let socket = listener::bind(address)?;
        Ok(Self { socket, address })
    }

    /// Serves on it, and says in the log where that is.
    pub(super) fn serve(self, metrics: Arc<Metrics>) -> Result<Serving, Failure> {
        let system = |action| move |source| Failure::System { action, source };
        let listener = listener::listen(self.socket, self.address)?;
        let address = listener
            .local_addr()
            .map_err(system("read the address that was bound"))?;
        let metrics = Data::from(metrics);
        let server = HttpServer::new(move || App::new().app_data(metrics.clone()).configure(routes))
            .workers(1)
            .max_connections(MOST_CONNECTIONS)
            .disable_signals()
            .client_request_timeout(HEAD_PATIENCE)
            .shutdown_timeout(1)
            .listen(listener)
            .map_err(system("listen"))?
            .run();
        tracing::info!(%address, "metrics are at http://{address}/metrics");
        let (handle, mut task) = (server.handle(), JoinSet::new());
        task.spawn(server);
        Ok(Serving { handle, task })
    }
}

/// The listener at work; it ends when this is dropped.
pub(super) struct Serving {
    handle: ServerHandle,
    task: JoinSet<std::io::Result<()>>,
}

impl Serving {
    /// Ends it without waiting for whoever scrapes just now.
    pub(super) async fn stop(mut self) {
        self.handle.stop(false).await;
        while self.task.join_next().await.is_some() {}
    }
}
