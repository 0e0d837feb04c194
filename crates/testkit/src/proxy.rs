//! A line between a server and its database that can fall silent, break, or lose an answer.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::unix;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_postgres::config::Host;

/// How much is passed on at once; answers of ordinary statements fit.
const CHUNK: usize = 64 << 10;

/// Listens on a free port of 127.0.0.1, and passes everything on to a database and back, until the value is dropped.
///
/// Made for connections to a PostgreSQL on a local socket, as those of [`TestDatabase`](crate::TestDatabase) are.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    user: String,
    database: String,
    line: watch::Sender<Line>,
    to_lose: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

/// What becomes of bytes at this moment.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    silent: bool,
    /// How often all connections were broken.
    breaks: u64,
}

impl Proxy {
    /// A line to the database at `url`; fails the test where that is not on a local socket.
    pub async fn start(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
        let (Some(Host::Unix(directory)), Some(port)) = (config.get_hosts().first(), config.get_ports().first()) else {
            panic!("{url} does not name the directory and the port of a local socket");
        };
        let socket = directory.join(format!(".s.PGSQL.{port}"));
        let listening = TcpListener::bind("127.0.0.1:0").await;
        let listener = listening.unwrap_or_else(|error| panic!("no port for a proxy: {error}"));
        let address = listener.local_addr();
        let (line, _) = watch::channel(Line::default());
        let to_lose = Arc::new(AtomicUsize::new(0));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, socket, line.subscribe(), to_lose.clone()));
        Self {
            address: address.unwrap_or_else(|error| panic!("no address for a proxy: {error}")),
            user: config.get_user().unwrap_or_default().to_owned(),
            database: config.get_dbname().unwrap_or_default().to_owned(),
            line,
            to_lose,
            _accepting: accepting,
        }
    }

    /// The URL of the same database, at the near end of the line.
    pub fn url(&self) -> String {
        format!("postgresql://{}@{}/{}", self.user, self.address, self.database)
    }

    /// Passes nothing on, either way, and closes nothing: as when a cable is pulled. What is sent meanwhile waits.
    pub fn fall_silent(&self) {
        self.line.send_modify(|line| line.silent = true);
    }

    /// Passes everything on again, what has waited first.
    pub fn speak(&self) {
        self.line.send_modify(|line| line.silent = false);
    }

    /// Breaks every connection at both ends; what waited is lost. New ones can be made.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.breaks += 1);
    }

    /// The next `count` answers are lost, each with its connection: what was asked for is done, and nobody is told.
    pub fn lose_answers(&self, count: usize) {
        self.to_lose.store(count, Ordering::Release);
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, line: watch::Receiver<Line>, to_lose: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connect(near, socket.clone(), line.clone(), to_lose.clone()));
    }
}

async fn connect(near: TcpStream, socket: PathBuf, mut line: watch::Receiver<Line>, to_lose: Arc<AtomicUsize>) {
    near.set_nodelay(true).ok();
    let breaks = line.borrow().breaks;
    let broken = line.clone();
    let passing = async {
        spoken(&mut line).await;
        if let Some(far) = far_end(&socket).await {
            let (from_near, to_near) = near.into_split();
            let (from_far, to_far) = far.into_split();
            // The one that ends first ends the connection.
            tokio::select! {
                () = requests(from_near, to_far, line.clone()) => {}
                () = answers(from_far, to_near, line, &to_lose) => {}
            }
        }
    };
    tokio::select! {
        // First: cut and then spoken again, what had waited must not slip through.
        biased;
        () = cut_since(breaks, broken) => {}
        () = passing => {}
    }
}

/// A database that is away refuses, and so the near end is closed.
async fn far_end(socket: &Path) -> Option<UnixStream> {
    UnixStream::connect(socket).await.ok()
}

async fn spoken(line: &mut watch::Receiver<Line>) {
    // Fails when the proxy is dropped, and then the connection with it.
    line.wait_for(|line| !line.silent).await.ok();
}

async fn cut_since(breaks: u64, mut line: watch::Receiver<Line>) {
    line.wait_for(|line| line.breaks != breaks).await.ok();
}

async fn requests(mut from: OwnedReadHalf, mut to: unix::OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        spoken(&mut line).await;
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: unix::OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    to_lose: &AtomicUsize,
) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        spoken(&mut line).await;
        let lost = to_lose.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if lost.is_ok() || to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}
