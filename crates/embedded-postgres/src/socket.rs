//! The private directory of the socket, the one way to reach the cluster.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::home::Home;

/// The number in the socket's name; nothing listens on a port of the machine.
pub(crate) const PORT: u16 = 5432;

/// Longest directory that leaves room for `/.s.PGSQL.5432` in a socket's address.
const LONGEST_DIR: usize = 90;

/// Most names that are tried in the temporary directory.
const MOST_TRIES: usize = 16;

/// Makes the socket's directory: `socket` beside the data or, where that name is too long for a socket or would need
/// quoting in a connection string, one in the temporary directory.
pub(crate) fn prepare(home: &Home) -> Result<PathBuf, Error> {
    let beside = home.dir().join("socket");
    if is_plain(&beside) {
        home.private_dir(&beside)?;
        forget_socket(&beside);
        return Ok(beside);
    }
    in_temp_dir(home)
}

/// Removes a directory that was made in the temporary one; after PostgreSQL has stopped.
pub(crate) fn remove(home: &Home, dir: &Path) {
    if !dir.starts_with(home.dir()) {
        forget_socket(dir);
        // One that somebody has put files into stays.
        fs::remove_dir(dir).ok();
    }
}

/// Removes what a postmaster that is gone has left in `dir`; only for whoever knows that it is gone.
fn forget_socket(dir: &Path) {
    for name in [format!(".s.PGSQL.{PORT}"), format!(".s.PGSQL.{PORT}.lock")] {
        // What cannot be removed is PostgreSQL's to complain about.
        fs::remove_file(dir.join(name)).ok();
    }
}

/// Names that somebody else has taken are passed over.
fn in_temp_dir(home: &Home) -> Result<PathBuf, Error> {
    let temp = Some(std::env::temp_dir()).filter(|dir| is_plain(&dir.join("gathering-0000000000000000-00")));
    let temp = temp.unwrap_or_else(|| PathBuf::from("/tmp"));
    home.account().check_reach(&temp)?;
    let name = format!("gathering-{:016x}", fingerprint(home.dir()));
    let mut candidates = (0..MOST_TRIES).map(|number| temp.join(format!("{name}-{number}")));
    let free = candidates.find(|dir| match fs::symlink_metadata(dir) {
        Ok(found) => {
            found.is_dir()
                && found.uid() == home.account().uid().as_raw()
                && found.permissions().mode().trailing_zeros() >= 6
        }
        Err(_) => true,
    });
    let dir = free.unwrap_or_else(|| temp.join(name));
    home.private_dir(&dir)?;
    forget_socket(&dir);
    Ok(dir)
}

fn is_plain(dir: &Path) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let bytes = dir.as_os_str().as_encoded_bytes();
    bytes.len() <= LONGEST_DIR && bytes.iter().all(plain)
}

/// FNV-1a of the path: two clusters of one user need two names.
fn fingerprint(path: &Path) -> u64 {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_names_without_special_characters_serve_as_they_are() {
        assert!(is_plain(Path::new("/var/lib/gathering/postgres/socket")));
        assert!(!is_plain(Path::new("/home/a b/socket")));
        assert!(!is_plain(Path::new("/srv/a,b/socket")));
        assert!(!is_plain(&Path::new("/srv").join("x".repeat(LONGEST_DIR))));
    }
}
