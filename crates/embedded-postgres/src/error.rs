//! What can go wrong, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::binaries::OLDEST_MAJOR;

/// Why a cluster could not be found, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable PostgreSQL is on this machine.
    #[error(
        "found no PostgreSQL {OLDEST_MAJOR} or later (looked for `postgres` and `initdb` in: {}); run `cargo xtask setup`, \
         install your distribution's PostgreSQL server package, or set PG_BIN_DIR to the directory that holds both",
        .looked_in.join(", ")
    )]
    NoBinaries {
        /// Every place that was looked at, with what was wrong with it.
        looked_in: Vec<String>,
    },

    /// The directory that was named holds no usable PostgreSQL.
    #[error("{} holds no usable PostgreSQL: {problem}; set PG_BIN_DIR to a directory with `postgres` and `initdb`, or unset it", .dir.display())]
    UnusableBinaries {
        /// The directory that was named.
        dir: PathBuf,
        /// What is missing or wrong there.
        problem: String,
    },

    /// The data were made by another major version than any that is installed.
    #[error(
        "the data in {} were made by PostgreSQL {data}, and the installed one is {installed}: install PostgreSQL {data} \
         (or point PG_BIN_DIR to it), or move the data over with pg_dumpall and start on an empty data directory",
        .dir.display()
    )]
    OtherMajor {
        /// The PostgreSQL data directory.
        dir: PathBuf,
        /// Major version that made the data.
        data: u32,
        /// Major version of the binaries.
        installed: u32,
    },

    /// There are files where the cluster belongs, but they are no cluster.
    #[error("{} exists but is no PostgreSQL cluster (it has no readable PG_VERSION): move it away, or choose another data directory", .dir.display())]
    NotACluster {
        /// The directory in question.
        dir: PathBuf,
    },

    /// The account that runs PostgreSQL cannot get to a directory or file.
    #[error(
        "user {user}, who runs PostgreSQL, cannot reach {}: {} lets no other user through; choose a place elsewhere \
         (--data-dir, PG_BIN_DIR), or run `chmod o+x {}`",
        .path.display(), .blocked_at.display(), .blocked_at.display()
    )]
    Unreachable {
        /// Name of the account.
        user: String,
        /// What has to be reached.
        path: PathBuf,
        /// The directory on the way to it that is closed, or the path itself.
        blocked_at: PathBuf,
    },

    /// The data belong to another user, and this process may not act as that user.
    #[error("{} belongs to user {owner}: run as that user or as root, or choose another data directory", .dir.display())]
    OtherOwner {
        /// The directory in question.
        dir: PathBuf,
        /// Name, or else number, of its owner.
        owner: String,
    },

    /// PostgreSQL refuses to run as root, and there is no other account to run it as.
    #[error("{0}: PostgreSQL does not run as root; create a user named `postgres`, or run as an ordinary user")]
    NoAccount(String),

    /// The operating system refused something.
    #[error("could not {action} {}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which file, directory or program.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// A program of PostgreSQL failed.
    #[error("{program} failed ({status}); the end of {} says:\n{tail}", .log.display())]
    Failed {
        /// `initdb` or `postgres`.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Where its messages went.
        log: PathBuf,
        /// The last lines of these.
        tail: String,
    },

    /// Something took longer than it may.
    #[error("{what} took longer than {}s; {} may say why", .limit.as_secs_f32(), .log.display())]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
        /// Where PostgreSQL's messages go.
        log: PathBuf,
    },

    /// Only the process that manages a cluster may do this, and another one does.
    #[error("the cluster in {} is managed by another process: ask that one, or stop it first", .dir.display())]
    NotManager {
        /// The directory in question.
        dir: PathBuf,
    },
}

/// Says, for `map_err`, what was tried with which path.
pub(crate) fn while_trying(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { action, path, source }
}
