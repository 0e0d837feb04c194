//! A real Redis for a test.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a start may take.
const STARTING: Duration = Duration::from_secs(30);
/// Whoever binds the port between looking for a free one and the start has it; then another one is looked for.
const TRIES: usize = 10;
/// Where `cargo xtask setup` keeps packages that any user of the machine may run.
const SHARED_CACHE: &str = "/var/cache/gathering";
/// Keeps a Redis for as long as its standard input is open, and this process holds the other end: it dies with the test, however that dies.
const KEEPER: &str = r#""$@" >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null"#;

/// A Redis on a port of its own, in a directory of its own; it holds everything in memory, and dies with the value or the process.
#[derive(Debug)]
pub struct TestRedis {
    port: u16,
    options: Vec<String>,
    directory: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    keeper: Child,
    pid: Pid,
}

impl TestRedis {
    /// One without a password.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One with these options of `redis-server`, such as `--requirepass`.
    pub async fn start_with(options: &[&str]) -> Self {
        let directory = directory();
        for _ in 0..TRIES {
            let mut redis = Self {
                port: free_port(),
                options: options.iter().map(|&option| option.to_owned()).collect(),
                directory: directory.clone(),
                running: None,
            };
            if redis.try_start().await {
                return redis;
            }
        }
        panic!(
            "no Redis for the test: {} did not start on any of {TRIES} ports",
            program().display()
        );
    }

    /// Where it is, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a command and gives the whole reply as Redis writes it (RESP), such as `+OK` or `:3`.
    pub async fn command(&self, words: &[&str]) -> String {
        let reply = self.try_command(words).await;
        reply.unwrap_or_else(|error| panic!("Redis did not answer {words:?}: {error}"))
    }

    /// Kills it as a crash would; everything in it is lost.
    pub fn kill9(&mut self) {
        self.running = None;
    }

    /// Starts it again, empty, at the same address.
    pub async fn restart(&mut self) {
        self.running = None;
        assert!(
            self.try_start().await,
            "Redis did not start again on port {}",
            self.port
        );
    }

    /// Halts it: it still accepts connections, and answers nothing.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let sent = self.running.as_ref().map(|running| kill(running.pid, signal));
        assert_eq!(sent, Some(Ok(())), "could not send {signal} to Redis");
    }

    /// `false` where it ends at once, as when somebody else has its port.
    async fn try_start(&mut self) -> bool {
        self.running = Some(self.spawn());
        crate::until("Redis answers", STARTING, async || {
            if self
                .try_command(&["PING"])
                .await
                .is_ok_and(|reply| reply.starts_with(['+', '-']))
            {
                return Some(true);
            }
            let alive = self
                .running
                .as_ref()
                .is_some_and(|running| kill(running.pid, None).is_ok());
            (!alive).then_some(false)
        })
        .await
    }

    fn spawn(&self) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(program());
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(&self.directory).args(&self.options);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut keeper = command
            .spawn()
            .unwrap_or_else(|error| panic!("could not run sh: {error}"));
        let mut line = String::new();
        if let Some(output) = keeper.stdout.take() {
            std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).ok();
        }
        let pid = line.trim().parse().map(Pid::from_raw);
        let pid = pid.unwrap_or_else(|_error| panic!("sh did not say which process Redis is, but {line:?}"));
        Running { keeper, pid }
    }

    async fn try_command(&self, words: &[&str]) -> std::io::Result<String> {
        let told: Vec<String> = words
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()))
            .collect();
        let told = told.concat();
        // After QUIT it closes the connection, so the reply is whole.
        let request = format!("*{}\r\n{told}*1\r\n$4\r\nQUIT\r\n", words.len());
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        Ok(reply.strip_suffix("+OK\r\n").unwrap_or(&reply).to_owned())
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.running = None;
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill(self.pid, Signal::SIGKILL).ok();
        // The keeper ends when its input does.
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

fn directory() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("gathering-redis-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("could not create {}: {error}", path.display()));
    path
}

fn free_port() -> u16 {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.unwrap_or_else(|error| panic!("no free port: {error}")).port()
}

/// The program, looked for where `cargo xtask setup` looks (xtask/src/setup/redis.rs).
fn program() -> PathBuf {
    let chosen = std::env::var_os("REDIS_SERVER")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = ["redis-server", "valkey-server"];
    let mut installed = named
        .iter()
        .flat_map(|name| in_path.iter().map(move |folder| folder.join(name)));
    let mut cached = caches().into_iter().flat_map(|cache| cached_in(&cache));
    chosen
        .or_else(|| installed.find(|path| path.is_file()))
        .or_else(|| cached.find(|path| path.is_file()))
        .unwrap_or_else(|| panic!("this test needs a Redis: `cargo xtask setup` installs one, or says what to type"))
}

fn cached_in(cache: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cache).into_iter().flatten().filter_map(Result::ok);
    let packages = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("valkey-"));
    packages.map(|entry| entry.path().join("bin/valkey-server")).collect()
}

fn caches() -> Vec<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let of_user = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let of_user = of_user.map(|cache| cache.join("gathering"));
    std::iter::once(Path::new(SHARED_CACHE).to_path_buf())
        .chain(of_user)
        .collect()
}
