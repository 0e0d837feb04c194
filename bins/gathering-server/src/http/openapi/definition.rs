//! The definition of a pipeline, as far as a schema can say it: the rest is told by `POST /pipelines/validate`.

#![expect(
    dead_code,
    reason = "they describe what gathering-domain reads with its own words for what is wrong"
)]

use gathering::Json;
use utoipa::ToSchema;

/// What a pipeline does: a graph without cycles.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"nodes": [{"id": "start", "type": "trigger"},
    {"id": "greet", "type": "transform", "config": {"output": "Hello {{ input.name }}"}}], "edges": [{"from": "start", "to": "greet"}],
    "timeout": "10m"}))]
pub(in crate::http) struct Definition {
    /// What is done.
    #[schema(min_items = 1)]
    nodes: Vec<Node>,
    /// In which order; may be left out where there is one node.
    edges: Option<Vec<Edge>>,
    /// What holds for all actions that do not say it themselves.
    defaults: Option<Defaults>,
    /// How long a run may take, as in `10m`.
    timeout: Option<String>,
    /// For people.
    description: Option<String>,
}

/// A node.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DefinitionNode)]
pub(in crate::http) struct Node {
    /// By which edges and expressions name it.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    id: String,
    /// `trigger`, `condition`, `transform`, `parallel`, `join`, `delay`, `action`, or a type that an embedder registered.
    r#type: String,
    /// For people.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// For people.
    description: Option<String>,
    /// What its type asks for. Any text in it may hold `{{ expressions }}`.
    #[schema(value_type = Option<Object>)]
    config: Option<Json>,
    /// How failures are tried again.
    retry: Option<Retry>,
    /// How long one attempt may take, as in `30s`.
    timeout: Option<String>,
    /// The circuit breaker that counts its failures; `false` for none in spite of the defaults.
    #[schema(value_type = Option<NodeBreaker>)]
    breaker: Option<Json>,
    /// Whether the run fails with it.
    on_error: Option<OnError>,
}

/// An edge.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DefinitionEdge)]
pub(in crate::http) struct Edge {
    /// The node where it starts.
    from: String,
    /// The node where it ends.
    to: String,
    /// When it is taken: `true` or `false` behind a condition, or an expression.
    when: Option<When>,
}

/// When an edge is taken.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = DefinitionWhen)]
pub(in crate::http) enum When {
    /// The outcome of the condition before it.
    Outcome(bool),
    /// An expression.
    Expression(String),
}

/// What holds for all nodes that do not say it themselves, as far as they can have it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DefinitionDefaults)]
pub(in crate::http) struct Defaults {
    /// How failures are tried again.
    retry: Option<Retry>,
    /// How long one attempt may take.
    timeout: Option<String>,
    /// The circuit breaker that counts their failures.
    breaker: Option<Breaker>,
}

/// How failures are tried again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DefinitionRetry)]
pub(in crate::http) struct Retry {
    /// How many attempts at most, the first one included. Must be said here or in the defaults.
    #[schema(minimum = 1, maximum = 100)]
    max_attempts: Option<u32>,
    /// The first wait, as in `200ms`.
    initial: Option<String>,
    /// By how much each wait is longer than the one before.
    #[schema(minimum = 1, maximum = 100)]
    multiplier: Option<f64>,
    /// The longest wait.
    max: Option<String>,
    /// Whether waits are spread at random.
    jitter: Option<Jitter>,
    /// After which failures: `transient`, `timeout`, `permanent`, an HTTP status, a range such as `500-599`, or an error code.
    #[schema(min_items = 1)]
    #[schema(rename = "retry_on")]
    after: Option<Vec<RetryOn>>,
}

/// A failure that is tried again.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = DefinitionRetryOn)]
pub(in crate::http) enum RetryOn {
    /// An HTTP status.
    Status(u32),
    /// A class, a range of statuses, or an error code.
    Word(String),
}

/// How waits are spread.
#[derive(ToSchema)]
#[schema(as = DefinitionJitter, rename_all = "snake_case")]
pub(in crate::http) enum Jitter {
    Full,
    None,
}

/// What follows from a failure.
#[derive(ToSchema)]
#[schema(as = DefinitionOnError, rename_all = "snake_case")]
pub(in crate::http) enum OnError {
    Fail,
    Continue,
}

/// A breaker of a node, or `false`.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = DefinitionNodeBreaker)]
pub(in crate::http) enum NodeBreaker {
    /// Only `false`.
    Off(bool),
    /// One.
    On(Breaker),
}

/// A circuit breaker.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DefinitionBreaker)]
pub(in crate::http) struct Breaker {
    /// What it counts by.
    scope: Option<Scope>,
    /// A name instead of a scope: all nodes of the project that name it count together.
    #[schema(pattern = "^[A-Za-z0-9_.-]{1,64}$")]
    name: Option<String>,
    /// How many failures within the window open it.
    #[schema(minimum = 1, maximum = 100_000)]
    failures: Option<u32>,
    /// Instead: which share of failures.
    #[schema(minimum = 0.01, maximum = 1)]
    rate: Option<f64>,
    /// Among how many calls at least.
    #[schema(minimum = 1, maximum = 100_000)]
    minimum: Option<u32>,
    /// How far back it counts, `1s` to `1h`.
    window: Option<String>,
    /// How long it stays open, `1s` to `24h`.
    open: Option<String>,
    /// By how much longer each time.
    #[schema(minimum = 1, maximum = 100)]
    multiplier: Option<f64>,
    /// How long at most.
    max_open: Option<String>,
    /// What nodes do that meet it open.
    when_open: Option<WhenOpen>,
}

/// What a breaker counts by.
#[derive(ToSchema)]
#[schema(as = DefinitionBreakerScope, rename_all = "snake_case")]
pub(in crate::http) enum Scope {
    Handler,
    Host,
}

/// What nodes do that meet an open breaker.
#[derive(ToSchema)]
#[schema(as = DefinitionWhenOpen, rename_all = "snake_case")]
pub(in crate::http) enum WhenOpen {
    Wait,
    Fail,
}
