//! The server as a process: signals, restarts, its log, and two of them on one database.

use std::process::Command;
use std::time::Duration;

use gathering_testkit::{Answer, Receiver, Server, ServerOptions, TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::{Directory, Site, anonymous, binary};

const LIMIT: Duration = Duration::from_secs(30);

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
    receiver.answer("/slow", Answer::status(200).delay(Duration::from_secs(5)));
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
        eventually("readiness says so", Duration::from_secs(4), async || {
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

#[tokio::test]
async fn the_line_of_a_request_about_a_run_carries_its_id() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let definition = json!({"nodes": [{"id": "start", "type": "trigger"}]});
    let run = site.start_run(&site.pipeline(&definition).await, &json!({})).await;
    let path = format!("/api/v1/runs/{run}/journal");
    site.send("GET", &path, None).await;
    anonymous(&site).send("GET", &path, None).await;
    eventually("the requests are logged", LIMIT, async || {
        let log = site.log();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let about = lines.filter(|line| line["run_id"] == run.as_str());
        let statuses: Vec<u64> = about.filter_map(|line| line["status"].as_u64()).collect();
        [200, 202, 401].iter().all(|status| statuses.contains(status))
    })
    .await;
}

#[tokio::test]
async fn after_sigterm_everything_goes_on_for_the_notice_but_for_readiness() {
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .env("GATHERING_SHUTDOWN_NOTICE", "10s");
    let mut server = Server::spawn(&options).await;
    let ada = server.register_and_login("ada@example.org").await;
    let client = server.client();
    let (ended, ()) = tokio::join!(server.terminate(LIMIT), async {
        eventually("the server is not ready", LIMIT, async || {
            client.get("/health/ready").await.status == 503
        })
        .await;
        let definition = json!({"nodes": [{"id": "start", "type": "trigger"}]});
        let new = json!({"name": "late", "definition": definition});
        let saved = ada.post("/api/v1/pipelines", &new).await;
        assert_eq!(saved.status, 201, "{saved:?}");
        let runs = format!("/api/v1/pipelines/{}/runs", saved.json["id"].as_str().unwrap());
        assert_eq!(ada.post(&runs, &json!({})).await.status, 202);
    });
    assert_eq!(ended.code(), Some(0));
}
