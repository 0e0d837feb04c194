//! How a receiver answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// An answer to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) delay: Duration,
}

impl Answer {
    /// This status, with `{}`.
    pub fn status(status: u16) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self {
            status,
            headers,
            body: b"{}".to_vec(),
            delay: Duration::ZERO,
        }
    }

    /// 200 with this JSON.
    pub fn json(body: &Value) -> Self {
        Self::status(200).body(body.to_string())
    }

    /// With these bytes as body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With this header, in place of one of the same name (in lower case).
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// So long after the request has come.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The answers to give, by path.
#[derive(Debug, Default)]
pub(super) struct Script {
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
}

impl Script {
    pub(super) fn set(&self, path: &str, answers: VecDeque<Answer>) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned(), answers);
    }

    /// The next answer for `path`; the last one stays.
    pub(super) fn next(&self, path: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = answers.get_mut(path).and_then(|queue| match queue.len() {
            0 | 1 => queue.front().cloned(),
            _ => queue.pop_front(),
        });
        next.unwrap_or_else(|| Answer::status(200))
    }
}
