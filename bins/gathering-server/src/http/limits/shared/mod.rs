//! Limits that all instances of a database count together, in a Redis; each counts for itself while that is away.

mod away;
mod gcra;
mod key;
mod link;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gathering::measure::Counter;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::away::Away;
use self::gcra::Pace;
use self::key::Names;
pub(crate) use self::link::Address;
use self::link::{Link, Trouble};
use super::tier::{Allowance, Key, Rate};

/// How long a request waits for Redis, at most.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long Redis is left alone after it failed: its trouble costs no more than one wait in this time.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts requests with all other instances.
pub(crate) struct Shared {
    inner: Arc<Inner>,
    /// Looks for Redis while it is away; ends with this value.
    _keeper: JoinSet<()>,
}

struct Inner {
    address: Address,
    names: Names,
    /// The connection in use; none while Redis is away.
    link: RwLock<Option<Arc<Link>>>,
    /// Why the last one was given up.
    lost: watch::Sender<Option<Arc<Trouble>>>,
    fallbacks: Counter,
}

impl Shared {
    /// Looks once for the Redis at this address, and then as long as it takes. `mark` tells the database of the instances from every other.
    ///
    /// Connections live on the runtime that this is called on.
    pub(crate) async fn start(address: Address, mark: &str) -> Self {
        let inner = Arc::new(Inner {
            address,
            names: Names::new(mark),
            link: RwLock::default(),
            lost: watch::Sender::default(),
            fallbacks: Counter::default(),
        });
        // Whoever comes first shall already be counted with all others.
        let away = match inner.connect().await {
            Ok(()) => None,
            Err(trouble) => Some(Away::begin(&trouble)),
        };
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(inner.clone(), away));
        Self { inner, _keeper: keeper }
    }

    /// Whether requests are counted with all others now.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.link().is_some()
    }

    /// How many requests this instance counted for itself.
    pub(crate) fn fallbacks(&self) -> u64 {
        self.inner.fallbacks.get()
    }

    /// Counts one request; `None` where that cannot be done now, and `Some(Err(_))` if it is one too many.
    pub(super) async fn check(&self, tier: &str, rate: Rate, key: Key) -> Option<Result<Allowance, Allowance>> {
        let counted = match self.inner.link() {
            Some(link) => self.inner.ask(&link, &self.inner.names.key(tier, key), rate).await,
            None => None,
        };
        if counted.is_none() {
            self.inner.fallbacks.one();
        }
        counted
    }
}

impl Inner {
    fn link(&self) -> Option<Arc<Link>> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn ask(&self, link: &Arc<Link>, key: &str, rate: Rate) -> Option<Result<Allowance, Allowance>> {
        let asked = timeout(PATIENCE, link.decide(key, Pace::of(rate))).await;
        match asked.unwrap_or(Err(Trouble::Silent)) {
            Ok(decision) => Some(gcra::allowance(rate, decision)),
            Err(trouble) => {
                self.give_up(link, trouble);
                None
            }
        }
    }

    /// Of all whose requests fail with one connection, the first gives it up.
    fn give_up(&self, failed: &Arc<Link>, trouble: Trouble) {
        let mut link = self.link.write().unwrap_or_else(PoisonError::into_inner);
        if link.as_ref().is_some_and(|link| Arc::ptr_eq(link, failed)) {
            *link = None;
            self.lost.send_replace(Some(Arc::new(trouble)));
        }
    }

    /// Connects, and uses the connection from now on if it works and is quick enough.
    async fn connect(&self) -> Result<(), Trouble> {
        let link = Link::open(&self.address, &self.names.probe(), PATIENCE).await?;
        self.lost.send_replace(None);
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(link));
        Ok(())
    }
}

/// Brings the connection back whenever it is lost.
async fn keep(inner: Arc<Inner>, mut away: Option<Away>) {
    let mut lost = inner.lost.subscribe();
    loop {
        let since = if let Some(since) = away.take() {
            since
        } else {
            // The sender lives as long as this does.
            let Ok(trouble) = lost.wait_for(Option::is_some).await.map(|trouble| trouble.clone()) else {
                return;
            };
            let Some(trouble) = trouble else { continue };
            Away::begin(&trouble)
        };
        loop {
            sleep(PAUSE).await;
            if inner.connect().await.is_ok() {
                break;
            }
        }
        since.end();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("is_shared", &self.is_shared())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
