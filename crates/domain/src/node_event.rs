//! What can happen to a node within a run, with its facts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BreakerId, Json};

/// One try of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1.
    #[serde(rename = "attempt")]
    pub number: u32,
    /// When it was handed to its handler, or decided.
    pub started_at: Timestamp,
    /// How many of this and the earlier attempts of the node do not count against its retry policy, because it was not the node
    /// that failed: the process died, or the instance stopped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uncounted: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Attempt {
    /// The first one of a node.
    pub const fn first(started_at: Timestamp) -> Self {
        Self {
            number: 1,
            started_at,
            uncounted: 0,
        }
    }

    /// The one after this.
    #[must_use]
    pub fn next(self, started_at: Timestamp) -> Self {
        Self {
            number: self.number.saturating_add(1),
            started_at,
            ..self
        }
    }

    /// This one, once it has ended by no fault of its node.
    #[must_use]
    pub fn not_counted(self) -> Self {
        Self {
            uncounted: self.uncounted.saturating_add(1),
            ..self
        }
    }

    /// How many attempts count against the retry policy, this one included; at least 1.
    pub fn counted(&self) -> u32 {
        self.number.saturating_sub(self.uncounted).max(1)
    }
}

/// Why a node, or a run, did not succeed; safe to show to users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// Stable, `snake_case`.
    pub code: String,
    /// For people.
    pub message: String,
    /// More facts, such as the answer of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub details: Option<Json>,
}

impl Failure {
    /// A failure without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            details: None,
        }
    }
}

/// The circuit breaker that holds a node back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeldBy {
    /// Its id.
    pub id: BreakerId,
    /// Its key, such as `host:example.org:443`.
    pub key: String,
}

/// Why a node was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// No incoming edge was live.
    NotTaken,
    /// A node before it failed.
    UpstreamFailed,
}

/// What became of the edges that leave a node, by their place in [`Node::outgoing`](crate::pipeline::Node::outgoing).
///
/// Decided once, when the node ends, and kept in the journal, so that replay evaluates nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EdgeOutcome {
    /// The edges that are not live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<u32>,
    /// The edges whose expression could not be evaluated, and why: their target fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<(u32, String)>,
}

/// What can happen to a node.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeEvent {
    /// An attempt was handed to the handler. Kept in memory, and journaled only after a first crash.
    AttemptStarted {
        /// Which.
        attempt: Attempt,
    },
    /// An attempt failed and another one follows.
    AttemptFailed {
        /// Which.
        attempt: Attempt,
        /// Why.
        error: Failure,
        /// When the next one starts.
        retry_at: Timestamp,
    },
    /// A delay began.
    WaitStarted {
        /// When it ends.
        until: Timestamp,
    },
    /// An attempt met an open breaker, and did not reach its handler.
    Held {
        /// The attempt, which is yet to be made.
        attempt: Attempt,
        /// When it is tried again at the latest.
        until: Timestamp,
        /// Which breaker.
        by: HeldBy,
    },
    /// It succeeded.
    Completed {
        /// The attempt that did.
        attempt: Attempt,
        /// What it gave.
        output: Json,
        /// Where the run goes on.
        edges: EdgeOutcome,
    },
    /// Its last attempt failed.
    Failed {
        /// Which.
        attempt: Attempt,
        /// Why.
        error: Failure,
        /// Where the run goes on all the same (`on_error: continue`), if it does.
        continues: Option<EdgeOutcome>,
    },
    /// Its last attempt took too long.
    TimedOut {
        /// Which.
        attempt: Attempt,
        /// After how long.
        error: Failure,
        /// As with `Failed`.
        continues: Option<EdgeOutcome>,
    },
    /// Too many processes died under it: it is not tried again until somebody releases it.
    Quarantined {
        /// The last attempt under which one died.
        attempt: Attempt,
        /// How many did.
        error: Failure,
    },
    /// Somebody released it from quarantine: the next attempt follows at once.
    Released,
    /// It will not run.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
    /// The run ended before it did.
    Cancelled,
}

impl NodeEvent {
    /// The name in messages and in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AttemptStarted { .. } => "attempt_started",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::WaitStarted { .. } => "node_waiting",
            Self::Held { .. } => "node_held",
            Self::Completed { .. } => "node_completed",
            Self::Failed { .. } => "node_failed",
            Self::TimedOut { .. } => "node_timed_out",
            Self::Quarantined { .. } => "node_quarantined",
            Self::Released => "node_released",
            Self::Skipped { .. } => "node_skipped",
            Self::Cancelled => "node_cancelled",
        }
    }
}
