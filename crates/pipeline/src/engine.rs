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
use crate::queuing::Queuing;
use crate::session::{End, Session, excluded::Excluded, presence::Presence};
use crate::shared::Shared;
use crate::wait::Waiters;
use crate::{Error, Handle, Handler, Limits};

/// How long registering again may take before it is tried anew.
const BEGIN_LIMIT: Duration = Duration::from_secs(5);

/// The fewest connections that a working engine's pool may have: four that it keeps, one for everybody else.
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
    /// Held by a single step: others wait for it.
    step: Arc<tokio::sync::Mutex<()>>,
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
        let library = Library::new(limits.max_cached_weight, handlers.keys().cloned());
        let queuing = Queuing::new(&limits);
        Engine {
            shared: Arc::new(Shared {
                pool,
                clock,
                entropy,
                limits,
                handlers,
                library,
                waiters: Waiters::default(),
                excluded: Excluded::default(),
                queuing,
                counters: Arc::default(),
                former: std::sync::Mutex::default(),
                name,
            }),
            session: Arc::default(),
            started: Arc::default(),
            step: Arc::default(),
        }
    }
}

/// A start that has not come to its end; dropped, it never was.
struct Starting<'e>(Option<&'e AtomicBool>);

impl Starting<'_> {
    /// It came to its end: the engine works.
    fn succeeded(mut self) {
        self.0 = None;
    }
}

/// An engine whose session others see; dropped, they see none.
struct Published<'e>(&'e Engine);

impl Drop for Published<'_> {
    fn drop(&mut self) {
        self.0.publish(None);
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if let Some(started) = self.0 {
            started.store(false, Ordering::Release);
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
    /// A working engine keeps four connections of it for itself (presence, starts, claims, appends) and needs one more now and then.
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

    /// Registers an instance and starts to work, on the runtime that this is called on. After an error, or when this was dropped before
    /// it returned, it may be called again.
    pub async fn start(&self) -> Result<Handle, Error> {
        // Until something works it may be tried again: after an error, and also after a caller that did not wait for the answer.
        let starting = self.claim_start()?;
        let stop = CancellationToken::new();
        let (deadline, set_deadline) = watch::channel(None);
        let first = self.begin(&stop).await?;
        starting.succeeded();
        let supervisor = TaskTracker::new();
        supervisor.spawn(self.clone().supervise(first, stop.clone(), Deadline(set_deadline)));
        supervisor.close();
        Ok(Handle {
            stop,
            deadline,
            supervisor,
        })
    }

    /// Works once on everything that is due now, and returns when each of those runs has ended or waits in the database: for tests, and for
    /// embedders who decide themselves when work is done. Gives how many runs it took, without those that it has no handlers for; 0 when
    /// there was nothing to do. A second call waits until the first one has returned, and then looks for itself; beside [`Engine::start`]
    /// it is refused as [`Error::AlreadyStarted`].
    ///
    /// Due are queued runs, waiting ones whose time has come, and those of instances that died. For as long as it lasts this engine is an
    /// instance like any other, and it hands back what it could not finish. When it is dropped before it returns, attempts under way are
    /// dropped too, and other instances go on with their runs after the [`grace`](Limits::grace).
    pub async fn work_once(&self) -> Result<usize, Error> {
        let _turn = self.step.lock().await;
        let _starting = self.claim_start()?;
        let stop = CancellationToken::new();
        let (session, presence) = Session::begin(self.shared.clone(), &stop).await?;
        let _dropped = session.dropped.clone().drop_guard();
        self.publish(Some(session.clone()));
        let _published = Published(self);
        // Nobody sets a deadline: when it is told to stop, nothing is under way any more.
        let (_deadline, unset) = watch::channel(None);
        let deadline = Deadline(unset);
        let working = async {
            let worked = session.work_off().await;
            stop.cancel();
            worked
        };
        let (worked, _) = tokio::join!(working, session.clone().run(presence, &deadline));
        worked
    }

    /// One start at a time, and only of an engine that can work.
    fn claim_start(&self) -> Result<Starting<'_>, Error> {
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
        Ok(Starting(Some(&self.started)))
    }

    /// The id of the instance, while it works.
    pub fn instance_id(&self) -> Option<InstanceId> {
        self.current().map(|session| session.instance)
    }

    /// Makes the engine look at the queue now; it does so by itself every [`Limits::poll_interval`].
    pub fn wake(&self) {
        if let Some(session) = self.current() {
            session.queue_place.forget();
            session.wake.notify_one();
        }
    }

    pub(crate) fn current(&self) -> Option<Arc<Session>> {
        self.session.read().ok().and_then(|session| session.clone())
    }

    async fn begin(&self, stop: &CancellationToken) -> Result<(Arc<Session>, Presence), Error> {
        let (session, presence) = Session::begin(self.shared.clone(), stop).await?;
        session.go_on();
        self.publish(Some(session.clone()));
        Ok((session, presence))
    }

    /// A fenced session is followed by a new one, under a new instance id, as soon as the database answers.
    async fn supervise(self, first: (Arc<Session>, Presence), stop: CancellationToken, deadline: Deadline) {
        let mut next = Some(first);
        while let Some((session, presence)) = next.take() {
            let instance = session.instance;
            let end = session.run(presence, &deadline).await;
            self.publish(None);
            if end == End::Fenced {
                self.shared.note_former(instance);
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
