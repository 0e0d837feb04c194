//! The state machine of a node within a run: one total table, used live and in recovery.

use jiff::Timestamp;
use thiserror::Error;

use crate::NodeStatus;
use crate::node_event::{Attempt, Failure, HeldBy, NodeEvent, SkipReason};

/// The state of a node within a run, with its facts.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeState {
    /// Its turn has not come.
    Pending,
    /// An attempt is under way.
    Running {
        /// Which.
        attempt: Attempt,
        /// When the first one started.
        started_at: Timestamp,
    },
    /// An attempt failed, the next one is due later.
    Retrying {
        /// The one that failed.
        attempt: Attempt,
        /// When the first one started.
        started_at: Timestamp,
        /// When the next one is due.
        wake_at: Timestamp,
        /// Why it failed.
        error: Failure,
    },
    /// A delay is under way.
    Waiting {
        /// Since when.
        started_at: Timestamp,
        /// Until when.
        wake_at: Timestamp,
    },
    /// It is suspected of killing the processes that run it, and rests until somebody releases it, fails it or cancels the run.
    Quarantined {
        /// The last attempt under which a process died.
        attempt: Attempt,
        /// When the first one started.
        started_at: Timestamp,
        /// How many processes died.
        error: Failure,
    },
    /// A breaker holds its next attempt back.
    Held {
        /// The attempt that is yet to be made.
        attempt: Attempt,
        /// When the first one started, or this one was to.
        started_at: Timestamp,
        /// Since when.
        since: Timestamp,
        /// When it is tried again at the latest.
        wake_at: Timestamp,
        /// Which breaker.
        by: HeldBy,
    },
    /// Ended well.
    Completed(Ended),
    /// Ended badly.
    Failed(Ended, Failure),
    /// Ended because its last attempt took too long.
    TimedOut(Ended, Failure),
    /// Never ran.
    Skipped {
        /// Why.
        reason: SkipReason,
        /// When that was decided.
        at: Timestamp,
    },
    /// The run ended first.
    Cancelled {
        /// When.
        at: Timestamp,
        /// How far it had come.
        until_then: Unfinished,
    },
}

/// How far a node had come when its run ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unfinished {
    /// How many attempts were started.
    pub attempts: u32,
    /// When the first one, or its wait, started, if one did.
    pub started_at: Option<Timestamp>,
    /// Why the last one failed, if it did.
    pub error: Option<Failure>,
}

/// The facts of a node that ran and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How many attempts it took.
    pub attempts: u32,
    /// When the first one started.
    pub started_at: Timestamp,
    /// When the last one ended.
    pub finished_at: Timestamp,
}

/// An event that cannot happen in a state: the journal and the code disagree.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a node that is {state} cannot take the event {event}")]
pub struct Impossible {
    /// The state's name.
    pub state: &'static str,
    /// The event's name.
    pub event: &'static str,
}

impl NodeState {
    /// The status in the API.
    pub fn status(&self) -> NodeStatus {
        match self {
            Self::Pending => NodeStatus::Pending,
            Self::Running { .. } => NodeStatus::Running,
            Self::Retrying { .. } => NodeStatus::Retrying,
            Self::Waiting { .. } | Self::Held { .. } => NodeStatus::Waiting,
            Self::Quarantined { .. } => NodeStatus::Quarantined,
            Self::Completed(_) => NodeStatus::Completed,
            Self::Failed(..) => NodeStatus::Failed,
            Self::TimedOut(..) => NodeStatus::TimedOut,
            Self::Skipped { .. } => NodeStatus::Skipped,
            Self::Cancelled { .. } => NodeStatus::Cancelled,
        }
    }

    /// The word of its status.
    pub fn name(&self) -> &'static str {
        self.status().as_str()
    }

    /// Whether this state is final.
    pub fn is_terminal(&self) -> bool {
        self.status().is_terminal()
    }

    /// The state after `event` at `at`.
    ///
    /// Attempts that were under way when a process died are not in the journal, so whatever may follow `Running` may also follow
    /// the state before it.
    pub fn after(&self, event: &NodeEvent, at: Timestamp) -> Result<Self, Impossible> {
        if self.is_terminal() || !self.accepts(event) {
            return Err(Impossible {
                state: self.name(),
                event: event.name(),
            });
        }
        let ended = |attempt: &Attempt| Ended {
            attempts: attempt.number,
            started_at: self.started_at().unwrap_or(attempt.started_at),
            finished_at: at,
        };
        Ok(match event {
            NodeEvent::AttemptStarted { attempt } => Self::Running {
                attempt: *attempt,
                started_at: self.started_at().unwrap_or(attempt.started_at),
            },
            NodeEvent::AttemptFailed {
                attempt,
                error,
                retry_at,
            } => Self::Retrying {
                attempt: *attempt,
                started_at: self.started_at().unwrap_or(attempt.started_at),
                wake_at: *retry_at,
                error: error.clone(),
            },
            NodeEvent::WaitStarted { until } => Self::Waiting {
                started_at: at,
                wake_at: *until,
            },
            NodeEvent::Held { attempt, until, by } => Self::Held {
                attempt: *attempt,
                started_at: self.started_at().unwrap_or(attempt.started_at),
                since: at,
                wake_at: *until,
                by: by.clone(),
            },
            NodeEvent::Completed { attempt, .. } => Self::Completed(ended(attempt)),
            NodeEvent::Failed { attempt, error, .. } => Self::Failed(ended(attempt), error.clone()),
            NodeEvent::TimedOut { attempt, error, .. } => Self::TimedOut(ended(attempt), error.clone()),
            NodeEvent::Quarantined { attempt, error } => Self::Quarantined {
                attempt: *attempt,
                started_at: self.started_at().unwrap_or(attempt.started_at),
                error: error.clone(),
            },
            NodeEvent::Released => self.released(at),
            NodeEvent::Skipped { reason } => Self::Skipped { reason: *reason, at },
            NodeEvent::Cancelled => self.cancelled(at),
        })
    }

    /// An open node whose run ends; it keeps what it had come to.
    pub(crate) fn cancelled(&self, at: Timestamp) -> Self {
        Self::Cancelled {
            at,
            until_then: Unfinished {
                attempts: self.attempts(),
                started_at: self.started_at(),
                error: self.error().cloned(),
            },
        }
    }

    /// When its first attempt, or its wait, started.
    pub fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Running { started_at, .. }
            | Self::Retrying { started_at, .. }
            | Self::Waiting { started_at, .. }
            | Self::Held { started_at, .. }
            | Self::Quarantined { started_at, .. } => Some(*started_at),
            Self::Completed(ended) | Self::Failed(ended, _) | Self::TimedOut(ended, _) => Some(ended.started_at),
            Self::Cancelled { until_then, .. } => until_then.started_at,
            Self::Pending | Self::Skipped { .. } => None,
        }
    }

    /// When it reached its final state, if it has.
    pub fn finished_at(&self) -> Option<Timestamp> {
        match self {
            Self::Completed(ended) | Self::Failed(ended, _) | Self::TimedOut(ended, _) => Some(ended.finished_at),
            Self::Skipped { at, .. } | Self::Cancelled { at, .. } => Some(*at),
            Self::Pending
            | Self::Running { .. }
            | Self::Retrying { .. }
            | Self::Waiting { .. }
            | Self::Held { .. }
            | Self::Quarantined { .. } => None,
        }
    }

    /// When it goes on by itself, if it waits for a time.
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Retrying { wake_at, .. } | Self::Waiting { wake_at, .. } | Self::Held { wake_at, .. } => {
                Some(*wake_at)
            }
            Self::Pending
            | Self::Running { .. }
            | Self::Quarantined { .. }
            | Self::Completed(_)
            | Self::Failed(..)
            | Self::TimedOut(..)
            | Self::Skipped { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    /// How many attempts were started, as far as is known.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Running { attempt, .. } | Self::Retrying { attempt, .. } | Self::Quarantined { attempt, .. } => {
                attempt.number
            }
            Self::Waiting { .. } => 1,
            Self::Held { attempt, .. } => attempt.number.saturating_sub(1),
            Self::Completed(ended) | Self::Failed(ended, _) | Self::TimedOut(ended, _) => ended.attempts,
            Self::Cancelled { until_then, .. } => until_then.attempts,
            Self::Pending | Self::Skipped { .. } => 0,
        }
    }

    /// Why it failed, or why its last attempt did.
    pub fn error(&self) -> Option<&Failure> {
        match self {
            Self::Failed(_, error)
            | Self::TimedOut(_, error)
            | Self::Retrying { error, .. }
            | Self::Quarantined { error, .. } => Some(error),
            Self::Cancelled { until_then, .. } => until_then.error.as_ref(),
            Self::Pending
            | Self::Running { .. }
            | Self::Waiting { .. }
            | Self::Held { .. }
            | Self::Completed(_)
            | Self::Skipped { .. } => None,
        }
    }

    /// A quarantined node whose next attempt is due: the one under which the last process died counts as any other that failed.
    fn released(&self, at: Timestamp) -> Self {
        let Self::Quarantined {
            attempt,
            started_at,
            error,
        } = self.clone()
        else {
            return self.clone();
        };
        Self::Retrying {
            attempt,
            started_at,
            wake_at: at,
            error,
        }
    }

    /// The exceptions from "every open state takes every event".
    fn accepts(&self, event: &NodeEvent) -> bool {
        match event {
            NodeEvent::Skipped { .. } | NodeEvent::WaitStarted { .. } => matches!(self, Self::Pending),
            NodeEvent::AttemptStarted { .. }
            | NodeEvent::AttemptFailed { .. }
            | NodeEvent::Held { .. }
            | NodeEvent::TimedOut { .. } => !matches!(self, Self::Waiting { .. } | Self::Quarantined { .. }),
            NodeEvent::Failed { .. } => !matches!(self, Self::Waiting { .. }),
            NodeEvent::Completed { .. } => !matches!(self, Self::Quarantined { .. }),
            // Only an attempt that was written down before it started can be known to have died with its process.
            NodeEvent::Quarantined { .. } => matches!(self, Self::Running { .. }),
            NodeEvent::Released => matches!(self, Self::Quarantined { .. }),
            NodeEvent::Cancelled => true,
        }
    }
}
