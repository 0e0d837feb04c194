//! What a run does next: a pure function of its progress and the time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::Json;
use crate::duration::parse_duration;
use crate::expression::EvalError;
use crate::node_event::{Attempt, EdgeOutcome, Failure, NodeEvent, SkipReason};
use crate::node_state::NodeState;
use crate::pipeline::{JoinMode, NodeIx, NodeKind, OnError, When};
use crate::progress::Progress;
use crate::run_state::Outcome;
pub use crate::settle::{ATTEMPT_LOST, AttemptEnd, AttemptResult};

/// What [`Progress::next`] decided.
#[derive(Debug, Default)]
pub struct Plan {
    /// Decisions that need no effect. They are already applied; they ride along with the next append.
    pub records: Vec<(NodeIx, NodeEvent)>,
    /// Attempts to hand to their handlers now.
    pub starts: Vec<Start>,
    /// The end, once every node has reached its own.
    pub outcome: Option<Outcome>,
    /// Whether more can be decided at once: the limit of [`Progress::next_few`] was reached.
    pub more: bool,
}

/// An attempt to hand to a handler.
#[derive(Debug)]
pub struct Start {
    /// The node.
    pub node: NodeIx,
    /// Which attempt.
    pub attempt: Attempt,
    /// The node's config, rendered.
    pub config: Json,
}

/// How much a join, or the run's output, may gather in all.
const MAX_GATHERED_BYTES: usize = 8 << 20;

/// What becomes of a node whose turn has come.
enum Verdict {
    Skip(SkipReason),
    Start,
    Wait(Duration),
    Output(Json),
}

impl Progress {
    /// Decides everything that can be decided at `now`, and says what to start.
    ///
    /// Pure nodes are decided at once and in cascade. Each call costs what became ready since the last one, not the size of the pipeline.
    pub fn next(&mut self, now: Timestamp) -> Plan {
        self.next_few(now, usize::MAX)
    }

    /// The same for at most `limit` nodes, so that whoever drives a run can do something else in between: evaluating a node takes time
    /// and room, and a cascade may be as long as the pipeline.
    pub fn next_few(&mut self, now: Timestamp, limit: usize) -> Plan {
        let mut plan = Plan::default();
        if !self.cascading {
            // Not between the parts of a cascade: however it is divided, and after a crash in its middle, the order is the same.
            self.ring_timers(now, &mut plan);
        }
        let mut decided = 0;
        while decided < limit
            && let Some(node) = self.ready.pop_front()
        {
            if self.nodes[node] == NodeState::Pending {
                decided += 1;
                self.turn(node, now, &mut plan);
            }
        }
        plan.more = !self.ready.is_empty();
        self.cascading = plan.more;
        if self.is_done() {
            plan.outcome = Some(self.outcome());
        }
        plan
    }

    fn ring_timers(&mut self, now: Timestamp, plan: &mut Plan) {
        while let Some(timer) = self.timers.first().filter(|(at, _)| *at <= now).copied() {
            // It rings once, whatever its node makes of it: a journal that does not fit must not keep this loop going.
            self.timers.remove(&timer);
            let node = timer.1;
            match self.nodes[node].clone() {
                NodeState::Retrying { attempt, .. } => self.start(node, attempt.next(now), now, plan),
                NodeState::Waiting { started_at, .. } => {
                    self.record(
                        node,
                        self.completed(node, Attempt::first(started_at), Json::null()),
                        now,
                        plan,
                    );
                }
                NodeState::Held { attempt, .. } => {
                    let now_made = Attempt {
                        started_at: now,
                        ..attempt
                    };
                    self.start(node, now_made, now, plan);
                }
                NodeState::Pending
                | NodeState::Running { .. }
                | NodeState::Quarantined { .. }
                | NodeState::Completed(_)
                | NodeState::Failed(..)
                | NodeState::TimedOut(..)
                | NodeState::Skipped { .. }
                | NodeState::Cancelled { .. } => {}
            }
        }
    }

    fn turn(&mut self, node: NodeIx, now: Timestamp, plan: &mut Plan) {
        let first = Attempt::first(now);
        let event = match self.verdict(node) {
            Ok(Verdict::Start) => return self.start(node, first, now, plan),
            Ok(Verdict::Skip(reason)) => NodeEvent::Skipped { reason },
            Ok(Verdict::Wait(wait)) => NodeEvent::WaitStarted {
                until: later(now, wait),
            },
            Ok(Verdict::Output(output)) if output.depth() > Json::MAX_DEPTH => {
                self.failed(node, first, too_deep(&output))
            }
            Ok(Verdict::Output(output)) => self.completed(node, first, output),
            Err(error) => self.failed(node, first, error),
        };
        self.record(node, event, now, plan);
    }

    /// What becomes of a node whose turn has come.
    fn verdict(&self, node: NodeIx) -> Result<Verdict, Failure> {
        if let Some(reason) = self.skip_reason(node) {
            return Ok(Verdict::Skip(reason));
        }
        if let Some(message) = &self.arrivals[node].broken {
            return Err(Failure::new("expression_failed", message));
        }
        Ok(match &self.scope.pipeline.nodes[node].kind {
            NodeKind::Action { .. } => Verdict::Start,
            NodeKind::Delay { duration } => Verdict::Wait(delay(&duration.render(&self.scope)?)?),
            NodeKind::Trigger | NodeKind::Parallel => Verdict::Output(Json::null()),
            NodeKind::Join { .. } => Verdict::Output(self.outputs_of(self.live_sources(node))?),
            NodeKind::Condition { expression } => {
                Verdict::Output(Json::from_value(&expression.truth(&self.scope)?.into()))
            }
            NodeKind::Transform { output } => Verdict::Output(output.render(&self.scope)?),
        })
    }

    fn skip_reason(&self, node: NodeIx) -> Option<SkipReason> {
        let arrivals = &self.arrivals[node];
        let kind = &self.scope.pipeline.nodes[node].kind;
        if self.scope.pipeline.nodes[node].incoming.is_empty() {
            return None;
        }
        let any = matches!(kind, NodeKind::Join { mode: JoinMode::Any });
        if arrivals.poisoned && !(any && arrivals.live > 0) {
            return Some(SkipReason::UpstreamFailed);
        }
        (arrivals.live == 0).then_some(SkipReason::NotTaken)
    }

    fn start(&mut self, node: NodeIx, attempt: Attempt, now: Timestamp, plan: &mut Plan) {
        let pipeline = self.scope.pipeline.clone();
        let NodeKind::Action { config, .. } = &pipeline.nodes[node].kind else {
            return;
        };
        match config.render(&self.scope) {
            Ok(config) => {
                self.take(node, &NodeEvent::AttemptStarted { attempt }, now);
                plan.starts.push(Start { node, attempt, config });
            }
            Err(error) => {
                let event = self.failed(node, attempt, error.into());
                self.record(node, event, now, plan);
            }
        }
    }

    fn completed(&self, node: NodeIx, attempt: Attempt, output: Json) -> NodeEvent {
        // A trigger's output is the run's input, which the run keeps already.
        let is_trigger = matches!(self.scope.pipeline.nodes[node].kind, NodeKind::Trigger);
        let visible = if is_trigger {
            self.scope.input.clone()
        } else {
            output.clone()
        };
        self.scope.outputs.set(node, visible.clone());
        NodeEvent::Completed {
            attempt,
            edges: self.edge_outcome(node, Some(&visible)),
            output,
        }
    }

    pub(crate) fn failed(&self, node: NodeIx, attempt: Attempt, error: Failure) -> NodeEvent {
        NodeEvent::Failed {
            attempt,
            continues: self.continuation(node, &error),
            error,
        }
    }

    pub(crate) fn continuation(&self, node: NodeIx, error: &Failure) -> Option<EdgeOutcome> {
        (self.scope.pipeline.nodes[node].on_error == OnError::Continue).then(|| {
            self.scope.outputs.set(node, error_as_output(error));
            self.edge_outcome(node, None)
        })
    }

    pub(crate) fn edge_outcome(&self, node: NodeIx, output: Option<&Json>) -> EdgeOutcome {
        let mut outcome = EdgeOutcome::default();
        for (position, edge) in (0_u32..).zip(&self.scope.pipeline.nodes[node].outgoing) {
            let live = match &self.scope.pipeline.edges[*edge].when {
                When::Always => Ok(true),
                When::Outcome(expected) => Ok(output.is_some_and(|output| (output.text() == "true") == *expected)),
                When::Expression(expression) => expression.truth(&self.scope),
            };
            match live {
                Ok(true) => {}
                Ok(false) => outcome.dead.push(position),
                Err(error) => outcome.broken.push((position, error.to_string())),
            }
        }
        outcome
    }

    fn outcome(&self) -> Outcome {
        if let Some(node) = self.failed {
            let id = &self.scope.pipeline.nodes[node].id;
            let cause = self.nodes[node].error();
            let mut error = Failure::new(
                "node_failed",
                format!(
                    "node {id} failed: {}",
                    cause.map_or("unknown", |cause| cause.message.as_str())
                ),
            );
            error.details = Some(Json::from_value(
                &json!({ "node": &**id, "code": cause.map(|cause| &cause.code) }),
            ));
            return Outcome::Failed { error };
        }
        let last = self
            .scope
            .pipeline
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.outgoing.is_empty());
        match self.outputs_of(last.map(|(node, _)| node)) {
            Ok(output) => Outcome::Completed { output },
            Err(error) => Outcome::Failed { error },
        }
    }

    fn outputs_of(&self, nodes: impl Iterator<Item = NodeIx>) -> Result<Json, Failure> {
        let outputs: BTreeMap<&str, &Json> = nodes
            .filter_map(|node| Some((&*self.scope.pipeline.nodes[node].id, self.scope.outputs.get(node)?)))
            .collect();
        // Counted before anything is copied: many nodes may share one large output.
        let bytes: usize = outputs.values().map(|output| output.text().len()).sum();
        if bytes > MAX_GATHERED_BYTES {
            let message = format!(
                "the outputs that come together here have {bytes} bytes, at most {MAX_GATHERED_BYTES} are gathered"
            );
            return Err(Failure::new("output_too_large", message));
        }
        Ok(Json::serialize(&outputs).unwrap_or_else(|_| Json::null()))
    }

    fn record(&mut self, node: NodeIx, event: NodeEvent, now: Timestamp, plan: &mut Plan) {
        self.take(node, &event, now);
        plan.records.push((node, event));
    }

    fn take(&mut self, node: NodeIx, event: &NodeEvent, now: Timestamp) {
        let taken = self.apply(node, event, now);
        debug_assert!(taken.is_ok(), "the planner only plans what the table allows: {taken:?}");
    }
}

/// An output nested deeper than [`Json::MAX_DEPTH`].
pub fn too_deep(output: &Json) -> Failure {
    let message = format!(
        "the output is nested {} levels deep, at most {} are kept",
        output.depth(),
        Json::MAX_DEPTH
    );
    Failure::new("output_too_deep", message)
}

/// The output of a node that failed with `on_error: continue`.
pub(crate) fn error_as_output(error: &Failure) -> Json {
    Json::serialize(&BTreeMap::from([("error", error)])).unwrap_or_else(|_| Json::null())
}

fn delay(rendered: &Json) -> Result<Duration, Failure> {
    let invalid = |why: String| Failure::new("invalid_duration", format!("the duration of the delay {why}"));
    let text: String = rendered
        .parse()
        .map_err(|error| invalid(format!("is not a string: {error}")))?;
    parse_duration(&text).map_err(|error| invalid(format!("is wrong: {error}")))
}

pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self::new("expression_failed", error.to_string())
    }
}
