//! What somebody decided about nodes in quarantine, on its way to the driver of their run.

use std::sync::Mutex;

use gathering_domain::quarantine::Decision;
use gathering_domain::{DecisionId, Json, RunId};
use gathering_persistence::node_decisions::DecisionRow;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A decision about one quarantine of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeDecision {
    /// Goes into the entry that it leads to.
    pub(crate) id: DecisionId,
    /// The node.
    pub(crate) node: String,
    /// The number of the attempt after which it was quarantined: it tells this quarantine from a later one.
    pub(crate) attempt: u32,
    /// What is to become of it.
    pub(crate) decision: Decision,
}

/// What of a decision is JSON in the table.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    id: DecisionId,
    decision: Decision,
}

impl NodeDecision {
    /// As a row for the instance that has the run in memory.
    pub(crate) fn row(self, run_id: RunId) -> Result<DecisionRow, serde_json::Error> {
        let Self {
            id,
            node,
            attempt,
            decision,
        } = self;
        Ok(DecisionRow {
            run_id,
            node,
            attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
            decision: Json::serialize(&Facts { id, decision })?,
        })
    }

    /// From the row; `None` when it cannot be read.
    pub(crate) fn read(row: DecisionRow) -> Option<Self> {
        let Facts { id, decision } = row.decision.parse().ok()?;
        Some(Self {
            id,
            node: row.node,
            attempt: u32::try_from(row.attempt).ok()?,
            decision,
        })
    }
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
