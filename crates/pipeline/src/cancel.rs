//! Cancelling one run.

use std::sync::Arc;

use gathering_domain::node_event::Failure;
use gathering_domain::{InstanceId, NodeStatus, RunId, RunStatus};
use gathering_persistence::cancellations::{self, Cancel, Cancelled};
use gathering_persistence::{GenericClient, Transaction};
use serde::Serialize;

use crate::input::check_reason;
use crate::start::overloaded;
use crate::{Engine, Error, RunView};

/// How often an owner that appends at the very same moment may win before the cancel gives up.
pub(crate) const MAX_RACES: usize = 100;

/// What cancelling a run came to.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CancelReport {
    /// The run.
    pub id: RunId,
    /// Its final status: `cancelled`, or what it had ended as before.
    pub status: RunStatus,
    /// Whether this very call ended it.
    pub changed: bool,
    /// The instance that was working on it.
    pub instance_id: Option<InstanceId>,
    /// The nodes that were under way.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
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
        let client = self.shared.connection().await?;
        let report = self.end_cancelled(&client, before, reason).await?;
        if report.as_ref().is_some_and(|report| report.changed) {
            self.shared.counters.cancelled.one();
            self.told_here(id);
        }
        Ok(report)
    }

    /// The same in the caller's transaction: the run is over once that commits, and goes on if that rolls back. Its head is locked until
    /// then, so that it cannot end otherwise meanwhile.
    ///
    /// The owner, this instance too, is told by the same commit: attempts under way stop within
    /// [`Limits::heartbeat_interval`](crate::Limits::heartbeat_interval) of it.
    pub async fn cancel_run_in(
        &self,
        transaction: &Transaction<'_>,
        id: RunId,
        reason: &str,
    ) -> Result<Option<CancelReport>, Error> {
        check_reason(reason)?;
        let Some(before) = self.run_in(transaction, id).await? else {
            return Ok(None);
        };
        self.end_cancelled(transaction, before, reason).await
    }

    /// Ends those of these runs that are open, in the caller's transaction, and gives which those were. Their heads are locked until that ends, in the
    /// order of their ids: who cancels the same runs at the same time waits.
    ///
    /// In place of one [`cancel_run_in`](Self::cancel_run_in) for each, which reads what each was doing, this takes one statement. The owners are
    /// told by the same commit.
    pub async fn cancel_runs_by_id_in(
        &self,
        transaction: &Transaction<'_>,
        ids: &[RunId],
        reason: &str,
    ) -> Result<Vec<RunId>, Error> {
        check_reason(reason)?;
        let (error, mut ended) = (why(reason), Vec::new());
        let mut left = ids.to_vec();
        for _ in 0..=MAX_RACES {
            if left.is_empty() {
                return Ok(ended);
            }
            let asked = Cancel {
                runs: &left,
                status: None,
                error: &error,
                at: self.shared.clock.now(),
            };
            let found = cancellations::cancel(transaction, asked).await?;
            ended.extend(found.iter().filter(|run| run.done).map(|run| run.id));
            left = found.iter().filter(|run| !run.done).map(|run| run.id).collect();
        }
        Err(overloaded())
    }

    async fn end_cancelled(
        &self,
        client: &impl GenericClient,
        before: RunView,
        reason: &str,
    ) -> Result<Option<CancelReport>, Error> {
        let id = before.head.summary.id;
        let ended = self.end_open(client, id, &why(reason)).await?;
        let Some(run) = ended else {
            // Over already, or forgotten since it was read.
            let head = self.head_on(client, id).await?;
            return Ok(head.map(|head| CancelReport {
                id,
                status: head.summary.status,
                changed: false,
                instance_id: None,
                stopped: Vec::new(),
            }));
        };
        Ok(Some(CancelReport {
            id,
            status: RunStatus::Cancelled,
            changed: true,
            instance_id: run.owner,
            stopped: under_way(&before),
        }))
    }

    /// Ends the run if it is open, however often its owner appends meanwhile.
    async fn end_open(&self, client: &impl GenericClient, id: RunId, error: &str) -> Result<Option<Cancelled>, Error> {
        for _ in 0..=MAX_RACES {
            let asked = Cancel {
                runs: &[id],
                status: None,
                error,
                at: self.shared.clock.now(),
            };
            match cancellations::cancel(client, asked).await?.pop() {
                Some(run) if !run.done => {}
                ended => return Ok(ended),
            }
        }
        Err(overloaded())
    }

    /// Stops what this instance does for a run that was cancelled, and tells those who wait for its end.
    pub(crate) fn told_here(&self, id: RunId) {
        if let Some(session) = self.current() {
            session.held.stop(id);
        }
        self.shared.waiters.wake(id);
    }
}

/// The error of a run that was cancelled.
pub(crate) fn why(reason: &str) -> String {
    serde_json::to_string(&Failure::new("cancelled", reason)).unwrap_or_default()
}

fn under_way(run: &RunView) -> Vec<Arc<str>> {
    let open = run
        .nodes
        .iter()
        .filter(|node| [NodeStatus::Running, NodeStatus::Retrying, NodeStatus::Waiting].contains(&node.status));
    open.map(|node| node.id.clone()).collect()
}
