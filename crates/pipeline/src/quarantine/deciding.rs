//! How a decision about a node in quarantine comes into the journal, wherever its run is.

use std::time::Duration;

use gathering_domain::node_event::NodeEvent;
use gathering_domain::node_state::NodeState;
use gathering_domain::quarantine::Decision;
use gathering_domain::{DecisionId, InstanceId, NodeStatus, RunId};
use gathering_persistence::node_decisions::{self, Resolution};
use gathering_persistence::{GenericClient, Transaction};
use tokio::time::Instant;

use super::{NodeDecided, NodeReport};
use crate::session::decisions::NodeDecision;
use crate::start::overloaded;
use crate::view::Record;
use crate::{Engine, Error, entry};

/// How long a decision may take to reach an instance that has the run in memory.
const DECISION_LIMIT: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How often a transaction may find that somebody took the run just now.
const MAX_LOOKS: usize = 10;

/// What somebody decides about a node.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    id: DecisionId,
    run: RunId,
    node: String,
    decision: Decision,
}

/// A node as it was read, and what is to be written about it.
struct Look {
    status: NodeStatus,
    owner: Option<InstanceId>,
    /// Whether the journal has an entry of this very decision.
    written: bool,
    /// What the decision makes of it; `None` when it is not in quarantine.
    step: Option<Step>,
}

struct Step {
    attempt: u32,
    event: NodeEvent,
    epoch: i32,
    seq: i32,
}

impl Engine {
    pub(super) fn wish(&self, run: RunId, node: &str, decision: Decision) -> Wish {
        Wish {
            id: DecisionId::new(self.shared.clock.now(), &*self.shared.entropy),
            run,
            node: node.to_owned(),
            decision,
        }
    }

    pub(super) async fn decide(&self, wish: Wish) -> Result<Option<NodeReport>, Error> {
        let deadline = Instant::now() + DECISION_LIMIT;
        loop {
            let asked = wish.clone();
            let looked = self.read(wish.run, move |record| look(&record, &asked)).await?;
            let Some(look) = looked.flatten() else {
                return Ok(None);
            };
            let Some(step) = look.step.filter(|_| !look.written) else {
                return Ok(Some(wish.report(look.status, look.written)));
            };
            let written = match look.owner {
                None => {
                    let client = self.shared.connection().await?;
                    let written = self.write(&client, &wish, &step).await?;
                    self.wake();
                    written
                }
                Some(owner) => self.tell(owner, &wish, step.attempt).await?,
            };
            if Instant::now() >= deadline {
                return Err(overloaded());
            }
            if !written {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    pub(super) async fn decide_in(
        &self,
        transaction: &Transaction<'_>,
        wish: Wish,
    ) -> Result<Option<NodeDecided>, Error> {
        for _ in 0..MAX_LOOKS {
            let asked = wish.clone();
            let looked = self.read_in(transaction, wish.run, move |record| look(&record, &asked));
            let Some(look) = looked.await?.flatten() else {
                return Ok(None);
            };
            let Some(step) = look.step.filter(|_| !look.written) else {
                return Ok(Some(NodeDecided::Written(wish.report(look.status, look.written))));
            };
            if let Some(instance_id) = look.owner {
                self.leave(transaction, instance_id, &wish, step.attempt).await?;
                return Ok(Some(NodeDecided::Told { instance_id }));
            }
            // Where somebody took the run just now, or wrote to its journal, it looks otherwise the next time.
            self.write(transaction, &wish, &step).await?;
        }
        Err(overloaded())
    }

    /// Nobody has the run in memory: writes the entry. `false` when somebody took it just now.
    async fn write(&self, client: &impl GenericClient, wish: &Wish, step: &Step) -> Result<bool, Error> {
        let data = entry::encode_decided(&step.event, wish.id);
        let resolution = Resolution {
            run_id: wish.run,
            epoch: step.epoch,
            seq: step.seq,
            at: self.shared.clock.now(),
            kind: step.event.name(),
            node: &wish.node,
            data: data.as_deref(),
        };
        Ok(node_decisions::resolve(client, &resolution).await?)
    }

    /// Somebody has the run in memory, and writes the entry itself. A decision that gets lost on its way is told again.
    async fn tell(&self, owner: InstanceId, wish: &Wish, attempt: u32) -> Result<bool, Error> {
        let here = self.current().filter(|session| session.instance == owner);
        if let Some(session) = here {
            session.held.decide(wish.run, wish.after(attempt));
        } else {
            let client = self.shared.connection().await?;
            self.leave(&client, owner, wish, attempt).await?;
        }
        Ok(false)
    }

    async fn leave(
        &self,
        client: &impl GenericClient,
        owner: InstanceId,
        wish: &Wish,
        attempt: u32,
    ) -> Result<(), Error> {
        let row = wish.after(attempt).row(wish.run);
        // A reason is text, which always serializes.
        let row = row.map_err(|error| gathering_persistence::Error::Driver(error.to_string()))?;
        Ok(node_decisions::leave(client, &row, owner, self.shared.clock.now()).await?)
    }
}

impl Wish {
    fn after(&self, attempt: u32) -> NodeDecision {
        NodeDecision {
            id: self.id,
            node: self.node.clone(),
            attempt,
            decision: self.decision.clone(),
        }
    }

    fn report(self, status: NodeStatus, changed: bool) -> NodeReport {
        if changed {
            tracing::info!(run_id = %self.run, node = self.node, %status, "it was decided what becomes of a node in quarantine");
        }
        NodeReport {
            run_id: self.run,
            node: self.node,
            status,
            changed,
        }
    }
}

fn look(record: &Record, wish: &Wish) -> Result<Option<Look>, Error> {
    let Some(node) = record.pipeline.by_id.get(wish.node.as_str()).copied() else {
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
        .zip(progress.resolve(node, wish.decision.clone()))
        .map(|(attempt, event)| Step {
            attempt: attempt.number,
            event,
            epoch: head.epoch,
            seq: last.saturating_add(1),
        });
    let mut decided = record.journal.iter().rev().filter_map(entry::decision);
    let state: &NodeState = &progress.nodes()[node];
    Ok(Some(Look {
        status: state.status(),
        owner: head.owner,
        written: decided.any(|id| id == wish.id),
        step,
    }))
}
