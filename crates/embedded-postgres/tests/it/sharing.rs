//! Several processes on one data directory.

use gathering_embedded_postgres::Error;

use crate::process::Process;
use crate::scratch::{Scratch, ask, eventually};

#[test]
fn of_two_that_start_at_once_one_manages_and_both_are_served() {
    let scratch = Scratch::new();
    let binary = std::env::current_exe().unwrap();
    let spawned = [(); 2].map(|()| Process::spawn(&scratch.0, &binary, None));
    let [first, second] = spawned.map(Process::ready);
    assert_ne!(first.is_manager, second.is_manager);
    assert_eq!(first.postgres, second.postgres);

    let (manager, client) = if first.is_manager {
        (first, second)
    } else {
        (second, first)
    };
    client.end();
    assert_eq!(ask(&manager.url, "SELECT 1"), "1", "the end of a client stops nothing");
    manager.end();
}

#[test]
fn a_client_can_become_the_manager_when_the_manager_is_gone() {
    let scratch = Scratch::new();
    let manager = Process::start(&scratch.0);
    let mut client = scratch.start();
    assert!(!client.is_manager());
    assert!(matches!(client.restart().unwrap_err(), Error::NotManager { .. }));

    manager.kill9();
    eventually("its PostgreSQL stops", || client.pid().is_none());
    let successor = scratch.start();
    assert!(successor.is_manager());
    assert_eq!(ask(&client.url(), "SELECT 1"), "1", "the client's address still holds");
}
