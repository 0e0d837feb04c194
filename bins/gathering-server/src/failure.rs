//! Why a command failed, and the exit code that says so.

use std::net::SocketAddr;
use std::time::Duration;

use crate::settings::Refused;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Refused),
    /// The certificate or its key cannot be used.
    #[error("nothing was started")]
    Tls(#[source] crate::serve::TlsError),
    /// The demo did not come to its end.
    #[error(transparent)]
    Demo(#[from] crate::demo::Error),
    /// The embedded database could not be started.
    #[error("the embedded database did not start")]
    Embedded(#[source] gathering_embedded_postgres::Error),
    /// There is no embedded database where one was to be looked at.
    #[error("there is no database in {}; look at --data-dir (or database_url): a server that is started there makes one", .data_dir.display())]
    NoCluster {
        /// Where it was looked for.
        data_dir: std::path::PathBuf,
    },
    /// The database cannot be used.
    #[error("the database cannot be used; look at database_url")]
    Database(#[source] gathering::database::Error),
    /// The database did not answer in time.
    #[error("the database did not answer within {} s; look at database_url, and at the database", .after.as_secs())]
    NoDatabase {
        /// How long was tried.
        after: Duration,
        /// The last answer.
        source: Box<Failure>,
    },
    /// The database could not be brought up to this release.
    #[error("the database could not be brought up to this release")]
    Migration(#[source] gathering::database::Error),
    /// The engines did not start.
    #[error("the server could not be put together")]
    Start(#[source] gathering::Error),
    /// The audit cannot be read.
    #[error("the audit could not be read")]
    Audit(#[source] gathering::Error),
    /// The signing keys cannot be read or changed.
    #[error("nothing was done with the signing keys")]
    Keys(#[source] gathering::Error),
    /// The database is of another release.
    #[error("nothing was read from a database of another release")]
    Outdated(#[source] gathering::database::Error),
    /// The audit is not as it was written.
    #[error("the audit is not as it was written: {flaws} found")]
    AuditFlawed {
        /// How much is wrong.
        flaws: u64,
    },
    /// Users could not be read or changed.
    #[error(transparent)]
    User(gathering::Error),
    /// No user has this address.
    #[error("no user has the address {email}; `gathering user list` prints all")]
    NoUser {
        /// The address.
        email: String,
    },
    /// Schedules could not be read or changed.
    #[error(transparent)]
    Schedules(gathering::Error),
    /// What was typed is not acceptable.
    #[error("{0}")]
    Refused(String),
    /// What was typed, together with the file that it names, does not say what to do.
    #[error("{0}")]
    Usage(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The operating system refused something else.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// A second signal came before the work had ended.
    #[error("stopped at once, at the second signal; other instances, or the next start, go on with the runs")]
    Interrupted,
}

impl Failure {
    /// Whether nothing is wrong but that the database is away at this moment: starting, stopping, or out of connections.
    pub(crate) fn is_database_away(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unavailable(),
            Self::Start(error)
            | Self::Audit(error)
            | Self::Keys(error)
            | Self::User(error)
            | Self::Schedules(error) => {
                matches!(error, gathering::Error::DatabaseUnavailable(_))
            }
            Self::Settings(_)
            | Self::Tls(_)
            | Self::Demo(_)
            | Self::Embedded(_)
            | Self::NoCluster { .. }
            | Self::NoDatabase { .. }
            | Self::Migration(_)
            | Self::Outdated(_)
            | Self::AuditFlawed { .. }
            | Self::NoUser { .. }
            | Self::Refused(_)
            | Self::Usage(_)
            | Self::Listen { .. }
            | Self::System { .. }
            | Self::Interrupted => false,
        }
    }

    /// 2 for wrong settings and wrong usage, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Settings(_) | Self::Tls(_) | Self::Usage(_)) {
            2
        } else {
            1
        }
    }
}
