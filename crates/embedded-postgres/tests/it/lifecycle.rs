//! Start, use, stop, start again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gathering_embedded_postgres::{Cluster, Error, Options};

use crate::scratch::{PATIENCE, Scratch, ask, eventually, kill9, runs};

#[test]
fn data_are_kept_between_starts() {
    let scratch = Scratch::new();
    let cluster = scratch.start();
    ask(&cluster.url(), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
    let (url, pid) = (cluster.url(), cluster.pid().unwrap());
    cluster.stop();
    assert!(!runs(pid));
    assert!(!scratch.data().join("postmaster.pid").exists());

    let cluster = scratch.start();
    assert_eq!(ask(&cluster.url(), "SELECT n FROM kept"), "7");
    assert_eq!(cluster.url(), url);
}

#[test]
fn nobody_else_can_reach_the_cluster() {
    let scratch = Scratch::new();
    let cluster = scratch.start();
    assert_eq!(ask(&cluster.url(), "SHOW listen_addresses"), "");
    let mode = fs::metadata(cluster.socket_dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(
        fs::metadata(scratch.data()).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn the_products_role_owns_its_database_and_is_no_superuser() {
    let scratch = Scratch::new();
    let cluster = scratch.start();
    let role = "SELECT current_user, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user";
    assert_eq!(ask(&cluster.url(), role), "gathering|f|f");
    assert_eq!(ask(&cluster.admin_url("gathering"), role), "postgres|t|t");
    let database = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), lower('Ä') FROM pg_database \
                    WHERE datname = current_database()";
    assert_eq!(ask(&cluster.url(), database), "gathering|UTF8|ä");
}

#[test]
fn commits_reach_the_disk_unless_the_options_say_otherwise() {
    let scratch = Scratch::new();
    let settings = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings \
                    WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')";
    let durable = Cluster::start(&Options::new(&scratch.0).max_connections(20).start_timeout(PATIENCE)).unwrap();
    assert_eq!(ask(&durable.url(), settings), "on on on");
    assert_eq!(ask(&durable.url(), "SHOW max_connections"), "20");
    durable.stop();
    assert_eq!(ask(&scratch.start().url(), settings), "off off on");
}

#[test]
fn a_restart_ends_all_sessions_and_keeps_the_url() {
    let scratch = Scratch::new();
    let mut cluster = scratch.start();
    let (url, pid) = (cluster.url(), cluster.pid().unwrap());
    cluster.restart().unwrap();
    assert_ne!(cluster.pid().unwrap(), pid);
    assert_eq!(ask(&url, "SELECT 1"), "1");
}

#[test]
fn a_postgres_that_was_killed_comes_back_by_a_restart() {
    let scratch = Scratch::new();
    let mut cluster = scratch.start();
    ask(&cluster.url(), "CREATE TABLE kept AS SELECT 7 AS n");
    let pid = cluster.pid().unwrap();
    assert!(!cluster.has_died());
    kill9(pid);
    eventually("PostgreSQL is gone", || cluster.pid().is_none() && cluster.has_died());
    cluster.restart().unwrap();
    assert!(!cluster.has_died());
    assert_eq!(ask(&cluster.url(), "SELECT n FROM kept"), "7");
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_no_hindrance() {
    let scratch = Scratch::new();
    let long = scratch
        .0
        .join("with spaces, commas, 'quotes' and ünusual letters".repeat(3));
    let cluster = Cluster::start(&crate::scratch::options(&long)).unwrap();
    assert_eq!(ask(&cluster.url(), "SELECT 1"), "1");
    assert!(!cluster.socket_dir().starts_with(&scratch.0));
    let socket_dir = cluster.socket_dir().to_path_buf();
    cluster.stop();
    assert!(!socket_dir.exists(), "nothing is left in the temporary directory");
}

#[test]
fn data_of_another_major_version_are_refused_and_not_touched() {
    let scratch = Scratch::new();
    scratch.start().stop();
    let version = scratch.data().join("PG_VERSION");
    fs::write(&version, "9\n").unwrap();
    let error = Cluster::start(&scratch.options()).unwrap_err();
    assert!(matches!(error, Error::OtherMajor { data: 9, .. }), "{error}");
    assert!(error.to_string().contains("install PostgreSQL 9"), "{error}");
    assert_eq!(fs::read_to_string(&version).unwrap(), "9\n");
    assert!(!scratch.data().join("postmaster.pid").exists());
}
