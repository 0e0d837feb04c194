//! A handler that panics is answered for, instead of closing the connection without a word.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use super::code::Code;
use super::problem::Problem;

/// What `work` gives, or the fault that is answered where it panics.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Problem> {
    // Nothing of what a request held is used again; what requests share is behind locks that notice.
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.map_err(|panic| {
        tracing::error!(status = 500, error = message(panic.as_ref()), "request panicked");
        let detail = "the server failed; its log says why, under the request id";
        Problem::new(Code::UseCase(gathering::Code::Internal), detail)
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
