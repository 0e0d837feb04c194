//! The state machine of a run: one total table, used live and in recovery.

use jiff::Timestamp;
use thiserror::Error;

use crate::node_event::Failure;
use crate::{InstanceId, Json};

/// The state of a run, with its facts.
#[derive(Debug, Clone, PartialEq)]
pub enum RunState {
    /// Accepted; no instance works on it yet.
    Queued,
    /// An instance works on it.
    Running {
        /// Which.
        owner: InstanceId,
    },
    /// Nothing is to do until later; no instance holds it.
    Waiting {
        /// When there is; `None` when somebody has to decide about a node in quarantine first.
        wake_at: Option<Timestamp>,
    },
    /// Over.
    Ended {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Every node that was not skipped completed.
    Completed {
        /// The outputs of the last nodes, by their ids.
        output: Json,
    },
    /// A node failed.
    Failed {
        /// Which, and why.
        error: Failure,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Why.
        error: Failure,
    },
    /// It took longer than its timeout.
    TimedOut {
        /// After how long.
        error: Failure,
    },
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// An instance took it: from the queue, at its wake time, or from an instance that died.
    Claimed {
        /// Which.
        by: InstanceId,
    },
    /// Its owner put it down until later.
    Released {
        /// When it is due, if time alone makes it so.
        wake_at: Option<Timestamp>,
    },
    /// Its owner gave it back, because it shuts down.
    HandedBack,
    /// It ended.
    Ended(Outcome),
}

/// An event that cannot happen in a state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a run that is {state} cannot be {event}")]
pub struct Impossible {
    /// The state's name.
    pub state: &'static str,
    /// The event's name.
    pub event: &'static str,
}

impl RunState {
    /// The status in the API and in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running { .. } => "running",
            Self::Waiting { .. } => "waiting",
            Self::Ended { outcome, .. } => outcome.name(),
        }
    }

    /// The state after `event` at `at`.
    pub fn after(&self, event: &RunEvent, at: Timestamp) -> Result<Self, Impossible> {
        match (self, event) {
            (Self::Queued | Self::Waiting { .. } | Self::Running { .. }, RunEvent::Claimed { by }) => {
                Ok(Self::Running { owner: *by })
            }
            (Self::Running { .. }, RunEvent::Released { wake_at }) => Ok(Self::Waiting { wake_at: *wake_at }),
            (Self::Running { .. }, RunEvent::HandedBack) => Ok(Self::Queued),
            // Nobody needs to work on a run to cancel it, or to see that its time is over.
            (Self::Running { .. }, RunEvent::Ended(outcome))
            | (
                Self::Queued | Self::Waiting { .. },
                RunEvent::Ended(outcome @ (Outcome::Cancelled { .. } | Outcome::TimedOut { .. })),
            ) => Ok(Self::Ended {
                outcome: outcome.clone(),
                at,
            }),
            (state, event) => Err(Impossible {
                state: state.name(),
                event: event.name(),
            }),
        }
    }
}

impl RunEvent {
    /// The name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::Released { .. } => "released",
            Self::HandedBack => "handed back",
            Self::Ended(outcome) => outcome.name(),
        }
    }
}

impl Outcome {
    /// The status in the API and in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::TimedOut { .. } => "timed_out",
        }
    }

    /// Why it did not complete.
    pub fn error(&self) -> Option<&Failure> {
        match self {
            Self::Completed { .. } => None,
            Self::Failed { error } | Self::Cancelled { error } | Self::TimedOut { error } => Some(error),
        }
    }
}
