//! A cluster in a slot.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gathering_embedded_postgres::{Binaries, Cluster, Durability, Error, Options};
use nix::sys::signal::Signal;
use tokio::sync::OnceCell;

use super::slot::Slot;
use super::{TestDatabase, admin, template};

/// Enough for many tests beside each other, each with a pool of its own.
const MOST_CONNECTIONS: u16 = 300;

/// What the database of a test is called, before its number.
const PREFIX: &str = "test_";

/// How PostgreSQL is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Sessions are ended, and everything is brought to disk (`pg_ctl stop -m fast`).
    Fast,
    /// As in a crash: the next start recovers (`pg_ctl stop -m immediate`).
    Immediate,
}

/// A real PostgreSQL for tests; it dies with the process.
#[derive(Debug, Clone)]
pub struct TestCluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cluster: Mutex<Cluster>,
    admin_url: String,
    /// The name of the migrated template, once it is there.
    template: OnceCell<String>,
    next: AtomicUsize,
    /// Databases whose tests are over.
    discarded: Mutex<Vec<String>>,
    /// Given back last, when the cluster has stopped.
    _slot: Slot,
}

impl TestCluster {
    /// The one that all tests of this process share, started by the first who asks.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<TestCluster> = OnceCell::const_new();
        SHARED.get_or_init(Self::own).await
    }

    /// One of the test's own, which it may restart without harm to others; stops with the last of its databases.
    pub async fn own() -> Self {
        Self::start(|options| options.durability(Durability::Off)).await
    }

    /// The same, but its commits wait for the disk, and its programs are these.
    pub async fn durable(binaries: Binaries) -> Self {
        Self::start(move |options| options.durability(Durability::On).binaries(binaries)).await
    }

    async fn start(chosen: impl FnOnce(Options) -> Options + Send + 'static) -> Self {
        let started = tokio::task::spawn_blocking(move || {
            let slot = Slot::take();
            let options = Options::new(slot.dir()).max_connections(MOST_CONNECTIONS);
            (start(slot.dir(), &chosen(options)), slot)
        });
        let (cluster, slot) = started.await.unwrap_or_else(|error| panic!("{error}"));
        let admin_url = cluster.admin_url("postgres");
        template::drop_others(&admin_url, PREFIX).await;
        let shared = Shared {
            cluster: Mutex::new(cluster),
            admin_url,
            template: OnceCell::new(),
            next: AtomicUsize::new(0),
            discarded: Mutex::default(),
            _slot: slot,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A new database with all migrations applied.
    pub async fn database(&self) -> TestDatabase {
        let template = self.shared.template.get_or_init(|| template::prepare(self)).await;
        self.create_database(&format!("TEMPLATE {template}")).await
    }

    /// A new database with nothing in it.
    pub async fn empty_database(&self) -> TestDatabase {
        self.create_database("").await
    }

    /// Stops PostgreSQL and starts it again: every session ends, every URL stays right.
    pub async fn restart(&self) {
        let this = self.clone();
        let restarted = tokio::task::spawn_blocking(move || this.lock().restart());
        let restarted = restarted.await.unwrap_or_else(|error| panic!("{error}"));
        restarted.unwrap_or_else(|error| panic!("could not restart the cluster: {error}"));
    }

    /// Kills PostgreSQL's main process, as a crash would; [`restart`](Self::restart) brings it back.
    pub fn kill9(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Stops PostgreSQL without waiting for its end; [`restart`](Self::restart) brings it back.
    pub fn stop(&self, how: Shutdown) {
        self.signal(match how {
            Shutdown::Fast => Signal::SIGINT,
            Shutdown::Immediate => Signal::SIGQUIT,
        });
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = self.lock().pid().and_then(|pid| i32::try_from(pid).ok()) else {
            return;
        };
        let sent = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
        sent.unwrap_or_else(|error| panic!("could not send {signal} to PostgreSQL: {error}"));
    }

    /// Where a database of the cluster is, for the role that owns the tests' databases.
    pub fn url(&self, database: &str) -> String {
        self.lock().database_url(database)
    }

    /// The maintenance database, for the superuser.
    pub(super) fn admin_url(&self) -> &str {
        &self.shared.admin_url
    }

    /// To be dropped before the next database is made.
    pub(super) fn discard(&self, database: String) {
        self.shared
            .discarded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(database);
    }

    async fn create_database(&self, template: &str) -> TestDatabase {
        let name = format!("{PREFIX}{}", self.shared.next.fetch_add(1, Ordering::Relaxed));
        let discarded = std::mem::take(&mut *self.shared.discarded.lock().unwrap_or_else(PoisonError::into_inner));
        let mut statements: Vec<String> = discarded
            .iter()
            .map(|database| template::drop_statement(database))
            .collect();
        statements.push(format!("CREATE DATABASE {name} OWNER gathering {template}"));
        let created = admin::run(self.admin_url(), &statements).await;
        created.unwrap_or_else(|error| panic!("could not create database {name}: {error:?}"));
        TestDatabase::of(self.clone(), name)
    }

    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.shared.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the cluster of a slot. One that cannot be used any more, because PostgreSQL was upgraded or the machine lost power,
/// is made anew: it holds nothing of value.
fn start(slot: &Path, options: &Options) -> Cluster {
    let started = Cluster::start(options).or_else(|error| {
        let beyond_repair = matches!(
            error,
            Error::OtherMajor { .. } | Error::NotACluster { .. } | Error::Failed { .. }
        );
        if !beyond_repair {
            return Err(error);
        }
        fs::remove_dir_all(slot).ok();
        Cluster::start(options)
    });
    started.unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error}"))
}
