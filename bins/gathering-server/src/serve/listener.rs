//! Listens, and says where: the first line on standard output.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use crate::failure::Failure;
use crate::http::{State, edge, routes};

/// How long a client may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection without requests is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Takes the address, so that a wrong one is noticed before anything is started on it.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|source| Failure::Listen { address, source })
}

/// Serves on it, and prints where that is.
pub(super) fn serve(listener: TcpListener, state: Data<State>) -> Result<Server, Failure> {
    let system = |action| move |source| Failure::System { action, source };
    let address = listener
        .local_addr()
        .map_err(system("read the address that was bound"))?;
    let app = move || App::new().app_data(state.clone()).wrap(from_fn(edge)).configure(routes);
    let server = HttpServer::new(app)
        .disable_signals()
        .client_request_timeout(HEAD_PATIENCE)
        .keep_alive(KEEP_ALIVE)
        .listen(listener)
        .map_err(system("listen"))?
        .run();
    announce(address).map_err(system("write to standard output"))?;
    Ok(server)
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()?;
    tracing::info!(%address, "listening");
    Ok(())
}
