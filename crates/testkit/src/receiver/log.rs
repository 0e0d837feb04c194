//! What a receiver got.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

/// Most requests that are written down; those after them are answered only.
pub(crate) const MOST_REQUESTS: usize = 1_000_000;

/// One request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// `GET`, `POST`…
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What stands after the question mark, as it came; empty where there is none.
    pub query: String,
    /// By their names in lower case; of several with one name, the last.
    pub headers: BTreeMap<String, String>,
    /// The body, of up to 16 MiB.
    pub body: Vec<u8>,
    /// When it had come completely.
    pub received_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is not answered yet.
    Open,
    /// It was answered then; whether the client has read that, the server cannot know.
    Answered(Timestamp),
    /// The client hung up then, before the answer.
    ClosedEarly(Timestamp),
}

impl Received {
    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// The value of the header `Idempotency-Key`.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// The body as JSON; fails the test where it is none.
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|error| panic!("the body of {} {} is no JSON: {error}", self.method, self.path))
    }

    /// Whether the client hung up before the answer.
    pub fn closed_early(&self) -> bool {
        matches!(self.outcome, Outcome::ClosedEarly(_))
    }
}

/// All requests of one receiver.
#[derive(Debug, Default)]
pub(super) struct Log {
    requests: Mutex<Vec<Received>>,
}

impl Log {
    /// Writes a request down, and gives its place.
    pub(super) fn add(&self, request: Received) -> usize {
        let mut requests = self.lock();
        if requests.len() < MOST_REQUESTS {
            requests.push(request);
            return requests.len() - 1;
        }
        usize::MAX
    }

    pub(super) fn close(&self, place: usize, outcome: Outcome) {
        if let Some(request) = self.lock().get_mut(place) {
            request.outcome = outcome;
        }
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Received>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
