//! The spans of a run and of an attempt: the ids on their log lines, and what is told to whoever collects traces.

use gathering_domain::{RunId, TraceContext};
use tracing::{Span, debug_span, error_span};

use crate::handler::Call;

/// The span of a run for as long as one instance drives it.
///
/// Of the level ERROR, because a span below the level that is logged takes its ids off the lines that are logged.
pub(super) fn run(id: RunId, own: Option<&TraceContext>, parent: Option<&TraceContext>) -> Span {
    error_span!(
        "run",
        run_id = %id,
        trace_id = own.map(|own| display(own.trace_id())),
        span_id = own.map(|own| display(own.span_id())),
        parent_span_id = parent.map(|parent| display(parent.span_id())),
    )
}

/// The span of an attempt, within that of its run. It is off unless somebody wants spans of the level DEBUG: then it costs one comparison.
pub(super) fn attempt(call: &Call, run: Option<&TraceContext>) -> Span {
    let own = call.trace.as_ref();
    debug_span!(
        "attempt",
        node_id = &*call.node,
        attempt = call.attempt,
        trace_id = own.map(|own| display(own.trace_id())),
        span_id = own.map(|own| display(own.span_id())),
        parent_span_id = run.map(|run| display(run.span_id())),
    )
}
