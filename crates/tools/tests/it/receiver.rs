//! An HTTP server of a few lines: it logs what it got, and answers with bytes that the test wrote.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a request looked like.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What comes after the bytes of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Then {
    /// The next request of the same connection.
    KeepAlive,
    /// The end of the connection.
    Close,
    /// Nothing, until the client ends the connection.
    Hold,
}

#[derive(Debug, Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    ended_by_client: AtomicUsize,
}

/// Listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, answer.into().into(), then, Arc::clone(&log)));
        Self {
            address,
            log,
            _tasks: tasks,
        }
    }

    /// Answers every request with `head` (status line and headers without their last line break) and `body`.
    pub(crate) async fn answering(head: &str, body: &str) -> Self {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Self::start(answer, Then::KeepAlive).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn ended_by_client(&self) -> usize {
        self.log.ended_by_client.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, answer: Arc<[u8]>, then: Then, log: Arc<Log>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        log.connections.fetch_add(1, Ordering::SeqCst);
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
        connections.spawn(async move { drop(serve(stream, &answer, then, &log).await) });
    }
}

async fn serve(mut stream: TcpStream, answer: &[u8], then: Then, log: &Log) -> io::Result<()> {
    while let Some(seen) = read_request(&mut stream).await? {
        log.seen.lock().unwrap().push(seen);
        stream.write_all(answer).await?;
        match then {
            Then::KeepAlive => {}
            Then::Close => return Ok(()),
            Then::Hold => {
                // An error is an end as well: the client resets a connection with unread bytes.
                while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
                log.ended_by_client.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut seen = Seen {
        line,
        headers,
        body: String::new(),
    };
    let length: usize = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    seen.body = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
    Ok(Some(seen))
}
