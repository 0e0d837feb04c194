//! The engine, and how it is put together and started.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use gathering_domain::pipeline::HandlerName;
use gathering_domain::{Clock, Entropy, InstanceId};
use gathering_persistence::{Pool, SystemClock, SystemEntropy};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::chain;
use crate::handle::Deadline;
use crate::library::Library;
use crate::session::{End, Session, presence::Presence};
use crate::shared::Shared;
use crate::wait::Waiters;
use crate::{Error, Handle, Handler, Limits};

/// How long registering again may take before it is tried anew.
const BEGIN_LIMIT: Duration = Duration::from_secs(5);

/// The fewest connections that a working engine's pool may have: three that it keeps, one to claim with, one for its callers.
const MIN_CONNECTIONS: usize = 5;

/// A pipeline engine on a PostgreSQL. Clones share everything.
///
/// Before it is started it saves pipelines and queues runs; whichever engine works on the same database drives them.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    /// The life of the instance, while it works.
    pub(crate) session: Arc<RwLock<Option<Arc<Session>>>>,
    started: Arc<AtomicBool>,
}

/// Puts an engine together.
pub struct EngineBuilder {
    pool: Pool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limits: Limits,
    handlers: HashMap<HandlerName, Arc<dyn Handler>>,
    name: String,
}

impl EngineBuilder {
    /// Registers the code behind the action `name`; a later registration of the same name replaces the earlier one.
    #[must_use]
    pub fn handler(mut self, name: impl Into<Arc<str>>, handler: impl Handler) -> Self {
        self.handlers
            .insert(HandlerName::Action(name.into()), Arc::new(handler));
        self
    }

    /// Registers a node type of your own: `{"type": NAME, "config": {…}}`, where the whole config is the handler's; retries, timeouts
    /// and `on_error` are as for actions. A later registration of the same name replaces the earlier one.
    ///
    /// A name has 1 to 64 letters a to z, digits and `_`, the first one a letter, and is not built in: no definition knows one of
    /// another name, and [`Engine::start`] refuses it as [`Error::InvalidNodeKind`].
    #[must_use]
    pub fn node_kind(mut self, name: impl Into<Arc<str>>, handler: impl Handler) -> Self {
        self.handlers.insert(HandlerName::Kind(name.into()), Arc::new(handler));
        self
    }

    /// Takes the time from `clock` instead of from the operating system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes randomness from `entropy` instead of from the operating system.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Sets other bounds than the defaults; [`Engine::start`] refuses those that make no sense, all of them at once.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Names the instance for people; default `gathering`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The engine; it does not work yet.
    pub fn build(self) -> Engine {
        let Self {
            pool,
            clock,
            entropy,
            limits,
            handlers,
            name,
        } = self;
        let library = Library::new(limits.max_cached_weight);
        Engine {
            shared: Arc::new(Shared {
                pool,
                clock,
                entropy,
                limits,
                handlers,
                library,
                waiters: Waiters::default(),
                name,
            }),
            session: Arc::default(),
            started: Arc::default(),
        }
    }
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let handlers: Vec<_> = self.handlers.keys().collect();
        f.debug_struct("EngineBuilder")
            .field("name", &self.name)
            .field("handlers", &handlers)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Begins with a pool whose database was migrated with [`migrate`](crate::migrate).
    ///
    /// A working engine keeps three connections of it for itself (presence, starts, appends) and needs two more now and then.
    pub fn builder(pool: Pool) -> EngineBuilder {
        EngineBuilder {
            pool,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::default()),
            limits: Limits::default(),
            handlers: HashMap::new(),
            name: "gathering".to_owned(),
        }
    }

    /// Registers an instance and starts to work, on the runtime that this is called on.
    pub async fn start(&self) -> Result<Handle, Error> {
        let problems = self.shared.limits.problems();
        if !problems.is_empty() {
            return Err(Error::Limits { problems });
        }
        let size = self.shared.pool.status().max_size;
        if size < MIN_CONNECTIONS {
            return Err(Error::PoolTooSmall {
                size,
                needed: MIN_CONNECTIONS,
            });
        }
        self.shared.check_kinds()?;
        if self.started.swap(true, Ordering::AcqRel) {
            return Err(Error::AlreadyStarted);
        }
        let stop = CancellationToken::new();
        let (deadline, set_deadline) = watch::channel(None);
        let first = match self.begin(&stop).await {
            Ok(first) => first,
            Err(error) => {
                // Nothing works yet, so it may be tried again.
                self.started.store(false, Ordering::Release);
                return Err(error);
            }
        };
        let supervisor = TaskTracker::new();
        supervisor.spawn(self.clone().supervise(first, stop.clone(), Deadline(set_deadline)));
        supervisor.close();
        Ok(Handle {
            stop,
            deadline,
            supervisor,
        })
    }

    /// The id of the instance, while it works.
    pub fn instance_id(&self) -> Option<InstanceId> {
        self.current().map(|session| session.instance)
    }

    /// Makes the engine look at the queue now; it does so by itself every [`Limits::poll_interval`].
    pub fn wake(&self) {
        if let Some(session) = self.current() {
            session.wake.notify_one();
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Session>> {
        self.session.read().ok().and_then(|session| session.clone())
    }

    async fn begin(&self, stop: &CancellationToken) -> Result<(Arc<Session>, Presence), Error> {
        let (session, presence) = Session::begin(self.shared.clone(), stop).await?;
        self.publish(Some(session.clone()));
        Ok((session, presence))
    }

    /// A fenced session is followed by a new one, under a new instance id, as soon as the database answers.
    async fn supervise(self, first: (Arc<Session>, Presence), stop: CancellationToken, deadline: Deadline) {
        let mut next = Some(first);
        while let Some((session, presence)) = next.take() {
            let end = session.run(presence, &deadline).await;
            self.publish(None);
            if end == End::Fenced {
                next = stop.run_until_cancelled(self.begin_again(&stop)).await;
            }
        }
    }

    async fn begin_again(&self, stop: &CancellationToken) -> (Arc<Session>, Presence) {
        loop {
            // Bounded, because a connection of the pool may have gone silent; the next try takes another one.
            match tokio::time::timeout(BEGIN_LIMIT, self.begin(stop)).await {
                Ok(Ok(begun)) => return begun,
                Ok(Err(error)) => tracing::warn!(error = %chain(&error), "the instance cannot register again yet"),
                Err(_) => tracing::warn!("the database does not answer; the instance cannot register again yet"),
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    fn publish(&self, session: Option<Arc<Session>>) {
        if let Ok(mut current) = self.session.write() {
            *current = session;
        }
    }
}
