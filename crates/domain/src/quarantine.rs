//! Nodes in quarantine, and what somebody decides about them.

use serde::{Deserialize, Serialize};

use crate::node_event::{Attempt, Failure, NodeEvent};
use crate::node_state::NodeState;
use crate::pipeline::NodeIx;
use crate::progress::Progress;

/// What is to become of a node in quarantine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is tried again, and the processes that die under it are counted anew.
    Release,
    /// It fails with this error, and the run goes on as after any other failure.
    Fail(Failure),
}

impl Progress {
    /// The attempt after which the node was quarantined; `None` when it is not in quarantine.
    pub fn quarantined(&self, node: NodeIx) -> Option<Attempt> {
        if let NodeState::Quarantined { attempt, .. } = &self.nodes[node] {
            Some(*attempt)
        } else {
            None
        }
    }

    /// Whether any node is in quarantine: then the run may have to rest until somebody decides.
    pub fn has_quarantined(&self) -> bool {
        (0..self.nodes.len()).any(|node| self.quarantined(node).is_some())
    }

    /// Turns a decision into the event to append; `None` when the node is not in quarantine, so that nothing is to be decided.
    pub fn resolve(&self, node: NodeIx, decision: Decision) -> Option<NodeEvent> {
        let attempt = self.quarantined(node)?;
        Some(match decision {
            Decision::Release => NodeEvent::Released,
            Decision::Fail(error) => self.failed(node, attempt, error),
        })
    }
}
