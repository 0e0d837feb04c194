//! The files of a cluster, and who may touch which.
//!
//! `postgres/` belongs to whoever starts the cluster and holds `lock` and `postgres.log`; only `postgres/data` and
//! `postgres/socket` belong to the account that PostgreSQL runs as, so that root never writes where another can set a trap.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use crate::Error;
use crate::account::Account;
use crate::error::while_trying;

/// Where a cluster's files are.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    dir: PathBuf,
    account: Account,
}

impl Home {
    /// Makes the directories that are missing below `data_dir`, and finds out whom PostgreSQL will run as.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        let home = Self::locate(data_dir)?;
        if !home.dir.is_dir() {
            create_dirs(&home.dir)?;
        }
        home.account.check_reach(&home.dir)?;
        Ok(home)
    }

    /// The same without making anything; refuses a place that the account could not reach.
    pub(crate) fn locate(data_dir: &Path) -> Result<Self, Error> {
        let data_dir = std::path::absolute(data_dir).map_err(while_trying("find", data_dir))?;
        let dir = data_dir.join("postgres");
        let account = Account::choose(&dir.join("data"), &data_dir)?;
        let existing = data_dir.ancestors().find(|ancestor| ancestor.exists());
        existing.map_or(Ok(()), |existing| account.check_reach(existing))?;
        Ok(Self { dir, account })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// PostgreSQL's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Where PostgreSQL's messages go.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    /// The lock that makes its holder the cluster's manager; `None` while another process holds it.
    pub(crate) fn try_lock(&self) -> Result<Option<File>, Error> {
        let path = self.dir.join("lock");
        let file = self.open(&path, false)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(while_trying("lock", &path)(error)),
        }
    }

    /// Opens a file of this directory for its owner only, never through a link, and keeps it the directory's owner's, so
    /// that root and that owner can take turns.
    pub(crate) fn open(&self, path: &Path, append: bool) -> Result<File, Error> {
        let mut options = OpenOptions::new();
        options
            .create(true)
            .append(append)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits());
        let file = options.truncate(false).open(path).map_err(while_trying("open", path))?;
        let owner = fs::metadata(&self.dir).map_err(while_trying("look at", &self.dir))?;
        if self.account.switch().is_some() {
            fchown(&file, Some(owner.uid()), Some(owner.gid())).map_err(while_trying("hand over", path))?;
        }
        Ok(file)
    }

    /// Makes `path` a directory that only the account can enter.
    pub(crate) fn private_dir(&self, path: &Path) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(while_trying("create", path)(error)),
        }
        if let Some((uid, gid)) = self.account.switch() {
            chown(path, Some(uid.as_raw()), Some(gid.as_raw())).map_err(while_trying("hand over", path))?;
        }
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(while_trying("close", path))
    }
}

/// Makes `dir` and its parent; root leaves them open to pass through, since PostgreSQL will run as somebody else.
fn create_dirs(dir: &Path) -> Result<(), Error> {
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    let data_dir = dir.parent().unwrap_or(dir);
    for dir in [data_dir, dir] {
        if dir.is_dir() {
            continue;
        }
        fs::create_dir_all(dir).map_err(while_trying("create", dir))?;
        fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(while_trying("set the rights of", dir))?;
    }
    Ok(())
}
