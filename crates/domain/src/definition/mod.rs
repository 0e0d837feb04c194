//! Definitions: from JSON to a [`Pipeline`], or to everything that is wrong with it.

mod breaker;
mod build;
mod config;
mod document;
mod edges;
mod fields;
mod graph;
mod kind;
mod names;
mod nodes;
mod policy;
mod problem;
mod retry;
mod retry_on;
mod size;
mod upstream;

use serde_json::{Map, Value};

use crate::pipeline::{HandlerName, Pipeline};
pub(crate) use fields::{listed, nearest, shown};
pub use kind::{InvalidKindName, check_kind_name};
pub use problem::Problem;
use problem::Problems;

/// What a definition is held to.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The most nodes it may have; edges are at most ten times as many.
    pub max_nodes: usize,
    /// Checks the configuration of a node with a handler, given the handler's name and its part of the config, with `{{ }}`
    /// still in its strings. Without it any handler is accepted: for definitions that were checked when saved.
    pub check_action: Option<&'a CheckAction<'a>>,
    /// Whether a handler says which host its calls go to, as breakers that count by host need. Without it every handler does.
    pub has_target: Option<&'a HasTarget<'a>>,
    /// Which node types there are beside the built-in ones.
    pub kinds: OwnKinds<'a>,
    /// Whether expressions may read `firing`: in pipelines of schedules, and in definitions that were checked when saved.
    pub firing: bool,
}

/// Checks the configuration of a node with a handler: its name, and its part of the config.
pub type CheckAction<'a> = dyn Fn(&HandlerName, &Map<String, Value>) -> ActionCheck + 'a;

/// Whether a handler says which host its calls go to; `true` for one that is not known.
pub type HasTarget<'a> = dyn Fn(&HandlerName) -> bool + 'a;

/// Which node types there are beside the built-in ones.
#[derive(Debug, Clone, Copy)]
pub enum OwnKinds<'a> {
    /// These.
    Only(&'a [&'a str]),
    /// Whatever [could be registered](check_kind_name): for definitions that were checked when saved.
    Any,
}

impl OwnKinds<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.contains(&name),
            Self::Any => check_kind_name(name).is_ok(),
        }
    }
}

impl Default for Rules<'_> {
    fn default() -> Self {
        Self {
            max_nodes: 10_000,
            check_action: None,
            has_target: None,
            kinds: OwnKinds::Only(&[]),
            firing: false,
        }
    }
}

impl std::fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("max_nodes", &self.max_nodes)
            .field("checks_actions", &self.check_action.is_some())
            .field("checks_targets", &self.has_target.is_some())
            .field("kinds", &self.kinds)
            .field("firing", &self.firing)
            .finish()
    }
}

/// What a check of a node with a handler found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionCheck {
    /// No handler has that name, as an action.
    Unknown {
        /// The names that there are.
        known: Vec<String>,
    },
    /// The handler exists and found this wrong.
    Checked(Vec<ConfigProblem>),
}

/// Something wrong in the configuration of a node with a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where, below `config`: `url`, `headers.accept`.
    pub field: String,
    /// What kind of problem, in `snake_case`, the same for all time.
    pub code: &'static str,
    /// What is wrong and what to do, for people.
    pub message: String,
}

impl ConfigProblem {
    /// A field that must be there and is not.
    pub fn missing(field: &str) -> Self {
        Self {
            field: field.to_owned(),
            code: "missing_field",
            message: format!("`{field}` is missing"),
        }
    }

    /// A field whose value cannot be used; the message says why, and what would do.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code: "invalid_value",
            message: message.into(),
        }
    }
}

/// Compiles a definition, or tells all that is wrong with it at once, in the order of the definition.
///
/// Takes time in proportion to the size of the definition.
pub fn compile(source: &Value, rules: &Rules<'_>) -> Result<Pipeline, Vec<Problem>> {
    let mut problems = Problems::default();
    let Some(document) = document::read(source, rules, &mut problems) else {
        return Err(problems.finish());
    };
    let size = size::Size::of(&document);
    if !size.check(&mut problems) {
        return Err(problems.finish());
    }
    let nodes = nodes::read(document.nodes, (rules, &document.defaults), &mut problems);
    let edges = edges::read(document.edges, &nodes, &mut problems);
    let graph = graph::Graph::new(nodes.drafts.len(), &edges);
    graph::check(&graph, &nodes, &edges, &mut problems);
    names::check(&graph, (&nodes, &edges), rules, &mut problems);
    let problems = problems.finish();
    match build::pipeline(nodes, edges, document.timeout, size) {
        Some(pipeline) if problems.is_empty() => Ok(pipeline),
        _ => Err(problems),
    }
}
