//! One attempt of an action node: the handler's call, with its timeout, its panics and the size of its output.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use gathering_domain::Json;
use gathering_domain::node_event::Failure;
use gathering_domain::planner::{AttemptResult, too_deep};

use crate::handler::{Call, Handler, HandlerError};

/// The most bytes of an error's code and message that are kept.
const MAX_CODE: usize = 100;
const MAX_MESSAGE: usize = 4_000;

/// Calls the handler and waits for what it comes to.
pub(crate) async fn run(
    handler: Option<Arc<dyn Handler>>,
    call: Call,
    timeout: Option<Duration>,
    max_output_bytes: usize,
) -> AttemptResult {
    let Some(handler) = handler else {
        let message =
            "no handler of this name is registered on this instance; register it, or start the run where it is";
        return HandlerError::permanent("unknown_action", message).into();
    };
    let cancelled = call.cancelled.clone();
    let attempting = async move {
        let calling = async move { handler.call(call).await };
        match timeout {
            None => Ok(calling.await),
            Some(after) => tokio::time::timeout(after, calling).await.map_err(|_elapsed| after),
        }
    };
    // Around everything: a handler may also panic while its future is dropped.
    let attempted = std::panic::AssertUnwindSafe(attempting).catch_unwind().await;
    match attempted {
        Ok(Ok(Ok(output))) => checked(output, max_output_bytes),
        Ok(Ok(Err(error))) => bounded(error, max_output_bytes).into(),
        Ok(Err(after)) => {
            // What the handler started elsewhere is no longer wanted either.
            cancelled.cancel();
            AttemptResult::TimedOut { after }
        }
        Err(panic) => panicked(&*panic),
    }
}

/// Errors are kept in the journal too, so they have their bounds.
fn bounded(mut error: HandlerError, max_bytes: usize) -> HandlerError {
    shorten(&mut error.code, MAX_CODE);
    shorten(&mut error.message, MAX_MESSAGE);
    error.details = error
        .details
        .filter(|details| details.text().len() <= max_bytes && details.depth() <= Json::MAX_DEPTH);
    error
}

fn shorten(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
}

fn checked(output: Json, max_bytes: usize) -> AttemptResult {
    let bytes = output.text().len();
    if output.depth() > Json::MAX_DEPTH {
        return AttemptResult::Failed {
            error: too_deep(&output),
            transient: false,
            retry_after: None,
        };
    }
    if bytes <= max_bytes {
        return AttemptResult::Output(output);
    }
    let message =
        format!("the output has {bytes} bytes, at most {max_bytes} are kept; store it elsewhere and give its address");
    HandlerError::permanent("output_too_large", message).into()
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> AttemptResult {
    let reason = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(reason, "a handler panicked");
    let error = Failure::new("handler_panicked", "the handler ended abnormally; the log says more");
    AttemptResult::Failed {
        error,
        transient: false,
        retry_after: None,
    }
}
