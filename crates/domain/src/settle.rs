//! What an attempt came to, and the event that it makes.

use std::time::Duration;

use jiff::Timestamp;

use crate::Json;
use crate::node_state::{Attempt, Failure, NodeEvent};
use crate::pipeline::NodeIx;
use crate::planner::later;
use crate::progress::Progress;

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
}

impl Progress {
    /// Turns what an attempt came to into the event to append. `chance` in [0, 1) spreads the retry.
    pub fn settle(&self, end: AttemptEnd, now: Timestamp, chance: f64) -> NodeEvent {
        let AttemptEnd { node, attempt, result } = end;
        let retry_at = |shortest: Option<Duration>| {
            let policy = &self.scope.pipeline.nodes[node].retry;
            let wait = policy.wait_after(attempt.number, chance)?;
            Some(later(now, wait.max(shortest.unwrap_or_default())))
        };
        match result {
            AttemptResult::Output(output) => self.succeeded(node, attempt, output),
            AttemptResult::Failed {
                error,
                transient,
                retry_after,
            } => match retry_at(retry_after).filter(|_| transient) {
                Some(retry_at) => NodeEvent::AttemptFailed {
                    attempt,
                    error,
                    retry_at,
                },
                None => self.failed(node, attempt, error),
            },
            AttemptResult::TimedOut { after } => {
                let error = too_long(after);
                match retry_at(None) {
                    Some(retry_at) => NodeEvent::AttemptFailed {
                        attempt,
                        error,
                        retry_at,
                    },
                    None => self.timed_out(node, attempt, error),
                }
            }
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

fn too_long(after: Duration) -> Failure {
    Failure::new(
        "timeout",
        format!("the attempt took longer than its timeout of {after:?}"),
    )
}
