//! A pipeline that passed validation: nodes, edges and their compiled expressions, by index.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::breaker::BreakerPolicy;
use crate::expression::Expression;
use crate::retry::RetryPolicy;
use crate::template::Template;

/// The place of a node in [`Pipeline::nodes`].
pub type NodeIx = usize;
/// The place of an edge in [`Pipeline::edges`].
pub type EdgeIx = usize;

/// An acyclic, fully checked definition; made only by [`compile`](crate::definition::compile).
#[derive(Debug)]
pub struct Pipeline {
    /// The nodes, in the order of the definition.
    pub nodes: Vec<Node>,
    /// The edges, in the order of the definition.
    pub edges: Vec<Edge>,
    /// Where each node id stands in `nodes`.
    pub by_id: HashMap<Arc<str>, NodeIx>,
    /// How long a run may take from its first start, all waiting included.
    pub timeout: Option<Duration>,
    /// About how much memory it takes, in units of a node, an edge or an expression (some hundred bytes); at least 1.
    pub weight: u64,
}

/// One node of a pipeline.
#[derive(Debug)]
pub struct Node {
    /// The id that the definition gives it: 1 to 64 letters, digits, `_` and `-`.
    pub id: Arc<str>,
    /// A name for people.
    pub name: Option<String>,
    /// What it does.
    pub kind: NodeKind,
    /// How often and when a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// What holds its attempts back while their target keeps breaking.
    pub breaker: Option<Arc<BreakerPolicy>>,
    /// What its failure means for the run.
    pub on_error: OnError,
    /// The edges that end here.
    pub incoming: Vec<EdgeIx>,
    /// The edges that start here.
    pub outgoing: Vec<EdgeIx>,
}

/// What a node does when its turn comes.
#[derive(Debug)]
pub enum NodeKind {
    /// Where a run starts; its output is the run's input.
    Trigger,
    /// Decides `true` or `false`.
    Condition {
        /// Must give a boolean.
        expression: Expression,
    },
    /// Computes its output from what came before.
    Transform {
        /// The output, with `{{ }}` in its strings.
        output: Template,
    },
    /// Fans out: a named point where branches start.
    Parallel,
    /// Brings branches together.
    Join {
        /// How many of them it waits for.
        mode: JoinMode,
    },
    /// Waits, without holding anything.
    Delay {
        /// Renders to a duration such as `"5m"`.
        duration: Template,
    },
    /// Calls a registered handler.
    Action {
        /// What it was registered under.
        handler: HandlerName,
        /// What the handler is given, with `{{ }}` in its strings.
        config: Template,
    },
}

impl NodeKind {
    /// The `type` of the definition.
    pub fn name(&self) -> &str {
        match self {
            Self::Trigger => "trigger",
            Self::Condition { .. } => "condition",
            Self::Transform { .. } => "transform",
            Self::Parallel => "parallel",
            Self::Join { .. } => "join",
            Self::Delay { .. } => "delay",
            Self::Action { handler, .. } => match handler {
                HandlerName::Action(_) => "action",
                HandlerName::Kind(name) => name,
            },
        }
    }
}

/// What a handler is registered under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandlerName {
    /// The `action` in the config of nodes of the type `action`; the rest of their config is the handler's.
    Action(Arc<str>),
    /// A node type of the embedder's own; the whole config of such nodes is the handler's.
    Kind(Arc<str>),
}

impl fmt::Display for HandlerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(name) => write!(f, "action `{name}`"),
            Self::Kind(name) => write!(f, "node type `{name}`"),
        }
    }
}

/// When a join goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinMode {
    /// When every incoming edge is decided and at least one is live.
    All,
    /// With the first live edge.
    Any,
}

/// What the failure of a node means for its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Everything downstream is skipped and the run fails.
    Fail,
    /// The error becomes the node's output, `{"error": {…}}`, and the run goes on.
    Continue,
}

/// One edge of a pipeline.
#[derive(Debug)]
pub struct Edge {
    /// Where it starts.
    pub from: NodeIx,
    /// Where it ends.
    pub to: NodeIx,
    /// When it is live.
    pub when: When,
}

/// When an edge is live, once its source has completed.
#[derive(Debug)]
pub enum When {
    /// Always.
    Always,
    /// When the condition it starts from decided so.
    Outcome(bool),
    /// When the expression gives `true`.
    Expression(Expression),
}
