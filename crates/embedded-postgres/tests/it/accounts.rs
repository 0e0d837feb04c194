//! As root and as an ordinary user. Only root can be both.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use gathering_embedded_postgres::{Cluster, Error, check_data_dir};
use nix::unistd::User;

use crate::process::Process;
use crate::scratch::{Scratch, ask, is_root, options};

/// Whether this process is root; otherwise says that the test has been left out.
fn root() -> bool {
    if !is_root() {
        println!("skipped: only root can act as two users");
    }
    is_root()
}

fn nobody() -> User {
    User::from_name("nobody").unwrap().unwrap()
}

#[test]
fn an_ordinary_user_runs_a_cluster_of_their_own() {
    let scratch = Scratch::new();
    if !root() {
        assert_eq!(ask(&scratch.start().url(), "SELECT 1"), "1");
        return;
    }
    let home = scratch.0.join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(nobody().uid.as_raw()), Some(nobody().gid.as_raw())).unwrap();
    fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
    let copy = scratch.0.join("binary");

    let killed = Process::start_as(&nobody(), &home.join("data"), &copy);
    ask(&killed.url, "CREATE TABLE kept AS SELECT 7 AS n");
    killed.kill9();
    let again = Process::start_as(&nobody(), &home.join("data"), &scratch.0.join("binary2"));
    assert!(again.is_manager);
    assert_eq!(ask(&again.url, "SELECT n FROM kept"), "7");
    again.end();
}

#[test]
fn root_runs_a_cluster_as_the_owner_of_its_data() {
    if !root() {
        return;
    }
    let scratch = Scratch::new();
    chown(&scratch.0, Some(nobody().uid.as_raw()), Some(nobody().gid.as_raw())).unwrap();
    let as_root = scratch.start();
    assert_eq!(scratch.owner().0, nobody().uid.as_raw());
    as_root.stop();
    assert_eq!(ask(&scratch.start().url(), "SELECT 1"), "1", "and again");
}

#[test]
fn root_and_the_owner_can_take_turns() {
    if !root() {
        return;
    }
    let scratch = Scratch::new();
    let home = scratch.0.join("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(nobody().uid.as_raw()), Some(nobody().gid.as_raw())).unwrap();
    Process::start_as(&nobody(), &home, &scratch.0.join("binary")).end();
    Cluster::start(&options(&home)).unwrap().stop();
    Process::start_as(&nobody(), &home, &scratch.0.join("binary2")).end();
}

#[test]
fn a_directory_that_postgres_cannot_pass_is_named_with_the_remedy() {
    if !root() {
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(&scratch.0, Permissions::from_mode(0o700)).unwrap();
    let data_dir = scratch.0.join("some/where");
    for error in [
        check_data_dir(&data_dir).unwrap_err(),
        Cluster::start(&options(&data_dir)).unwrap_err(),
    ] {
        assert!(
            matches!(&error, Error::Unreachable { blocked_at, .. } if *blocked_at == scratch.0),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains(&format!("chmod o+x {}", scratch.0.display())),
            "{error}"
        );
    }
    assert!(!data_dir.exists(), "nothing was made");
}

#[test]
fn programs_that_postgres_cannot_reach_are_named_before_anything_is_made() {
    if !root() {
        return;
    }
    let (scratch, closed) = (Scratch::new(), Scratch::new());
    let error = Cluster::start(&scratch.options().binaries(closed_binaries(&closed))).unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { blocked_at, .. } if *blocked_at == closed.0),
        "{error}"
    );
    assert!(!scratch.data().exists());
}

/// Programs in a directory that only root can enter.
fn closed_binaries(closed: &Scratch) -> gathering_embedded_postgres::Binaries {
    for program in ["postgres", "initdb"] {
        let file = closed.0.join(program);
        fs::write(&file, "#!/bin/sh\necho 'postgres (PostgreSQL) 15.4'\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&closed.0, Permissions::from_mode(0o700)).unwrap();
    gathering_embedded_postgres::Binaries::at(&closed.0).unwrap()
}
