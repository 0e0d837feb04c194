//! Waiting for the end of a run.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use gathering_domain::RunId;
use gathering_persistence::runs;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::{Engine, Error, RunHead};

/// The most runs that one statement asks for.
const MAX_ASKED: usize = 1_000;

/// Who waits for which run; as many entries as there are runs waited for.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    runs: Mutex<HashMap<RunId, Entry>>,
    /// Held by the one of those who wait that looks for all of them.
    watch: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Entry {
    awaited: Arc<Awaited>,
    /// How many wait for it.
    count: usize,
}

/// A run that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    changed: Notify,
    /// As it ended, where its driver told: it never changes again, so its row need not be asked.
    ended: OnceLock<RunHead>,
}

impl Awaited {
    /// For its driver, once the end is durable.
    pub(crate) fn end(&self, run: RunHead) {
        // Of two who tell, both tell the same.
        let _ = self.ended.set(run);
        self.changed.notify_waiters();
    }
}

impl Waiters {
    /// Wakes those who wait for this run.
    pub(crate) fn wake(&self, run: RunId) {
        if let Some(awaited) = self.of(run) {
            awaited.changed.notify_waiters();
        }
    }

    /// The run, if somebody waits for it.
    pub(crate) fn of(&self, run: RunId) -> Option<Arc<Awaited>> {
        Some(self.runs.lock().ok()?.get(&run)?.awaited.clone())
    }

    fn join(&self, run: RunId) -> Arc<Awaited> {
        let Ok(mut runs) = self.runs.lock() else {
            return Arc::default();
        };
        let entry = runs.entry(run).or_default();
        entry.count += 1;
        entry.awaited.clone()
    }

    fn all(&self) -> Vec<RunId> {
        self.runs
            .lock()
            .map(|runs| runs.keys().copied().collect())
            .unwrap_or_default()
    }

    fn leave(&self, run: RunId) {
        let Ok(mut runs) = self.runs.lock() else { return };
        if let Some(entry) = runs.get_mut(&run) {
            entry.count -= 1;
            if entry.count == 0 {
                runs.remove(&run);
            }
        }
    }
}

/// One who waits.
struct Waiting<'w> {
    waiters: &'w Waiters,
    run: RunId,
    awaited: Arc<Awaited>,
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
            awaited: self.shared.waiters.join(id),
        };
        self.wait_with(id, &waiting.awaited, Instant::now() + limit).await
    }

    async fn wait_with(&self, id: RunId, awaited: &Awaited, deadline: Instant) -> Result<Option<RunHead>, Error> {
        let mut first = true;
        loop {
            // Asked for before the look, so that an end in between is not missed.
            let mut changed = std::pin::pin!(awaited.changed.notified());
            changed.as_mut().enable();
            if let Some(run) = awaited.ended.get() {
                return Ok(Some(run.clone()));
            }
            // A run in memory here says when it leaves, so its row need not be read before.
            if !(std::mem::take(&mut first) && self.drives(id)) {
                let run = self.run_head(id).await?;
                let over = run.as_ref().is_none_or(|run| run.summary.finished_at.is_some());
                if over || Instant::now() >= deadline {
                    return Ok(run);
                }
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(deadline) => {}
                never = self.watch() => match never {},
            }
        }
    }

    /// Looks for the ends of all runs that are waited for, once nobody else does: however many wait, one of them asks. When that one leaves,
    /// the next goes on.
    async fn watch(&self) -> Infallible {
        let _watching = self.shared.waiters.watch.lock().await;
        loop {
            tokio::time::sleep(self.shared.limits.poll_interval).await;
            for asked in self.shared.waiters.all().chunks(MAX_ASKED) {
                match self.ended(asked).await {
                    Ok(ended) => ended.into_iter().for_each(|run| self.shared.waiters.wake(run)),
                    Err(error) => {
                        tracing::debug!(%error, "runs that are waited for cannot be looked at; it is tried again");
                    }
                }
            }
        }
    }

    async fn ended(&self, asked: &[RunId]) -> Result<Vec<RunId>, gathering_persistence::Error> {
        let client = self.shared.connection().await?;
        runs::over(&client, asked).await
    }

    fn drives(&self, id: RunId) -> bool {
        self.current().is_some_and(|session| session.held.holds(id))
    }
}
