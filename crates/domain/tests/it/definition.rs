//! Each rule for definitions, with the whole list of problems.

use gathering_domain::definition::{
    ActionCheck, ConfigProblem, InvalidKindName, OwnKinds, Rules, check_kind_name, compile,
};
use gathering_domain::pipeline::{HandlerName, JoinMode, NodeKind, OnError, When};
use serde_json::{Map, Value, json};

use crate::support::{line, pipeline, told};

/// Nodes in a row, all of the type that needs no config.
fn row(ids: &[&str]) -> Vec<Value> {
    ids.iter().map(|id| json!({"id": id, "type": "parallel"})).collect()
}

fn example() -> Value {
    json!({"nodes": [
        {"id": "start",  "type": "trigger"},
        {"id": "fetch",  "type": "action", "config": {"action": "call_api", "url": "{{ input.url }}", "method": "GET"},
         "retry": {"max_attempts": 3, "initial": "200ms", "max": "10s"}, "timeout": "30s", "on_error": "continue"},
        {"id": "big",    "type": "condition", "config": {"expression": "nodes.fetch.output.status == 200"}},
        {"id": "shape",  "type": "transform", "config": {"output": {"size": "{{ nodes.fetch.output.body | length }}"}}},
        {"id": "pause",  "type": "delay", "config": {"duration": "1s"}},
        {"id": "both",   "type": "join", "name": "Both", "config": {"mode": "any"}},
        {"id": "tell",   "type": "action", "config": {"action": "send_notification", "message": "{{ nodes.shape.output }}"}}],
      "edges": [{"from": "start", "to": "fetch"}, {"from": "fetch", "to": "big"}, {"from": "big", "to": "shape", "when": true},
        {"from": "big", "to": "pause", "when": false}, {"from": "shape", "to": "tell", "when": "nodes.shape.output.size > 0"},
        {"from": "tell", "to": "both"}, {"from": "pause", "to": "both"}],
      "timeout": "10m", "description": "An example"})
}

#[test]
fn a_complete_definition_compiles() {
    let pipeline = pipeline(&example());
    let kinds: Vec<_> = pipeline.nodes.iter().map(|node| node.kind.name()).collect();
    assert_eq!(
        kinds,
        ["trigger", "action", "condition", "transform", "delay", "join", "action"]
    );
    assert_eq!(pipeline.timeout.map(|timeout| timeout.as_secs()), Some(600));
    assert_eq!(pipeline.by_id["tell"], 6);
    let fetch = &pipeline.nodes[1];
    assert_eq!(
        (
            fetch.retry.max_attempts,
            fetch.retry.initial.as_millis(),
            fetch.retry.max.as_secs()
        ),
        (3, 200, 10)
    );
    assert_eq!(
        (fetch.timeout.map(|timeout| timeout.as_secs()), fetch.on_error),
        (Some(30), OnError::Continue)
    );
    assert_eq!(
        (fetch.incoming.as_slice(), fetch.outgoing.as_slice()),
        ([0].as_slice(), [1].as_slice())
    );
    let NodeKind::Action { handler, config } = &fetch.kind else {
        panic!("an action")
    };
    assert_eq!((name(handler), config.is_constant()), ("call_api", false));
    assert_eq!(pipeline.nodes[5].name.as_deref(), Some("Both"));
    assert!(matches!(pipeline.nodes[5].kind, NodeKind::Join { mode: JoinMode::Any }));
    assert!(matches!(pipeline.edges[2].when, When::Outcome(true)));
    assert!(matches!(pipeline.edges[4].when, When::Expression(_)));
}

#[test]
fn a_single_node_needs_no_edges_and_null_is_as_left_out() {
    pipeline(&json!({"nodes": row(&["only"])}));
    pipeline(
        &json!({"nodes": [{"id": "only", "type": "join", "name": null, "config": null, "retry": null, "on_error": null}], "edges": null, "timeout": null}),
    );
}

#[test]
fn what_is_no_definition_is_told() {
    let told = |definition: Value| told(&definition);
    assert_eq!(
        told(json!(null)),
        ["- -: wrong_type, this must be an object, and is null"]
    );
    assert_eq!(told(json!({})), ["- nodes: missing_field, `nodes` is missing"]);
    assert_eq!(
        told(json!({"nodes": []})),
        ["- nodes: empty, there are no nodes; a pipeline has at least one"]
    );
    assert_eq!(
        told(json!({"nodes": {}, "edges": 1})),
        [
            "- nodes: wrong_type, this must be a list, and is an object",
            "- edges: wrong_type, this must be a list, and is a number",
        ]
    );
    assert_eq!(
        told(json!({"nodes": row(&["a", "b"])})),
        ["- edges: missing_field, `edges` is missing",]
    );
    assert_eq!(
        told(json!({"nodes": row(&["a"]), "edgse": [], "timeout": "0s", "description": 1})),
        [
            "- edgse: unknown_field, there is no field `edgse` here; did you mean `edges`?",
            "- description: wrong_type, this must be a string, and is a number",
            "- timeout: invalid_value, a timeout must be longer than zero; leave it out for none",
        ]
    );
}

#[test]
fn each_field_of_a_node_is_checked() {
    insta::assert_debug_snapshot!(told(&json!({"edges": [], "nodes": [
        1,
        {},
        {"id": "a b", "type": "parallel"},
        {"id": "", "type": "parallel"},
        {"id": 1, "type": 1},
        {"id": "kind", "type": "tranform"},
        {"id": "agent", "type": "robot"},
        {"id": "twice", "type": "parallel"},
        {"id": "twice", "type": "parallel"},
        {"id": "fields", "type": "parallel", "conifg": {}, "colour": 1, "name": 1, "description": []},
        {"id": "config", "type": "parallel", "config": 1},
        {"id": "more", "type": "trigger", "config": {"x": 1}, "on_error": "continue", "retry": {}, "timeout": "1s"},
        {"id": "long", "type": "parallel", "name": "x".repeat(201)},
    ]})));
}

#[test]
fn each_config_is_checked() {
    insta::assert_debug_snapshot!(told(&json!({"edges": [], "nodes": [
        {"id": "c1", "type": "condition"},
        {"id": "c2", "type": "condition", "config": {"expresion": "true"}},
        {"id": "c3", "type": "condition", "config": {"expression": true}},
        {"id": "c4", "type": "condition", "config": {"expression": "1 +"}},
        {"id": "c5", "type": "condition", "config": {"expression": "{{ input.ok }}"}},
        {"id": "t1", "type": "transform", "config": {}},
        {"id": "t2", "type": "transform", "config": {"output": {"a": ["{{ ( }}", "{{ input | nope }}"]}}},
        {"id": "j1", "type": "join", "config": {"mode": "some"}},
        {"id": "j2", "type": "join", "config": {"mode": 1}},
        {"id": "d1", "type": "delay"},
        {"id": "d2", "type": "delay", "config": {"duration": 5}},
        {"id": "d3", "type": "delay", "config": {"duration": "5 minutes"}},
        {"id": "d4", "type": "delay", "config": {"duration": "{{ input.wait }}"}},
        {"id": "d5", "type": "delay", "config": {"duration": "{{ input.wait"}},
        {"id": "a1", "type": "action"},
        {"id": "a2", "type": "action", "config": {"action": 1}},
        {"id": "a3", "type": "action", "config": {"action": "any", "headers": {"x": "{{ 1 + }}"}}},
    ]})));
}

#[test]
fn each_field_of_a_policy_is_checked() {
    let action = |id: &str, more: Value| {
        let mut node = json!({"id": id, "type": "action", "config": {"action": "any"}});
        node.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        node
    };
    insta::assert_debug_snapshot!(told(&json!({"edges": [], "nodes": [
        action("r1", json!({"retry": 3})),
        action("r2", json!({"retry": {}})),
        action("r3", json!({"retry": {"max_attempts": 0}})),
        action("r4", json!({"retry": {"max_attempts": 1.5, "initial": "x", "multiplier": 0.5, "max": 1, "jitter": "some"}})),
        action("r5", json!({"retry": {"max_attempts": 101, "multiplier": "2", "tries": 1}})),
        action("r6", json!({"retry": {"max_attempts": 2, "initial": "1m", "max": "1s"}})),
        action("r7", json!({"retry": {"max_attempts": 2, "initial": "5m"}})),
        action("n1", json!({"retry": {"max_attempts": 2, "retry_on": "transient"}})),
        action("n2", json!({"retry": {"max_attempts": 2, "retry_on": []}})),
        action("n3", json!({"retry": {"max_attempts": 2, "retry_on": [99, 600, "500-400", "5xx", 4.5, null, "transiant", "Time Out", ""]}})),
        action("n4", json!({"retry": {"max_attempts": 2, "retry_on": vec![404; 33]}})),
        action("t1", json!({"timeout": "0s"})),
        action("t2", json!({"timeout": 30})),
        action("b1", json!({"breaker": "host"})),
        action("b2", json!({"breaker": {"scope": "hosts", "failure": 1, "failures": 0, "window": "2h", "when_open": "skip"}})),
        action("b3", json!({"breaker": {"scope": "host", "name": "a b", "failures": 3, "rate": 2, "minimum": "1"}})),
        action("b4", json!({"breaker": {"name": "payments", "minimum": 5, "open": "0s", "multiplier": 0.5}})),
        action("b5", json!({"breaker": {"open": "1m", "max_open": "1s"}})),
        action("b6", json!({"breaker": {"scope": "handler", "rate": 0.5, "minimum": 5, "max_open": "10s"}})),
        action("b7", json!({"breaker": {"window": "999ms", "open": "1ms", "max_open": "25h"}})),
        action("b8", json!({"breaker": true})),
        action("b9", json!({"breaker": false})),
        action("o1", json!({"on_error": "ignore"})),
        {"id": "d1", "type": "delay", "config": {"duration": "1s"}, "retry": {"max_attempts": 2}, "timeout": "1s", "breaker": {}, "on_error": "continue"},
    ]})));
}

#[test]
fn each_edge_is_checked() {
    let nodes = row(&["a", "b", "c"]);
    insta::assert_debug_snapshot!(told(&json!({"nodes": nodes, "edges": [
        {"from": "a", "to": "b"},
        {"from": "a", "to": "c", "when": "input.ok"},
        {"from": "a", "to": "b", "when": "input.ok"},
        {"from": "a", "to": "bb"},
        {"from": "ghost", "to": "c"},
        {"from": "a"},
        {"from": 1, "to": "b"},
        {"from": "b", "to": "c", "when": true},
        {"from": "c", "to": "c", "when": 1},
        {"from": "b", "to": "a", "when": "1 +", "if": true},
        7,
    ]})));
}

#[test]
fn an_edge_from_a_condition_may_be_live_in_both_cases() {
    pipeline(&json!({"nodes": [
        {"id": "c", "type": "condition", "config": {"expression": "true"}}, {"id": "a", "type": "parallel"}, {"id": "b", "type": "parallel"}],
        "edges": [{"from": "c", "to": "a"}, {"from": "c", "to": "b", "when": "input.x"}]}));
}

#[test]
fn nothing_leads_to_a_trigger() {
    let nodes =
        json!([{"id": "t", "type": "trigger"}, {"id": "a", "type": "parallel"}, {"id": "u", "type": "trigger"}]);
    assert_eq!(
        told(&json!({"nodes": nodes, "edges": [{"from": "t", "to": "a"}, {"from": "a", "to": "u"}]})),
        ["- edges[1].to: trigger_has_incoming, a run starts at a trigger node; no edge leads to it",]
    );
}

#[test]
fn each_cycle_is_told_once_with_its_path() {
    let edges = |pairs: &[(&str, &str)]| -> Vec<Value> {
        pairs.iter().map(|(from, to)| json!({"from": from, "to": to})).collect()
    };
    let nodes = row(&["s", "a", "b", "c", "d", "e", "f"]);
    let pairs = [
        ("s", "a"),
        ("a", "b"),
        ("b", "c"),
        ("c", "a"),
        ("b", "a"),
        ("c", "d"),
        ("d", "e"),
        ("e", "d"),
        ("e", "f"),
        ("f", "f"),
    ];
    let cycle = |node: &str, path: &str| {
        format!("{node} -: cycle, these nodes lead back to themselves: {path}; remove one of the edges")
    };
    assert_eq!(
        told(&json!({"nodes": nodes, "edges": edges(&pairs)})),
        [
            cycle("a", "a -> b -> a"),
            cycle("d", "d -> e -> d"),
            cycle("f", "f -> f")
        ]
    );
    let only = json!({"nodes": row(&["a", "b"]), "edges": edges(&[("a", "b"), ("b", "a")])});
    assert_eq!(told(&only), [cycle("a", "a -> b -> a")]);
}

#[test]
fn what_no_run_reaches_is_told() {
    let unreachable = |node: &str| {
        format!("{node} -: unreachable, nothing leads here from where the run starts; add an edge to it, or remove it")
    };
    let mut nodes = row(&["a", "b", "c"]);
    let edges = json!([{"from": "b", "to": "c"}]);
    // Without a trigger a run starts wherever no edge leads.
    pipeline(&json!({"nodes": nodes, "edges": edges}));
    nodes.push(json!({"id": "t", "type": "trigger"}));
    assert_eq!(
        told(&json!({"nodes": nodes, "edges": edges})),
        [unreachable("a"), unreachable("b"), unreachable("c")]
    );
    // An edge from nowhere is one problem, and not one for all that follows.
    let edges = json!([{"from": "x", "to": "b"}, {"from": "b", "to": "c"}]);
    assert_eq!(
        told(&json!({"nodes": nodes, "edges": edges})),
        [
            unreachable("a"),
            "- edges[0].from: dangling_edge, there is no node `x`".to_owned()
        ]
    );
}

#[test]
fn names_in_expressions_must_exist_and_lead_there() {
    let transform =
        |id: &str, output: &str| json!({"id": id, "type": "transform", "config": {"output": {"v": [output]}}});
    insta::assert_debug_snapshot!(told(&json!({"nodes": [
        {"id": "start", "type": "trigger"},
        transform("first", "{{ input.a }} {{ run.id }} {{ nodes.start.output }}"),
        transform("my-id", "{{ nodes.first.output + nodes.start.output }}"),
        transform("unknown", "{{ inptu }} {{ project.name }} {{ run.status }} {{ nodes.first.result }} {{ nodes }} {{ hello }}"),
        transform("missing", "{{ nodes.frist.output }} {{ nodes.ghost.output }}"),
        transform("dashed", "{{ nodes.my-id.output }}"),
        transform("right", "{{ nodes['my-id'].output }} {{ nodes[input.x].output }}"),
        transform("itself", "{{ nodes.itself.output }}"),
        transform("aside", "{{ nodes.right.output }}"),
        {"id": "check", "type": "condition", "config": {"expression": "nodes.last.output == 1"}},
        {"id": "wait", "type": "delay", "config": {"duration": "{{ nodes.last.output }}"}},
        {"id": "act", "type": "action", "config": {"action": "any", "headers": {"x": "{{ nodes.last.output }}"}}},
        transform("last", "{{ nodes['my-id'].output }}"),
    ], "edges": [
        {"from": "start", "to": "first"}, {"from": "first", "to": "my-id", "when": "nodes.first.output and nodes.start.output"},
        {"from": "my-id", "to": "unknown", "when": "nodes.unknown.output"}, {"from": "my-id", "to": "missing", "when": "nodes.ghost.output"},
        {"from": "my-id", "to": "dashed"}, {"from": "my-id", "to": "right"}, {"from": "my-id", "to": "itself"}, {"from": "my-id", "to": "aside"},
        {"from": "my-id", "to": "check"}, {"from": "my-id", "to": "wait"}, {"from": "my-id", "to": "act"}, {"from": "right", "to": "last"},
    ]})));
}

#[test]
fn actions_are_checked_by_their_handlers() {
    let check = |handler: &HandlerName, config: &Map<String, Value>| match name(handler) {
        "call_api" if config.contains_key("url") => ActionCheck::Checked(Vec::new()),
        "call_api" => ActionCheck::Checked(vec![ConfigProblem {
            field: "url".to_owned(),
            code: "missing_field",
            message: "`url` is missing".to_owned(),
        }]),
        _ => ActionCheck::Unknown {
            known: vec!["call_api".to_owned(), "send_notification".to_owned()],
        },
    };
    let rules = Rules {
        check_action: Some(&check),
        ..Rules::default()
    };
    let action = |id: &str, config: Value| json!({"id": id, "type": "action", "config": config});
    let definition = json!({"edges": [], "nodes": [
        action("right", json!({"action": "call_api", "url": "{{ input.url }}"})),
        action("less", json!({"action": "call_api"})),
        action("near", json!({"action": "cal_api"})),
        action("far", json!({"action": "launch"})),
    ]});
    let problems = compile(&definition, &rules).expect_err("three problems");
    assert_eq!(
        problems.iter().map(line).collect::<Vec<_>>(),
        [
            "less config.url: missing_field, `url` is missing",
            "near config.action: unknown_action, there is no action `cal_api`; did you mean `call_api`?",
            "far config.action: unknown_action, there is no action `launch`; there are `call_api`, `send_notification`",
        ]
    );
}

#[test]
fn a_problem_is_json_as_clients_expect_it() {
    let problems = crate::support::problems(&json!({"nodes": [{"id": "a", "type": "delay"}]}));
    assert_eq!(
        json!(problems),
        json!([{"node": "a", "field": "config.duration", "code": "missing_field", "message": "`duration` is missing"}])
    );
}

#[test]
fn what_a_node_does_not_say_about_retries_and_timeouts_is_taken_from_the_defaults_field_by_field() {
    let action = |id: &str, more: Value| {
        let mut node = json!({"id": id, "type": "action", "config": {"action": "work"}});
        let fields = node.as_object_mut().expect("an object");
        fields.extend(more.as_object().cloned().unwrap_or_default());
        node
    };
    let pipeline = pipeline(&json!({
        "defaults": {"timeout": "30s", "retry": {"max_attempts": 4, "initial": "2s", "max": "10s", "jitter": "none",
            "retry_on": ["transient", 404, "500-502", "locked"]}},
        "nodes": [
            action("all", json!({})),
            action("some", json!({"timeout": "5s", "retry": {"initial": "1m", "retry_on": ["timeout"]}})),
            action("once", json!({"retry": {"max_attempts": 1, "max": "1s"}})),
            {"id": "wait", "type": "delay", "config": {"duration": "1s"}}],
        "edges": [{"from": "all", "to": "some"}, {"from": "some", "to": "once"}, {"from": "once", "to": "wait"}]}));
    insta::assert_debug_snapshot!(
        pipeline
            .nodes
            .iter()
            .map(|node| (&node.id, &node.retry, node.timeout))
            .collect::<Vec<_>>()
    );
}

#[test]
fn defaults_are_checked_once_and_not_for_every_node() {
    let nodes = json!([{"id": "a", "type": "action", "config": {"action": "work"}, "retry": {"initial": "1s"}}]);
    let told = |defaults: Value| told(&json!({"defaults": defaults, "nodes": nodes}));
    insta::assert_debug_snapshot!([
        told(json!(1)),
        told(json!({"retry": {"max_attempts": 0, "retry_on": ["never"]}, "timeout": "0s", "on_error": "continue"})),
        told(json!({"retry": {"initial": "1s"}, "timeout": null})),
        told(json!({"retry": {"max_attempts": 3}})),
        told(json!({"retry": {"max_attempts": 3}, "breaker": {"open": "10ms", "minimum": 1, "scope": "port"}})),
    ]);
}

#[test]
fn what_a_node_does_not_say_about_its_breaker_is_taken_from_the_defaults_field_by_field() {
    let action = |id: &str, more: Value| {
        let mut node = json!({"id": id, "type": "action", "config": {"action": "work"}});
        let fields = node.as_object_mut().expect("an object");
        fields.extend(more.as_object().cloned().unwrap_or_default());
        node
    };
    let pipeline = pipeline(&json!({
        "defaults": {"breaker": {"scope": "host", "rate": 0.5, "minimum": 8, "open": "2s", "max_open": "20s", "when_open": "fail"}},
        "nodes": [
            action("all", json!({})),
            action("named", json!({"breaker": {"name": "payments", "open": "1m"}})),
            action("more", json!({"breaker": {"scope": "handler", "minimum": 30, "when_open": "wait"}})),
            action("number", json!({"breaker": {"failures": 3}})),
            action("none", json!({"breaker": false})),
            {"id": "wait", "type": "delay", "config": {"duration": "1s"}}],
        "edges": [{"from": "all", "to": "named"}, {"from": "named", "to": "more"}, {"from": "more", "to": "number"},
            {"from": "number", "to": "none"}, {"from": "none", "to": "wait"}]}));
    insta::assert_debug_snapshot!(
        pipeline
            .nodes
            .iter()
            .map(|node| (&node.id, &node.breaker))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_breaker_by_host_is_refused_where_the_handler_names_none_unless_it_is_the_default_of_all() {
    let rules = Rules {
        has_target: Some(&|handler| name(handler) == "call_api"),
        ..Rules::default()
    };
    let action = |id: &str, action: &str, breaker: Value| json!({"id": id, "type": "action", "config": {"action": action}, "breaker": breaker});
    let by_host = || json!({"scope": "host"});
    let definition = json!({"defaults": {"breaker": by_host()}, "edges": [], "nodes": [
        action("right", "call_api", by_host()), action("wrong", "work", by_host()), action("default", "work", json!({"failures": 2}))]});
    let problems = compile(&definition, &rules).expect_err("one cannot count by host");
    assert_eq!(
        problems.iter().map(line).collect::<Vec<_>>(),
        [
            "wrong breaker.scope: invalid_value, the action `work` does not say which host its calls go to; use the scope `handler`, \
             or a `name` in place of it"
        ]
    );
}

fn name(handler: &HandlerName) -> &str {
    let (HandlerName::Action(name) | HandlerName::Kind(name)) = handler;
    name
}

#[test]
fn a_node_type_of_an_embedders_own_has_its_whole_config_for_itself_and_the_policy_of_an_action() {
    let check = |handler: &HandlerName, config: &Map<String, Value>| {
        assert_eq!(handler, &HandlerName::Kind("score".into()));
        let right = config.contains_key("model") && config.contains_key("action");
        ActionCheck::Checked(if right {
            Vec::new()
        } else {
            vec![ConfigProblem::missing("model")]
        })
    };
    let rules = Rules {
        check_action: Some(&check),
        kinds: OwnKinds::Only(&["rank", "score"]),
        ..Rules::default()
    };
    let score = json!({"id": "s", "type": "score", "config": {"model": "{{ input.model }}", "action": 1},
        "retry": {"max_attempts": 2}, "timeout": "1s", "on_error": "continue"});
    let pipeline = compile(&json!({"nodes": [score]}), &rules).expect("the definition is right");
    assert_eq!(
        (pipeline.nodes[0].kind.name(), pipeline.nodes[0].retry.max_attempts),
        ("score", 2)
    );

    let wrong = json!({"edges": [], "nodes": [
        {"id": "bare", "type": "score"}, {"id": "near", "type": "scores"}, {"id": "far", "type": "x"}]});
    let problems: Vec<_> = compile(&wrong, &rules)
        .expect_err("it is wrong")
        .iter()
        .map(line)
        .collect();
    let expected = [
        "bare config.model: missing_field, `model` is missing",
        "near type: unknown_kind, there is no node type `scores`; did you mean `score`?",
        "far type: unknown_kind, there is no node type `x`; there are `trigger`, `condition`, `transform`, `parallel`, `join`, `delay`, `action`, `rank`, `score`",
    ];
    assert_eq!(problems, expected);

    let saved_elsewhere = Rules {
        kinds: OwnKinds::Any,
        ..Rules::default()
    };
    let definition = json!({"nodes": [{"id": "s", "type": "score"}]});
    assert!(compile(&definition, &saved_elsewhere).is_ok());
    let malformed = json!({"nodes": [{"id": "s", "type": "Score!"}]});
    assert!(compile(&malformed, &saved_elsewhere).is_err());
}

#[test]
fn the_name_of_an_own_node_type_is_short_lower_case_and_not_built_in() {
    for name in ["score", "s", "step_2", &"x".repeat(64)] {
        assert_eq!(check_kind_name(name), Ok(()), "{name}");
    }
    for name in ["", "Score", "2score", "_score", "a-b", "a b", "é", &"x".repeat(65)] {
        assert_eq!(check_kind_name(name), Err(InvalidKindName::Malformed), "{name}");
    }
    assert_eq!(check_kind_name("action"), Err(InvalidKindName::BuiltIn));
}
