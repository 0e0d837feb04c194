//! A node that is suspected of killing its process: it rests, the others go on, and somebody decides.

use std::sync::Arc;

use gathering_domain::Json;
use gathering_domain::node_event::{Attempt, Failure, NodeEvent};
use gathering_domain::node_state::NodeState;
use gathering_domain::planner::{AttemptEnd, AttemptResult};
use gathering_domain::progress::Progress;
use gathering_domain::quarantine::Decision;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::pipeline;

const T: Timestamp = Timestamp::UNIX_EPOCH;

/// `kills`, and beside it `other`; both lead to `after`, a join of all.
fn progress(kills: &Value) -> Progress {
    let mut kills = kills.clone();
    kills["id"] = json!("kills");
    kills["type"] = json!("action");
    kills["config"] = json!({"action": "kill"});
    let nodes = json!([kills, {"id": "other", "type": "action", "config": {"action": "echo"}}, {"id": "after", "type": "join"}]);
    let edges = json!([{"from": "kills", "to": "after"}, {"from": "other", "to": "after"}]);
    let pipeline = Arc::new(pipeline(&json!({"nodes": nodes, "edges": edges})));
    Progress::new(Scope {
        input: Json::null(),
        outputs: Outputs::new(pipeline.nodes.len()),
        run: RunFacts {
            id: gathering_domain::RunId::from(Uuid::from_u128(7)),
        },
        pipeline,
    })
}

/// The run once the third process has died under its first node, and the second one has completed.
fn quarantined(kills: &Value) -> Progress {
    let mut run = progress(kills);
    let plan = run.next(T);
    let [first, second] = [&plan.starts[0], &plan.starts[1]].map(|start| start.attempt);
    lose(&mut run, first, 3);
    let result = AttemptResult::Output(Json::from_value(&json!(1)));
    let end = AttemptEnd {
        node: 1,
        attempt: second,
        result,
    };
    let event = run.settle(end, T, 0.0);
    run.apply(1, &event, T).expect("it was under way");
    run
}

fn lose(run: &mut Progress, attempt: Attempt, times: u32) -> NodeEvent {
    let result = AttemptResult::Lost {
        times,
        limit: 3,
        together: Some(1),
    };
    let end = AttemptEnd {
        node: 0,
        attempt,
        result,
    };
    let event = run.settle(end, T, 0.0);
    run.apply(0, &event, T).expect("it was under way");
    event
}

fn statuses(run: &Progress) -> Vec<&'static str> {
    run.nodes().iter().map(NodeState::name).collect()
}

#[test]
fn the_node_rests_and_the_run_is_not_over() {
    let mut run = quarantined(&json!({}));
    let plan = run.next(T);
    assert!(plan.starts.is_empty() && plan.records.is_empty() && plan.outcome.is_none());
    assert_eq!(statuses(&run), ["quarantined", "completed", "pending"]);
    assert!(run.has_quarantined() && run.wake_at().is_none());
    assert_eq!(
        run.nodes()[0].error().map(|error| error.code.as_str()),
        Some("quarantined")
    );
}

#[test]
fn fewer_losses_than_the_limit_are_tried_again() {
    let mut run = progress(&json!({}));
    let attempt = run.next(T).starts[0].attempt;
    lose(&mut run, attempt, 2);
    assert_eq!(run.nodes()[0].name(), "retrying");
}

#[test]
fn once_released_its_next_attempt_follows_at_once() {
    let mut run = quarantined(&json!({}));
    let event = run.resolve(0, Decision::Release).expect("it is in quarantine");
    run.apply(0, &event, T).expect("it may be released");
    let plan = run.next(T);
    assert_eq!((plan.starts.len(), plan.starts[0].attempt.number), (1, 2));
    assert_eq!(run.resolve(0, Decision::Release), None, "nothing is left to decide");
}

#[test]
fn failed_by_somebody_it_fails_the_run_or_goes_on_as_the_node_says() {
    for (kills, expected) in [(json!({}), "failed"), (json!({"on_error": "continue"}), "completed")] {
        let mut run = quarantined(&kills);
        let error = Failure::new("given_up", "it is broken");
        let event = run.resolve(0, Decision::Fail(error)).expect("it is in quarantine");
        run.apply(0, &event, T).expect("it may fail");
        let outcome = run.next(T).outcome.expect("nothing is left to do");
        assert_eq!(outcome.name(), expected);
    }
}

#[test]
fn nothing_is_decided_about_a_node_that_is_not_in_quarantine() {
    let run = quarantined(&json!({}));
    for node in [1, 2] {
        assert_eq!(run.resolve(node, Decision::Release), None);
    }
}

#[test]
fn an_attempt_that_is_presumed_lost_is_made_again_at_once_and_counts_for_nothing_else() {
    let mut run = progress(&json!({"retry": {"max_attempts": 1}}));
    let attempt = run.next(T).starts[0].attempt;
    let end = AttemptEnd {
        node: 0,
        attempt,
        result: AttemptResult::PresumedLost,
    };
    let event = run.settle(end, T, 0.0);
    run.apply(0, &event, T).expect("it was under way");
    let again = run.next(T).starts.remove(0).attempt;
    assert_eq!((again.number, again.counted()), (2, 1));
}
