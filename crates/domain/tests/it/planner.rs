//! What each kind of node does, where its edges lead, and how a run ends.

use gathering_domain::node_state::NodeState;
use serde_json::{Value, json};

use crate::simulation::{Case, START, Scripted, Simulation, Timing, replay, story};

/// `start`, a trigger, then the nodes in a row.
fn row(nodes: &[Value]) -> Case {
    let all: Vec<_> = std::iter::once(json!({"id": "start", "type": "trigger"}))
        .chain(nodes.iter().cloned())
        .collect();
    let edges: Vec<_> = all
        .windows(2)
        .map(|pair| json!({"from": pair[0]["id"], "to": pair[1]["id"]}))
        .collect();
    Case::new(json!({"nodes": all, "edges": edges}), json!({"number": 1, "yes": true}))
}

fn transform(id: &str, output: impl Into<Value>) -> Value {
    json!({"id": id, "type": "transform", "config": {"output": output.into()}})
}

fn action(id: &str) -> Value {
    json!({"id": id, "type": "action", "config": {"action": "work"}})
}

fn continuing(mut node: Value) -> Value {
    node["on_error"] = json!("continue");
    node
}

#[test]
fn the_output_of_a_trigger_is_the_input_which_the_journal_does_not_repeat() {
    let case = row(&[transform("a", json!("{{ nodes.start.output.number }}"))]);
    let run = Simulation::new(&case, Timing::Staggered).run();
    assert_eq!(story(&case)[..2], ["0.0 start completed null", "0.0 a completed 1"]);
    let input = json!({"number": 1, "yes": true});
    for progress in [&run.progress, &replay(&case, &run.journal)] {
        assert_eq!(
            progress.scope().outputs.get(0).map(gathering_domain::Json::to_value),
            Some(input.clone())
        );
    }
    let alone = row(&[]);
    assert_eq!(story(&alone)[1], r#"run completed {"start":{"number":1,"yes":true}}"#);
}

#[test]
fn an_attempt_is_handed_its_config_with_what_came_before() {
    let seen = json!({"id": "b", "type": "action", "config": {"action": "work", "seen": "{{ nodes.a.output }}", "text": "{{ input.number }}!"}});
    let case = row(&[transform("a", json!({"list": [1]})), seen]);
    let run = Simulation::new(&case, Timing::Staggered).run();
    assert_eq!(run.configs, [(2, r#"{"seen":{"list":[1]},"text":"1!"}"#.to_owned())]);
}

#[test]
fn a_config_that_cannot_be_rendered_fails_the_node_before_its_handler_is_called() {
    let case = row(&[json!({"id": "a", "type": "action", "config": {"action": "work", "x": "{{ input.none }}"}})]);
    let told = "`input.none`: it is not defined";
    let expected = [
        "0.0 start completed null".to_owned(),
        format!("0.0 a failed 1 expression_failed ({told})"),
        format!(r#"run failed node_failed (node a failed: {told}) {{"node":"a","code":"expression_failed"}}"#),
    ];
    assert_eq!(story(&case), expected);
}

#[test]
fn a_condition_that_gives_no_boolean_fails() {
    let condition = json!({"id": "if", "type": "condition", "config": {"expression": "input.number"}});
    let case = row(&[condition, transform("a", json!(1))]);
    let story = story(&case);
    assert_eq!(
        story[1],
        "0.0 if failed 1 expression_failed (`input.number`: gave a number (1), where true or false is needed)"
    );
    assert_eq!(story[2], "0.0 a skipped upstream_failed");
}

#[test]
fn a_condition_that_failed_and_continues_takes_neither_branch() {
    let condition = json!({"id": "if", "type": "condition", "config": {"expression": "input.number"}});
    let nodes = json!([
        continuing(condition),
        transform("yes", json!(1)),
        transform("no", json!(1)),
        transform("both", json!(1))
    ]);
    let edges = json!([{"from": "if", "to": "yes", "when": true}, {"from": "if", "to": "no", "when": false}, {"from": "if", "to": "both"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({"number": 1}));
    let expected = [
        "0.0 yes skipped not_taken",
        "0.0 no skipped not_taken",
        "0.0 both completed 1",
        r#"run completed {"both":1}"#,
    ];
    assert!(story(&case)[0].ends_with("goes on, edge 0 dead, edge 1 dead"));
    assert_eq!(story(&case)[1..], expected);
}

#[test]
fn an_edge_that_cannot_be_decided_fails_the_node_it_leads_to() {
    let nodes = json!([
        transform("a", json!({"n": 1})),
        transform("b", json!(1)),
        transform("c", json!(1)),
        transform("d", json!(1))
    ]);
    let edges = json!([{"from": "a", "to": "b", "when": "nodes.a.output.n"}, {"from": "a", "to": "c", "when": "nodes.a.output.n == 1"},
        {"from": "a", "to": "d", "when": "nodes.a.output.n > 1"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({}));
    let told = "`nodes.a.output.n`: gave a number (1), where true or false is needed";
    let expected = [
        format!(r#"0.0 a completed {{"n":1}}, edge 2 dead, edge 0 broken ({told})"#),
        format!("0.0 b failed 1 expression_failed ({told})"),
        "0.0 c completed 1".to_owned(),
        "0.0 d skipped not_taken".to_owned(),
        format!(r#"run failed node_failed (node b failed: {told}) {{"node":"b","code":"expression_failed"}}"#),
    ];
    assert_eq!(story(&case), expected);
}

#[test]
fn a_node_behind_a_broken_edge_may_continue() {
    let nodes = json!([
        transform("a", json!(1)),
        continuing(action("b")),
        transform("c", json!("{{ nodes.b.output.error.code }}"))
    ]);
    let edges = json!([{"from": "a", "to": "b", "when": "input.none"}, {"from": "b", "to": "c"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({}));
    let story = story(&case);
    assert!(story.iter().all(|line| !line.contains("started")), "{story:?}");
    assert_eq!(story[3], r#"run completed {"c":"expression_failed"}"#);
}

#[test]
fn an_error_that_continues_is_the_output_of_its_node() {
    let case = row(&[continuing(action("a")), transform("b", json!("{{ nodes.a.output }}"))]);
    let case = case.script("a", vec![Scripted::Permanent]);
    let error = r#"{"error":{"code":"refused","message":"the other side is refused","details":{"status":503}}}"#;
    let expected = [
        "0.0 start completed null".to_owned(),
        "0.0 a started 1".to_owned(),
        "0.1 a failed 1 refused (the other side is refused), goes on".to_owned(),
        format!("0.1 b completed {error}"),
        format!(r#"run completed {{"b":{error}}}"#),
    ];
    assert_eq!(story(&case), expected);
}

#[test]
fn an_error_without_details_has_none_in_the_output() {
    let case = row(&[continuing(transform("a", json!("{{ input.none }}")))]);
    let error = r#"{"error":{"code":"expression_failed","message":"`input.none`: it is not defined"}}"#;
    assert_eq!(story(&case)[2], format!(r#"run completed {{"a":{error}}}"#));
}

#[test]
fn the_output_of_a_run_is_that_of_its_last_nodes_that_ran() {
    let nodes = json!([
        transform("first", json!(0)),
        transform("a", json!(1)),
        transform("b", json!(2)),
        transform("c", json!(3))
    ]);
    let edges =
        json!([{"from": "first", "to": "b"}, {"from": "first", "to": "a"}, {"from": "a", "to": "c", "when": "false"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({}));
    assert_eq!(
        story(&case).last().map(String::as_str),
        Some(r#"run completed {"b":2}"#)
    );
}

#[test]
fn after_a_failure_other_branches_finish_and_what_depends_on_it_is_skipped() {
    let nodes = json!([{"id": "start", "type": "trigger"}, action("bad"), action("good"), transform("after_bad", json!(1)),
        transform("last", json!(1)), transform("after_good", json!(2))]);
    let edges = json!([{"from": "start", "to": "bad"}, {"from": "start", "to": "good"}, {"from": "bad", "to": "after_bad"},
        {"from": "after_bad", "to": "last"}, {"from": "good", "to": "last"}, {"from": "good", "to": "after_good"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({})).script("bad", vec![Scripted::Permanent]);
    let expected = [
        "0.0 start completed null",
        "0.0 bad started 1",
        "0.0 good started 1",
        "0.1 bad failed 1 refused (the other side is refused)",
        "0.1 good completed \"good\"",
        "0.1 after_bad skipped upstream_failed",
        "0.1 after_good completed 2",
        "0.1 last skipped upstream_failed",
        r#"run failed node_failed (node bad failed: the other side is refused) {"node":"bad","code":"refused"}"#,
    ];
    assert_eq!(story(&case), expected);
}

#[test]
fn what_is_open_when_a_run_is_ended_is_cancelled_and_nothing_else_happens() {
    let case = row(&[
        json!({"id": "pause", "type": "delay", "config": {"duration": "500ms"}}),
        action("a"),
    ]);
    let mut run = Simulation::new(&case, Timing::Staggered);
    run.turn();
    run.progress.cancel_open(START);
    let names: Vec<_> = run.progress.nodes().iter().map(NodeState::name).collect();
    assert_eq!(names, ["completed", "cancelled", "cancelled"]);
    assert_eq!((run.progress.is_done(), run.progress.wake_at()), (true, None));
    let plan = run.progress.next(START + jiff::SignedDuration::from_hours(1));
    assert!(plan.records.is_empty() && plan.starts.is_empty());
}
