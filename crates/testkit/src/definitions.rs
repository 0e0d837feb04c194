//! Definitions of pipelines in the shapes that tests and benchmarks want.

use serde_json::{Value, json};

/// An action node, with `of` in its config naming the node, so that outputs can be told apart.
pub fn action(id: &str, handler: &str) -> Value {
    json!({"id": id, "type": "action", "config": {"action": handler, "of": id}})
}

/// `a -> b -> …`, every node an action of this handler.
pub fn chain(ids: &[&str], handler: &str) -> Value {
    let nodes: Vec<_> = ids.iter().map(|id| action(id, handler)).collect();
    let edges: Vec<_> = ids
        .windows(2)
        .map(|pair| json!({"from": pair[0], "to": pair[1]}))
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

/// `n1 -> n2 -> …`, so many actions of this handler.
pub fn chain_of(length: usize, handler: &str) -> Value {
    let ids = numbered(length);
    chain(&ids.iter().map(String::as_str).collect::<Vec<_>>(), handler)
}

/// `first -> n1, n2, … -> last`, so many in the middle, every node an action of this handler.
pub fn fan_of(width: usize, handler: &str) -> Value {
    let ids = numbered(width);
    let mut nodes: Vec<_> = ids.iter().map(|id| action(id, handler)).collect();
    nodes.extend([action("first", handler), action("last", handler)]);
    let edges: Vec<_> = ids
        .iter()
        .flat_map(|id| [json!({"from": "first", "to": id}), json!({"from": id, "to": "last"})])
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("n{n}")).collect()
}

/// `n1 -> n2 -> …`, so many transforms, each of which counts on from the one before; the first from `input.value`.
pub fn pure_chain(length: usize) -> Value {
    let ids = numbered(length);
    let nodes: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(index, id)| match index.checked_sub(1) {
            None => counting(id, "input.value"),
            Some(before) => counting(id, &format!("nodes.{}.output.value", ids[before])),
        })
        .collect();
    let edges: Vec<_> = ids
        .windows(2)
        .map(|pair| json!({"from": pair[0], "to": pair[1]}))
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

/// `first -> n1, n2, … -> last`: a trigger, transforms that count on from it, and a join; so many nodes in all, at least two.
pub fn pure_fan(nodes: usize) -> Value {
    let ids = numbered(nodes.saturating_sub(2));
    let mut all: Vec<_> = ids.iter().map(|id| counting(id, "nodes.first.output.value")).collect();
    all.extend([
        json!({"id": "first", "type": "trigger"}),
        json!({"id": "last", "type": "join"}),
    ]);
    let edges: Vec<_> = ids
        .iter()
        .flat_map(|id| [json!({"from": "first", "to": id}), json!({"from": id, "to": "last"})])
        .collect();
    json!({"nodes": all, "edges": edges})
}

/// Layers of a hundred transforms (the last one may have fewer), each of which comes after three of the layer before and reads one of them.
pub fn pure_layers(nodes: usize) -> Value {
    const WIDTH: usize = 100;
    let ids = numbered(nodes);
    let before = |index: usize| (index >= WIDTH).then(|| (index / WIDTH - 1) * WIDTH);
    let all: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(index, id)| match before(index) {
            None => counting(id, "input.value"),
            Some(layer) => counting(id, &format!("nodes.{}.output.value", ids[layer + index % WIDTH])),
        })
        .collect();
    let edges: Vec<_> = ids
        .iter()
        .enumerate()
        .filter_map(|(index, id)| Some((index, id, before(index)?)))
        .flat_map(|(index, id, layer)| {
            let ids = &ids;
            (0..3).map(move |step| json!({"from": ids[layer + (index + step) % WIDTH], "to": id}))
        })
        .collect();
    json!({"nodes": all, "edges": edges})
}

/// A transform whose value is one more than what it reads.
fn counting(id: &str, from: &str) -> Value {
    json!({"id": id, "type": "transform", "config": {"output": {"value": format!("{{{{ {from} + 1 }}}}")}}})
}
