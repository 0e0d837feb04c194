//! The spans of a run and of an attempt: the ids on their log lines, and what is told to whoever collects traces.

use gathering_domain::planner::AttemptResult;
use gathering_domain::{RunId, TraceContext};
use tracing::field::Empty;
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
        unsampled = own.filter(|own| !own.is_sampled()).map(|_| true),
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
        unsampled = own.filter(|own| !own.is_sampled()).map(|_| true),
        status = Empty,
    )
}

/// Says of the attempt's span, which is the current one, what it came to.
pub(super) fn end_attempt(result: &AttemptResult) {
    let status = match result {
        AttemptResult::Output(_) => "completed",
        AttemptResult::Failed { .. } | AttemptResult::Refused { .. } => "failed",
        AttemptResult::TimedOut { .. } => "timed_out",
        AttemptResult::Held { .. } => "held",
        AttemptResult::Interrupted | AttemptResult::Lost { .. } | AttemptResult::PresumedLost => "interrupted",
    };
    Span::current().record("status", status);
}
