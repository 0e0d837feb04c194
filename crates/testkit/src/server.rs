//! The real `gathering` binary, as a process.

mod client;
mod options;
mod output;

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

pub use client::{Client, Response};
pub use options::ServerOptions;
use output::Output;

/// What the first line of its output starts with.
const LISTENING: &str = "listening on ";

/// The password of those whom [`Server::register_and_login`] makes.
const PASSWORD: &str = "a password for the tests 7";

/// A running server; killed when the value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    output: Output,
    base: String,
}

impl Server {
    /// Starts `gathering serve` on a free port of 127.0.0.1, and waits until it says where it listens.
    pub async fn spawn(options: &ServerOptions) -> Self {
        let output = Output::new();
        let mut child = command(options, &output);
        let what = format!("{} says where it listens", options.binary.display());
        let line = crate::until(&what, options.start_limit, async || {
            let ended = child.try_wait().ok().flatten();
            assert!(
                ended.is_none(),
                "the server ended ({ended:?}) before it listened:\n{}",
                output.log()
            );
            output.first_line()
        })
        .await;
        let base = line.strip_prefix(LISTENING).map(str::to_owned);
        let base = base.unwrap_or_else(|| panic!("the first line of output is no `{LISTENING}…`, but: {line}"));
        Self { child, output, base }
    }

    /// Where `path`, such as `/api/v1/runs`, is.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its standard error so far: its log.
    pub fn log(&self) -> String {
        self.output.log()
    }

    /// A client without a token.
    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// Registers a user with this address, logs in, and gives a client with the token.
    pub async fn register_and_login(&self, email: &str) -> Client {
        let mut client = self.client();
        let registered = client
            .post("/api/v1/auth/register", &json!({"email": email, "password": PASSWORD}))
            .await;
        assert_eq!(registered.status, 202, "{registered:?}");
        client.log_in(email, PASSWORD).await;
        client
    }

    /// Kills the process as nothing can prevent, and waits for its end.
    pub fn kill9(&mut self) {
        self.child
            .kill()
            .unwrap_or_else(|error| panic!("could not kill the server: {error}"));
        self.child
            .wait()
            .unwrap_or_else(|error| panic!("could not wait for the server: {error}"));
    }

    /// How it ended, once it has, be it by itself or killed by somebody.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends SIGTERM, and waits for nothing.
    pub fn tell_to_stop(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends SIGTERM, and waits at most `limit` for the end.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait(limit).await
    }

    /// Halts the process, as a long pause would; it still holds its connections.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a halted process go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Waits at most `limit` for the process to end by itself.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        crate::until("the server ends", limit, async || self.child.try_wait().ok().flatten()).await
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        let sent = pid.map(|pid| kill(pid, signal));
        assert!(
            matches!(sent, Ok(Ok(()))),
            "could not send {signal} to the server: {sent:?}"
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("the end of the server's log:\n{}", self.output.log_end());
        }
    }
}

fn command(options: &ServerOptions, output: &Output) -> Child {
    let mut command = Command::new(&options.binary);
    command
        .arg("serve")
        .args(["--listen", "127.0.0.1:0"])
        .args(&options.arguments);
    // What the developer's shell has set must not decide what a test sees.
    let inherited = std::env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name == "DATABASE_URL" || name.as_encoded_bytes().starts_with(b"GATHERING_")) {
        command.env_remove(name);
    }
    command.envs(options.variables.iter().map(|(name, value)| (name, value)));
    command
        .stdin(Stdio::null())
        .stdout(output.stdout())
        .stderr(output.stderr());
    command
        .spawn()
        .unwrap_or_else(|error| panic!("could not run {}: {error}", options.binary.display()))
}
