//! What somebody decided about nodes in quarantine, on its way to the driver of their run.

use std::sync::Mutex;

use gathering_domain::quarantine::Decision;
use tokio::sync::Notify;

/// A decision about one quarantine of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeDecision {
    /// The node.
    pub(crate) node: String,
    /// The number of the attempt after which it was quarantined: it tells this quarantine from a later one.
    pub(crate) attempt: u32,
    /// What is to become of it.
    pub(crate) decision: Decision,
}

/// The decisions that the driver of a run has not taken yet; at most one per node.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    open: Mutex<Vec<NodeDecision>>,
    arrived: Notify,
}

impl Decisions {
    /// Hands one to the driver; of two about the same node the later one counts.
    pub(crate) fn add(&self, decision: NodeDecision) {
        if let Ok(mut open) = self.open.lock() {
            open.retain(|other| other.node != decision.node);
            open.push(decision);
        }
        self.arrived.notify_one();
    }

    /// Takes what there is.
    pub(crate) fn take(&self) -> Vec<NodeDecision> {
        self.open
            .lock()
            .map(|mut open| std::mem::take(&mut *open))
            .unwrap_or_default()
    }

    /// Returns once one was added since the last time.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
