//! Properties of compiling: nothing panics, right definitions compile, answers repeat.

use gathering_domain::definition::{Rules, compile};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::problems;

/// Any JSON, with words of definitions in it.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "nodes",
        "edges",
        "id",
        "type",
        "config",
        "from",
        "to",
        "when",
        "trigger",
        "action",
        "condition",
        "join",
        "delay",
        "duration",
        "expression",
        "output",
        "retry",
        "max_attempts",
        "timeout",
        "on_error",
        "1s",
        "a",
        "b",
        "{{ input }}",
        "{{ nodes.a.output }}",
        "{{",
        "true",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// A definition whose edges all lead forward, and whose nodes read what leads to them.
fn right_definition() -> impl Strategy<Value = Value> {
    let steps = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..4), 1..40);
    steps.prop_map(|steps| {
        let mut nodes = vec![json!({"id": "n0", "type": "trigger"})];
        let mut edges = Vec::new();
        for (index, before) in steps.into_iter().enumerate() {
            let mut before: Vec<_> = before.iter().map(|from| from.index(index + 1)).collect();
            before.sort_unstable();
            before.dedup();
            let read = format!("{{{{ nodes.n{}.output }}}} {{{{ nodes.n0.output }}}}", before[0]);
            nodes.push(json!({"id": format!("n{}", index + 1), "type": "transform", "config": {"output": read}}));
            edges.extend(
                before
                    .iter()
                    .map(|from| json!({"from": format!("n{from}"), "to": format!("n{}", index + 1)})),
            );
        }
        json!({"nodes": nodes, "edges": edges})
    })
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(value in any_json(), nodes in any_json(), edges in any_json()) {
        for definition in [value, json!({"nodes": nodes.clone(), "edges": edges.clone()}), json!({"nodes": [nodes], "edges": [edges]})] {
            let result = compile(&definition, &Rules::default());
            prop_assert!(result.is_ok() || result.is_err_and(|problems| !problems.is_empty()));
        }
    }

    #[test]
    fn a_graph_without_cycles_compiles(definition in right_definition()) {
        let problems = problems(&definition);
        prop_assert!(problems.is_empty(), "{:?}", problems);
    }

    #[test]
    fn a_node_is_upstream_exactly_where_a_path_leads(definition in right_definition(), from: prop::sample::Index, to: prop::sample::Index) {
        let mut definition = definition;
        let count = definition["nodes"].as_array().expect("nodes").len();
        let (from, to) = (from.index(count), 1 + to.index(count - 1));
        definition["nodes"][to]["config"]["output"] = json!(format!("{{{{ nodes.n{from}.output }}}}"));
        let codes: Vec<_> = problems(&definition).iter().map(|problem| problem.code).collect();
        let expected: &[&str] = if leads(&definition, from, to) { &[] } else { &["not_upstream"] };
        prop_assert_eq!(codes, expected);
    }

    #[test]
    fn the_same_definition_gives_the_same_problems(definition in any_json()) {
        let definition = json!({"nodes": [definition], "edges": 1});
        prop_assert_eq!(problems(&definition), problems(&definition));
    }
}

/// Whether a path leads from one node to another, found the slow and certain way.
fn leads(definition: &Value, from: usize, to: usize) -> bool {
    let name = |node: usize| json!(format!("n{node}"));
    let (mut open, mut seen) = (vec![name(from)], Vec::new());
    while let Some(node) = open.pop() {
        for edge in definition["edges"].as_array().expect("edges") {
            if edge["from"] == node && !seen.contains(&edge["to"]) {
                seen.push(edge["to"].clone());
                open.push(edge["to"].clone());
            }
        }
    }
    seen.contains(&name(to))
}
