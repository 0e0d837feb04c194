//! Listens, and says where: the first line on standard output.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};

use tokio::net::TcpSocket;

use super::tls::Tls;
use crate::failure::Failure;
use crate::http::limits::limit;
use crate::http::{State, admit, count_on, edge, routes};

/// How long a client may take to send the head of a request.
pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection without requests is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to agree on TLS.
const TLS_PATIENCE: Duration = Duration::from_secs(5);

/// As many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Takes the address, so that a wrong or taken one is noticed before anything is made or started. Until it is listened on, clients are
/// refused as if nobody were there.
pub(super) fn bind(address: SocketAddr) -> Result<TcpSocket, Failure> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let bound = socket.and_then(|socket| {
        // As the standard library does it: connections of an earlier server that are still closing do not matter.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    });
    bound.map_err(|source| Failure::Listen { address, source })
}

/// Lets clients connect.
pub(super) fn listen(socket: TcpSocket, address: SocketAddr) -> Result<TcpListener, Failure> {
    let listening = socket.listen(BACKLOG).and_then(tokio::net::TcpListener::into_std);
    listening.map_err(|source| Failure::Listen { address, source })
}

/// Serves on it, and prints where that is.
pub(super) fn serve(
    listener: TcpListener,
    state: Data<State>,
    tls: Option<&Tls>,
    connections: usize,
) -> Result<Server, Failure> {
    let system = |action| move |source| Failure::System { action, source };
    let address = listener
        .local_addr()
        .map_err(system("read the address that was bound"))?;
    let app = move || {
        // The last one that wraps is the first that is asked.
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(admit))
            .wrap(from_fn(limit))
            .wrap(from_fn(edge))
            .configure(routes)
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let server = HttpServer::new(app)
        .disable_signals()
        .workers(workers)
        .max_connections(connections.div_ceil(workers))
        .tls_handshake_timeout(TLS_PATIENCE)
        .on_connect(count_on)
        .client_request_timeout(HEAD_PATIENCE)
        .keep_alive(KEEP_ALIVE);
    let server = match tls.map(Tls::config).transpose().map_err(Failure::Tls)? {
        Some(config) => server.listen_rustls_0_23(listener, config),
        None => server.listen(listener),
    };
    let server = server.map_err(system("listen"))?.run();
    announce(if tls.is_some() { "https" } else { "http" }, address).map_err(system("write to standard output"))?;
    Ok(server)
}

fn announce(scheme: &str, address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {scheme}://{address}")?;
    out.flush()?;
    tracing::info!(%address, "listening");
    Ok(())
}
