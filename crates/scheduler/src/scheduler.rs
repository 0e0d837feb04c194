//! The scheduler, and how it is put together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use gathering_domain::{Clock, Entropy};
use gathering_persistence::{ConnectOptions, Listener, Pool, SystemEntropy, Transaction, schedules};

use crate::on_fire::{Each, Nothing};
use crate::shared::{Chance, Shared};
use crate::{Error, FireError, Fired, Firing, Handle, Limits, OnFire, running};

/// A scheduler on a PostgreSQL. Clones share everything.
///
/// Before it is started it saves schedules; whichever scheduler works on the same database fires them.
#[derive(Debug, Clone)]
pub struct Scheduler {
    pub(crate) shared: Arc<Shared>,
    started: Arc<AtomicBool>,
}

/// Puts a scheduler together.
#[must_use = "nothing happens until `build`"]
pub struct SchedulerBuilder {
    pool: Pool,
    clock: Option<Arc<dyn Clock>>,
    entropy: Arc<dyn Entropy>,
    limits: Limits,
    listen: Option<ConnectOptions>,
    on_fire: Arc<dyn OnFire>,
}

impl SchedulerBuilder {
    /// What a firing means.
    pub fn on_fire(mut self, on_fire: impl OnFire) -> Self {
        self.on_fire = Arc::new(on_fire);
        self
    }

    /// What a firing means: called for each, one after the other, in the transaction that writes it.
    pub fn on_each_firing<F>(self, on_firing: F) -> Self
    where
        F: for<'a> Fn(&'a Transaction<'a>, &'a Firing) -> BoxFuture<'a, Result<Fired, FireError>>
            + Send
            + Sync
            + 'static,
    {
        self.on_fire(Each(on_firing))
    }

    /// Judges by `clock` what is due. Default: the database's clock, which all instances share.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Takes randomness from `entropy`, for ids. Default: the system's.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Sets other bounds than the defaults; [`Scheduler::start`] refuses those that make no sense, all of them at once.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Listens there, on a connection of its own, for schedules that others change. Without it a change made elsewhere is noticed within
    /// [`Limits::poll_interval`].
    pub fn listen(mut self, options: ConnectOptions) -> Self {
        self.listen = Some(options);
        self
    }

    /// The scheduler; it does not work yet.
    pub fn build(self) -> Scheduler {
        let Self {
            pool,
            clock,
            entropy,
            limits,
            listen,
            on_fire,
        } = self;
        let listener = listen.map(|options| Listener::new(options, schedules::CHANGED));
        Scheduler {
            shared: Arc::new(Shared::new(
                (pool, listener),
                Chance { clock, entropy },
                limits,
                on_fire,
            )),
            started: Arc::default(),
        }
    }
}

impl fmt::Debug for SchedulerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchedulerBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Begins with a pool whose database was migrated with [`migrate`](crate::migrate).
    ///
    /// A working scheduler uses three connections of it at most: two while much is due, and one to see what has ended;
    /// whatever [`OnFire::ended`] takes to answer comes on top.
    pub fn builder(pool: Pool) -> SchedulerBuilder {
        SchedulerBuilder {
            pool,
            clock: None,
            entropy: Arc::new(SystemEntropy::default()),
            limits: Limits::default(),
            listen: None,
            on_fire: Arc::new(Nothing),
        }
    }

    /// Starts to work, on the runtime that this is called on.
    pub fn start(&self) -> Result<Handle, Error> {
        let problems = self.shared.limits.problems();
        if !problems.is_empty() {
            return Err(Error::InvalidLimits { problems });
        }
        if self.started.swap(true, Ordering::AcqRel) {
            return Err(Error::AlreadyStarted);
        }
        Ok(running::start(self, self.started.clone()))
    }

    /// Makes a working scheduler of this process look for due schedules at once: after the commit of what was changed by an `_in` call.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }
}
