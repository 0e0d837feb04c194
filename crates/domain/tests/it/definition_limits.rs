//! Large and crafted definitions: bounded answers, and no stack that overflows.

use gathering_domain::definition::{Rules, compile};
use serde_json::{Value, json};

use crate::support::{line, pipeline, problems, told};

const MANY: usize = 10_000;

fn transform(index: usize, output: &Value) -> Value {
    json!({"id": format!("n{index}"), "type": "transform", "config": {"output": output}})
}

fn edge(from: usize, to: usize) -> Value {
    json!({"from": format!("n{from}"), "to": format!("n{to}")})
}

#[test]
fn a_chain_of_ten_thousand_nodes_that_read_from_afar_compiles() {
    let read = |index: usize| json!(format!("{{{{ nodes.n{}.output }}}}", index / 2));
    let nodes: Vec<_> = (0..MANY)
        .map(|index| transform(index, &if index == 0 { json!(1) } else { read(index) }))
        .collect();
    let edges: Vec<_> = (1..MANY).map(|index| edge(index - 1, index)).collect();
    let pipeline = pipeline(&json!({"nodes": nodes, "edges": edges}));
    assert_eq!((pipeline.nodes.len(), pipeline.edges.len()), (MANY, MANY - 1));
}

#[test]
fn a_fan_of_ten_thousand_nodes_compiles() {
    let nodes: Vec<_> = (0..MANY)
        .map(|index| transform(index, &json!({"constant": [index]})))
        .collect();
    let edges: Vec<_> = (1..MANY - 1)
        .flat_map(|index| [edge(0, index), edge(index, MANY - 1)])
        .collect();
    let pipeline = pipeline(&json!({"nodes": nodes, "edges": edges}));
    assert_eq!(pipeline.nodes[MANY - 1].incoming.len(), MANY - 2);
}

#[test]
fn a_cycle_of_ten_thousand_nodes_is_told_in_one_bounded_line() {
    let nodes: Vec<_> = (0..MANY).map(|index| transform(index, &json!(1))).collect();
    let edges: Vec<_> = (0..MANY).map(|index| edge(index, (index + 1) % MANY)).collect();
    let told = told(&json!({"nodes": nodes, "edges": edges}));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("n0 -> n1 -> n2") && told[0].contains("… 9981 more"),
        "{}",
        told[0]
    );
}

#[test]
fn more_nodes_or_edges_than_allowed_are_refused_unread() {
    let rules = Rules {
        max_nodes: 2,
        ..Rules::default()
    };
    let told = |definition: Value| -> Vec<String> {
        compile(&definition, &rules)
            .expect_err("too many")
            .iter()
            .map(line)
            .collect()
    };
    assert_eq!(
        told(json!({"nodes": [1, 2, 3], "edges": []})),
        ["- nodes: too_many_nodes, 3 nodes are more than the 2 that are allowed"]
    );
    assert_eq!(
        told(json!({"nodes": [1, 2], "edges": vec![1; 21]})),
        ["- edges: too_many_edges, 21 edges are more than the 20 that are allowed"]
    );
}

#[test]
fn at_most_a_thousand_problems_are_told() {
    let nodes = vec![json!({"id": "a"}); 2_000];
    let problems = problems(&json!({"nodes": nodes, "edges": []}));
    assert_eq!(problems.len(), 1_001);
    let last = line(&problems[1_000]);
    assert_eq!(
        last,
        "- -: too_many_problems, 2999 more problems are not listed; correct these first"
    );
}

#[test]
fn config_nested_too_deeply_is_refused() {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!({"a": deep});
    }
    let told = told(&json!({"nodes": [transform(0, &deep)]}));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("bad_expression, nested deeper than 64 levels"),
        "{}",
        told[0]
    );
}

#[test]
fn as_many_expressions_as_allowed_compile_and_weigh_what_they_are() {
    let texts = vec!["a{{1}}"; 50_000];
    let weight = pipeline(&json!({"nodes": [transform(0, &json!(texts))]})).weight;
    assert!((50_000..150_000).contains(&weight), "{weight}");
    let edges = json!([edge(0, 1), edge(1, 2)]);
    let nodes: Vec<_> = (0..3).map(|index| transform(index, &json!("{{ 1 }}"))).collect();
    assert!((8..20).contains(&pipeline(&json!({"nodes": nodes, "edges": edges})).weight));
}

#[test]
fn more_to_compile_than_allowed_is_refused_uncompiled() {
    let too_many = |definition: Value| {
        let told = told(&definition);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    assert_eq!(
        too_many(json!({"nodes": [transform(0, &json!(vec!["a{{1}}"; 50_001]))]})),
        "- -: too_many_templates, 50001 expressions and statements are more than the 50000 that are allowed; use several pipelines"
    );
    assert_eq!(
        too_many(json!({"nodes": [transform(0, &json!([["{{1}} ".repeat(50_001)]]))]})),
        "- -: too_many_templates, 50001 expressions and statements are more than the 50000 that are allowed; use several pipelines"
    );
    let statements = "{% if input %}{% endif %}";
    assert!(too_many(json!({"nodes": [transform(0, &json!(vec![statements; 25_001]))]})).contains("50002"));
    let edges = vec![json!({"from": "a", "to": "b", "when": "true"}); 50_001];
    let nodes = json!([{"id": "a", "type": "trigger"}, {"id": "b", "type": "parallel"}]);
    assert!(too_many(json!({"nodes": nodes, "edges": edges})).contains("too_many_templates"));
}

#[test]
fn only_the_first_of_many_problems_come_with_a_guess() {
    let nodes: Vec<_> = (0..300)
        .map(|index| json!({"id": format!("node{index}"), "type": "trigger"}))
        .collect();
    let edges = vec![json!({"from": "node_1", "to": "nodee"}); 2_000];
    let told = told(&json!({"nodes": nodes, "edges": edges}));
    let guesses = told.iter().filter(|line| line.contains("did you mean")).count();
    assert_eq!((told.len(), guesses), (1_001, 20));
    assert!(told[0].ends_with("did you mean `node1`?"), "{}", told[0]);
    assert!(told[1_000].contains("3000 more problems"), "{}", told[1_000]);
}
