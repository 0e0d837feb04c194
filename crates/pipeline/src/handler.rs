//! What an embedder registers: the code behind an action node.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use gathering_domain::definition::ConfigProblem;
use gathering_domain::node_event::Failure;
use gathering_domain::planner::AttemptResult;
use gathering_domain::{Json, RunId, TraceContext};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// The code behind an action node, registered by name with [`EngineBuilder::handler`](crate::EngineBuilder::handler).
///
/// An async closure from [`Call`] to a JSON value is one. Implement the trait to check configs when a pipeline is saved.
pub trait Handler: Send + Sync + 'static {
    /// Finds what is wrong with a node's config, when a pipeline is saved; strings may still hold `{{ }}`.
    fn check(&self, config: &Map<String, Value>) -> Vec<ConfigProblem> {
        let _ = config;
        Vec::new()
    }

    /// Whether [`target`](Self::target) says where calls go. Where it does not, breakers that count by host are refused when a
    /// pipeline is saved.
    fn has_target(&self) -> bool {
        false
    }

    /// Where a call with this config goes, as in `example.org:443`, for circuit breakers that count by host: always in the same spelling,
    /// because each counts by itself. The config is rendered. `None` counts with all other calls of this handler.
    fn target(&self, config: &Json) -> Option<String> {
        let _ = config;
        None
    }

    /// Does the work of one attempt.
    ///
    /// It may be called again for the same node after a crash, always with the same [`Call::idempotency_key`]. When the run is
    /// cancelled or times out, [`Call::cancelled`] fires, and soon after the future is dropped.
    ///
    /// Calls are made, and futures polled, on the async threads that everything else needs too: what blocks, or computes for longer than
    /// some hundred microseconds, belongs into `tokio::task::spawn_blocking`. Where it is done here all the same, the engine gives each call a
    /// task of its own as soon as it has seen one take so long.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Json, HandlerError>>;
}

/// One attempt of an action node.
#[derive(Debug, Clone)]
pub struct Call {
    /// The run.
    pub run_id: RunId,
    /// The node's id.
    pub node: Arc<str>,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// `RUN/NODE`: the same for every attempt of this node of this run, on whichever instance.
    pub idempotency_key: String,
    /// The node's config without `action`, rendered.
    pub config: Json,
    /// This attempt, in the trace that its run belongs to: what a handler sends on as `traceparent` and `tracestate`.
    pub trace: Option<TraceContext>,
    /// Fires when the result is no longer wanted.
    pub cancelled: CancellationToken,
}

/// Why an attempt failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message} ({code})")]
pub struct HandlerError {
    /// Stable, `snake_case`.
    pub code: String,
    /// For people; shown to whoever may see the run.
    pub message: String,
    /// Whether another attempt may succeed.
    pub transient: bool,
    /// The shortest wait before that, if the other side named one.
    pub retry_after: Option<Duration>,
    /// More facts.
    pub details: Option<Json>,
}

impl HandlerError {
    /// A failure that another attempt may mend.
    pub fn transient(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            transient: true,
            ..Self::permanent(code, message)
        }
    }

    /// A failure that no other attempt can mend.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            transient: false,
            retry_after: None,
            details: None,
        }
    }
}

impl From<HandlerError> for AttemptResult {
    fn from(error: HandlerError) -> Self {
        let HandlerError {
            code,
            message,
            transient,
            retry_after,
            details,
        } = error;
        Self::Failed {
            error: Failure { code, message, details },
            transient,
            retry_after,
        }
    }
}

impl<F, Fut, T> Handler for F
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, HandlerError>> + Send + 'static,
    T: Into<Json>,
{
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Json, HandlerError>> {
        let working = self(call);
        Box::pin(async move { working.await.map(Into::into) })
    }
}
