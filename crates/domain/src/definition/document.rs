//! The outermost fields of a definition.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Rules;
use super::fields::{object, only, optional, required, text, timeout, wrong_type};
use super::policy::{self, Defaults};
use super::problem::{Place, Problems};

const FIELDS: [&str; 5] = ["nodes", "edges", "defaults", "timeout", "description"];
/// How many edges there may be for each node that there may be.
const EDGES_PER_NODE: usize = 10;

/// A definition taken apart.
pub(super) struct Document<'v> {
    pub(super) nodes: &'v [Value],
    pub(super) edges: &'v [Value],
    pub(super) timeout: Option<Duration>,
    pub(super) defaults: Defaults,
}

/// Takes a definition apart; `None` where nothing further can be said about it.
pub(super) fn read<'v>(source: &'v Value, rules: &Rules<'_>, problems: &mut Problems) -> Option<Document<'v>> {
    let place = Place::definition();
    let definition = object(source, &place, "", problems)?;
    only(&FIELDS, definition, &place, problems);
    if let Some(value) = optional(definition, "description") {
        text(value, &place, "description", problems);
    }
    let timeout = optional(definition, "timeout").and_then(|value| timeout(value, &place, problems));
    let defaults = policy::defaults(definition, problems);
    let nodes = nodes(definition, rules, &place, problems);
    let edges = edges(definition, nodes.map_or(0, <[_]>::len), &place, problems);
    let nodes = nodes?;
    let too_many_edges = edges.len() > rules.max_nodes.saturating_mul(EDGES_PER_NODE);
    if too_many_edges {
        let most = rules.max_nodes.saturating_mul(EDGES_PER_NODE);
        let message = format!("{} edges are more than the {most} that are allowed", edges.len());
        problems.add(&place, "edges", "too_many_edges", message);
    }
    (!too_many_edges).then_some(Document {
        nodes,
        edges,
        timeout,
        defaults,
    })
}

fn nodes<'v>(
    definition: &'v Map<String, Value>,
    rules: &Rules<'_>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<&'v [Value]> {
    let nodes = list(
        required(definition, place, "nodes", problems)?,
        place,
        "nodes",
        problems,
    )?;
    let (code, message) = match nodes.len() {
        0 => ("empty", "there are no nodes; a pipeline has at least one".to_owned()),
        many if many > rules.max_nodes => (
            "too_many_nodes",
            format!("{many} nodes are more than the {} that are allowed", rules.max_nodes),
        ),
        _ => return Some(nodes),
    };
    problems.add(place, "nodes", code, message);
    None
}

fn edges<'v>(
    definition: &'v Map<String, Value>,
    nodes: usize,
    place: &Place<'_>,
    problems: &mut Problems,
) -> &'v [Value] {
    let value = match nodes {
        // A single node has nothing to be joined to.
        0 | 1 => optional(definition, "edges"),
        _ => required(definition, place, "edges", problems),
    };
    value
        .and_then(|value| list(value, place, "edges", problems))
        .unwrap_or_default()
}

fn list<'v>(value: &'v Value, place: &Place<'_>, field: &str, problems: &mut Problems) -> Option<&'v [Value]> {
    if !value.is_array() {
        wrong_type(place, field, "a list", value, problems);
    }
    value.as_array().map(Vec::as_slice)
}
