//! The command line: usage, settings, migrations.

use std::process::{Command, Output};

use gathering_testkit::TestDatabase;
use serde_json::Value;

use crate::support::{Directory, binary};

/// Runs the binary to its end, without the settings of whoever runs the tests.
fn gathering(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let directory = Directory::new();
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name == "DATABASE_URL" || name.as_encoded_bytes().starts_with(b"GATHERING_") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(&directory.0)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn wrong_settings_are_all_refused_at_start_with_the_nearest_right_name() {
    let directory = Directory::new();
    let file = directory.0.join("own.toml");
    std::fs::write(&file, "lissten = \"127.0.0.1:0\"\nmax_pipeline_nodes = 0\n").unwrap();
    let file = file.display().to_string();
    let arguments = ["serve", "--config", &file, "--log-format", "jsno"];
    let ended = gathering(&arguments, &[("GATHERING_REGISTRATON", "open")]);
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(text(&ended.stdout), "");
    assert_eq!(
        text(&ended.stderr),
        format!(
            "gathering: 4 problems in the settings; nothing was started:\n  \
             - {file}: `lissten` is no setting; did you mean `listen`?\n  \
             - GATHERING_REGISTRATON: is no setting; did you mean `GATHERING_REGISTRATION`?\n  \
             - --log-format: `jsno` is none of json, text; did you mean `json`?\n  \
             - {file}: max_pipeline_nodes: `0` is no whole number from 1 to 100000\n\
             `gathering config` prints every setting with its default.\n"
        )
    );
}

#[test]
fn wrong_usage_is_refused_with_exit_code_2() {
    for arguments in [&["srve"][..], &["serve", "--prot", "1"], &[]] {
        assert_eq!(gathering(arguments, &[]).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn config_prints_every_setting_with_its_source_and_no_password() {
    let variables = [
        ("DATABASE_URL", "postgres://ada:secret@db/x"),
        ("GATHERING_REGISTRATION", "open"),
    ];
    let printed = gathering(&["config", "--json", "--listen", "127.0.0.1:1"], &variables);
    assert_eq!(printed.status.code(), Some(0));
    assert!(!text(&printed.stdout).contains("secret"));
    let settings: Vec<Value> = serde_json::from_slice(&printed.stdout).unwrap();
    let of = |name: &str| {
        let setting = settings.iter().find(|setting| setting["setting"] == name).unwrap();
        (setting["value"].as_str().unwrap(), setting["source"].as_str().unwrap())
    };
    assert_eq!(of("listen"), ("127.0.0.1:1", "flag --listen"));
    assert_eq!(of("registration"), ("open", "variable GATHERING_REGISTRATION"));
    assert_eq!(of("database_url"), ("postgres://ada:***@db/x", "variable DATABASE_URL"));
    assert_eq!(of("shutdown_deadline"), ("30s", "default"));

    let columns = text(&gathering(&["config"], &variables).stdout);
    assert!(!columns.contains("secret"));
    for setting in &settings {
        let name = setting["setting"].as_str().unwrap();
        assert!(columns.lines().any(|line| line.starts_with(name)), "{name}");
    }
}

#[tokio::test]
async fn migrate_prints_what_it_applied_and_then_that_nothing_is_left() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let variables = [("DATABASE_URL", url.as_str())];
    let first = gathering(&["migrate"], &variables);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert!(text(&first.stdout).starts_with("applied V1"), "{}", text(&first.stdout));
    let second = gathering(&["migrate"], &variables);
    assert_eq!(
        (second.status.code(), text(&second.stdout).as_str()),
        (Some(0), "the database is up to date\n")
    );
}

#[test]
fn a_database_that_cannot_be_used_is_named_and_the_exit_code_is_1() {
    let ended = gathering(
        &["migrate"],
        &[("DATABASE_URL", "postgres://localhost/x?no_such_option=1")],
    );
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        text(&ended.stderr).contains("the database cannot be used; look at database_url"),
        "{}",
        text(&ended.stderr)
    );
}

#[test]
fn a_port_that_is_taken_is_told_before_a_database_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = Directory::new();
    let data_dir = directory.0.join("data");
    let ended = gathering(
        &[
            "serve",
            "--listen",
            &address,
            "--data-dir",
            &data_dir.display().to_string(),
        ],
        &[],
    );
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        text(&ended.stderr).contains("cannot listen on"),
        "{}",
        text(&ended.stderr)
    );
    assert!(!data_dir.exists());
}
