//! Cancelling runs.

use std::sync::Arc;

use gathering_domain::node_state::Failure;
use gathering_domain::{InstanceId, RunId};
use gathering_persistence::{cancellations, runs};
use serde::Serialize;

use crate::input::check_reason;
use crate::{Engine, Error, RunView};

/// How often an owner that appends at the very same moment may win before the cancel gives up.
const MAX_RACES: usize = 100;

/// What cancelling a run came to.
#[derive(Debug, Clone, Serialize)]
pub struct CancelReport {
    /// The run.
    pub id: RunId,
    /// Its final status: `cancelled`, or what it had ended as before.
    pub status: String,
    /// Whether this very call ended it.
    pub changed: bool,
    /// The instance that was working on it.
    pub instance_id: Option<InstanceId>,
    /// The nodes that were under way.
    pub stopped: Vec<Arc<str>>,
}

impl Engine {
    /// Ends a run as cancelled, for a reason of up to 1,000 characters; `None` when there is no such run. Doing it again, or to a run
    /// that has ended, changes nothing.
    ///
    /// When this returns, the run is over and stays so, whatever its owner is doing. Attempts under way get their
    /// [`Call::cancelled`](crate::Call::cancelled) at once on this instance, and within
    /// [`Limits::heartbeat_interval`](crate::Limits::heartbeat_interval) on another.
    pub async fn cancel_run(&self, id: RunId, reason: &str) -> Result<Option<CancelReport>, Error> {
        check_reason(reason)?;
        let Some(before) = self.run(id).await? else {
            return Ok(None);
        };
        let error = serde_json::to_string(&Failure::new("cancelled", reason)).unwrap_or_default();
        let client = self.shared.connection().await?;
        let mut races = 0;
        let cancelled = loop {
            match cancellations::cancel(&client, id, &error, self.shared.clock.now()).await {
                Err(error) if error.is_unique_violation() && races < MAX_RACES => races += 1,
                other => break other?,
            }
        };
        if cancelled.is_some() {
            if let Some(session) = self.current() {
                session.held.stop(id);
            }
            self.shared.waiters.wake(id);
        }
        let status = runs::get(&client, id)
            .await?
            .map_or_else(String::new, |row| row.head.status);
        let changed = cancelled.is_some();
        let stopped = if changed { under_way(&before) } else { Vec::new() };
        Ok(Some(CancelReport {
            id,
            status,
            changed,
            instance_id: cancelled.and_then(|run| run.owner),
            stopped,
        }))
    }
}

fn under_way(run: &RunView) -> Vec<Arc<str>> {
    let open = run
        .nodes
        .iter()
        .filter(|node| ["running", "retrying", "waiting"].contains(&node.status));
    open.map(|node| node.id.clone()).collect()
}
