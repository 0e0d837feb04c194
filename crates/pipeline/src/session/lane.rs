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
    connection: Option<Connection>,
    wait: Duration,
}

impl Lane {
    pub(crate) fn new(pool: Pool, stop: CancellationToken) -> Self {
        Self {
            pool,
            stop,
            connection: None,
            wait: Duration::ZERO,
        }
    }

    /// The connection; a new one, if need be.
    pub(crate) async fn connection(&mut self) -> Result<&Connection, Error> {
        if self.connection.as_ref().is_none_or(|connection| connection.is_closed()) {
            self.connection = None;
            let connection = self.pool.get().await?;
            connection.batch_execute(SETTINGS).await?;
            self.connection = Some(connection);
        }
        self.connection
            .as_ref()
            .ok_or_else(|| Error::Unavailable(String::new()))
    }

    /// After an error: whether to try the same again, once the database may be back.
    pub(crate) async fn recovers_from(&mut self, error: &Error) -> bool {
        if !error.is_unavailable() && !is_interrupted(error) {
            return false;
        }
        tracing::warn!(%error, wait_ms = self.wait.as_millis(), "the database is away; trying again");
        self.connection = None;
        let wait = self.wait;
        self.wait = (self.wait * 2).clamp(Duration::from_millis(20), MAX_WAIT);
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// After an error, for whoever tries again in his own time: on a new connection, which knows nothing of what went before.
    pub(crate) fn lost(&mut self) {
        self.connection = None;
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

/// Ended by a timeout (57014), a deadlock (40P01) or a lock timeout (55P03), or planned before a migration changed its tables (0A000):
/// nothing is wrong with the statement itself, and a new connection prepares it anew.
pub(super) fn is_interrupted(error: &Error) -> bool {
    matches!(error, Error::Statement { code, .. } if ["57014", "40P01", "40001", "55P03", "0A000"].contains(&code.as_str()))
}

impl Drop for Lane {
    fn drop(&mut self) {
        // Its settings are its own: it must not go back to the pool.
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }
}
