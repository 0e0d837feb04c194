//! `gathering demo`, as a process: it ends well, says so, and leaves nothing running.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use gathering_testkit::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Directory, binary};

const LIMIT: Duration = Duration::from_mins(1);

/// The demo, with its temporary files in `directory`. What is set for a server must not matter to it.
fn demo(directory: &Directory) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("demo")
        .env("TMPDIR", &directory.0)
        .env("GATHERING_LISTEN", "nonsense")
        .env("DATABASE_URL", "nonsense")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
}

/// The directories of the demos that ran there.
fn left(directory: &Directory) -> Vec<PathBuf> {
    std::fs::read_dir(&directory.0)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a process has `what` in its command line; where processes cannot be listed, none is assumed.
fn is_running(what: &Path) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    let arguments = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
    let wanted = what.display().to_string();
    let mut running = processes.filter_map(Result::ok).map(arguments);
    running.any(|arguments| String::from_utf8_lossy(&arguments).contains(&wanted))
}

#[test]
fn a_killed_server_is_restarted_and_its_run_completes_each_node_once() {
    let directory = Directory::new();
    let output = demo(&directory).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for said in [
        "killed; in flight: count_code, count_documents",
        "restarted as process",
        "the run completed although its server was killed",
        "the journal has the end of each node once: 11 completed, 1 skipped",
        "in flight, so asked twice, by the same key: count_code, count_documents",
    ] {
        assert!(text.contains(said), "no `{said}` in:\n{text}");
    }
    assert_eq!(text.matches("completed once").count(), 11, "{text}");
    assert!(!text.contains('\u{1b}'), "colours without a terminal:\n{text}");
    let found = left(&directory);
    assert_eq!(found.len(), 1);
    assert!(
        std::fs::read_to_string(found[0].join("report.md"))
            .unwrap()
            .contains("| code |")
    );
    assert!(found[0].join("pipeline.json").is_file());
    assert!(!found[0].join("postgres").exists(), "the database is still there");
    assert!(!is_running(&directory.0));
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_behind() {
    let directory = Directory::new();
    let mut demo = demo(&directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let database = || {
        left(&directory)
            .first()
            .is_some_and(|dir| dir.join("postgres/data/postmaster.pid").exists())
    };
    eventually("the demo has a database", LIMIT, async || database()).await;
    kill(Pid::from_raw(i32::try_from(demo.id()).unwrap()), Signal::SIGINT).unwrap();
    eventually("the demo ends", LIMIT, async || demo.try_wait().unwrap().is_some()).await;
    let output = demo.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("interrupted"), "{}", text(&output));
    assert_eq!(left(&directory), Vec::<PathBuf>::new());
    assert!(!is_running(&directory.0));
}

#[test]
fn without_postgresql_the_demo_says_why_and_where_to_look() {
    let directory = Directory::new();
    let output = demo(&directory)
        .env("PG_BIN_DIR", directory.0.join("empty"))
        .output()
        .unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("ended before it listened") && text.contains("server.log"),
        "{text}"
    );
    assert!(!is_running(&directory.0));
}
