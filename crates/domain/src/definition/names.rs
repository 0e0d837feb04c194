//! Names in expressions: each must exist, and a node must lead to where its output is read.

use super::Rules;
use super::edges::{Draft as Edge, no_node};
use super::fields::shown;
use super::graph::Graph;
use super::nodes::Nodes;
use super::problem::{Place, Problems, join};
use super::upstream::{Question, unanswered};
use crate::expression::{Name, Reference};
use crate::firing;
use crate::pipeline::{NodeIx, NodeKind, When};

/// The last one is there in pipelines of schedules only.
const ROOTS: [&str; 4] = ["input", "nodes", "run", "firing"];

/// Checks the names in all expressions.
pub(super) fn check(graph: &Graph, (nodes, edges): (&Nodes, &[Edge]), rules: &Rules<'_>, problems: &mut Problems) {
    let readings = readings(nodes, edges);
    let questions: Vec<_> = readings
        .iter()
        .enumerate()
        .filter_map(|(index, reading)| {
            Some(Question {
                index,
                read: reading.node(nodes, rules, problems)?,
                reader: reading.reader?,
                includes_reader: reading.reads_source,
            })
        })
        .collect();
    for index in unanswered(graph, &questions) {
        let reading = &readings[index];
        if let Name::Node(id) = &reading.reference.name {
            reading.wrong("not_upstream", not_upstream(id), problems);
        }
    }
}

/// A name that is read at some place.
struct Reading<'a> {
    place: Place<'a>,
    field: String,
    reference: &'a Reference,
    /// The node before whose work it is read: that node, or for an edge the one it starts from.
    reader: Option<NodeIx>,
    /// Whether the reader's own output is there already, as it is for an edge.
    reads_source: bool,
}

impl Reading<'_> {
    /// The node that is read; a name that stands for nothing is noted.
    fn node(&self, nodes: &Nodes, rules: &Rules<'_>, problems: &mut Problems) -> Option<NodeIx> {
        match &self.reference.name {
            Name::Input | Name::Run | Name::AnyNode => None,
            Name::Firing(member) if rules.firing => {
                let unknown = member.as_deref().filter(|member| !firing::has_member(member))?;
                self.wrong(
                    "unknown_name",
                    no_name(&format!("firing.{unknown}"), rules, problems),
                    problems,
                )
            }
            Name::Firing(_) => self.wrong("unknown_name", no_name("firing", rules, problems), problems),
            Name::Unknown(name) => self.wrong("unknown_name", no_name(name, rules, problems), problems),
            Name::Node(id) => match nodes.by_id.get(id.as_str()) {
                None => self.wrong("unknown_node", no_node(id, nodes, problems), problems),
                node => node.copied(),
            },
        }
    }

    fn wrong(&self, code: &'static str, message: String, problems: &mut Problems) -> Option<NodeIx> {
        problems.add(&self.place, &self.field, code, message);
        None
    }
}

fn readings<'a>(nodes: &'a Nodes, edges: &'a [Edge]) -> Vec<Reading<'a>> {
    let in_nodes = nodes.drafts.iter().enumerate().flat_map(|(index, draft)| {
        let references = draft.kind.as_ref().map(references).unwrap_or_default();
        references.into_iter().map(move |(field, reference)| Reading {
            place: draft.place(index),
            field,
            reference,
            reader: Some(index),
            reads_source: false,
        })
    });
    let in_edges = edges.iter().enumerate().flat_map(|(index, edge)| {
        let references = match &edge.when {
            Some(When::Expression(expression)) => expression.references(),
            Some(When::Always | When::Outcome(_)) | None => &[],
        };
        references.iter().map(move |reference| Reading {
            place: Place::edge(index),
            field: "when".to_owned(),
            reference,
            reader: edge.from,
            reads_source: true,
        })
    });
    in_nodes.chain(in_edges).collect()
}

fn references(kind: &NodeKind) -> Vec<(String, &Reference)> {
    let (base, references) = match kind {
        NodeKind::Trigger | NodeKind::Parallel | NodeKind::Join { .. } => return Vec::new(),
        NodeKind::Condition { expression } => {
            let own = expression.references().iter();
            return own
                .map(|reference| ("config.expression".to_owned(), reference))
                .collect();
        }
        NodeKind::Transform { output } => ("config.output", output.references()),
        NodeKind::Delay { duration } => ("config.duration", duration.references()),
        NodeKind::Action { config, .. } => ("config", config.references()),
    };
    let below = |(path, reference): (String, _)| (join(base, &path), reference);
    references.into_iter().map(below).collect()
}

fn not_upstream(id: &str) -> String {
    format!("`{id}` does not lead here, so that its output may not be there yet; add an edge, or read another node")
}

fn no_name(name: &str, rules: &Rules<'_>, problems: &mut Problems) -> String {
    let name = shown(name);
    let roots = if rules.firing { &ROOTS[..] } else { &ROOTS[..3] };
    let all = if rules.firing {
        "there are `input`, `nodes`, `run` and `firing`"
    } else {
        "there are `input`, `nodes` and `run`"
    };
    let hint = match name.split('.').next().unwrap_or_default() {
        "project" | "item" => format!("it is not available yet; {all}"),
        "firing" if rules.firing => format!("`firing` has {}", firing::listed_members()),
        "firing" => format!("only the action of a schedule has it; {all}"),
        "run" => "`run` has only `id`".to_owned(),
        "nodes" if name == "nodes" => "read one node, as in `nodes.<id>.output`".to_owned(),
        "nodes" => "a node has only `output`".to_owned(),
        root => match problems.guess(root, roots.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("{all}; text stands in quotes"),
        },
    };
    format!("there is no `{name}`; {hint}")
}
