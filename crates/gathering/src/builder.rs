//! How a [`Gathering`] is put together.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use gathering_auth::{Accounts, DEFAULT_SIGNING_KEY_LIFETIME, HashingOptions};
use gathering_domain::{Clock, Entropy};
use gathering_persistence::{ConnectOptions, Pool, SystemClock, SystemEntropy};
use gathering_pipeline::{Engine, EngineBuilder, Handler, Limits};
use gathering_scheduler::Scheduler;
use gathering_tools::{HttpClient, HttpOptions, OutboundPolicy};

use crate::access::Guarded;
use crate::handlers::{CallApiHandler, SendNotificationHandler};
use crate::schedules::FireRuns;
use crate::{Error, Gathering, Registration};

/// How many passwords may wait for each hashing thread before more are refused.
const QUEUE_PER_THREAD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);

/// Settings of a [`Gathering`], each with its default.
#[must_use = "nothing happens until `build` is awaited"]
pub struct Builder {
    pool: Pool,
    engine: EngineBuilder,
    clock: Arc<dyn Clock>,
    schedule_clock: Option<Arc<dyn Clock>>,
    entropy: Arc<dyn Entropy>,
    registration: Registration,
    hashing: HashingOptions,
    access_token_lifetime: Option<Duration>,
    session_lifetime: Option<Duration>,
    signing_key_lifetime: Option<Duration>,
    listen: Option<ConnectOptions>,
    outbound: OutboundPolicy,
    retention: Option<Duration>,
}

impl Builder {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            engine: Engine::builder(pool.clone()),
            pool,
            clock: Arc::new(SystemClock),
            schedule_clock: None,
            entropy: Arc::new(SystemEntropy::default()),
            registration: Registration::Closed,
            hashing: HashingOptions::default(),
            access_token_lifetime: None,
            session_lifetime: None,
            signing_key_lifetime: Some(DEFAULT_SIGNING_KEY_LIFETIME),
            listen: None,
            outbound: OutboundPolicy::public_only(),
            retention: None,
        }
    }

    /// Tells the time. Default: the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Judges when schedules are due. Default: the database's clock, which all instances share; another one is for tests.
    pub fn schedule_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.schedule_clock = Some(clock);
        self
    }

    /// Makes ids, salts and signing keys; outside tests it must be fit for that. Default: the system's randomness.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Who may open an account. Default: nobody.
    pub fn registration(mut self, mode: Registration) -> Self {
        self.registration = mode;
        self
    }

    /// How many passwords are hashed at once, each on a thread and with 19 MiB of its own. Default: one for every core but one.
    pub fn hashing_threads(mut self, threads: NonZeroUsize) -> Self {
        self.hashing.threads = threads;
        self.hashing.queue = threads.saturating_mul(QUEUE_PER_THREAD);
        self
    }

    /// How long an access token lives: 1 second to 15 minutes, in whole seconds. Default: 15 minutes.
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_token_lifetime = Some(lifetime);
        self
    }

    /// How long a session lasts at most, however often it is refreshed: 1 minute to 366 days. Default: 30 days.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.session_lifetime = Some(lifetime);
        self
    }

    /// How long a key signs before the next one is made: 1 hour to 3,650 days; `None` for as long as nobody asks. Default: 90 days.
    pub fn signing_key_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.signing_key_lifetime = lifetime;
        self
    }

    /// Where to listen for what other instances do, on a connection beside the pool's: the ends of sessions, and changes of
    /// schedules. Default: the pool is asked 20 times a second for the one, and once for the other.
    pub fn listen(mut self, database: ConnectOptions) -> Self {
        self.listen = Some(database);
        self
    }

    /// Which addresses actions may reach. Default: public ones only.
    pub fn outbound(mut self, policy: OutboundPolicy) -> Self {
        self.outbound = policy;
        self
    }

    /// The bounds of the pipeline engine; firings of schedules are kept for as long as runs. Default: see [`Limits`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.retention = limits.retention;
        self.engine = self.engine.limits(limits);
        self
    }

    /// Registers the code behind an action of this name, beside `call_api` and `send_notification`.
    pub fn handler(mut self, name: &str, handler: impl Handler) -> Self {
        self.engine = self.engine.handler(name, handler);
        self
    }

    /// Registers a node type of your own, `{"type": NAME, "config": {…}}`, as [`gathering_pipeline::EngineBuilder::node_kind`] does.
    pub fn node_kind(mut self, name: &str, handler: impl Handler) -> Self {
        self.engine = self.engine.node_kind(name, handler);
        self
    }

    /// Reads the signing keys, and puts everything together. The pool's database must be migrated.
    pub async fn build(self) -> Result<Gathering, Error> {
        let mut accounts = Accounts::builder(self.pool.clone(), Arc::clone(&self.clock), Arc::clone(&self.entropy))
            .registration(self.registration)
            .hashing(self.hashing)
            .signing_key_lifetime(self.signing_key_lifetime);
        if let Some(lifetime) = self.access_token_lifetime {
            accounts = accounts.access_token_lifetime(lifetime);
        }
        if let Some(lifetime) = self.session_lifetime {
            accounts = accounts.session_lifetime(lifetime);
        }
        if let Some(database) = self.listen.clone() {
            accounts = accounts.listen(database);
        }
        let accounts = accounts.build().await?;
        let options = HttpOptions {
            policy: self.outbound,
            ..HttpOptions::default()
        };
        let client = HttpClient::new(options).map_err(|error| Error::Internal(error.into()))?;
        let engine = self
            .engine
            .clock(self.clock)
            .entropy(Arc::clone(&self.entropy))
            .handler("call_api", CallApiHandler(client.clone()))
            .handler("send_notification", SendNotificationHandler(client))
            .build();
        let fire_runs = FireRuns::new(engine.clone());
        let mut scheduler = Scheduler::builder(self.pool.clone())
            .entropy(self.entropy)
            .limits(gathering_scheduler::Limits {
                retention: self.retention,
                ..gathering_scheduler::Limits::default()
            })
            .on_fire(fire_runs.clone());
        if let Some(clock) = self.schedule_clock {
            scheduler = scheduler.clock(clock);
        }
        if let Some(database) = self.listen {
            scheduler = scheduler.listen(database);
        }
        Ok(Gathering {
            pool: self.pool,
            engine: Guarded::new(engine),
            scheduler: Guarded::new(scheduler.build()),
            fire_runs,
            accounts: Guarded::new(Arc::new(accounts)),
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("registration", &self.registration)
            .finish_non_exhaustive()
    }
}
