//! The whole of it: put together once, cloned to wherever use cases are called, started and shut down.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gathering_auth::{Accounts, Keeper};
use gathering_persistence::Pool;
use gathering_pipeline::Engine;
use gathering_scheduler::Scheduler;
use tokio::time::Instant;

use crate::access::Guarded;
use crate::schedules::FireRuns;
use crate::{Builder, Error};

/// Accounts, pipelines and runs, behind use cases that check who asks.
///
/// Clones share everything. It answers without being started, but works on no run, and asks the database
/// about the session of each request.
#[derive(Clone)]
pub struct Gathering {
    pub(crate) pool: Pool,
    pub(crate) engine: Guarded<Engine>,
    pub(crate) scheduler: Guarded<Scheduler>,
    /// What a firing means: shared with the scheduler.
    pub(crate) fire_runs: FireRuns,
    pub(crate) accounts: Guarded<Arc<Accounts>>,
}

/// A [`Gathering`] at work.
#[derive(Debug)]
#[must_use = "the work goes on until `shutdown`"]
pub struct Handle {
    scheduler: gathering_scheduler::Handle,
    engine: gathering_pipeline::Handle,
    accounts: Keeper,
}

impl Gathering {
    /// Starts from the caller's own pool; everything else has a default.
    pub fn builder(pool: Pool) -> Builder {
        Builder::new(pool)
    }

    /// Starts to work on runs, as one more instance of the database, and keeps up with the sessions that end on others.
    ///
    /// Call it on the runtime that lives longest: the tasks of the engine run there.
    pub async fn start(&self) -> Result<Handle, Error> {
        let engine = self.engine.for_everybody().start().await?;
        Ok(Handle {
            scheduler: self.scheduler.for_everybody().start()?,
            engine,
            accounts: self.accounts.for_everybody().start(),
        })
    }

    /// Whether it works on runs: not before its start, not after its end, and not while it has lost the database and has yet to
    /// come back as a new instance.
    pub fn is_working(&self) -> bool {
        self.engine.for_everybody().instance_id().is_some()
    }

    /// Whether the database answers.
    pub async fn check_database(&self) -> Result<(), Error> {
        let connection = self.connection().await?;
        Ok(gathering_persistence::ping(&connection).await?)
    }
}

impl Handle {
    /// Fires nothing more and takes no more runs, lets the nodes in flight end until the deadline, and hands back what is not done.
    pub async fn shutdown(self, deadline: Duration) {
        let began = Instant::now();
        // First, so that nothing is started any more that this instance would have to hand back.
        self.scheduler.shutdown(deadline).await;
        self.engine.shutdown(deadline.saturating_sub(began.elapsed())).await;
        self.accounts.shutdown().await;
    }
}

impl fmt::Debug for Gathering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathering")
            .field("accounts", self.accounts())
            .finish_non_exhaustive()
    }
}
