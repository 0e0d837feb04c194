//! Which nodes of a run breakers hold back, since when, and what they were told.

use std::collections::HashMap;
use std::time::Duration;

use gathering_domain::node_event::HeldBy;
use gathering_domain::node_state::NodeState;
use gathering_domain::pipeline::NodeIx;
use gathering_domain::planner::{AttemptEnd, AttemptResult};
use gathering_domain::progress::Progress;
use gathering_domain::{BreakerId, ProjectId};
use gathering_persistence::breakers::BreakerKey;
use jiff::{SignedDuration, Timestamp};

use crate::session::breakers::{Breakers, Standing};

/// How much earlier a breaker must be free than its nodes were told, for them to ask again.
const SLACK: SignedDuration = SignedDuration::from_millis(500);

/// What breakers hold back of a run.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// In a row of holds from the first of them on, while it asks again, too.
    nodes: HashMap<NodeIx, Hold>,
    breakers: HashMap<BreakerId, Holder>,
}

#[derive(Debug)]
struct Hold {
    by: BreakerId,
    attempt: u32,
    since: Timestamp,
    /// Whether the last that the journal says of the node is that this breaker holds it before this attempt.
    is_journaled: bool,
}

/// A breaker that holds nodes.
#[derive(Debug)]
struct Holder {
    key: BreakerKey,
    nodes: usize,
    /// The latest time at which one of them was told that it may ask again.
    told: Timestamp,
    /// The latest time at which one of them will, if nothing happens.
    wake_at: Timestamp,
}

impl Holds {
    /// Those of a run as its journal left it.
    pub(super) fn of(project: ProjectId, progress: &Progress) -> Self {
        let mut holds = Self::default();
        for (node, state) in progress.nodes().iter().enumerate() {
            if let NodeState::Held {
                attempt,
                since,
                wake_at,
                by,
                ..
            } = state
            {
                let hold = Hold {
                    by: by.id,
                    attempt: attempt.number,
                    since: *since,
                    is_journaled: true,
                };
                holds.add(node, hold, (project, by), (*wake_at, *wake_at));
            }
        }
        holds
    }

    pub(super) fn is_empty(&self) -> bool {
        self.breakers.is_empty()
    }

    /// The breaker that holds a node, or held it before it asked again.
    pub(super) fn by(&self, node: NodeIx) -> Option<HeldBy> {
        let id = self.nodes.get(&node)?.by;
        let key = self.breakers.get(&id)?.key.key.clone();
        Some(HeldBy { id, key })
    }

    /// For how long a node has been held in a row; nothing, where it is not.
    pub(super) fn held_for(&self, node: NodeIx, now: Timestamp) -> Duration {
        let since = self.nodes.get(&node).map_or(now, |hold| hold.since);
        Duration::try_from(now.duration_since(since)).unwrap_or_default()
    }

    /// Notes what an attempt came to; says whether it is one more hold in a row of which the journal knows.
    pub(super) fn take(&mut self, project: ProjectId, end: &AttemptEnd, now: Timestamp) -> bool {
        let before = self.remove(end.node);
        let AttemptResult::Held { until, spread, by } = &end.result else {
            return false;
        };
        let before = before.filter(|hold| hold.by == by.id && hold.attempt == end.attempt.number);
        let is_known = before.as_ref().is_some_and(|hold| hold.is_journaled);
        let hold = Hold {
            by: by.id,
            attempt: end.attempt.number,
            since: before.map_or(now, |hold| hold.since),
            is_journaled: true,
        };
        let wake_at = until.checked_add(*spread).unwrap_or(*until);
        self.add(end.node, hold, (project, by), (*until, wake_at));
        is_known
    }

    /// The journal is told something else of a node that asks again.
    pub(super) fn is_journaled_otherwise(&mut self, node: NodeIx) {
        if let Some(hold) = self.nodes.get_mut(&node) {
            hold.is_journaled = false;
        }
    }

    /// The breakers that are free earlier than their nodes were told, and from when on.
    pub(super) fn free(&self, breakers: &Breakers, now: Timestamp) -> HashMap<BreakerId, Timestamp> {
        let sooner = |(id, holder): (&BreakerId, &Holder)| match breakers.standing(&holder.key)? {
            Standing::Closed => (holder.wake_at > now).then_some((*id, now)),
            Standing::HoldsFor(wait) => {
                let at = now.checked_add(wait).ok()?;
                (holder.told.duration_since(at) > SLACK).then_some((*id, at))
            }
        };
        self.breakers.iter().filter_map(sooner).collect()
    }

    /// Their nodes know it now.
    pub(super) fn told(&mut self, free: &HashMap<BreakerId, Timestamp>) {
        for (id, at) in free {
            if let Some(holder) = self.breakers.get_mut(id) {
                (holder.told, holder.wake_at) = (*at, *at);
            }
        }
    }

    fn add(
        &mut self,
        node: NodeIx,
        hold: Hold,
        (project_id, by): (ProjectId, &HeldBy),
        (told, wake_at): (Timestamp, Timestamp),
    ) {
        self.nodes.insert(node, hold);
        let holder = self.breakers.entry(by.id).or_insert_with(|| Holder {
            key: BreakerKey {
                project_id,
                key: by.key.clone(),
            },
            nodes: 0,
            told,
            wake_at,
        });
        holder.nodes += 1;
        holder.told = holder.told.max(told);
        holder.wake_at = holder.wake_at.max(wake_at);
    }

    fn remove(&mut self, node: NodeIx) -> Option<Hold> {
        let hold = self.nodes.remove(&node)?;
        if let Some(holder) = self.breakers.get_mut(&hold.by) {
            holder.nodes -= 1;
            if holder.nodes == 0 {
                self.breakers.remove(&hold.by);
            }
        }
        Some(hold)
    }
}
