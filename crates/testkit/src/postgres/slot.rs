//! Places for clusters, kept between runs. A lock decides which process has which.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use gathering_embedded_postgres::check_data_dir;

/// Most test processes beside each other.
const MOST: usize = 64;

/// A place for one cluster, this process's for as long as the value lives.
#[derive(Debug)]
pub(super) struct Slot {
    dir: PathBuf,
    _lock: File,
}

impl Slot {
    /// The first that is free.
    pub(super) fn take() -> Self {
        let root = root();
        fs::create_dir_all(&root).unwrap_or_else(|error| panic!("could not create {}: {error}", root.display()));
        let taken = (0..MOST).find_map(|number| Self::try_take(&root, number));
        taken.unwrap_or_else(|| panic!("all {MOST} slots in {} are taken", root.display()))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn try_take(root: &Path, number: usize) -> Option<Self> {
        let path = root.join(format!("slot-{number}.lock"));
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.unwrap_or_else(|error| panic!("could not open {}: {error}", path.display()));
        lock.try_lock().ok()?;
        Some(Self {
            dir: root.join(format!("slot-{number}")),
            _lock: lock,
        })
    }
}

/// `testkit` in the target directory or, where PostgreSQL's account cannot reach that, in the temporary one.
fn root() -> PathBuf {
    let in_target = target_dir().map(|target| target.join("testkit"));
    in_target
        .filter(|root| check_data_dir(root).is_ok())
        .unwrap_or_else(|| {
            let uid = nix::unistd::geteuid();
            std::env::temp_dir().join(format!("gathering-testkit-{uid}"))
        })
}

/// Test binaries are in `target/debug/deps`, doc tests and examples elsewhere below `target/debug`.
fn target_dir() -> Option<PathBuf> {
    let binary = std::env::current_exe().ok()?;
    let profile = binary.ancestors().find(|dir| dir.join("deps").is_dir())?;
    profile.parent().map(Path::to_path_buf)
}
