//! How a cluster is to be run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Binaries;

/// What happens to committed data when the machine loses power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: each commit waits until it is on disk.
    #[default]
    On,
    /// They may be lost, and the cluster with them; when only processes die, nothing is. Several times faster; for tests only.
    Off,
}

/// How a cluster is to be run; see [`Options::new`] for what holds where nothing is said.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) data_dir: PathBuf,
    pub(crate) binaries: Option<Binaries>,
    pub(crate) max_connections: u16,
    pub(crate) durability: Durability,
    pub(crate) start_timeout: Duration,
    pub(crate) stop_timeout: Duration,
}

impl Options {
    /// A cluster below `data_dir`, in its folder `postgres`, durable, with at most 100 connections, on the binaries that
    /// [`find_binaries`](crate::find_binaries) finds; two minutes to start (crash recovery included), 20 seconds to stop.
    pub fn new(data_dir: impl AsRef<Path>) -> Self {
        Self {
            data_dir: data_dir.as_ref().to_path_buf(),
            binaries: None,
            max_connections: 100,
            durability: Durability::On,
            start_timeout: Duration::from_mins(2),
            stop_timeout: Duration::from_secs(20),
        }
    }

    /// Uses these binaries and looks for no others.
    #[must_use]
    pub fn binaries(mut self, binaries: Binaries) -> Self {
        self.binaries = Some(binaries);
        self
    }

    /// The most connections at once.
    #[must_use]
    pub fn max_connections(mut self, max_connections: u16) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// Whether commits wait for the disk.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The longest that creating the cluster, and then that starting it, may take.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// The longest that a clean stop may take before PostgreSQL is made to quit.
    #[must_use]
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.stop_timeout = limit;
        self
    }
}

/// Where data belong if nobody says otherwise: `/var/lib/gathering` for root, `$XDG_DATA_HOME/gathering` (that is,
/// `~/.local/share/gathering`) for a user, and `.gathering` in the current directory where there is no home.
pub fn default_data_dir() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/gathering");
    }
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from(".gathering"), |dir| dir.join("gathering"))
}
