//! The edges of a definition, each by itself.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::config::expression;
use super::fields::{object, only, optional, required, shown, text, wrong_type};
use super::kind::Type;
use super::nodes::Nodes;
use super::problem::{Place, Problems};
use crate::pipeline::{EdgeIx, NodeIx, When};

/// An edge as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) from: Option<NodeIx>,
    pub(super) to: Option<NodeIx>,
    pub(super) when: Option<When>,
}

impl Draft {
    /// Both ends, where both are nodes.
    pub(super) fn ends(&self) -> Option<(NodeIx, NodeIx)> {
        self.from.zip(self.to)
    }
}

/// Reads all edges.
pub(super) fn read(list: &[Value], nodes: &Nodes, problems: &mut Problems) -> Vec<Draft> {
    let mut seen = HashMap::with_capacity(list.len());
    list.iter()
        .enumerate()
        .map(|(index, value)| {
            let place = Place::edge(index);
            let draft = edge(value, &place, nodes, problems);
            if let Some(ends) = draft.ends() {
                let first: EdgeIx = *seen.entry(ends).or_insert(index);
                if first != index {
                    let message = format!("edges[{first}] joins the same two nodes; put both cases into its `when`");
                    problems.add(&place, "", "duplicate_edge", message);
                }
            }
            draft
        })
        .collect()
}

fn edge(value: &Value, place: &Place<'_>, nodes: &Nodes, problems: &mut Problems) -> Draft {
    let Some(fields) = object(value, place, "", problems) else {
        return Draft::default();
    };
    only(&["from", "to", "when"], fields, place, problems);
    let from = end(fields, "from", (place, nodes), problems);
    let to = end(fields, "to", (place, nodes), problems);
    let from_type = from.and_then(|from| nodes.drafts[from].node_type);
    let when = when(fields, from_type, place, problems);
    Draft { from, to, when }
}

fn end(
    fields: &Map<String, Value>,
    field: &str,
    (place, nodes): (&Place<'_>, &Nodes),
    problems: &mut Problems,
) -> Option<NodeIx> {
    let id = text(required(fields, place, field, problems)?, place, field, problems)?;
    let node = nodes.by_id.get(id).copied();
    if node.is_none() {
        let message = no_node(id, nodes, problems);
        problems.add(place, field, "dangling_edge", message);
    }
    node
}

/// Says that there is no such node, and which may have been meant.
pub(super) fn no_node(id: &str, nodes: &Nodes, problems: &mut Problems) -> String {
    let ids = nodes.drafts.iter().filter_map(|draft| draft.id.as_deref());
    let hint = problems.guess(id, ids).map(|near| format!("; did you mean `{near}`?"));
    format!("there is no node `{}`{}", shown(id), hint.unwrap_or_default())
}

fn when(
    fields: &Map<String, Value>,
    from_type: Option<Type>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<When> {
    match optional(fields, "when") {
        None => Some(When::Always),
        Some(Value::Bool(outcome)) => {
            if from_type.is_some_and(|from| from != Type::Condition) {
                let message =
                    "only an edge from a condition node is `true` or `false`; write an expression, or leave it out";
                problems.add(place, "when", "when_needs_condition", message);
            }
            Some(When::Outcome(*outcome))
        }
        Some(Value::String(source)) => expression(source, place, "when", problems).map(When::Expression),
        Some(other) => {
            wrong_type(place, "when", "true, false or an expression", other, problems);
            None
        }
    }
}
