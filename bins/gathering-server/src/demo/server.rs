//! The server of the demo: this very program, as a process that can be killed.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::error::Error;
use super::folder::Folder;

/// How long the server may take to listen, which includes making a database.
const START_LIMIT: Duration = Duration::from_mins(2);
/// How long it may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// What it is told itself, so that it stops well before that.
const SHUTDOWN_DEADLINE: &str = "1s";

/// A process that runs `gathering serve`; killed when the value is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it in `folder`, allowed to reach `outbound`.
    pub(super) fn spawn(folder: &Folder, outbound: SocketAddr) -> Result<Self, Error> {
        let refused = |source| Error::System {
            action: "start its server",
            source,
        };
        let mut child = command(folder, outbound)?.spawn().map_err(refused)?;
        let missing = || refused(io::Error::other("the standard output of the process is missing"));
        let out = child.stdout.take().ok_or_else(missing)?;
        Ok(Self {
            child,
            out: BufReader::new(out),
        })
    }

    /// Waits until it listens, and gives where.
    pub(super) async fn listens(&mut self, folder: &Folder) -> Result<String, Error> {
        let mut line = String::new();
        let read = timeout(START_LIMIT, self.out.read_line(&mut line)).await;
        let Ok(read) = read else {
            return Err(Error::ServerSilent {
                after: START_LIMIT,
                log: folder.log(),
            });
        };
        read.map_err(|source| Error::System {
            action: "read what its server says",
            source,
        })?;
        match line.trim_end().strip_prefix("listening on ") {
            Some(url) => Ok(url.to_owned()),
            None => Err(self.ended(folder).await),
        }
    }

    /// The number of the process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Kills it as nothing can prevent, and waits for its end.
    pub(super) async fn kill(mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(|source| Error::System {
            action: "kill its server",
            source,
        })
    }

    /// Asks it to stop, and kills it if it does not.
    pub(super) async fn stop(mut self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        let asked = pid.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGTERM).is_ok());
        if asked && timeout(STOP_LIMIT, self.child.wait()).await.is_ok() {
            return;
        }
        // It fails where the process has ended, which is what was wanted.
        self.child.kill().await.ok();
    }

    async fn ended(&mut self, folder: &Folder) -> Error {
        match self.child.wait().await {
            Ok(status) => Error::ServerEnded {
                status,
                last: folder.last_of_log(),
                log: folder.log(),
            },
            Err(source) => Error::System {
                action: "wait for its server",
                source,
            },
        }
    }
}

fn command(folder: &Folder, outbound: SocketAddr) -> Result<Command, Error> {
    let program = std::env::current_exe().map_err(|source| Error::System {
        action: "find its own program",
        source,
    })?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "text", "--data-dir"])
        .arg(folder.path());
    // What the user has set for a server of their own must not decide what the demo does, or to whose data.
    for (name, _) in std::env::vars_os() {
        if name == "DATABASE_URL" || name.as_encoded_bytes().starts_with(b"GATHERING_") {
            command.env_remove(name);
        }
    }
    // The one that stays may be relative to where the user is, while the server runs where no gathering.toml is.
    if let Some(dir) = std::env::var_os("PG_BIN_DIR").and_then(|dir| std::path::absolute(dir).ok()) {
        command.env("PG_BIN_DIR", dir);
    }
    command
        .current_dir(folder.path())
        .env("GATHERING_OUTBOUND_ALLOW", outbound.to_string())
        .env("GATHERING_SHUTDOWN_DEADLINE", SHUTDOWN_DEADLINE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(folder.append_log()?)
        // ^C reaches the demo alone, which then stops its server.
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}
