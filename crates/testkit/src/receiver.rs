//! A real HTTP server that writes down what it gets, and answers as it is told.

mod log;
mod script;
mod service;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;

use log::Log;
pub(crate) use log::MOST_REQUESTS;
pub use log::{Outcome, Received};
pub use script::Answer;
use script::Script;

/// A server on a free port of 127.0.0.1, on a thread of its own, until the value is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    handle: Option<ServerHandle>,
    thread: Option<JoinHandle<()>>,
}

/// What the server and the test share.
#[derive(Debug, Default)]
struct State {
    log: Log,
    script: Script,
}

impl Receiver {
    /// Starts one that answers everything with 200 and `{}`.
    pub fn start() -> Self {
        let listener =
            TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port for a receiver: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address for a receiver: {error}"));
        let state = Arc::new(State::default());
        let (tell, told) = mpsc::channel();
        let served = Arc::clone(&state);
        let thread = std::thread::Builder::new().name("receiver".to_owned());
        let thread = thread.spawn(move || service::serve(listener, &served, &tell));
        let thread = thread.unwrap_or_else(|error| panic!("no thread for a receiver: {error}"));
        Self {
            address,
            state,
            handle: told.recv().ok(),
            thread: Some(thread),
        }
    }

    /// Where `path` of this server is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for `path` with `answer` from here on.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.answers(path, [answer]);
    }

    /// Answers the next requests for `path` with these in turn, and those after them with the last.
    pub fn answers(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.state.script.set(path, answers.into_iter().collect());
    }

    /// Everything that came so far, in the order in which it came.
    pub fn requests(&self) -> Vec<Received> {
        self.state.log.all()
    }

    /// What came for `path`.
    pub fn requests_to(&self, path: &str) -> Vec<Received> {
        self.requests()
            .into_iter()
            .filter(|request| request.path == path)
            .collect()
    }

    /// Everything that came, once that is at least `count` requests; fails the test once `limit` has passed.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let what = format!("{count} requests arrive");
        crate::until(&what, limit, async || {
            Some(self.requests()).filter(|requests| requests.len() >= count)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // The command is on its way when the call returns; only its outcome is in the future.
            drop(handle.stop(false));
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
