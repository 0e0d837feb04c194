//! Putting a pipeline together from what was read.

use std::time::Duration;

use super::edges::Draft as EdgeDraft;
use super::nodes::{Draft, Nodes};
use super::size::Size;
use crate::pipeline::{Edge, Node, Pipeline};

/// The pipeline, where everything could be read.
pub(super) fn pipeline(nodes: Nodes, edges: Vec<EdgeDraft>, timeout: Option<Duration>, size: Size) -> Option<Pipeline> {
    let mut built: Vec<_> = nodes.drafts.into_iter().map(node).collect::<Option<_>>()?;
    let edges: Vec<_> = edges.into_iter().map(edge).collect::<Option<_>>()?;
    for (index, edge) in edges.iter().enumerate() {
        built[edge.from].outgoing.push(index);
        built[edge.to].incoming.push(index);
    }
    let named: usize = built
        .iter()
        .map(|node| node.retry.on.statuses.len() + node.retry.on.codes.len())
        .sum();
    Some(Pipeline {
        weight: (built.len() + named + edges.len()) as u64 + size.weight(),
        nodes: built,
        edges,
        by_id: nodes.by_id,
        timeout,
    })
}

fn node(draft: Draft) -> Option<Node> {
    Some(Node {
        id: draft.id?,
        name: draft.name,
        kind: draft.kind?,
        retry: draft.policy.retry,
        timeout: draft.policy.timeout,
        breaker: draft.policy.breaker,
        on_error: draft.policy.on_error,
        incoming: Vec::new(),
        outgoing: Vec::new(),
    })
}

fn edge(draft: EdgeDraft) -> Option<Edge> {
    Some(Edge {
        from: draft.from?,
        to: draft.to?,
        when: draft.when?,
    })
}
