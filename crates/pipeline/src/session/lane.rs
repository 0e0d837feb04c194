//! A connection of its own for one batching task, opened again whenever it is lost.

use std::time::Duration;

use gathering_persistence::{Connection, Error, Pool};
use tokio_util::sync::CancellationToken;

/// The longest wait between two tries to reach the database.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// A connection that belongs to one task for as long as it works.
#[derive(Debug)]
pub(crate) struct Lane {
    pool: Pool,
    stop: CancellationToken,
    patience: Patience,
    connection: Option<Connection>,
    wait: Duration,
}

/// How long a statement waits for somebody's lock. What a lane does it does for many, so it waits for nobody for long.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// For one who comes again and again.
    Least,
    /// For a batch whose other members can go on without the one that has to wait.
    Little,
    /// For a batch whose members would be refused.
    More,
}

impl Patience {
    fn setting(self) -> &'static str {
        match self {
            Self::Least => "SET lock_timeout = '10ms'",
            Self::Little => "SET lock_timeout = '100ms'",
            Self::More => "SET lock_timeout = '1s'",
        }
    }
}

impl Lane {
    pub(crate) fn new(pool: Pool, stop: CancellationToken, patience: Patience) -> Self {
        Self {
            pool,
            stop,
            patience,
            connection: None,
            wait: Duration::ZERO,
        }
    }

    /// The connection; a new one, if need be.
    pub(crate) async fn connection(&mut self) -> Result<&Connection, Error> {
        if self.connection.as_ref().is_none_or(|connection| connection.is_closed()) {
            self.lost();
            let connection = self.pool.get().await?;
            connection.batch_execute(SETTINGS).await?;
            connection.batch_execute(self.patience.setting()).await?;
            self.connection = Some(connection);
        }
        self.connection
            .as_ref()
            .ok_or_else(|| Error::Unavailable(String::new()))
    }

    /// After an error: whether to try the same again, once the database may be back.
    pub(crate) async fn recovers_from(&mut self, error: &Error) -> bool {
        if !error.is_unavailable() && !error.is_interrupted() {
            return false;
        }
        let wait_ms = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX);
        if error.is_unavailable() {
            tracing::warn!(%error, wait_ms, "the database is away; trying again");
        } else {
            tracing::warn!(%error, wait_ms, "the database did not get to it; trying again");
        }
        self.lost();
        let wait = self.wait;
        self.wait = (self.wait * 2).clamp(Duration::from_millis(20), MAX_WAIT);
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// After an error, for whoever tries again in his own time: on a new connection, which knows nothing of what went before.
    pub(crate) fn lost(&mut self) {
        // Its settings are its own: it must not go back to the pool.
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }

    /// After a success: the next trouble is a new one.
    pub(crate) fn succeeded(&mut self) {
        self.wait = Duration::ZERO;
    }
}

// However much is there, what a lane does reads little, by an index and in its order: a batch by primary key, a claim the first runs of the
// queue. The planner, which takes a batch for an array of unknown length, and knows the queue as it was when it was last analyzed, might read
// whole partitions, sort all of the queue, or join it with itself. And no plan is better for knowing the parameters: planning anew for each
// of them takes longer than all the rest.
const SETTINGS: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
    SET plan_cache_mode = force_generic_plan";

impl Drop for Lane {
    fn drop(&mut self) {
        self.lost();
    }
}
