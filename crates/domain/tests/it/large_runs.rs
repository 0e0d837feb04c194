//! Large pipelines: each call of the planner costs what became ready, not the size of the pipeline.
//!
//! Work is counted in turns, entries and starts. That no turn looks at the whole pipeline shows in that these tests end soon: ten
//! thousand turns over ten thousand nodes would be a hundred million steps.

use gathering_domain::run_state::Outcome;
use serde_json::{Value, json};

use crate::simulation::{Case, Scripted, Simulation, Timing, replay};

const MANY: usize = 10_000;

fn node(index: usize, kind: &str) -> Value {
    let config = match kind {
        "action" => json!({"action": "work"}),
        "transform" => json!({"output": index}),
        _ => json!({}),
    };
    json!({"id": format!("n{index}"), "type": kind, "config": config})
}

fn chain(kind: &str) -> Case {
    let nodes: Vec<_> = (0..MANY).map(|index| node(index, kind)).collect();
    let edge = |to: usize| json!({"from": format!("n{}", to - 1), "to": format!("n{to}")});
    Case::new(
        json!({"nodes": nodes, "edges": (1..MANY).map(edge).collect::<Vec<_>>()}),
        json!({}),
    )
}

/// One node, all but two beside each other, one node.
fn fan(kind: &str) -> Case {
    let mut nodes: Vec<_> = (0..MANY).map(|index| node(index, kind)).collect();
    nodes[0] = node(0, "trigger");
    nodes[MANY - 1] = node(MANY - 1, "join");
    let edges = |index: usize| {
        let last = format!("n{}", MANY - 1);
        [
            json!({"from": "n0", "to": format!("n{index}")}),
            json!({"from": format!("n{index}"), "to": last}),
        ]
    };
    Case::new(
        json!({"nodes": nodes, "edges": (1..MANY - 1).flat_map(edges).collect::<Vec<_>>()}),
        json!({}),
    )
}

/// Runs to a good end, and gives turns, entries and starts; then its journal is replayed.
fn counted(case: &Case) -> (usize, usize, usize) {
    let run = Simulation::new(case, Timing::Staggered).run();
    assert!(
        matches!(run.outcome, Some(Outcome::Completed { .. })),
        "{:?}",
        run.outcome.map(|outcome| outcome.name())
    );
    assert!(replay(case, &run.journal).is_done());
    (run.turns, run.journal.len(), run.configs.len())
}

#[test]
fn a_chain_of_pure_nodes_is_decided_in_one_turn() {
    assert_eq!(counted(&chain("transform")), (1, MANY, 0));
}

#[test]
fn a_fan_of_pure_nodes_is_decided_in_one_turn() {
    assert_eq!(counted(&fan("transform")), (1, MANY, 0));
}

#[test]
fn a_chain_of_attempts_takes_one_turn_for_each() {
    assert_eq!(counted(&chain("action")), (MANY + 1, MANY, MANY));
}

#[test]
fn a_fan_of_attempts_that_end_one_by_one_takes_one_turn_for_each() {
    assert_eq!(counted(&fan("action")), (MANY - 1, MANY, MANY - 2));
}

#[test]
fn a_failure_at_the_start_skips_the_whole_chain_in_one_turn() {
    let case = chain("action").script("n0", vec![Scripted::Permanent]);
    let run = Simulation::new(&case, Timing::Staggered).run();
    assert_eq!((run.turns, run.journal.len(), run.configs.len()), (2, MANY, 1));
    assert!(matches!(run.outcome, Some(Outcome::Failed { .. })));
}
