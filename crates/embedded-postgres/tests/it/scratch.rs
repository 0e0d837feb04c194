//! A data directory of a test's own, and what the tests ask a cluster.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gathering_embedded_postgres::{Cluster, Durability, Options, find_binaries};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A directory of its own, removed when dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// Open to pass through, since root runs PostgreSQL as somebody else.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("gathering-cluster-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o711)).unwrap();
        Self(dir)
    }

    pub(crate) fn options(&self) -> Options {
        options(&self.0)
    }

    pub(crate) fn start(&self) -> Cluster {
        Cluster::start(&self.options()).unwrap()
    }

    /// PostgreSQL's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("postgres/data")
    }

    /// User and group that own the data.
    pub(crate) fn owner(&self) -> (u32, u32) {
        let metadata = fs::metadata(self.data()).unwrap();
        (metadata.uid(), metadata.gid())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Not durable: the tests kill processes, not machines.
pub(crate) fn options(data_dir: &Path) -> Options {
    Options::new(data_dir)
        .durability(Durability::Off)
        .start_timeout(PATIENCE)
}

/// What `psql` answers.
pub(crate) fn ask(url: &str, sql: &str) -> String {
    let psql = find_binaries().unwrap().program("psql");
    let output = Command::new(psql)
        .args(["-X", "-Atq", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{sql}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Looks until `condition` holds.
#[expect(clippy::disallowed_methods, reason = "real processes keep real time")]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether process `pid` runs; one that is dead but not waited for does not.
pub(crate) fn runs(pid: u32) -> bool {
    let status = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    !status.trim().is_empty() && !status.starts_with('Z')
}

/// Kills process `pid` as nothing can prevent.
pub(crate) fn kill9(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}
