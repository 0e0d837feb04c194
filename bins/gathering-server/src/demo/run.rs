//! A run, as the API shows it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) status: String,
    pub(super) error: Option<Value>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) nodes: Vec<Node>,
}

/// A node of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) r#type: String,
    pub(super) status: String,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
}

/// An entry of its journal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    pub(super) seq: i32,
    pub(super) kind: String,
    pub(super) node: Option<String>,
}

impl Run {
    /// Whether it will never change again.
    pub(super) fn has_ended(&self) -> bool {
        ["completed", "failed", "cancelled", "timed_out"].contains(&self.status.as_str())
    }

    /// The nodes whose requests are under way.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.status == "running")
    }
}

impl Node {
    /// Whether it has ended well.
    pub(super) fn is_completed(&self) -> bool {
        self.status == "completed"
    }

    /// From its first attempt to its end.
    pub(super) fn took(&self) -> Option<Duration> {
        between(self.started_at?, self.finished_at?)
    }
}

/// How long after `from` `to` is; nothing where it is not.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}

/// A duration as people read it.
pub(super) fn readable(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
