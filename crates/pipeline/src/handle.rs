//! The handle of a working engine: how it is stopped.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Keeps an engine working; dropping it stops the engine without waiting for attempts under way.
#[must_use = "dropping the handle stops the engine"]
#[derive(Debug)]
pub struct Handle {
    pub(crate) stop: CancellationToken,
    pub(crate) deadline: watch::Sender<Option<Instant>>,
    pub(crate) supervisor: TaskTracker,
}

impl Handle {
    /// Stops: no new work begins, attempts under way may end until `deadline` is over, what is left goes back to the queue for other
    /// instances. Returns when nothing works any more.
    pub async fn shutdown(self, deadline: Duration) {
        self.stop_by(Instant::now() + deadline);
        self.supervisor.wait().await;
    }

    fn stop_by(&self, deadline: Instant) {
        self.deadline
            .send_if_modified(|set| set.is_none() && set.replace(deadline).is_none());
        self.stop.cancel();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop_by(Instant::now());
    }
}

/// By when a stopping engine must be done.
#[derive(Debug, Clone)]
pub(crate) struct Deadline(pub(crate) watch::Receiver<Option<Instant>>);

impl Deadline {
    /// Returns once it is over; never, while none is set.
    pub(crate) async fn passed(&self) {
        let mut deadline = self.0.clone();
        let set = deadline.wait_for(Option::is_some).await.ok().and_then(|set| *set);
        if let Some(at) = set {
            tokio::time::sleep_until(at).await;
        }
    }
}
