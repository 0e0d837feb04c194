//! The handle of a working scheduler: how it is stopped.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Keeps a scheduler working; dropping it stops the scheduler without waiting for the transaction under way.
#[must_use = "dropping the handle stops the scheduler"]
#[derive(Debug)]
pub struct Handle {
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Handle {
    /// Stops: nothing more fires. Returns when the transaction under way has ended, or after `deadline`; then that is left to the database, which undoes it
    /// unless it was committed.
    pub async fn shutdown(self, deadline: Duration) {
        self.stop.cancel();
        let _ = tokio::time::timeout(deadline, self.tasks.wait()).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
