//! What an attempt came to, and the event that it makes.

use std::time::Duration;

use jiff::Timestamp;

use crate::Json;
use crate::node_event::{Attempt, Failure, HeldBy, NodeEvent};
use crate::node_state::NodeState;
use crate::pipeline::NodeIx;
use crate::planner::later;
use crate::progress::Progress;
use crate::retry::TIMEOUT;
use crate::trial::convicts;

/// An attempt that is over.
#[derive(Debug)]
pub struct AttemptEnd {
    /// The node.
    pub node: NodeIx,
    /// Which attempt.
    pub attempt: Attempt,
    /// What it came to.
    pub result: AttemptResult,
}

/// What a handler's attempt came to.
#[derive(Debug)]
pub enum AttemptResult {
    /// It succeeded with this output.
    Output(Json),
    /// It failed.
    Failed {
        /// Why.
        error: Failure,
        /// Whether another try may help.
        transient: bool,
        /// The shortest wait that the other side asked for.
        retry_after: Option<Duration>,
    },
    /// It took longer than the node's timeout.
    TimedOut {
        /// The timeout.
        after: Duration,
    },
    /// A breaker is open: the handler was not called, and the attempt is still to be made.
    Held {
        /// When it may be tried again.
        until: Timestamp,
        /// How much later at the most: not all that were held come back at once.
        spread: Duration,
        /// Which breaker.
        by: HeldBy,
    },
    /// A breaker is open, and its node does not wait: the handler was not called.
    Refused {
        /// Which breaker, and for how long.
        error: Failure,
    },
    /// Its instance gave the run back before it ended.
    Interrupted,
    /// Its process died under it.
    Lost {
        /// How many attempts of this node died with their process, this one included.
        times: u32,
        /// With how many the node is suspected of killing its process, and quarantined if it stood alone.
        limit: u32,
        /// How many were on trial together, this one included; `None` when it was not.
        together: Option<u32>,
    },
    /// Its process died, and it was under way as far as can be told: before a first death nobody writes down what is.
    PresumedLost,
}

impl Progress {
    /// The attempts that are under way: after a replay, those that were when the journal ends.
    pub fn under_way(&self) -> Vec<(NodeIx, Attempt)> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter_map(|(node, state)| match state {
                NodeState::Running { attempt, .. } => Some((node, *attempt)),
                NodeState::Pending
                | NodeState::Retrying { .. }
                | NodeState::Waiting { .. }
                | NodeState::Quarantined { .. }
                | NodeState::Held { .. }
                | NodeState::Completed(_)
                | NodeState::Failed(..)
                | NodeState::TimedOut(..)
                | NodeState::Skipped { .. }
                | NodeState::Cancelled { .. } => None,
            })
            .collect()
    }

    /// Turns what an attempt came to into the event to append. `chance` in [0, 1) spreads the retry.
    pub fn settle(&self, end: AttemptEnd, now: Timestamp, chance: f64) -> NodeEvent {
        let AttemptEnd { node, attempt, result } = end;
        let policy = &self.scope.pipeline.nodes[node].retry;
        let retry_at = |asked: Option<Duration>| {
            let wait = policy.wait_at_least(asked.unwrap_or_default(), attempt.counted(), chance)?;
            Some(later(now, wait))
        };
        match result {
            AttemptResult::Output(output) => self.succeeded(node, attempt, output),
            AttemptResult::Failed {
                error,
                transient,
                retry_after,
            } => match retry_at(retry_after).filter(|_| policy.on.includes(&error, transient)) {
                Some(retry_at) => NodeEvent::AttemptFailed {
                    attempt,
                    error,
                    retry_at,
                },
                None => self.failed(node, attempt, error),
            },
            AttemptResult::TimedOut { after } => {
                let error = too_long(after);
                match retry_at(None).filter(|_| policy.on.includes_timeouts()) {
                    Some(retry_at) => NodeEvent::AttemptFailed {
                        attempt,
                        error,
                        retry_at,
                    },
                    None => self.timed_out(node, attempt, error),
                }
            }
            AttemptResult::Held { until, spread, by } => NodeEvent::Held {
                attempt,
                until: later(until, spread.mul_f64(chance.clamp(0.0, 1.0))),
                by,
            },
            AttemptResult::Refused { error } => self.failed(node, not_made(attempt), error),
            // Neither is the node's own failure, so neither asks the retry policy or counts for it: the next attempt follows at once.
            AttemptResult::Interrupted => again_at_once(attempt, interrupted(), now),
            AttemptResult::PresumedLost => again_at_once(attempt, presumed_lost(), now),
            AttemptResult::Lost { times, limit, together } if convicts(times, limit, together) => {
                NodeEvent::Quarantined {
                    attempt,
                    error: quarantined(times),
                }
            }
            AttemptResult::Lost { .. } => again_at_once(attempt, lost(), now),
        }
    }

    fn succeeded(&self, node: NodeIx, attempt: Attempt, output: Json) -> NodeEvent {
        self.scope.outputs.set(node, output.clone());
        NodeEvent::Completed {
            attempt,
            edges: self.edge_outcome(node, Some(&output)),
            output,
        }
    }

    fn timed_out(&self, node: NodeIx, attempt: Attempt, error: Failure) -> NodeEvent {
        NodeEvent::TimedOut {
            attempt,
            continues: self.continuation(node, &error),
            error,
        }
    }
}

/// The code of an attempt whose process died.
pub const ATTEMPT_LOST: &str = "attempt_lost";

fn again_at_once(attempt: Attempt, error: Failure, now: Timestamp) -> NodeEvent {
    NodeEvent::AttemptFailed {
        attempt: attempt.not_counted(),
        error,
        retry_at: now,
    }
}

/// So that it is not counted among the attempts that were.
fn not_made(attempt: Attempt) -> Attempt {
    Attempt {
        number: attempt.number.saturating_sub(1),
        ..attempt
    }
}

fn interrupted() -> Failure {
    Failure::new("attempt_interrupted", "the instance stopped before the attempt ended")
}

fn lost() -> Failure {
    Failure::new(ATTEMPT_LOST, "the process died while the attempt was under way")
}

fn presumed_lost() -> Failure {
    Failure::new(
        ATTEMPT_LOST,
        "the process died when this attempt was due, so it was under way as far as can be told",
    )
}

fn quarantined(times: u32) -> Failure {
    let message = format!(
        "{times} processes died while this node was under way, so it is not tried again until somebody releases it"
    );
    Failure::new("quarantined", message)
}

fn too_long(after: Duration) -> Failure {
    Failure::new(
        TIMEOUT,
        format!("the attempt took longer than its timeout of {after:?}"),
    )
}
