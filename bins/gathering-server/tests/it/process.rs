//! The binary as a process: settings, signals, restarts, and two of them on one database.

use std::process::{Command, Output};
use std::time::Duration;

use gathering_testkit::{Answer, Receiver, Server, ServerOptions, TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::{Directory, Site, anonymous, binary};

const LIMIT: Duration = Duration::from_secs(30);

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

#[tokio::test]
async fn everything_survives_kill_9_of_a_server_on_its_embedded_database() {
    let directory = Directory::new();
    let options = ServerOptions::new(binary()).data_dir(&directory.0);
    let mut first = Server::spawn(&options).await;
    let client = first.register_and_login("ada@example.org").await;
    let new = json!({"name": "kept", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    let created = client.post("/api/v1/pipelines", &new).await;
    assert_eq!(created.status, 201, "{created:?}");
    first.kill9();

    let second = Server::spawn(&options).await;
    let path = format!("/api/v1/pipelines/{}", created.json["id"].as_str().unwrap());
    // The token of before is still good: the keys are in the database, too.
    assert_eq!(client.at(&second).get(&path).await.json, created.json);
    let again = second.register_and_login("bob@example.org").await;
    assert_eq!(again.get("/api/v1/auth/me").await.status, 200);
}

#[tokio::test]
async fn two_servers_on_one_database_accept_each_others_tokens() {
    let one = Site::start().await;
    let other = one.beside().await;
    let ada = one.with_user("ada@example.org").await;
    let bob = other.with_user("bob@example.org").await;
    assert_eq!(
        other
            .with_token(ada.token())
            .send("GET", "/api/v1/auth/me", None)
            .await
            .status,
        200
    );
    assert_eq!(
        one.with_token(bob.token())
            .send("GET", "/api/v1/auth/me", None)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn at_sigterm_a_node_in_flight_ends_before_the_server_does() {
    let receiver = Receiver::start();
    receiver.answer("/slow", Answer::status(200).delay(Duration::from_secs(2)));
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let mut server = Server::spawn(&options).await;
    let client = server.register_and_login("ada@example.org").await;
    let action =
        json!({"id": "call", "type": "action", "config": {"action": "call_api", "url": receiver.url("/slow")}});
    let new = json!({"name": "slow", "definition": {"nodes": [action]}});
    let pipeline = client.post("/api/v1/pipelines", &new).await;
    let path = format!("/api/v1/pipelines/{}/runs", pipeline.json["id"].as_str().unwrap());
    let run = client.post(&path, &json!({})).await;
    receiver.wait_for(1, LIMIT).await;

    let (ended, alive) = tokio::join!(server.terminate(LIMIT), async {
        // The listener stays open while the node is in flight, and readiness sends requests elsewhere.
        eventually("readiness says so", Duration::from_secs(1), async || {
            let ready = client.get("/health/ready").await;
            ready.status == 503 && ready.json["code"] == "draining"
        })
        .await;
        client.get("/health/live").await
    });
    assert_eq!(alive.status, 200);
    assert_eq!(alive.headers.get("connection").map(String::as_str), Some("close"));
    assert_eq!(ended.code(), Some(0));

    let next = Server::spawn(&options).await;
    let path = format!("/api/v1/runs/{}", run.json["id"].as_str().unwrap());
    let client = client.at(&next);
    eventually("the run has ended", LIMIT, async || {
        client.get(&path).await.json["status"] == "completed"
    })
    .await;
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_server_without_work_ends_at_once_with_0_at_sigterm() {
    let database = TestDatabase::new().await;
    let mut server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    // A connection that is kept open must not hold it up.
    let client = server.client();
    assert_eq!(client.get("/health/live").await.status, 200);
    assert_eq!(server.terminate(Duration::from_secs(10)).await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once_and_the_next_one_goes_on() {
    let receiver = Receiver::start();
    receiver.answers("/", [Answer::status(200).delay(LIMIT), Answer::status(200)]);
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let mut server = Server::spawn(&options).await;
    let client = server.register_and_login("ada@example.org").await;
    let action = json!({"id": "call", "type": "action", "config": {"action": "call_api", "url": receiver.url("/")}});
    let pipeline = client
        .post(
            "/api/v1/pipelines",
            &json!({"name": "x", "definition": {"nodes": [action]}}),
        )
        .await;
    let path = format!("/api/v1/pipelines/{}/runs", pipeline.json["id"].as_str().unwrap());
    let run = client.post(&path, &json!({})).await;
    receiver.wait_for(1, LIMIT).await;

    let first = Command::new("kill")
        .args(["-TERM", &server.pid().to_string()])
        .status()
        .unwrap();
    assert!(first.success());
    eventually("it drains", LIMIT, async || {
        client.get("/health/ready").await.status == 503
    })
    .await;
    assert_eq!(server.terminate(LIMIT / 2).await.code(), Some(1));
    assert!(server.log().contains("stopped at once, at the second signal"));

    let next = Server::spawn(&options).await;
    let path = format!("/api/v1/runs/{}", run.json["id"].as_str().unwrap());
    let client = client.at(&next);
    eventually("the run has ended", LIMIT, async || {
        client.get(&path).await.json["status"] == "completed"
    })
    .await;
    let keys: Vec<_> = receiver
        .requests()
        .iter()
        .map(|request| request.idempotency_key().unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn every_log_line_is_json_and_carries_the_request_id() {
    let site = Site::start().await;
    let refused = anonymous(&site)
        .send_with("GET", "/api/v1/runs", None, &[("x-request-id", "mine-1")])
        .await;
    assert_eq!(refused.status, 401);
    eventually("the request is logged", LIMIT, async || site.log().contains("mine-1")).await;
    let lines: Vec<Value> = site
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let line = lines.iter().find(|line| line["request_id"] == "mine-1").unwrap();
    assert_eq!(
        (&line["message"], &line["status"], &line["path"]),
        (&json!("request refused"), &json!(401), &json!("/api/v1/runs"))
    );
    assert!(
        lines
            .iter()
            .all(|line| line["time"].is_string() && line["level"].is_string() && line["target"].is_string())
    );
}
