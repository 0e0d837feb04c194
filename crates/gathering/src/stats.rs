//! What the whole of it has done and has at hand, in numbers.

use gathering_auth::AccountStats;
use gathering_pipeline::EngineStats;
use gathering_scheduler::SchedulerStats;

use crate::{Error, Gathering};

/// What a [`Gathering`] has done since it was built, and what it has at hand now.
#[derive(Debug, Clone)]
pub struct Stats {
    /// The pipeline engine.
    pub engine: EngineStats,
    /// The scheduler.
    pub scheduler: SchedulerStats,
    /// The accounts.
    pub accounts: AccountStats,
    /// The connections.
    pub pool: PoolStats,
}

/// The connections of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// The most that it opens.
    pub max: usize,
    /// How many are open.
    pub open: usize,
    /// How many of those nobody uses.
    pub idle: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl Gathering {
    /// What it has done and has at hand; this reads numbers from memory only.
    pub fn stats(&self) -> Stats {
        let pool = self.pool.status();
        Stats {
            engine: self.engine.for_everybody().stats(),
            scheduler: self.scheduler.for_everybody().stats(),
            accounts: self.accounts().stats(),
            pool: PoolStats {
                max: pool.max_size,
                open: pool.size,
                idle: pool.available,
                waiting: pool.waiting,
            },
        }
    }

    /// How many runs are queued in the database, for any instance; counted up to `most`, so that it costs little however many there are.
    pub async fn queued_runs(&self, most: u32) -> Result<u64, Error> {
        Ok(self.engine.for_everybody().queued_runs(most).await?)
    }
}
