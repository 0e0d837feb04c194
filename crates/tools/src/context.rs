//! Who calls, and until when.

use gathering_domain::{RunId, TraceContext};
use tokio_util::sync::CancellationToken;

/// What a call needs to know about its caller.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Sent as `Idempotency-Key`; the same for every attempt of one node of one run.
    pub idempotency_key: String,
    /// Ends the call at once, and closes its connection.
    pub cancelled: CancellationToken,
    /// The run that calls, for the log.
    pub run_id: Option<RunId>,
    /// The node that calls, for the log.
    pub node_id: Option<String>,
    /// Sent as `traceparent` and `tracestate`, unless the call has such headers of its own.
    pub trace: Option<TraceContext>,
}

impl CallContext {
    /// A call of nobody in particular, which is never cancelled.
    pub fn new(idempotency_key: impl Into<String>) -> Self {
        Self {
            idempotency_key: idempotency_key.into(),
            cancelled: CancellationToken::new(),
            run_id: None,
            node_id: None,
            trace: None,
        }
    }
}
