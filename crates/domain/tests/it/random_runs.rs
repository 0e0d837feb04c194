//! Properties of every run: each node ends once, in its turn, as its edges say.

use gathering_domain::node_event::{EdgeOutcome, NodeEvent, SkipReason};
use gathering_domain::node_state::NodeState;
use gathering_domain::pipeline::{EdgeIx, JoinMode, NodeIx, NodeKind, OnError, When};
use gathering_domain::run_state::Outcome;
use proptest::prelude::*;

use crate::random_dag::{EVERYTHING, cases};
use crate::simulation::{Case, Simulation, Step, Timing, replay};

proptest! {
    #[test]
    fn every_node_ends_exactly_once(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        prop_assert!(run.progress.nodes().iter().all(NodeState::is_terminal));
        for node in 0..case.pipeline.nodes.len() {
            let ends = run.journal.iter().filter(|entry| entry.node == node && is_final(&entry.event));
            prop_assert_eq!(ends.count(), 1, "{}", node);
        }
        prop_assert_eq!(run.progress.wake_at(), None);
    }

    #[test]
    fn nothing_begins_before_its_edges_are_decided(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        let mut ended = vec![None; case.pipeline.nodes.len()];
        for step in &run.trace {
            let (node, event) = match step {
                Step::Started(node, _) => (*node, None),
                Step::Happened(entry) => (entry.node, Some(&entry.event)),
            };
            let arrivals = Arrivals::of(&case, node, &ended);
            prop_assert!(arrivals.undecided == 0 || (is_any(&case, node) && arrivals.live > 0), "{} {:?}", node, step);
            prop_assert!(ended[node].is_none(), "{} after its end: {:?}", node, step);
            ended[node] = event.filter(|event| is_final(event)).cloned();
        }
    }

    #[test]
    fn a_node_ends_as_its_edges_say(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        let ended = ends(&case, &run);
        for (node, state) in run.progress.nodes().iter().enumerate() {
            let skipped = if let NodeState::Skipped { reason, .. } = state { Some(*reason) } else { None };
            let arrivals = Arrivals::of(&case, node, &ended);
            prop_assert_eq!(skipped, arrivals.skip(&case, node), "{} {:?}", node, arrivals);
            let started = run.trace.iter().any(|step| matches!(step, Step::Started(started, _) if *started == node));
            prop_assert!(!(started && skipped.is_some()), "{} was skipped, and started", node);
            if skipped.is_none() && arrivals.broken && !is_any(&case, node) {
                prop_assert_eq!(state.error().map(|error| error.code.as_str()), Some("expression_failed"));
                prop_assert!(!started, "{} was started over a broken edge", node);
            }
        }
    }

    #[test]
    fn edges_are_live_as_they_say(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        let ended = ends(&case, &run);
        for (index, edge) in case.pipeline.edges.iter().enumerate() {
            let Some(passage) = passage(&case, index, ended[edge.from].as_ref()) else { continue };
            let expected = match (&edge.when, ended[edge.from].as_ref()) {
                (When::Always, _) => Passage::Live,
                (When::Outcome(when), Some(NodeEvent::Completed { output, .. })) if output.text() == when.to_string() => Passage::Live,
                (When::Outcome(_), _) => Passage::Dead,
                (When::Expression(when), _) if when.source() == "input.yes" => Passage::Live,
                (When::Expression(when), _) if when.source() == "input.no" => Passage::Dead,
                (When::Expression(when), _) if when.source() == "input.number" => Passage::Broken,
                (When::Expression(_), _) => continue,
            };
            prop_assert_eq!(passage, expected, "edge {}", index);
        }
    }

    #[test]
    fn a_run_fails_exactly_when_a_node_fails_that_must_not(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        let failed: Vec<_> = (0..).zip(run.progress.nodes()).filter(|(node, state)| {
            state.error().is_some() && case.pipeline.nodes[*node].on_error == OnError::Fail
        }).collect();
        match run.outcome.as_ref().expect("it ended") {
            Outcome::Completed { output } => {
                prop_assert!(failed.is_empty(), "{:?}", failed);
                prop_assert_eq!(output.to_value(), last_outputs(&case, &run));
            }
            Outcome::Failed { error } => {
                let named = |(node, _): &(NodeIx, _)| error.message.starts_with(&format!("node {} failed: ", case.pipeline.nodes[*node].id));
                prop_assert!(failed.iter().any(named), "{:?} is none of {:?}", error, failed);
            }
            other @ (Outcome::Cancelled { .. } | Outcome::TimedOut { .. }) => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn attempts_are_counted_one_by_one_up_to_the_policy(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        let mut last = vec![0; case.pipeline.nodes.len()];
        for step in &run.trace {
            if let Step::Started(node, attempt) = step {
                last[*node] += 1;
                prop_assert_eq!(attempt.number, last[*node]);
            }
        }
        for (node, last) in last.into_iter().enumerate() {
            prop_assert!(last <= case.pipeline.nodes[node].retry.max_attempts);
        }
    }

    #[test]
    fn the_journal_holds_the_whole_state(case in cases(EVERYTHING), seed: u64) {
        let run = Simulation::new(&case, Timing::Seeded(seed)).run();
        let mut replayed = replay(&case, &run.journal);
        prop_assert_eq!(replayed.nodes(), run.progress.nodes());
        let plan = replayed.next(run.journal.last().expect("it has entries").at);
        prop_assert!(plan.records.is_empty() && plan.starts.is_empty());
        prop_assert_eq!(plan.outcome, run.outcome);
    }
}

/// What came over the edges into a node.
#[derive(Debug, Default)]
struct Arrivals {
    incoming: usize,
    undecided: usize,
    live: usize,
    poisoned: bool,
    broken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    Live,
    Dead,
    Broken,
}

impl Arrivals {
    fn of(case: &Case, node: NodeIx, ended: &[Option<NodeEvent>]) -> Self {
        let mut arrivals = Self::default();
        for edge in &case.pipeline.nodes[node].incoming {
            let source = ended[case.pipeline.edges[*edge].from].as_ref();
            let passage = passage(case, *edge, source);
            let not_taken = matches!(
                source,
                Some(NodeEvent::Skipped {
                    reason: SkipReason::NotTaken
                })
            );
            arrivals.incoming += 1;
            arrivals.undecided += usize::from(source.is_none());
            arrivals.live += usize::from(matches!(passage, Some(Passage::Live | Passage::Broken)));
            arrivals.poisoned |= source.is_some() && passage.is_none() && !not_taken;
            arrivals.broken |= passage == Some(Passage::Broken);
        }
        arrivals
    }

    fn skip(&self, case: &Case, node: NodeIx) -> Option<SkipReason> {
        match (self.poisoned, self.live) {
            _ if self.incoming == 0 => None,
            (true, live) if live == 0 || !is_any(case, node) => Some(SkipReason::UpstreamFailed),
            (false, 0) => Some(SkipReason::NotTaken),
            _ => None,
        }
    }
}

/// What became of an edge, where its source let the run go on.
fn passage(case: &Case, edge: EdgeIx, source: Option<&NodeEvent>) -> Option<Passage> {
    let outgoing = &case.pipeline.nodes[case.pipeline.edges[edge].from].outgoing;
    let position = (0_u32..).zip(outgoing).find(|(_, other)| **other == edge)?.0;
    let outcome: &EdgeOutcome = match source? {
        NodeEvent::Completed { edges, .. } => edges,
        NodeEvent::Failed { continues, .. } | NodeEvent::TimedOut { continues, .. } => continues.as_ref()?,
        NodeEvent::AttemptStarted { .. }
        | NodeEvent::AttemptFailed { .. }
        | NodeEvent::WaitStarted { .. }
        | NodeEvent::Quarantined { .. }
        | NodeEvent::Released
        | NodeEvent::Skipped { .. }
        | NodeEvent::Held { .. }
        | NodeEvent::Cancelled => return None,
    };
    Some(if outcome.broken.iter().any(|(broken, _)| *broken == position) {
        Passage::Broken
    } else if outcome.dead.contains(&position) {
        Passage::Dead
    } else {
        Passage::Live
    })
}

/// The last event of every node.
fn ends(case: &Case, run: &Simulation<'_>) -> Vec<Option<NodeEvent>> {
    let mut ends = vec![None; case.pipeline.nodes.len()];
    for entry in run.journal.iter().filter(|entry| is_final(&entry.event)) {
        ends[entry.node] = Some(entry.event.clone());
    }
    ends
}

fn last_outputs(case: &Case, run: &Simulation<'_>) -> serde_json::Value {
    let last = (0..)
        .zip(&case.pipeline.nodes)
        .filter(|(_, node)| node.outgoing.is_empty());
    let outputs = &run.progress.scope().outputs;
    last.filter_map(|(index, node)| Some((node.id.to_string(), outputs.get(index)?.to_value())))
        .collect()
}

fn is_any(case: &Case, node: NodeIx) -> bool {
    matches!(case.pipeline.nodes[node].kind, NodeKind::Join { mode: JoinMode::Any })
}

fn is_final(event: &NodeEvent) -> bool {
    !matches!(
        event,
        NodeEvent::AttemptStarted { .. } | NodeEvent::AttemptFailed { .. } | NodeEvent::WaitStarted { .. }
    )
}
