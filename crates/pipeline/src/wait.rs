//! Waiting for the end of a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gathering_domain::RunId;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Engine, Error, RunHead};

/// Who waits for which run; as many entries as there are runs waited for.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<RunId, Arc<Notify>>>);

impl Waiters {
    /// Wakes those who wait for this run.
    pub(crate) fn wake(&self, run: RunId) {
        if let Some(notify) = self.0.lock().ok().and_then(|waiters| waiters.get(&run).cloned()) {
            notify.notify_waiters();
        }
    }

    fn join(&self, run: RunId) -> Arc<Notify> {
        self.0
            .lock()
            .map(|mut waiters| waiters.entry(run).or_default().clone())
            .unwrap_or_default()
    }

    fn leave(&self, run: RunId) {
        if let Ok(mut waiters) = self.0.lock() {
            // The map's own, and that of the one who leaves.
            if waiters.get(&run).is_some_and(|notify| Arc::strong_count(notify) <= 2) {
                waiters.remove(&run);
            }
        }
    }
}

/// One who waits.
struct Waiting<'w> {
    waiters: &'w Waiters,
    run: RunId,
    notify: Arc<Notify>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waiters.leave(self.run);
    }
}

impl Engine {
    /// Waits until the run has ended, at most for `limit`, and gives it as it then is; `None` when there is no such run.
    ///
    /// A run that this instance drives is seen at once, one elsewhere within [`Limits::poll_interval`](crate::Limits::poll_interval).
    pub async fn wait(&self, id: RunId, limit: Duration) -> Result<Option<RunHead>, Error> {
        // Leaves also when the caller stops waiting.
        let waiting = Waiting {
            waiters: &self.shared.waiters,
            run: id,
            notify: self.shared.waiters.join(id),
        };
        self.wait_with(id, &waiting.notify, Instant::now() + limit).await
    }

    async fn wait_with(&self, id: RunId, notify: &Notify, deadline: Instant) -> Result<Option<RunHead>, Error> {
        loop {
            // Asked for before the look, so that an end in between is not missed.
            let mut ended = std::pin::pin!(notify.notified());
            ended.as_mut().enable();
            let run = self.run_head(id).await?;
            let over = run.as_ref().is_none_or(|run| run.summary.finished_at.is_some());
            if over || Instant::now() >= deadline {
                return Ok(run);
            }
            let again = deadline.min(Instant::now() + self.shared.limits.poll_interval);
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep_until(again) => {}
            }
        }
    }
}
