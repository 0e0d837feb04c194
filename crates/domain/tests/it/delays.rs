//! Delay nodes: how long they wait, and what is no duration.

use gathering_domain::node_event::{Attempt, Failure, NodeEvent};
use gathering_domain::node_state::NodeState;
use gathering_domain::planner::Plan;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::simulation::{Case, START, Simulation, Timing, replay, story};

fn delay(duration: &str, input: Value) -> Case {
    let nodes = json!([
        {"id": "start", "type": "trigger"},
        {"id": "pause", "type": "delay", "config": {"duration": duration}},
        {"id": "end", "type": "transform", "config": {"output": "over"}}]);
    let edges = json!([{"from": "start", "to": "pause"}, {"from": "pause", "to": "end"}]);
    Case::new(json!({"nodes": nodes, "edges": edges}), input)
}

#[test]
fn a_delay_lasts_as_long_as_its_config_says() {
    for (duration, input) in [("2s", json!(null)), ("{{ input.pause }}", json!({"pause": "PT2S"}))] {
        let expected = [
            "0.0 start completed null",
            "0.0 pause waiting until 2.0",
            "2.0 pause completed null",
            "2.0 end completed \"over\"",
            "run completed {\"end\":\"over\"}",
        ];
        assert_eq!(story(&delay(duration, input)), expected);
    }
}

#[test]
fn a_delay_of_no_time_ends_at_once() {
    let story = story(&delay("0s", json!(null)));
    assert_eq!(story[1..3], ["0.0 pause waiting until 0.0", "0.0 pause completed null"]);
}

#[test]
fn what_is_no_duration_fails_the_delay() {
    let failed = |pause: Value| story(&delay("{{ input.pause }}", json!({"pause": pause})))[1].clone();
    let told = |why: &str| format!("0.0 pause failed 1 invalid_duration (the duration of the delay {why})");
    let malformed = "`soon` is no duration; write it like \"500ms\", \"30s\", \"5m\", \"1h\", \"1d\" or \"PT30S\"";
    assert_eq!(failed(json!("soon")), told(&format!("is wrong: {malformed}")));
    assert_eq!(
        failed(json!("-1s")),
        told("is wrong: `-1s` is negative; a duration is zero or more")
    );
    let too_long = "is wrong: `4000d` is longer than the 10 years that a duration may last";
    assert_eq!(failed(json!("4000d")), told(too_long));
    for other in [json!(1), json!(null), json!(["1s"])] {
        assert!(failed(other).starts_with(&told("is not a string: invalid type").replace(')', "")));
    }
}

#[test]
fn a_delay_that_ended_while_nobody_looked_ends_when_somebody_does() {
    let case = delay("2s", json!(null));
    let mut run = Simulation::new(&case, Timing::Staggered);
    run.turn();
    let mut progress = replay(&case, &run.journal);
    let wakes = START + SignedDuration::from_secs(2);
    assert_eq!(progress.wake_at(), Some(wakes));
    let Plan { records, outcome, .. } = progress.next(wakes - SignedDuration::from_nanos(1));
    assert!(records.is_empty() && outcome.is_none(), "too early");
    let late = wakes + SignedDuration::from_hours(1);
    assert!(progress.next(late).outcome.is_some());
    let NodeState::Completed(ended) = &progress.nodes()[1] else {
        panic!("{:?}", progress.nodes()[1])
    };
    assert_eq!((ended.started_at, ended.finished_at, ended.attempts), (START, late, 1));
    assert_eq!(progress.wake_at(), None);
}

#[test]
fn a_timer_rings_once_even_where_the_journal_does_not_fit_the_pipeline() {
    let case = delay("2s", json!(null));
    let mut progress = Simulation::new(&case, Timing::Staggered).progress;
    let event = NodeEvent::AttemptFailed {
        attempt: Attempt::first(START),
        error: Failure::new("away", "a delay makes no attempts"),
        retry_at: START,
    };
    progress.apply(1, &event, START).expect("the table knows no kinds");
    assert!(progress.next(START).starts.is_empty());
    assert_eq!(progress.wake_at(), None);
}
