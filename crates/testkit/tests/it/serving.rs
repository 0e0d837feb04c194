//! Processes. The real server's own tests use the real one; here a script stands for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use gathering_testkit::{Answer, Receiver, Server, ServerOptions};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(10);

/// An executable of this text, in the directory that cargo gives to tests.
fn script(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Written by another process: a file that this one has open for writing cannot be run.
    let part = path.with_extension("part");
    fs::write(&part, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o755)).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-p")
        .arg(&part)
        .arg(&path)
        .status();
    assert!(copied.unwrap().success());
    path
}

#[tokio::test]
async fn a_server_is_there_when_it_says_where_it_listens_and_ends_when_it_is_told() {
    let text = r#"echo "listening on http://127.0.0.1:1"; echo "log: $* $DATABASE_URL" >&2; trap 'exit 0' TERM
                  while :; do sleep 0.01; done"#;
    let options = ServerOptions::new(script("well_behaved", text))
        .database_url("postgresql://db")
        .argument("--quick");
    let mut server = Server::spawn(&options).await;
    assert_eq!(server.url("/health/live"), "http://127.0.0.1:1/health/live");
    assert_eq!(server.terminate(LIMIT).await.code(), Some(0));
    assert_eq!(
        server.log(),
        "log: serve --listen 127.0.0.1:0 --quick postgresql://db\n"
    );
}

#[tokio::test]
async fn a_server_that_does_not_want_to_end_is_killed() {
    let text = "trap '' TERM; echo 'listening on http://127.0.0.1:1'; while :; do sleep 0.01; done";
    let mut server = Server::spawn(&ServerOptions::new(script("stubborn", text))).await;
    server.kill9();
    assert_eq!(server.wait(LIMIT).await.signal(), Some(9));
}

#[tokio::test]
#[should_panic(expected = "before it listened:\nno database")]
async fn a_server_that_ends_at_once_fails_the_test_with_its_log() {
    Server::spawn(&ServerOptions::new(script("broken", "echo 'no database' >&2; exit 1"))).await;
}

#[tokio::test]
async fn a_user_is_registered_and_logged_in() {
    let receiver = Receiver::start();
    receiver.answer("/api/v1/auth/register", Answer::status(202));
    receiver.answer(
        "/api/v1/auth/login",
        Answer::json(&json!({"access_token": "t0ken", "token_type": "Bearer"})),
    );
    let text = format!("echo 'listening on {}'; while :; do sleep 0.01; done", receiver.url(""));
    let server = Server::spawn(&ServerOptions::new(script("front", &text))).await;

    let client = server.register_and_login("ada@example.org").await;
    assert_eq!(client.get("/api/v1/auth/me").await.status, 200);
    let requests = receiver.requests();
    assert_eq!(requests[0].json()["email"], "ada@example.org");
    assert_eq!(requests[2].header("authorization"), Some("Bearer t0ken"));
}
