//! `gathering demo`, as a process: it ends well, says so, and leaves nothing running.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gathering_testkit::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A directory for the temporary files of one demo, which PostgreSQL's account can pass through; removed with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("gathering-demo-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn demo(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gathering"));
        // What is set for a server must not matter.
        command.arg("demo").env("TMPDIR", &self.0).env("GATHERING_LISTEN", "nonsense").env("DATABASE_URL", "nonsense");
        command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        command
    }

    /// The directories of the demos that ran here.
    fn left(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn is_running(what: &Path) -> bool {
    let arguments = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
    let wanted = what.display().to_string();
    let mut running = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(arguments);
    running.any(|arguments| String::from_utf8_lossy(&arguments).contains(&wanted))
}

#[test]
fn a_killed_server_is_restarted_and_its_run_completes_each_node_once() {
    let scratch = Scratch::new("whole");
    let output = scratch.demo().output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for said in [
        "killed; in flight: count_code, count_documents",
        "restarted as process",
        "the run completed although its server was killed",
        "the journal has the end of each node once: 11 completed, 1 skipped",
        "what was in flight was asked for again, under the same key: count_code, count_documents",
    ] {
        assert!(text.contains(said), "no `{said}` in:\n{text}");
    }
    assert_eq!(text.matches("completed once").count(), 11, "{text}");
    assert!(!text.contains('\u{1b}'), "colours without a terminal:\n{text}");
    let left = scratch.left();
    assert_eq!(left.len(), 1);
    assert!(std::fs::read_to_string(left[0].join("report.md")).unwrap().contains("| code |"));
    assert!(left[0].join("pipeline.json").is_file());
    assert!(!left[0].join("postgres").exists(), "the database is still there");
    assert!(!is_running(&scratch.0));
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_behind() {
    let scratch = Scratch::new("interrupted");
    let mut demo = scratch.demo().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let database = || scratch.left().first().is_some_and(|dir| dir.join("postgres/data/postmaster.pid").exists());
    eventually(Duration::from_secs(60), async || database()).await;
    kill(Pid::from_raw(i32::try_from(demo.id()).unwrap()), Signal::SIGINT).unwrap();
    eventually(Duration::from_secs(60), async || demo.try_wait().unwrap().is_some()).await;
    let output = demo.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("interrupted"), "{}", text(&output));
    assert_eq!(scratch.left(), Vec::<PathBuf>::new());
    assert!(!is_running(&scratch.0));
}

#[test]
fn without_postgresql_the_demo_says_why_and_where_to_look() {
    let scratch = Scratch::new("nothing");
    let output = scratch.demo().env("PG_BIN_DIR", scratch.0.join("empty")).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("ended before it listened") && text.contains("server.log"), "{text}");
    assert!(!is_running(&scratch.0));
}
