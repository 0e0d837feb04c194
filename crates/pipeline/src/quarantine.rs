//! Nodes in quarantine: which there are, and what somebody decides about them.

use std::time::Duration;

use gathering_domain::node_state::{Failure, NodeEvent, NodeState};
use gathering_domain::quarantine::Decision;
use gathering_domain::{InstanceId, PipelineId, ProjectId, RunId};
use gathering_persistence::node_decisions::{self, DecisionRow, EntryPlace, QuarantinedRow, Resolution};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::input::check_reason;
use crate::session::decisions::NodeDecision;
use crate::view::Record;
use crate::{Engine, Error, Json, entry};

/// How long a decision may take to reach an instance that has the run in memory.
const DECISION_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What became of a node about which somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// Its run.
    pub run_id: RunId,
    /// The node.
    pub node: String,
    /// What it is now; `retrying` when it was just released.
    pub status: &'static str,
    /// Whether it was in quarantine when this was asked for.
    pub changed: bool,
}

/// A node in quarantine.
#[derive(Debug, Clone, Serialize)]
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

/// A node as it was read, and what is to be written about it.
struct Look {
    status: &'static str,
    owner: Option<InstanceId>,
    /// What a decision makes of it; `None` when it is not in quarantine.
    step: Option<Step>,
}

struct Step {
    attempt: u32,
    event: NodeEvent,
    epoch: i32,
    seq: i32,
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
    /// When this returns, the release is in the journal, wherever the run is.
    pub async fn release_node(&self, run: RunId, node: &str) -> Result<Option<NodeReport>, Error> {
        self.decide(run, node, Decision::Release).await
    }

    /// Fails a node in quarantine: its run goes on as after any other failure. Otherwise as [`Engine::release_node`].
    pub async fn fail_node(&self, run: RunId, node: &str, reason: &str) -> Result<Option<NodeReport>, Error> {
        check_reason(reason)?;
        let error = Failure::new("quarantined", reason);
        self.decide(run, node, Decision::Fail(error)).await
    }

    async fn decide(&self, run: RunId, node: &str, decision: Decision) -> Result<Option<NodeReport>, Error> {
        let deadline = Instant::now() + DECISION_LIMIT;
        let mut changed = false;
        loop {
            let Some(look) = self.look(run, node, decision.clone()).await? else {
                return Ok(None);
            };
            let Some(step) = look.step else {
                let status = look.status;
                return Ok(Some(NodeReport {
                    run_id: run,
                    node: node.to_owned(),
                    status,
                    changed,
                }));
            };
            changed = true;
            let written = match look.owner {
                None => self.write(run, node, &step).await?,
                Some(owner) => {
                    let decision = NodeDecision {
                        node: node.to_owned(),
                        attempt: step.attempt,
                        decision: decision.clone(),
                    };
                    self.tell(owner, run, decision).await?
                }
            };
            if Instant::now() >= deadline {
                return Err(Error::Overloaded {
                    retry_after: Duration::from_secs(1),
                });
            }
            if !written {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    async fn look(&self, run: RunId, node: &str, decision: Decision) -> Result<Option<Look>, Error> {
        let node = node.to_owned();
        let looked = self.read(run, move |record| look(&record, &node, decision)).await?;
        Ok(looked.flatten())
    }

    /// Nobody has the run in memory: writes the entry. `false` when somebody took it just now.
    async fn write(&self, run: RunId, node: &str, step: &Step) -> Result<bool, Error> {
        let client = self.shared.connection().await?;
        let data = entry::encode(&step.event);
        let resolution = Resolution {
            run_id: run,
            epoch: step.epoch,
            seq: step.seq,
            at: self.shared.clock.now(),
            kind: step.event.name(),
            node,
            data: data.as_deref(),
        };
        let written = node_decisions::resolve(&client, &resolution).await?;
        self.wake();
        Ok(written)
    }

    /// Somebody has the run in memory, and writes the entry itself. A decision that gets lost on its way is told again.
    async fn tell(&self, owner: InstanceId, run: RunId, decision: NodeDecision) -> Result<bool, Error> {
        let here = self.current().filter(|session| session.instance == owner);
        if let Some(session) = here {
            session.held.decide(run, decision);
            return Ok(false);
        }
        let client = self.shared.connection().await?;
        let row = DecisionRow {
            run_id: run,
            node: decision.node,
            attempt: i32::try_from(decision.attempt).unwrap_or(i32::MAX),
            decision: Json::serialize(&decision.decision).unwrap_or_else(|_| Json::null()),
        };
        node_decisions::leave(&client, &row, owner, self.shared.clock.now()).await?;
        Ok(false)
    }
}

fn look(record: &Record, node: &str, decision: Decision) -> Result<Option<Look>, Error> {
    let Some(node) = record.pipeline.by_id.get(node).copied() else {
        return Ok(None);
    };
    let mut progress = record.progress()?;
    let head = &record.row.head;
    if let Some(at) = head.finished_at {
        progress.cancel_open(at);
    }
    let last = record.journal.last().map_or(0, |row| row.seq);
    let step = progress
        .quarantined(node)
        .zip(progress.resolve(node, decision))
        .map(|(attempt, event)| Step {
            attempt: attempt.number,
            event,
            epoch: head.epoch,
            seq: last.saturating_add(1),
        });
    let state: &NodeState = &progress.nodes()[node];
    Ok(Some(Look {
        status: state.name(),
        owner: head.owner,
        step,
    }))
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
