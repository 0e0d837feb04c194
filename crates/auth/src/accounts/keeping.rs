//! What goes on beside the requests: which sessions have ended elsewhere and which keys sign is read, the next key made when it is due, and what
//! nobody needs any more forgotten.

use std::sync::Arc;
use std::time::Duration;

use gathering_persistence::{Listener, api_keys, invitations, project_keys, sessions};
use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Accounts;
use super::revocations::MOST;
use crate::Error;
use crate::tokens::MAX_LIFETIME;

/// How often ended sessions are read where somebody wakes who is to read them, and where nobody does.
const WOKEN: Duration = Duration::from_secs(1);
const UNWOKEN: Duration = Duration::from_millis(50);
/// How long until a lost connection for notifications is tried again.
const RECONNECT: Duration = Duration::from_millis(500);
/// By how much the clocks of an instance and of the database may differ before an access token outlives what is read of ended sessions.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How often old sessions are looked for, how long they are kept after their end, and how many go in one statement.
const PURGE: Duration = Duration::from_hours(1);
const KEPT: SignedDuration = SignedDuration::from_hours(24);
const PURGED: u64 = 1_000;

/// Accounts that are kept in step with the database.
#[derive(Debug)]
#[must_use = "it goes on until `shutdown`"]
pub struct Keeper {
    tasks: JoinSet<()>,
}

impl Keeper {
    /// Ends it. Without it every request asks the database whether its session still counts.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Accounts {
    /// Keeps up with the sessions that end on other instances, so that no request has to ask, and forgets old ones. Without it tokens are
    /// checked all the same, by a query each.
    pub fn start(self: &Arc<Self>) -> Keeper {
        let (mut tasks, woken) = (JoinSet::new(), Arc::new(Notify::new()));
        if let Some(listener) = self.listener.clone() {
            tasks.spawn(listen(listener, woken.clone()));
        }
        let accounts = self.clone();
        tasks.spawn(async move { accounts.keep_up(&woken).await });
        let accounts = self.clone();
        tasks.spawn(async move { accounts.keep_purging().await });
        Keeper { tasks }
    }

    /// Reads which sessions have ended of late, and the signing keys if any has changed: one step of what [`Accounts::start`] does all the time.
    pub async fn catch_up(&self) -> Result<(), Error> {
        let asked_at = Instant::now();
        let window = (MAX_LIFETIME + MAX_SKEW).as_secs();
        let most = i64::try_from(MOST).unwrap_or(i64::MAX).saturating_add(1);
        let connection = self.connection().await?;
        self.keys.catch_up(&connection).await?;
        let ended = sessions::ended_lately(&connection, window, most).await?;
        self.revocations.caught_up(asked_at, ended);
        Ok(())
    }

    /// Forgets sessions with their refresh tokens, API keys and invitations that were over a day ago, and keys of projects that are as old. Gives how many.
    pub async fn purge(&self) -> Result<u64, Error> {
        let before = self.clock.now().saturating_sub(KEPT).unwrap_or_default();
        let most = i64::try_from(PURGED).unwrap_or(i64::MAX);
        let mut all = 0;
        loop {
            let connection = self.connection().await?;
            let some = [
                sessions::forget(&connection, before, most).await?,
                api_keys::forget(&connection, before, most).await?,
                invitations::forget(&connection, before, most).await?,
                project_keys::forget(&connection, before, most).await?,
            ];
            all += some.iter().sum::<u64>();
            if some.iter().all(|some| *some < PURGED) {
                return Ok(all);
            }
        }
    }

    async fn keep_up(&self, woken: &Notify) {
        let pause = if self.listener.is_some() { WOKEN } else { UNWOKEN };
        let mut away = false;
        loop {
            match self.catch_up().await {
                Ok(()) => away = false,
                // Once: requests ask for themselves meanwhile, and say why they cannot.
                Err(error) if !away => {
                    away = true;
                    tracing::warn!(%error, "ended sessions cannot be read; until they can, each request asks for its own");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = woken.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn keep_purging(&self) {
        loop {
            tokio::time::sleep(PURGE).await;
            if let Err(error) = self.keep_keys().await {
                tracing::warn!(%error, "the signing keys cannot be looked after; it is tried again in an hour");
            }
            match self.purge().await {
                Ok(0) => {}
                Ok(forgotten) => tracing::info!(forgotten, "forgot old sessions, API keys and invitations"),
                Err(error) => tracing::warn!(%error, "old sessions cannot be forgotten; it is tried again in an hour"),
            }
        }
    }
}

async fn listen(listener: Listener, woken: Arc<Notify>) {
    loop {
        if let Err(error) = listener.listen(|| woken.notify_one()).await {
            tracing::debug!(%error, "nobody tells of ended sessions now; they are read once a second");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}
