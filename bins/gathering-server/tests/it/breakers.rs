//! Circuit breakers over HTTP, with two server processes.

use std::time::Duration;

use gathering_testkit::{Answer, Client, Receiver, Server, ServerOptions, TestDatabase, until};
use serde_json::{Value, json};

use crate::support::binary;

/// Longer than anything takes here unless it is broken.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// Two servers on one database that may call the receiver.
pub(crate) async fn two_servers() -> (TestDatabase, ServerOptions, [Server; 2]) {
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let servers = [Server::spawn(&options).await, Server::spawn(&options).await];
    (database, options, servers)
}

pub(crate) async fn save(client: &Client, url: &str, breaker: &Value) -> String {
    let config = json!({"action": "call_api", "method": "POST", "url": url});
    let node = json!({"id": "call", "type": "action", "config": config, "breaker": breaker});
    let new = json!({"name": "calls", "definition": {"nodes": [node]}});
    let saved = client.post("/api/v1/pipelines", &new).await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn start(client: &Client, pipeline: &str) -> String {
    let started = client
        .post(&format!("/api/v1/pipelines/{pipeline}/runs"), &json!({}))
        .await;
    assert_eq!(started.status, 202, "{}", started.json);
    started.json["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn ended(client: &Client, run: &str) -> Value {
    until("the run to end", LIMIT, async || {
        let seen = client.get(&format!("/api/v1/runs/{run}")).await.json;
        seen["finished_at"].is_string().then_some(seen)
    })
    .await
}

async fn start_hundred(client: &Client, elsewhere: &Client, pipeline: &str) -> Vec<String> {
    let mut runs = Vec::new();
    for _ in 0..50 {
        runs.extend([start(client, pipeline).await, start(elsewhere, pipeline).await]);
    }
    runs
}

/// Four calls opened the breaker; the fifth was the probe, whose answer took four seconds.
fn assert_nobody_called_beside_the_probe(receiver: &Receiver) {
    let mut requests = receiver.requests_to("/pay");
    requests.sort_by_key(|request| request.received_at);
    assert_eq!(requests.len(), 104, "each run called once");
    let probed_at = requests[4].received_at;
    for request in &requests[5..] {
        let after = request.received_at.duration_since(probed_at);
        assert!(after.as_secs() >= 4, "a call {after:?} after the probe");
    }
}

#[tokio::test]
async fn two_servers_count_together_a_restart_changes_nothing_and_one_of_a_hundred_runs_probes() {
    let receiver = Receiver::start();
    receiver.answer("/pay", Answer::status(503));
    let (_database, options, [mut one, mut other]) = two_servers().await;
    let client = one.register_and_login("ada@example.org").await;
    let elsewhere = client.at(&other);
    let breaker = json!({"scope": "host", "failures": 4, "open": "8s"});
    let pipeline = save(&client, &receiver.url("/pay"), &breaker).await;
    for client in [&client, &elsewhere, &client, &elsewhere] {
        let run = start(client, &pipeline).await;
        assert_eq!(ended(client, &run).await["status"], "failed");
    }
    let list = elsewhere.get("/api/v1/breakers").await.json;
    let opened = list["items"][0].clone();
    let key = format!("host:{}", receiver.address());
    assert_eq!(
        (&opened["key"], &opened["status"], &opened["opened"]),
        (&json!(key), &json!("open"), &json!(1))
    );

    // Both die, and the breaker is open all the same.
    one.kill9();
    other.kill9();
    let (mut one, mut other) = (Server::spawn(&options).await, Server::spawn(&options).await);
    let (client, elsewhere) = (client.at(&one), client.at(&other));
    let path = format!("/api/v1/breakers/{}", opened["id"].as_str().unwrap());
    let seen = client.get(&path).await.json;
    assert_eq!(seen["changes"][0]["reason"], "threshold_reached");
    // The first answer is slow, so that everybody has come meanwhile.
    let slow = Answer::status(200).delay(Duration::from_secs(4));
    receiver.answers("/pay", [slow, Answer::status(200)]);
    let runs = start_hundred(&client, &elsewhere, &pipeline).await;
    for run in &runs {
        assert_eq!(ended(&client, run).await["status"], "completed");
    }
    assert_nobody_called_beside_the_probe(&receiver);
    let closed = client.get(&path).await.json;
    assert_eq!(closed["status"], "closed");
    let reasons: Vec<_> = closed["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["reason"])
        .collect();
    assert_eq!(reasons, ["probe_succeeded", "probe_started", "threshold_reached"]);
    one.terminate(LIMIT).await;
    other.terminate(LIMIT).await;
}

#[tokio::test]
async fn a_breaker_is_reset_by_whose_it_is_and_by_nobody_else() {
    let receiver = Receiver::start();
    receiver.answer("/pay", Answer::status(503));
    let (_database, _, [mut works, mut asked]) = two_servers().await;
    let client = works.register_and_login("ada@example.org").await;
    let breaker = json!({"name": "payments", "failures": 1, "open": "1h", "max_open": "1h"});
    let pipeline = save(&client, &receiver.url("/pay"), &breaker).await;
    let failed = start(&client, &pipeline).await;
    assert_eq!(ended(&client, &failed).await["status"], "failed");
    let waiting = start(&client, &pipeline).await;
    let held = until("the run to wait", LIMIT, async || {
        let run = client.get(&format!("/api/v1/runs/{waiting}")).await.json;
        (run["status"] == "waiting").then_some(run)
    })
    .await;
    let node = &held["nodes"][0];
    assert_eq!((&node["status"], &node["attempts"]), (&json!("waiting"), &json!(0)));
    assert_eq!(node["waiting"]["breaker"]["key"], "name:payments");

    let list = |status: &str| format!("/api/v1/breakers?status={status}");
    assert_eq!(client.get(&list("closed")).await.json["items"], json!([]));
    let wrong = client.get(&list("broken")).await;
    assert_eq!((wrong.status, &wrong.json["code"]), (422, &json!("invalid_request")));
    let open = client.get(&list("open")).await.json["items"][0].clone();
    assert_eq!(
        (&open["key"], &open["rules"]["failures"], &open["rules"]["open"]),
        (&json!("name:payments"), &json!(1), &json!("1h"))
    );
    let path = format!("/api/v1/breakers/{}", open["id"].as_str().unwrap());
    let stranger = works.register_and_login("eve@example.org").await;
    assert_eq!(stranger.get("/api/v1/breakers").await.json["items"], json!([]));
    for answer in [
        stranger.get(&path).await,
        stranger.post(&format!("{path}/reset"), &json!({})).await,
        client
            .get("/api/v1/breakers/00000000-0000-7000-8000-000000000000")
            .await,
    ] {
        assert_eq!((answer.status, &answer.json["code"]), (404, &json!("not_found")));
    }

    receiver.answer("/pay", Answer::status(200));
    let elsewhere = client.at(&asked);
    let reset = elsewhere.post(&format!("{path}/reset"), &json!({})).await;
    assert_eq!((reset.status, &reset.json["status"]), (200, &json!("closed")));
    assert_eq!(reset.json["changes"][0]["reason"], "reset");
    assert!(reset.json["changes"][0]["user_id"].is_string(), "{}", reset.json);
    assert_eq!(ended(&client, &waiting).await["status"], "completed");
    assert_eq!(receiver.requests_to("/pay").len(), 2);
    works.terminate(LIMIT).await;
    asked.terminate(LIMIT).await;
}
