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
