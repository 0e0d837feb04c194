//! What only the whole graph shows: triggers that something leads to, cycles, nodes that nothing leads to.

use std::collections::{HashMap, VecDeque};

use daggy::petgraph::algo::kosaraju_scc;
use daggy::petgraph::graph::{DiGraph, NodeIndex};

use super::edges::Draft as Edge;
use super::kind::Type;
use super::nodes::Nodes;
use super::problem::{Place, Problems};
use crate::pipeline::NodeIx;

/// Which node leads to which.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) incoming: Vec<Vec<NodeIx>>,
    outgoing: Vec<Vec<NodeIx>>,
    /// Sets of nodes that all lead to each other, most of a single node; each set before those that it leads to.
    pub(super) components: Vec<Vec<NodeIx>>,
}

impl Graph {
    /// The graph of the edges that join two nodes.
    pub(super) fn new(nodes: usize, edges: &[Edge]) -> Self {
        let mut graph = DiGraph::<(), (), usize>::with_capacity(nodes, edges.len());
        (0..nodes).for_each(|_| {
            graph.add_node(());
        });
        let (mut incoming, mut outgoing) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
        for (from, to) in edges.iter().filter_map(Edge::ends) {
            incoming[to].push(from);
            outgoing[from].push(to);
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
        }
        // Of petgraph's two algorithms this is the one that does not recurse, however long the graph is.
        let mut components: Vec<Vec<_>> = kosaraju_scc(&graph)
            .into_iter()
            .map(|component| component.into_iter().map(NodeIndex::index).collect())
            .collect();
        components.reverse();
        Self {
            incoming,
            outgoing,
            components,
        }
    }
}

/// Checks the graph as a whole.
pub(super) fn check(graph: &Graph, nodes: &Nodes, edges: &[Edge], problems: &mut Problems) {
    check_triggers(nodes, edges, problems);
    check_cycles(graph, nodes, problems);
    check_reachable(graph, nodes, edges, problems);
}

fn check_triggers(nodes: &Nodes, edges: &[Edge], problems: &mut Problems) {
    for (index, edge) in edges.iter().enumerate() {
        if edge
            .to
            .is_some_and(|to| nodes.drafts[to].node_type == Some(Type::Trigger))
        {
            let message = "a run starts at a trigger node; no edge leads to it";
            problems.add(&Place::edge(index), "to", "trigger_has_incoming", message);
        }
    }
}

fn check_cycles(graph: &Graph, nodes: &Nodes, problems: &mut Problems) {
    for component in &graph.components {
        // The first in the definition, so that the same cycle is always told the same way.
        let Some(&start) = component.iter().min() else {
            continue;
        };
        let is_cycle = component.len() > 1 || graph.outgoing[start].contains(&start);
        if is_cycle {
            let path = told(&cycle_through(start, graph), nodes);
            let message = format!("these nodes lead back to themselves: {path}; remove one of the edges");
            problems.add(&nodes.drafts[start].place(start), "", "cycle", message);
        }
    }
}

/// A shortest way from `start` back to it, `start` at both ends.
fn cycle_through(start: NodeIx, graph: &Graph) -> Vec<NodeIx> {
    // Only of the nodes that are seen, because there may be as many cycles as nodes.
    let mut came_from = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in &graph.outgoing[node] {
            came_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                node
            });
        }
        if came_from.contains_key(&start) {
            break;
        }
    }
    let mut path = vec![start];
    let mut at = start;
    while let Some(&before) = came_from.get(&at) {
        path.push(before);
        at = before;
        if at == start {
            break;
        }
    }
    path.reverse();
    path
}

/// The most nodes of a cycle that a message names.
const MAX_TOLD: usize = 20;

fn told(path: &[NodeIx], nodes: &Nodes) -> String {
    let name = |node: &NodeIx| nodes.drafts[*node].id.as_deref().unwrap_or("?").to_owned();
    let names: Vec<_> = path.iter().take(MAX_TOLD).map(name).collect();
    match path.len() - names.len() {
        0 => names.join(" -> "),
        more => format!("{} -> … {more} more", names.join(" -> ")),
    }
}

fn check_reachable(graph: &Graph, nodes: &Nodes, edges: &[Edge], problems: &mut Problems) {
    let mut reached = vec![false; nodes.drafts.len()];
    let mut stack = starts(graph, nodes);
    if stack.is_empty() {
        // Everything is in or after a cycle, which was told already.
        return;
    }
    // Where an edge comes from nowhere, or what a node is cannot be read, that was told already too, and is no reason to
    // call all that follows unreachable.
    stack.extend(
        edges
            .iter()
            .filter(|edge| edge.from.is_none())
            .filter_map(|edge| edge.to),
    );
    stack.extend((0..nodes.drafts.len()).filter(|node| nodes.drafts[*node].node_type.is_none()));
    while let Some(node) = stack.pop() {
        if !std::mem::replace(&mut reached[node], true) {
            stack.extend(&graph.outgoing[node]);
        }
    }
    for (index, draft) in nodes.drafts.iter().enumerate().filter(|(index, _)| !reached[*index]) {
        let message = "nothing leads here from where the run starts; add an edge to it, or remove it";
        problems.add(&draft.place(index), "", "unreachable", message);
    }
}

/// Where a run starts: at the triggers, or without any at the nodes that no edge leads to.
fn starts(graph: &Graph, nodes: &Nodes) -> Vec<NodeIx> {
    let all = || 0..nodes.drafts.len();
    let triggers: Vec<_> = all()
        .filter(|node| nodes.drafts[*node].node_type == Some(Type::Trigger))
        .collect();
    if triggers.is_empty() {
        return all().filter(|node| graph.incoming[*node].is_empty()).collect();
    }
    triggers
}
