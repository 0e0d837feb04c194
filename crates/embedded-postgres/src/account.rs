//! Whom PostgreSQL's programs run as: they refuse to run as root.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, geteuid};

use crate::Error;
use crate::error::while_trying;

/// The account that PostgreSQL's programs run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    /// Whether that is somebody else than this process.
    other: bool,
}

impl Account {
    /// This process's own account; for root the owner of `data` or else of `data_dir`, where they exist and are not root's,
    /// else `postgres`, else `nobody`.
    pub(crate) fn choose(data: &Path, data_dir: &Path) -> Result<Self, Error> {
        if !geteuid().is_root() {
            return Self::own(data);
        }
        for dir in [data, data_dir] {
            if let Some(user) = owner(dir)?.and_then(|uid| User::from_uid(uid).ok().flatten()) {
                return Ok(Self::of(user));
            }
        }
        let named = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten());
        named
            .map(Self::of)
            .ok_or_else(|| Error::NoAccount("there is no user `postgres` or `nobody`".to_owned()))
    }

    fn own(data: &Path) -> Result<Self, Error> {
        let uid = geteuid();
        let user = User::from_uid(uid).ok().flatten();
        let user = user.ok_or_else(|| Error::NoAccount(format!("user {uid} is not in /etc/passwd")))?;
        match owner(data)? {
            Some(other) if other != uid => {
                let owner = User::from_uid(other)
                    .ok()
                    .flatten()
                    .map_or_else(|| other.to_string(), |user| user.name);
                Err(Error::OtherOwner {
                    dir: data.to_path_buf(),
                    owner,
                })
            }
            _ => Ok(Self {
                other: false,
                ..Self::of(user)
            }),
        }
    }

    fn of(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            other: true,
        }
    }

    /// The numbers to switch to, where that is another account than this process's.
    pub(crate) fn switch(&self) -> Option<(Uid, Gid)> {
        self.other.then_some((self.uid, self.gid))
    }

    pub(crate) fn uid(&self) -> Uid {
        self.uid
    }

    /// Refuses `path`, which exists, if a directory on the way to it, or itself, does not let this account through.
    pub(crate) fn check_reach(&self, path: &Path) -> Result<(), Error> {
        if !self.other {
            return Ok(());
        }
        let real = fs::canonicalize(path).map_err(while_trying("find", path))?;
        for step in real.ancestors() {
            let metadata = fs::metadata(step).map_err(while_trying("look at", step))?;
            if !self.may_pass(&metadata) {
                let (path, blocked_at) = (path.to_path_buf(), step.to_path_buf());
                return Err(Error::Unreachable {
                    user: self.name.clone(),
                    path,
                    blocked_at,
                });
            }
        }
        Ok(())
    }

    fn may_pass(&self, metadata: &Metadata) -> bool {
        let bit = if metadata.uid() == self.uid.as_raw() {
            0o100
        } else if metadata.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        metadata.mode() & bit != 0
    }
}

/// The owner of `dir`, where it exists and is not root's.
fn owner(dir: &Path) -> Result<Option<Uid>, Error> {
    match fs::metadata(dir) {
        Ok(metadata) => Ok(Some(Uid::from_raw(metadata.uid())).filter(|uid| !uid.is_root())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(while_trying("look at", dir)(error)),
    }
}
