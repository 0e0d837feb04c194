//! How a server is to be started.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a server is to be started. The developer's own `GATHERING_*` and `DATABASE_URL` do not reach it.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub(super) binary: PathBuf,
    pub(super) variables: Vec<(String, String)>,
    pub(super) arguments: Vec<String>,
    pub(super) start_limit: Duration,
}

impl ServerOptions {
    /// The binary at this path, usually `env!("CARGO_BIN_EXE_gathering")`, with open registration, without limits on how
    /// often somebody may ask, and a minute to start. A
    /// database must be said: see [`database_url`](Self::database_url) and [`data_dir`](Self::data_dir).
    pub fn new(binary: impl AsRef<Path>) -> Self {
        let options = Self {
            binary: binary.as_ref().to_path_buf(),
            variables: Vec::new(),
            arguments: Vec::new(),
            start_limit: Duration::from_mins(1),
        };
        options
            .env("GATHERING_REGISTRATION", "open")
            .env("GATHERING_RATE_LIMITS", "off")
    }

    /// On this database.
    #[must_use]
    pub fn database_url(self, url: &str) -> Self {
        self.env("DATABASE_URL", url)
    }

    /// On its own embedded database in this directory.
    #[must_use]
    pub fn data_dir(self, dir: &Path) -> Self {
        self.env("GATHERING_DATA_DIR", &dir.display().to_string())
    }

    /// Lets tools and actions reach private addresses: comma-separated networks or hosts, such as `127.0.0.1`.
    #[must_use]
    pub fn allow_outbound(self, allow: &str) -> Self {
        self.env("GATHERING_OUTBOUND_ALLOW", allow)
    }

    /// With this environment variable; the last of one name counts.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this argument after `serve`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The longest that it may take to say where it listens.
    #[must_use]
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start_limit = limit;
        self
    }
}
