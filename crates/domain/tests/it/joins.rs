//! Where branches meet: what waits for what, and what it then sees.

use serde_json::{Value, json};

use crate::simulation::{Case, Scripted, story};

/// A trigger, branches of the given types, and `meet` after them.
fn branches(branches: &[Value], meet: &Value) -> Case {
    let mut nodes = vec![json!({"id": "start", "type": "trigger"})];
    nodes.extend(branches.iter().cloned());
    nodes.push(meet.clone());
    let edges: Vec<_> = branches
        .iter()
        .flat_map(|branch| {
            [
                json!({"from": "start", "to": branch["id"]}),
                json!({"from": branch["id"], "to": "meet"}),
            ]
        })
        .collect();
    Case::new(json!({"nodes": nodes, "edges": edges}), json!({}))
}

fn join(mode: &str) -> Value {
    json!({"id": "meet", "type": "join", "config": {"mode": mode}})
}

fn transform(id: &str, output: impl Into<Value>) -> Value {
    json!({"id": id, "type": "transform", "config": {"output": output.into()}})
}

fn delay(id: &str, duration: &str) -> Value {
    json!({"id": id, "type": "delay", "config": {"duration": duration}})
}

fn action(id: &str) -> Value {
    json!({"id": id, "type": "action", "config": {"action": "work"}})
}

/// The lines about `meet`, and the end.
fn meeting(case: &Case) -> Vec<String> {
    story(case)
        .into_iter()
        .filter(|line| line.contains(" meet ") || line.starts_with("run "))
        .collect()
}

#[test]
fn a_join_of_all_gives_the_outputs_of_its_live_branches_by_their_ids() {
    let case = branches(
        &[transform("b", json!([1])), action("a"), delay("c", "200ms")],
        &join("all"),
    );
    let outputs = r#"{"a":"a","b":[1],"c":null}"#;
    let expected = [
        format!("0.2 meet completed {outputs}"),
        format!(r#"run completed {{"meet":{outputs}}}"#),
    ];
    assert_eq!(meeting(&case), expected);
}

#[test]
fn a_join_of_all_leaves_out_branches_that_were_not_taken() {
    let nodes = json!([
        {"id": "if", "type": "condition", "config": {"expression": "true"}},
        transform("yes", json!(1)), transform("no", json!(2)), join("all")]);
    let edges = json!([
        {"from": "if", "to": "yes", "when": true}, {"from": "if", "to": "no", "when": false},
        {"from": "yes", "to": "meet"}, {"from": "no", "to": "meet"}]);
    let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({}));
    let expected = [
        "0.0 if completed true, edge 1 dead",
        "0.0 yes completed 1",
        "0.0 no skipped not_taken",
        r#"0.0 meet completed {"yes":1}"#,
        r#"run completed {"meet":{"yes":1}}"#,
    ];
    assert_eq!(story(&case), expected);
}

#[test]
fn a_join_does_not_see_a_branch_whose_edge_is_dead() {
    for mode in ["all", "any"] {
        let nodes = json!([transform("a", 1), transform("b", 2), join(mode)]);
        let edges = json!([{"from": "a", "to": "meet", "when": "nodes.a.output > 1"}, {"from": "b", "to": "meet"}]);
        let case = Case::new(json!({"nodes": nodes, "edges": edges}), json!({}));
        assert_eq!(meeting(&case)[0], r#"0.0 meet completed {"b":2}"#);
    }
}

#[test]
fn a_join_of_all_and_any_other_node_are_skipped_when_one_branch_failed() {
    for meet in [join("all"), transform("meet", json!(1)), action("meet")] {
        let case = branches(&[transform("a", json!(1)), action("b")], &meet).script("b", vec![Scripted::Permanent]);
        assert_eq!(meeting(&case)[0], "0.1 meet skipped upstream_failed");
    }
}

#[test]
fn a_join_of_any_goes_on_with_its_first_branch_and_takes_no_notice_of_the_others() {
    let case = branches(&[delay("slow", "500ms"), action("fast")], &join("any"));
    let expected = [
        r#"0.1 meet completed {"fast":"fast"}"#,
        r#"run completed {"meet":{"fast":"fast"}}"#,
    ];
    assert_eq!(meeting(&case), expected);
    let story = story(&case);
    assert!(
        story.iter().any(|line| line == "0.5 slow completed null"),
        "the run waits for it all the same: {story:?}"
    );
}

#[test]
fn a_join_of_any_sees_all_branches_that_ended_together() {
    let case = branches(&[action("a"), action("b"), delay("c", "1s")], &join("any"));
    assert_eq!(meeting(&case)[0], r#"0.1 meet completed {"a":"a","b":"b"}"#);
}

#[test]
fn a_join_of_any_goes_on_although_another_branch_failed() {
    let case = branches(&[action("a"), delay("b", "500ms")], &join("any")).script("a", vec![Scripted::Permanent]);
    assert_eq!(meeting(&case)[0], r#"0.5 meet completed {"b":null}"#);
    assert!(meeting(&case)[1].starts_with("run failed node_failed (node a failed: "));
}

#[test]
fn a_join_of_any_is_skipped_only_when_every_branch_is_out() {
    let failed = vec![Scripted::Permanent];
    let case = branches(&[action("a"), action("b")], &join("any"))
        .script("a", failed.clone())
        .script("b", failed);
    assert_eq!(meeting(&case)[0], "0.1 meet skipped upstream_failed");
    let mut definition = json!({"nodes": [transform("a", json!(1)), delay("b", "1s"), join("any")]});
    definition["edges"] =
        json!([{"from": "a", "to": "meet", "when": "false"}, {"from": "b", "to": "meet", "when": "false"}]);
    let case = Case::new(definition, json!({}));
    assert_eq!(meeting(&case), ["1.0 meet skipped not_taken", "run completed {}"]);
}
