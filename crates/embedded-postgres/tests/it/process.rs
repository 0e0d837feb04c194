//! Another process with a cluster, to be killed: this test binary, run once more.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use gathering_embedded_postgres::Cluster;

use crate::scratch::{kill9, options};

/// Names, for the process, the data directory to start.
const DATA_DIR: &str = "CLUSTER_PROCESS_DATA_DIR";

/// A process that has started a cluster, and holds it until it is told to end.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(crate) url: String,
    pub(crate) is_manager: bool,
    pub(crate) postgres: u32,
}

impl Process {
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::ready(Self::spawn(data_dir, &std::env::current_exe().unwrap(), None))
    }

    /// The same as another user, from a copy of this binary that this user can reach.
    pub(crate) fn start_as(user: &nix::unistd::User, data_dir: &Path, copy: &Path) -> Self {
        // By another process: a file that this one has open for writing cannot be run, and a fork elsewhere keeps it open.
        let copied = Command::new("cp")
            .arg(std::env::current_exe().unwrap())
            .arg(copy)
            .status();
        assert!(copied.unwrap().success());
        fs::set_permissions(copy, fs::Permissions::from_mode(0o755)).unwrap();
        Self::ready(Self::spawn(data_dir, copy, Some(user)))
    }

    /// Without waiting for the cluster.
    pub(crate) fn spawn(data_dir: &Path, binary: &Path, user: Option<&nix::unistd::User>) -> Child {
        let mut command = Command::new(binary);
        command.args([
            "--exact",
            "process::be_a_process_with_a_cluster",
            "--ignored",
            "--nocapture",
        ]);
        command
            .env(DATA_DIR, data_dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command.spawn().unwrap()
    }

    /// Waits for the line that says what the process has.
    pub(crate) fn ready(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let line = stdout
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("cluster: "));
        let line = line.expect("the process says what it has");
        let words: Vec<&str> = line.rsplit(' ').take(3).collect();
        Self {
            stdin: child.stdin.take(),
            stdout,
            url: words[2].to_owned(),
            is_manager: words[1] == "manager",
            postgres: words[0].parse().unwrap(),
            child,
        }
    }

    pub(crate) fn kill9(mut self) {
        kill9(self.child.id());
        self.child.wait().unwrap();
    }

    /// Lets the process end by itself.
    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        self.stdout.read_to_end(&mut Vec::new()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
#[ignore = "no test: what the other tests start as a process"]
fn be_a_process_with_a_cluster() {
    let Some(data_dir) = std::env::var_os(DATA_DIR).map(PathBuf::from) else {
        return;
    };
    let cluster = Cluster::start(&options(&data_dir)).unwrap();
    let role = if cluster.is_manager() { "manager" } else { "client" };
    println!("cluster: {} {role} {}", cluster.url(), cluster.pid().unwrap());
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
