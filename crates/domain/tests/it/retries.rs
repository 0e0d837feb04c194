//! Attempts that fail: which are tried again, when, and what the last one leaves.

use std::time::Duration;

use gathering_domain::node_state::NodeState;
use gathering_domain::retry::{Jitter, RetryOn, RetryPolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::simulation::{Case, Entry, START, Scripted, Simulation, Step, Timing, line, story};

/// One action with three attempts that wait 1 s and then 2 s.
fn action() -> Value {
    json!({"id": "a", "type": "action", "config": {"action": "work"},
        "retry": {"max_attempts": 3, "initial": "1s", "max": "1m", "jitter": "none"}})
}

fn case(results: &[Scripted]) -> Case {
    Case::new(json!({"nodes": [action()]}), json!({})).script("a", results.to_vec())
}

#[test]
fn a_transient_failure_is_tried_again_until_it_succeeds() {
    let case = case(&[Scripted::Transient, Scripted::Transient, Scripted::Output(json!(1))]);
    let expected = [
        "0.0 a started 1",
        "0.1 a attempt_failed 1 away, again at 1.1",
        "1.1 a started 2",
        "1.2 a attempt_failed 2 away, again at 3.2",
        "3.2 a started 3",
        "3.3 a completed 1",
        r#"run completed {"a":1}"#,
    ];
    assert_eq!(story(&case), expected);
    let run = Simulation::new(&case, Timing::Staggered).run();
    assert_eq!(run.progress.nodes()[0].attempts(), 3);
}

#[test]
fn the_last_attempt_fails_the_node() {
    let story = story(&case(&[Scripted::Transient]));
    assert_eq!(story[5], "3.3 a failed 3 away (the other side is away)");
}

#[test]
fn a_permanent_failure_is_not_tried_again() {
    let story = story(&case(&[Scripted::Transient, Scripted::Permanent]));
    assert_eq!(story[3], "1.2 a failed 2 refused (the other side is refused)");
}

#[test]
fn the_other_side_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() {
    let again = |wait| story(&case(&[Scripted::Busy(wait), Scripted::Output(json!(1))]))[1].clone();
    assert_eq!(
        again(Duration::from_secs(7)),
        "0.1 a attempt_failed 1 busy, again at 7.1"
    );
    assert_eq!(
        again(Duration::from_millis(10)),
        "0.1 a attempt_failed 1 busy, again at 1.1"
    );
}

#[test]
fn nobody_may_ask_for_a_wait_of_more_than_an_hour_or_the_longest_of_the_policy() {
    let again = |max: &str| {
        let mut action = action();
        action["retry"]["max"] = json!(max);
        let case = Case::new(json!({"nodes": [action]}), json!({})).script("a", vec![Scripted::Busy(Duration::MAX)]);
        let mut run = Simulation::new(&case, Timing::Staggered);
        run.turn();
        run.progress.wake_at().map(|at| at.duration_since(START).as_secs())
    };
    assert_eq!(again("1m"), Some(3600));
    assert_eq!(again("6h"), Some(6 * 3600));
}

#[test]
fn an_attempt_that_took_too_long_is_tried_again_and_the_last_one_times_the_node_out() {
    let told = "timeout (the attempt took longer than its timeout of 30s)";
    let expected = [
        "0.0 a started 1".to_owned(),
        "0.1 a attempt_failed 1 timeout, again at 1.1".to_owned(),
        "1.1 a started 2".to_owned(),
        "1.2 a attempt_failed 2 timeout, again at 3.2".to_owned(),
        "3.2 a started 3".to_owned(),
        format!("3.3 a timed_out 3 {told}"),
        r#"run failed node_failed (node a failed: the attempt took longer than its timeout of 30s) {"node":"a","code":"timeout"}"#.to_owned(),
    ];
    assert_eq!(story(&case(&[Scripted::TimedOut])), expected);
}

#[test]
fn a_node_that_timed_out_may_continue() {
    let mut node = action();
    node["on_error"] = json!("continue");
    let case = Case::new(json!({"nodes": [node]}), json!({})).script("a", vec![Scripted::TimedOut]);
    let story = story(&case);
    assert!(story[5].ends_with(", goes on"), "{story:?}");
    let error = r#"{"error":{"code":"timeout","message":"the attempt took longer than its timeout of 30s"}}"#;
    assert_eq!(story[6], format!(r#"run completed {{"a":{error}}}"#));
}

#[test]
fn a_config_that_cannot_be_rendered_any_more_fails_the_attempt_that_was_due() {
    // Behind a join of any, a node that was not there at the first attempt may be there at the second.
    let mut action = action();
    action["config"]["late"] = json!("{{ nodes.late.output.none if nodes.late.output is defined else 1 }}");
    let nodes = json!([
        {"id": "late", "type": "delay", "config": {"duration": "500ms"}}, {"id": "early", "type": "parallel"},
        {"id": "join", "type": "join", "config": {"mode": "any"}}, action]);
    let edges = json!([{"from": "late", "to": "join"}, {"from": "early", "to": "join"}, {"from": "join", "to": "a"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({})).script("a", vec![Scripted::Transient]);
    let run = Simulation::new(&case, Timing::Staggered).run();
    let NodeState::Failed(ended, error) = &run.progress.nodes()[3] else {
        panic!("{:?}", run.progress.nodes()[3])
    };
    assert_eq!((ended.attempts, error.code.as_str()), (2, "expression_failed"));
    let failures: Vec<_> = run
        .journal
        .iter()
        .filter(|entry: &&Entry| entry.node == 3)
        .cloned()
        .map(Step::Happened)
        .collect();
    assert!(
        line(&case, &failures[1]).starts_with("1.0 a failed 2 expression_failed "),
        "{failures:?}"
    );
}

#[test]
fn attempts_that_were_lost_or_interrupted_are_told_but_do_not_use_up_the_retries() {
    use Scripted::{Interrupted, Lost, Transient};
    let expected = [
        "0.0 a started 1",
        "0.1 a attempt_failed 1 attempt_lost, again at 0.1",
        "0.1 a started 2",
        "0.2 a attempt_failed 2 away, again at 1.2",
        "1.2 a started 3",
        "1.3 a attempt_failed 3 attempt_interrupted, again at 1.3",
        "1.3 a started 4",
        "1.4 a attempt_failed 4 away, again at 3.4",
        "3.4 a started 5",
        "3.5 a failed 5 away (the other side is away)",
    ];
    assert_eq!(story(&case(&[Lost, Transient, Interrupted, Transient]))[..10], expected);
}

fn policies() -> impl Strategy<Value = RetryPolicy> {
    let waits = (0_u64..100_000, 0_u64..10_000_000);
    (1_u32..200, waits, 1.0_f64..100.0).prop_map(|(max_attempts, (initial, more), multiplier)| RetryPolicy {
        max_attempts,
        initial: Duration::from_millis(initial),
        multiplier,
        max: Duration::from_millis(initial + more),
        jitter: Jitter::None,
        on: RetryOn::default(),
    })
}

proptest! {
    #[test]
    fn waits_grow_and_stay_below_the_longest(policy in policies(), chance in 0.0_f64..1.0) {
        let full = RetryPolicy { jitter: Jitter::Full, ..policy.clone() };
        let mut last = Duration::ZERO;
        for attempt in 1..policy.max_attempts {
            let wait = policy.wait_after(attempt, chance).expect("not the last");
            prop_assert!(last <= wait && wait <= policy.max, "{:?} after {:?}", wait, last);
            prop_assert!(policy.initial <= wait);
            prop_assert!(full.wait_after(attempt, chance).expect("not the last") <= wait);
            last = wait;
        }
        prop_assert_eq!(policy.wait_after(policy.max_attempts, chance), None);
        prop_assert_eq!(full.wait_after(u32::MAX, chance), None);
    }

    #[test]
    fn a_policy_without_waits_never_waits(attempts in 2_u32.., multiplier in 1.0_f64..=100.0) {
        let policy = RetryPolicy { max_attempts: attempts, initial: Duration::ZERO, multiplier, ..RetryPolicy::default() };
        prop_assert_eq!(policy.wait_after(attempts - 1, 0.5), Some(Duration::ZERO));
    }
}
