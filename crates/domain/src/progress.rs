//! How far a run has come: the fold of its journal, kept so that each event costs only the edges it touches.

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::node_event::{EdgeOutcome, HeldBy, NodeEvent, SkipReason};
use crate::node_state::{Impossible, NodeState};
use crate::pipeline::{JoinMode, NodeIx, NodeKind};
use crate::scope::Scope;

/// The state of every node and edge of a run.
#[derive(Debug)]
pub struct Progress {
    pub(crate) scope: Scope,
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) arrivals: Vec<Arrivals>,
    /// Nodes whose turn has come and that have not been planned yet.
    pub(crate) ready: VecDeque<NodeIx>,
    /// Whether the last plan ended in the middle of a cascade.
    pub(crate) cascading: bool,
    /// When retries and delays are due.
    pub(crate) timers: BTreeSet<(Timestamp, NodeIx)>,
    /// Nodes that are not in a final state.
    pub(crate) open: usize,
    /// The first node that failed without `on_error: continue`.
    pub(crate) failed: Option<NodeIx>,
    edges: Vec<EdgeState>,
}

/// What has arrived at a node over its incoming edges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals {
    decided: usize,
    pub(crate) live: usize,
    pub(crate) poisoned: bool,
    pub(crate) broken: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EdgeState {
    Undecided,
    Live,
    Dead,
    /// Its source failed, or was skipped because of a failure.
    Poisoned,
}

impl Progress {
    /// A run that has not begun.
    pub fn new(scope: Scope) -> Self {
        let pipeline = &scope.pipeline;
        let count = pipeline.nodes.len();
        let ready = (0..count)
            .filter(|node| pipeline.nodes[*node].incoming.is_empty())
            .collect();
        Self {
            nodes: vec![NodeState::Pending; count],
            arrivals: vec![Arrivals::default(); count],
            ready,
            cascading: false,
            timers: BTreeSet::new(),
            open: count,
            failed: None,
            edges: vec![EdgeState::Undecided; pipeline.edges.len()],
            scope,
        }
    }

    /// What the run's expressions see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The state of every node, in the order of the definition.
    pub fn nodes(&self) -> &[NodeState] {
        &self.nodes
    }

    /// Whether every node is in a final state.
    pub fn is_done(&self) -> bool {
        self.open == 0
    }

    /// The breakers that hold nodes back, those of the nodes that are due first before the others.
    pub fn held_by(&self) -> impl Iterator<Item = &HeldBy> + Clone {
        let waiting = self.timers.iter().map(|(_, node)| &self.nodes[*node]);
        waiting.filter_map(|state| match state {
            NodeState::Held { by, .. } => Some(by),
            NodeState::Pending
            | NodeState::Running { .. }
            | NodeState::Retrying { .. }
            | NodeState::Quarantined { .. }
            | NodeState::Waiting { .. }
            | NodeState::Completed(_)
            | NodeState::Failed(..)
            | NodeState::TimedOut(..)
            | NodeState::Skipped { .. }
            | NodeState::Cancelled { .. } => None,
        })
    }

    /// Makes nodes that are held back due earlier, as `sooner` says for each of them. Not in the journal, which knows only that they are
    /// held.
    pub fn ring_held(&mut self, mut sooner: impl FnMut(NodeIx, &HeldBy) -> Option<Timestamp>) {
        if self.held_by().next().is_none() {
            return;
        }
        let (nodes, timers) = (&mut self.nodes, &self.timers);
        let rung = |(at, node): &(Timestamp, NodeIx)| {
            if let NodeState::Held { wake_at, by, .. } = &mut nodes[*node]
                && let Some(sooner) = sooner(*node, by)
            {
                *wake_at = sooner.min(*wake_at);
                return (*wake_at, *node);
            }
            (*at, *node)
        };
        self.timers = timers.iter().map(rung).collect();
    }

    /// The earliest retry, end of a delay or of a hold.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes in an event that happened at `at`: live after it is durable, and in recovery from the journal.
    pub fn apply(&mut self, node: NodeIx, event: &NodeEvent, at: Timestamp) -> Result<(), Impossible> {
        let after = self.nodes[node].after(event, at)?;
        if let Some(wake_at) = self.nodes[node].wake_at() {
            self.timers.remove(&(wake_at, node));
        }
        if let Some(wake_at) = after.wake_at() {
            self.timers.insert((wake_at, node));
        }
        if after.is_terminal() {
            self.open -= 1;
        }
        self.nodes[node] = after;
        self.flow(node, event);
        Ok(())
    }

    /// Marks what is still open as cancelled: the run ended by other means than its nodes, which keep what they had come to.
    pub fn cancel_open(&mut self, at: Timestamp) {
        for state in self.nodes.iter_mut().filter(|state| !state.is_terminal()) {
            *state = state.cancelled(at);
        }
        self.open = 0;
        self.timers.clear();
        self.ready.clear();
    }

    /// The places of the live edges that end at `node`, as their sources.
    pub(crate) fn live_sources(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        let pipeline = &self.scope.pipeline;
        pipeline.nodes[node]
            .incoming
            .iter()
            .filter(|edge| self.edges[**edge] == EdgeState::Live)
            .map(|edge| pipeline.edges[*edge].from)
    }

    fn flow(&mut self, node: NodeIx, event: &NodeEvent) {
        match event {
            NodeEvent::Completed { output, edges, .. } => {
                // A trigger's output is the run's input, which the journal does not repeat.
                let is_trigger = matches!(self.scope.pipeline.nodes[node].kind, NodeKind::Trigger);
                self.scope.outputs.set(
                    node,
                    if is_trigger {
                        self.scope.input.clone()
                    } else {
                        output.clone()
                    },
                );
                self.follow(node, edges);
            }
            NodeEvent::Failed {
                error,
                continues: Some(edges),
                ..
            }
            | NodeEvent::TimedOut {
                error,
                continues: Some(edges),
                ..
            } => {
                self.scope.outputs.set(node, crate::planner::error_as_output(error));
                self.follow(node, edges);
            }
            NodeEvent::Failed { .. } | NodeEvent::TimedOut { .. } => {
                self.failed.get_or_insert(node);
                self.block(node, EdgeState::Poisoned);
            }
            NodeEvent::Skipped {
                reason: SkipReason::UpstreamFailed,
            } => self.block(node, EdgeState::Poisoned),
            NodeEvent::Skipped {
                reason: SkipReason::NotTaken,
            } => self.block(node, EdgeState::Dead),
            NodeEvent::AttemptStarted { .. }
            | NodeEvent::AttemptFailed { .. }
            | NodeEvent::WaitStarted { .. }
            | NodeEvent::Quarantined { .. }
            | NodeEvent::Released
            | NodeEvent::Held { .. }
            | NodeEvent::Cancelled => {}
        }
    }

    fn follow(&mut self, node: NodeIx, outcome: &EdgeOutcome) {
        for (edge, message) in &outcome.broken {
            if let Some(edge) = self.scope.pipeline.nodes[node].outgoing.get(*edge as usize) {
                let target = self.scope.pipeline.edges[*edge].to;
                self.arrivals[target].broken.get_or_insert_with(|| message.clone());
            }
        }
        let pipeline = self.scope.pipeline.clone();
        let mut dead = outcome.dead.iter().peekable();
        for (position, edge) in (0_u32..).zip(&pipeline.nodes[node].outgoing) {
            let state = if dead.next_if(|next| **next == position).is_some() {
                EdgeState::Dead
            } else {
                EdgeState::Live
            };
            self.decide(*edge, state);
        }
    }

    fn block(&mut self, node: NodeIx, state: EdgeState) {
        let pipeline = self.scope.pipeline.clone();
        for edge in &pipeline.nodes[node].outgoing {
            self.decide(*edge, state);
        }
    }

    fn decide(&mut self, edge: usize, state: EdgeState) {
        self.edges[edge] = state;
        let target = self.scope.pipeline.edges[edge].to;
        let node = &self.scope.pipeline.nodes[target];
        let arrivals = &mut self.arrivals[target];
        arrivals.decided += 1;
        arrivals.live += usize::from(state == EdgeState::Live);
        arrivals.poisoned |= state == EdgeState::Poisoned;
        let any = matches!(node.kind, NodeKind::Join { mode: JoinMode::Any });
        // A join of any is ready with its first live edge, and only then; later edges find it planned.
        let first_live = any && state == EdgeState::Live && arrivals.live == 1;
        if first_live || arrivals.decided == node.incoming.len() {
            self.ready.push_back(target);
        }
    }
}
