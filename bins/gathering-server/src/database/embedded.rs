//! The embedded database, watched by a thread that starts it again when it dies.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use gathering_embedded_postgres::{Binaries, Cluster, Options, default_data_dir, has_cluster};
use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::settings::Settings;

/// How often the watch looks whether it lives.
const LOOK: Duration = Duration::from_secs(1);
/// The wait after the first start that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest wait between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// An embedded database that lives as long as this value.
#[derive(Debug)]
pub(super) struct Embedded {
    url: String,
    orders: Sender<Order>,
    /// `None` once it has been joined.
    watch: Option<JoinHandle<()>>,
}

/// What the watch is told.
#[derive(Debug)]
enum Order {
    /// To start it no more.
    ExpectEnd,
    /// To stop it.
    Stop,
}

impl Embedded {
    /// Starts it, or joins the one that another process manages.
    pub(super) async fn start(settings: &Settings) -> Result<Self, Failure> {
        let data_dir = settings.data_dir.clone().unwrap_or_else(default_data_dir);
        let bin_dir = settings.pg_bin_dir.clone();
        let starting = spawn_blocking(move || {
            let options = match bin_dir {
                Some(dir) => Options::new(data_dir).binaries(Binaries::at(dir)?),
                None => Options::new(data_dir),
            };
            Ok((Cluster::start(&options)?, options))
        });
        let (cluster, options) = match starting.await {
            Ok(started) => started.map_err(Failure::Embedded)?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        Self::watched(cluster, options).map_err(|source| Failure::System {
            action: "start a thread",
            source,
        })
    }

    /// Refuses a place where there is none: whoever has mistyped it must not be shown an empty one.
    pub(super) fn must_exist(settings: &Settings) -> Result<(), Failure> {
        let data_dir = settings.data_dir.clone().unwrap_or_else(default_data_dir);
        if has_cluster(&data_dir).map_err(Failure::Embedded)? {
            return Ok(());
        }
        Err(Failure::NoCluster { data_dir })
    }

    /// Where it is; the same after each restart.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// From now on it is not started again when it dies.
    pub(super) fn expect_end(&self) {
        // Where the watch has ended already, nothing is left to tell.
        self.orders.send(Order::ExpectEnd).ok();
    }

    /// Stops it, if this process manages it.
    pub(super) async fn stop(self) {
        // Stopping waits for PostgreSQL's processes, so it has a thread of its own.
        if let Err(error) = spawn_blocking(move || drop(self)).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the embedded database did not stop cleanly"
            );
        }
    }

    fn watched(cluster: Cluster, options: Options) -> io::Result<Self> {
        let url = cluster.url();
        let (orders, told) = channel();
        let watch = Builder::new().name("embedded-database".to_owned());
        let watch = watch.spawn(move || watch_over(cluster, &options, &told))?;
        Ok(Self {
            url,
            orders,
            watch: Some(watch),
        })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.orders.send(Order::Stop).ok();
        if let Some(watch) = self.watch.take() {
            // That it panicked was said by the panic.
            watch.join().ok();
        }
    }
}

/// Looks after the cluster until told otherwise; it stops when this returns.
fn watch_over(mut cluster: Cluster, options: &Options, orders: &Receiver<Order>) {
    let mut wait = LOOK;
    let mut pause = FIRST_PAUSE;
    loop {
        match orders.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Order::ExpectEnd) => {
                // Whatever comes next, the stop or the end of its sender, ends the watch.
                orders.recv().ok();
                return;
            }
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
        // A client whose manager is gone: all who are left may try, a lock decides.
        let back = if !cluster.is_manager() && cluster.pid().is_none() {
            succeed(&mut cluster, options, pause)
        } else if cluster.has_died() {
            revive(&mut cluster, pause)
        } else {
            pause = FIRST_PAUSE;
            true
        };
        if back {
            wait = LOOK;
        } else {
            wait = pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Starts it again, and says whether that went well; `pause` is the wait that follows if not.
fn revive(cluster: &mut Cluster, pause: Duration) -> bool {
    let log = cluster.log();
    tracing::error!(log = %log.display(), "the embedded database died; starting it again");
    match cluster.restart() {
        Ok(()) => {
            tracing::info!(pid = cluster.pid(), "the embedded database is back");
            true
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                pause_s = pause.as_secs_f64(),
                "the embedded database did not start; it is tried again after the pause"
            );
            false
        }
    }
}

/// Takes the place of the process that managed it and has ended, or finds who did, and says whether that went well. The address stays.
fn succeed(cluster: &mut Cluster, options: &Options, pause: Duration) -> bool {
    tracing::warn!("the server that managed the embedded database has ended; taking its place");
    match Cluster::start(options) {
        Ok(successor) => {
            *cluster = successor;
            tracing::info!(
                pid = cluster.pid(),
                managed = cluster.is_manager(),
                "the embedded database is back"
            );
            true
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                pause_s = pause.as_secs_f64(),
                "the embedded database did not start; it is tried again after the pause"
            );
            false
        }
    }
}
