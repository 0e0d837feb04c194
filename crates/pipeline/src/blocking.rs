//! Work off the async threads whose log lines keep the ids of whoever asked for it.

use tokio::task::JoinHandle;
use tracing::Span;

/// Does `work` on a thread that may be blocked, within the span that this is called in.
pub(crate) fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}
