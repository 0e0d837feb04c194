//! A private PostgreSQL cluster, managed by this process or used as another's client.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::home::Home;
use crate::launch::{Predecessor, launch, settle};
use crate::pid_file::{PidFile, Status};
use crate::postmaster::Postmaster;
use crate::{Binaries, Error, Options, initdb, process, search, socket};

/// A private PostgreSQL cluster that takes connections.
///
/// The process that starts it first manages it: PostgreSQL is its child, and stops when this value is dropped or the process
/// ends in whatever way. A process that starts the same data directory meanwhile becomes a client, and stops nothing.
#[derive(Debug)]
pub struct Cluster {
    home: Home,
    socket_dir: PathBuf,
    port: u16,
    /// `None` where another process manages the cluster.
    managed: Option<Managed>,
}

/// What only the manager has.
#[derive(Debug)]
struct Managed {
    postmaster: Postmaster,
    binaries: Binaries,
    options: Options,
    /// Given back last, when PostgreSQL has stopped.
    _lock: File,
}

impl Cluster {
    /// Starts the cluster that `options` describe, made first if it does not exist, and waits until it takes connections.
    /// Blocks; returns at the latest when the time that the options give has passed.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let home = Home::prepare(&options.data_dir)?;
        let deadline = Deadline::after(options.start_timeout);
        let started = deadline.poll(|| match home.try_lock() {
            Ok(Some(lock)) => Some(manage(&home, options, lock, deadline)),
            Ok(None) => join(&home).map(Ok),
            Err(error) => Some(Err(error)),
        });
        started.unwrap_or_else(|| {
            let what = "waiting for the process that manages the cluster";
            Err(Error::TimedOut {
                what,
                limit: deadline.limit(),
                log: home.log(),
            })
        })
    }

    /// Where the product's own database is: a connection URL that tokio-postgres, libpq and `psql` take, for the role
    /// `gathering`, which owns it and is no superuser.
    pub fn url(&self) -> String {
        self.database_url(initdb::OWNER)
    }

    /// The same for another database of the cluster; `name` as it would be written in a URL.
    pub fn database_url(&self, name: &str) -> String {
        self.url_for(initdb::OWNER, name)
    }

    /// The same for the superuser `postgres`: to create databases, and to end sessions.
    pub fn admin_url(&self, name: &str) -> String {
        self.url_for(initdb::ADMIN, name)
    }

    /// The directory of the socket, open to the account that runs PostgreSQL alone (and to root).
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The file that PostgreSQL's messages go to.
    pub fn log(&self) -> PathBuf {
        self.home.log()
    }

    /// Whether this process manages the cluster; else it is a client of the one that does.
    pub fn is_manager(&self) -> bool {
        self.managed.is_some()
    }

    /// The number of PostgreSQL's main process, where it runs.
    pub fn pid(&self) -> Option<u32> {
        let found = PidFile::read(&self.home.data())?;
        process::serves(found.pid, &self.home.data()).then(|| u32::try_from(found.pid.as_raw()).ok())?
    }

    /// Whether PostgreSQL has ended by itself, or was killed, while this process managed it: then [`Cluster::restart`] brings it
    /// back. Always `false` for a client.
    pub fn has_died(&self) -> bool {
        let managed = self.managed.as_ref();
        managed.is_some_and(|managed| managed.postmaster.wait(Duration::ZERO).is_some())
    }

    /// Stops PostgreSQL and starts it again, in place: a URL that was handed out stays right. Also for a manager whose
    /// PostgreSQL has died. All connections end.
    pub fn restart(&mut self) -> Result<(), Error> {
        let Some(managed) = &mut self.managed else {
            return Err(Error::NotManager {
                dir: self.home.dir().to_path_buf(),
            });
        };
        managed.postmaster.stop(managed.options.stop_timeout);
        settle(&self.home, Deadline::after(managed.options.start_timeout))?;
        (managed.postmaster, self.socket_dir) = launch(&self.home, &managed.binaries, &managed.options)?;
        Ok(())
    }

    /// Stops PostgreSQL, if this process manages it: sessions are ended, everything committed is on disk. Dropping the value
    /// does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn url_for(&self, user: &str, database: &str) -> String {
        let host = self.socket_dir.display().to_string().replace('/', "%2F");
        format!("postgresql://{user}@{host}:{}/{database}", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(managed) = &mut self.managed {
            managed.postmaster.stop(managed.options.stop_timeout);
            socket::remove(&self.home, &self.socket_dir);
        }
    }
}

/// Says whether the account that would run PostgreSQL can reach `data_dir`, or where it is to be made, without making it.
pub fn check_data_dir(data_dir: &Path) -> Result<(), Error> {
    Home::locate(data_dir).map(drop)
}

/// Whether there is a cluster below `data_dir`, without making anything. What cannot be looked at is taken for one: [`Cluster::start`] says what is wrong.
pub fn has_cluster(data_dir: &Path) -> Result<bool, Error> {
    Ok(Home::locate(data_dir)?.data().try_exists().unwrap_or(true))
}

/// Runs the cluster as its manager.
fn manage(home: &Home, options: &Options, lock: File, deadline: Deadline) -> Result<Cluster, Error> {
    let major = initdb::major(&home.data())?;
    let binaries = choose_binaries(home, options, major)?;
    if major.is_none() {
        tracing::info!(dir = %home.dir().display(), version = binaries.major(), "creating a PostgreSQL cluster");
        initdb::create(home, &binaries, options)?;
    }
    if let Predecessor::Serving(found) = settle(home, deadline)? {
        return Ok(client(home, found));
    }
    let (postmaster, socket_dir) = launch(home, &binaries, options)?;
    tracing::info!(dir = %home.dir().display(), pid = postmaster.pid().as_raw(), "PostgreSQL takes connections");
    let managed = Managed {
        postmaster,
        binaries,
        options: options.clone(),
        _lock: lock,
    };
    Ok(Cluster {
        home: home.clone(),
        socket_dir,
        port: socket::PORT,
        managed: Some(managed),
    })
}

/// The preferred programs that fit the data; that the account can reach them is checked before anything is made.
fn choose_binaries(home: &Home, options: &Options, major: Option<u32>) -> Result<Binaries, Error> {
    let installed = options
        .binaries
        .clone()
        .map_or_else(search::all_binaries, |named| Ok(vec![named]))?;
    let preferred = installed.first().map_or(0, Binaries::major);
    let mut fitting = installed
        .into_iter()
        .filter(|binaries| major.is_none_or(|major| binaries.major() == major))
        .peekable();
    let Some(first) = fitting.peek().cloned() else {
        let data = major.unwrap_or_default();
        return Err(Error::OtherMajor {
            dir: home.data(),
            data,
            installed: preferred,
        });
    };
    let reachable = |binaries: &Binaries| home.account().check_reach(&binaries.program("postgres"));
    match fitting.find(|binaries| reachable(binaries).is_ok()) {
        Some(binaries) => Ok(binaries),
        None => reachable(&first).map(|()| first),
    }
}

/// Uses the cluster that another process manages, once it takes connections.
fn join(home: &Home) -> Option<Cluster> {
    let found = PidFile::read(&home.data()).filter(|found| found.status == Status::Ready)?;
    process::serves(found.pid, &home.data()).then(|| client(home, found))
}

fn client(home: &Home, found: PidFile) -> Cluster {
    let socket_dir = found.socket_dir.unwrap_or_else(|| home.dir().join("socket"));
    Cluster {
        home: home.clone(),
        socket_dir,
        port: found.port.unwrap_or(socket::PORT),
        managed: None,
    }
}
