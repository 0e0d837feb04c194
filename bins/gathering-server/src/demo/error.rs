//! Why the demo did not come to its end.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why the demo did not come to its end, or did not show what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or directory of the demo.
    #[error("the demo cannot {action} {}; choose another directory with --data-dir", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// PostgreSQL could not live where the demo would put it.
    #[error("the demo found no directory for its database; name one with --data-dir")]
    NoPlace(#[source] gathering_embedded_postgres::Error),
    /// The operating system refused something else.
    #[error("the demo cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// The server did not come up.
    #[error("the demo's server ended before it listened ({status}): {last}\nits log: {}", .log.display())]
    ServerEnded {
        /// How it ended.
        status: ExitStatus,
        /// The last line of its log.
        last: String,
        /// Its log.
        log: PathBuf,
    },
    /// The server said nothing.
    #[error("the demo's server does not listen after {} s; its log: {}", .after.as_secs(), .log.display())]
    ServerSilent {
        /// How long it was waited for.
        after: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// A request of the demo found no answer.
    #[error("no answer to {what} from the demo's server; its log: {}", .log.display())]
    Request {
        /// Which.
        what: String,
        /// The server's log.
        log: PathBuf,
        /// Why.
        source: reqwest::Error,
    },
    /// A request of the demo was refused.
    #[error("the demo's server answered {what} with {status}: {answer}\nits log: {}", .log.display())]
    Refused {
        /// Which.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The answer.
        answer: String,
        /// The server's log.
        log: PathBuf,
    },
    /// Something did not happen in time.
    #[error("after {} s the demo still waits {until}; the server's log: {}", .after.as_secs(), .log.display())]
    Stuck {
        /// What was waited for.
        until: &'static str,
        /// How long.
        after: Duration,
        /// The server's log.
        log: PathBuf,
    },
    /// The demo saw something else than it promises.
    #[error("the demo did not hold what it promises:\n  {}\nthe server's log: {}", .broken.join("\n  "), .log.display())]
    NotHeld {
        /// What did not hold.
        broken: Vec<String>,
        /// The server's log.
        log: PathBuf,
    },
    /// Somebody pressed ^C.
    #[error("the demo was interrupted; nothing of it is left running")]
    Interrupted,
}
