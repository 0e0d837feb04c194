//! One attempt of an action node: the handler's call, with its timeout, its panics and the size of its output.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use gathering_domain::Json;
use gathering_domain::node_state::Failure;
use gathering_domain::planner::{AttemptResult, too_deep};

use crate::handler::{Call, Handler, HandlerError};

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
    let calling = std::panic::AssertUnwindSafe(async move { handler.call(call).await }).catch_unwind();
    let called = match timeout {
        None => calling.await,
        Some(after) => match tokio::time::timeout(after, calling).await {
            Ok(called) => called,
            Err(_) => return AttemptResult::TimedOut { after },
        },
    };
    match called {
        Ok(Ok(output)) => checked(output, max_output_bytes),
        Ok(Err(error)) => error.into(),
        Err(panic) => panicked(&*panic),
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
