//! Nodes in quarantine: which there are, and what somebody decides about them.

mod deciding;

use gathering_domain::node_event::Failure;
use gathering_domain::quarantine::Decision;
use gathering_domain::{InstanceId, NodeStatus, PipelineId, ProjectId, RunId};
use gathering_persistence::Transaction;
use gathering_persistence::node_decisions::{self, EntryPlace, QuarantinedRow};
use jiff::Timestamp;
use serde::Serialize;

use crate::input::check_reason;
use crate::{Engine, Error, entry};

/// What became of a node about which somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeReport {
    /// Its run.
    pub run_id: RunId,
    /// The node.
    pub node: String,
    /// What it is now; `retrying` when it was just released.
    pub status: NodeStatus,
    /// Whether this very decision took it out of quarantine.
    pub changed: bool,
}

/// A node in quarantine.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuarantinedNode {
    /// Its run.
    pub run_id: RunId,
    /// The pipeline of its run.
    pub pipeline_id: PipelineId,
    /// The version that the run runs.
    pub version: i32,
    /// The node.
    pub node: String,
    /// How many attempts were started.
    pub attempts: u32,
    /// Why it is there.
    pub error: Failure,
    /// Since when.
    pub quarantined_at: Timestamp,
}

/// Some of the nodes in quarantine, those of the newest runs first.
#[derive(Debug, Clone)]
pub struct QuarantinePage {
    /// The nodes.
    pub items: Vec<QuarantinedNode>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<EntryPlace>,
}

/// What became of a decision about a node, made in the caller's transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeDecided {
    /// Nobody has the run in memory: this is so once the transaction commits.
    Written(NodeReport),
    /// An instance has the run in memory and is told by the same commit; it writes the entry itself, within
    /// [`Limits::heartbeat_interval`](crate::Limits::heartbeat_interval), unless the run leaves its memory at that very moment: whoever must
    /// know decides again after the commit.
    Told {
        /// Which.
        instance_id: InstanceId,
    },
}

impl Engine {
    /// Up to `limit` nodes of a project that are in quarantine, behind `after`.
    pub async fn quarantine(
        &self,
        project: ProjectId,
        after: Option<EntryPlace>,
        limit: u32,
    ) -> Result<QuarantinePage, Error> {
        let client = self.shared.connection().await?;
        // One more than is wanted: whether it is there tells whether another page follows.
        let mut rows = node_decisions::quarantined(&client, project, after, i64::from(limit) + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| EntryPlace {
            run_id: row.entry.run_id,
            seq: row.entry.seq,
        });
        Ok(QuarantinePage {
            items: rows.into_iter().map(shown).collect::<Result<_, _>>()?,
            next: last.filter(|_| more),
        })
    }

    /// Lets a node out of quarantine: its next attempt follows at once, on whichever instance, and the processes that die under it are
    /// counted anew. `None` when there is no such run or node; a node that is not in quarantine is left as it is.
    ///
    /// When this returns, the release is in the journal, wherever the run is. Of several who decide about a node at once, one changes it.
    pub async fn release_node(&self, run: RunId, node: &str) -> Result<Option<NodeReport>, Error> {
        self.decide(self.wish(run, node, Decision::Release)).await
    }

    /// Fails a node in quarantine: its run goes on as after any other failure. Otherwise as [`Engine::release_node`].
    pub async fn fail_node(&self, run: RunId, node: &str, reason: &str) -> Result<Option<NodeReport>, Error> {
        check_reason(reason)?;
        let error = Failure::new("quarantined", reason);
        self.decide(self.wish(run, node, Decision::Fail(error))).await
    }

    /// [`Engine::release_node`] in the caller's transaction: of a run that rests it counts if that commits, and never was if that rolls back;
    /// an instance that has the run in memory is told by the commit. A working engine finds a run that rested within
    /// [`Limits::poll_interval`](crate::Limits::poll_interval) of the commit, or at once after [`Engine::wake`].
    pub async fn release_node_in(
        &self,
        transaction: &Transaction<'_>,
        run: RunId,
        node: &str,
    ) -> Result<Option<NodeDecided>, Error> {
        self.decide_in(transaction, self.wish(run, node, Decision::Release))
            .await
    }

    /// [`Engine::fail_node`] in the caller's transaction, as [`Engine::release_node_in`].
    pub async fn fail_node_in(
        &self,
        transaction: &Transaction<'_>,
        run: RunId,
        node: &str,
        reason: &str,
    ) -> Result<Option<NodeDecided>, Error> {
        check_reason(reason)?;
        let error = Failure::new("quarantined", reason);
        self.decide_in(transaction, self.wish(run, node, Decision::Fail(error)))
            .await
    }
}

fn shown(row: QuarantinedRow) -> Result<QuarantinedNode, Error> {
    let QuarantinedRow {
        entry,
        pipeline_id,
        version,
    } = row;
    let (attempt, error) = entry::quarantined(&entry)?;
    Ok(QuarantinedNode {
        run_id: entry.run_id,
        pipeline_id,
        version,
        node: entry.node.unwrap_or_default(),
        attempts: attempt.number,
        error,
        quarantined_at: entry.at,
    })
}
