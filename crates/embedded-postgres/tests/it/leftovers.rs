//! What a start finds of those before it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use gathering_embedded_postgres::{Cluster, Error, find_binaries};

use crate::process::Process;
use crate::scratch::{Scratch, ask, eventually, is_root, kill9};

/// A process of the user who owns the cluster's data.
fn spawn_as_owner(scratch: &Scratch, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/");
    if is_root() {
        let (uid, gid) = scratch.owner();
        command.uid(uid).gid(gid);
    }
    command.spawn().unwrap()
}

#[test]
fn a_pid_file_whose_number_means_another_process_does_not_stand_in_the_way() {
    let scratch = Scratch::new();
    scratch.start().stop();
    let mut other = spawn_as_owner(&scratch, "sleep", &["600"]);
    let stale = format!("{}\n{}\n1700000000\n5432\n\n\n", other.id(), scratch.data().display());
    fs::write(scratch.data().join("postmaster.pid"), &stale).unwrap();
    fs::write(scratch.0.join("postgres/socket/.s.PGSQL.5432.lock"), &stale).unwrap();

    let cluster = scratch.start();
    assert_eq!(ask(&cluster.url(), "SELECT 1"), "1");
    assert!(other.try_wait().unwrap().is_none(), "the other process goes on");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_pid_file_that_makes_no_sense_does_not_stand_in_the_way() {
    let scratch = Scratch::new();
    scratch.start().stop();
    fs::write(scratch.data().join("postmaster.pid"), "").unwrap();
    assert_eq!(ask(&scratch.start().url(), "SELECT 1"), "1");
}

#[test]
fn a_postgres_that_somebody_started_by_hand_is_used_and_not_stopped() {
    let scratch = Scratch::new();
    scratch.start().stop();
    let socket_dir = scratch.0.join("postgres/socket");
    let postgres = find_binaries().unwrap().program("postgres");
    let sockets = format!("unix_socket_directories={}", socket_dir.display());
    let data = scratch.data();
    let arguments = [
        "-D",
        data.to_str().unwrap(),
        "-c",
        "listen_addresses=",
        "-c",
        &sockets,
        "-p",
        "5499",
    ];
    let mut by_hand = spawn_as_owner(&scratch, postgres.to_str().unwrap(), &arguments);
    eventually("it is ready", || {
        fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|text| text.contains("ready"))
    });

    let cluster = scratch.start();
    assert!(!cluster.is_manager());
    assert_eq!(ask(&cluster.url(), "SHOW port"), "5499");
    cluster.stop();
    assert!(by_hand.try_wait().unwrap().is_none(), "it goes on");
    kill9(by_hand.id());
    by_hand.wait().unwrap();
}

#[test]
fn an_unfinished_cluster_is_removed_and_never_used() {
    let scratch = Scratch::new();
    let unfinished = scratch.0.join("postgres/data.new-4711");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    if is_root() {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(scratch.0.join("postgres"), fs::Permissions::from_mode(0o711)).unwrap();
    }
    assert_eq!(ask(&scratch.start().url(), "SELECT 1"), "1");
    assert!(!unfinished.exists());
}

#[test]
fn a_process_killed_while_it_makes_the_cluster_leaves_nothing_that_counts() {
    let scratch = Scratch::new();
    let mut killed = Process::spawn(&scratch.0, &std::env::current_exe().unwrap(), None);
    eventually("the cluster is under construction", || {
        let entries = fs::read_dir(scratch.0.join("postgres"));
        entries.is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.path().join("PG_VERSION").exists()))
        })
    });
    kill9(killed.id());
    killed.wait().unwrap();
    assert_eq!(ask(&scratch.start().url(), "SELECT 1"), "1");
    let unfinished = fs::read_dir(scratch.0.join("postgres")).unwrap().flatten();
    assert_eq!(
        unfinished
            .filter(|entry| entry.file_name().to_string_lossy().contains("new"))
            .count(),
        0
    );
}

#[test]
fn files_that_are_no_cluster_are_refused_and_not_touched() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.data()).unwrap();
    fs::write(scratch.data().join("letter.txt"), "dear").unwrap();
    let error = Cluster::start(&scratch.options()).unwrap_err();
    assert!(matches!(error, Error::NotACluster { .. }), "{error}");
    assert_eq!(fs::read_to_string(scratch.data().join("letter.txt")).unwrap(), "dear");
}
