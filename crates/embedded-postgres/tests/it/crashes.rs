//! Processes that die without a word.

use crate::process::Process;
use crate::scratch::{Scratch, ask, eventually, kill9, runs};

#[test]
fn after_the_manager_was_killed_the_next_start_has_all_data() {
    let scratch = Scratch::new();
    let killed = Process::start(&scratch.0);
    ask(&killed.url, "CREATE TABLE kept AS SELECT 7 AS n");
    let postgres = killed.postgres;
    killed.kill9();

    let cluster = scratch.start();
    assert!(cluster.is_manager());
    assert_eq!(ask(&cluster.url(), "SELECT n FROM kept"), "7");
    assert_ne!(cluster.pid().unwrap(), postgres);
    assert!(!runs(postgres));
}

#[test]
#[cfg(target_os = "linux")]
fn postgres_does_not_outlive_the_manager() {
    let scratch = Scratch::new();
    let killed = Process::start(&scratch.0);
    let postgres = killed.postgres;
    killed.kill9();
    eventually("PostgreSQL stops", || !runs(postgres));
    eventually("it stops cleanly", || !scratch.data().join("postmaster.pid").exists());
}

#[test]
fn after_both_were_killed_the_next_start_recovers() {
    let scratch = Scratch::new();
    let killed = Process::start(&scratch.0);
    ask(&killed.url, "CREATE TABLE kept AS SELECT 7 AS n");
    kill9(killed.postgres);
    killed.kill9();
    assert!(
        scratch.data().join("postmaster.pid").exists(),
        "a stale pid file is left"
    );

    let cluster = scratch.start();
    assert_eq!(ask(&cluster.url(), "SELECT n FROM kept"), "7");
}

#[test]
fn a_killed_manager_is_followed_again_and_again() {
    let scratch = Scratch::new();
    for expected in 0..5 {
        let killed = Process::start(&scratch.0);
        assert!(killed.is_manager);
        ask(&killed.url, "CREATE TABLE IF NOT EXISTS starts (n int)");
        assert_eq!(ask(&killed.url, "SELECT count(*) FROM starts"), expected.to_string());
        ask(&killed.url, "INSERT INTO starts VALUES (1)");
        killed.kill9();
    }
}
