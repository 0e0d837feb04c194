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

    fn leave(&self, run: RunId, notify: Arc<Notify>) {
        drop(notify);
        if let Ok(mut waiters) = self.0.lock() {
            // The map's own is the last one.
            if waiters.get(&run).is_some_and(|notify| Arc::strong_count(notify) == 1) {
                waiters.remove(&run);
            }
        }
    }
}

impl Engine {
    /// Waits until the run has ended, at most for `limit`, and gives it as it then is; `None` when there is no such run.
    ///
    /// A run that this instance drives is seen at once, one elsewhere within [`Limits::poll_interval`](crate::Limits::poll_interval).
    pub async fn wait(&self, id: RunId, limit: Duration) -> Result<Option<RunHead>, Error> {
        let notify = self.shared.waiters.join(id);
        let seen = self.wait_with(id, &notify, Instant::now() + limit).await;
        self.shared.waiters.leave(id, notify);
        seen
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
