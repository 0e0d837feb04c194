//! Cancelling many runs by a filter, over HTTP, with two instances.

use std::time::Duration;

use gathering_testkit::history::History;
use gathering_testkit::{Answer, Client, Receiver, Server, ServerOptions, TestDatabase, eventually, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Raw, Site, binary};

const LIMIT: Duration = Duration::from_mins(1);
/// Runs that each of two instances works on.
const RUNNING: usize = 100;
const QUEUED: usize = 10_000;

async fn save(client: &Client, definition: Value) -> String {
    let new = json!({"name": "many", "definition": definition});
    let saved = client.post("/api/v1/pipelines", &new).await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().unwrap().to_owned()
}

/// Starts that many runs over these instances, 50 at a time.
async fn start(clients: &[Client], pipeline: &str, count: usize) {
    let mut starting = JoinSet::new();
    let path = format!("/api/v1/pipelines/{pipeline}/runs");
    for worker in 0..50 {
        let (client, path) = (clients[worker % clients.len()].clone(), path.clone());
        starting.spawn(async move {
            for _ in (worker..count).step_by(50) {
                let started = client.post(&path, &json!({"labels": {"batch": "many"}})).await;
                assert_eq!(started.status, 202, "{}", started.json);
            }
        });
    }
    starting.join_all().await;
}

/// Repeats until nothing remains; gives how many were cancelled.
async fn walk(client: &Client, filter: &Value) -> u64 {
    let (mut body, mut cancelled) = (filter.clone(), 0);
    loop {
        let done = client.post("/api/v1/runs/cancel", &body).await;
        assert_eq!(done.status, 200, "{}", done.json);
        cancelled += done.json["cancelled"].as_u64().unwrap();
        body["cursor"] = done.json["next_cursor"].clone();
        if body["cursor"].is_null() {
            assert_eq!(done.json["remaining"], 0);
            return cancelled;
        }
    }
}

async fn count(database: &TestDatabase, status: &str) -> usize {
    let sql = "SELECT count(*)::text FROM runs WHERE status = $1";
    database.texts(sql, status).await.unwrap()[0].parse().unwrap()
}

/// Two servers that work on as many runs as they may, for minutes, while the others wait in the queue; and somebody who asks the first.
async fn busy(database: &TestDatabase, receiver: &Receiver) -> ([Server; 2], Client) {
    receiver.answer("/slow", Answer::status(200).delay(Duration::from_mins(5)));
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .env("GATHERING_MAX_RUNS_IN_MEMORY", &RUNNING.to_string())
        .allow_outbound("127.0.0.1");
    let servers = [Server::spawn(&options).await, Server::spawn(&options).await];
    let client = servers[0].register_and_login("ada@example.org").await;
    // Longer than a test may last: on a slow machine the usual 30 s are over before it is.
    let call = json!({"action": "call_api", "url": receiver.url("/slow"), "timeout": "5m"});
    let slow = save(
        &client,
        json!({"nodes": [{"id": "call", "type": "action", "config": call}]}),
    )
    .await;
    let clients = [client.clone(), client.at(&servers[1])];
    start(&clients, &slow, 2 * RUNNING + QUEUED).await;
    receiver.wait_for(2 * RUNNING, LIMIT).await;
    (servers, client)
}

/// Asks the server to cancel and kills it once it has cancelled some; gives how many are cancelled then.
async fn killed_in_the_middle(server: &mut Server, client: &Client, filter: &Value, database: &TestDatabase) -> usize {
    let before = count(database, "cancelled").await;
    let asking = client
        .request(reqwest::Method::POST, "/api/v1/runs/cancel")
        .json(filter);
    let killing = async {
        until("the walk to be under way", LIMIT, async || {
            (count(database, "cancelled").await > before).then_some(())
        })
        .await;
        server.kill9();
    };
    let (_answer, ()) = tokio::join!(client.try_send(asking), killing);
    count(database, "cancelled").await
}

#[tokio::test]
async fn ten_thousand_runs_are_cancelled_although_the_server_that_was_asked_is_killed_in_the_middle() {
    let (database, receiver) = (TestDatabase::new().await, Receiver::start());
    let ([mut asked, mut other], client) = busy(&database, &receiver).await;
    let stranger = other.register_and_login("eve@example.org").await;
    let delay = json!({"nodes": [{"id": "d", "type": "delay", "config": {"duration": "1h"}}]});
    let foreign = save(&stranger, delay).await;
    start(std::slice::from_ref(&stranger), &foreign, 1).await;

    let part = json!({"labels": {"batch": "many"}, "limit": 500});
    let progress = client.post("/api/v1/runs/cancel", &part).await.json;
    assert_eq!(
        (&progress["matched"], &progress["cancelled"]),
        (&json!(500), &json!(500)),
        "{progress}"
    );
    assert_eq!(
        (&progress["remaining"], &progress["remaining_is_exact"]),
        (&json!(9_700), &json!(true))
    );
    let filter = json!({"labels": {"batch": "many"}, "limit": 5_000, "reason": "too many"});
    let before = killed_in_the_middle(&mut asked, &client, &filter, &database).await;

    let begun = Instant::now();
    let client = client.at(&other);
    let cancelled = walk(&client, &filter).await;
    println!(
        "{before} were cancelled before the kill, {cancelled} over the other one in {:?}",
        begun.elapsed()
    );
    eventually("every connection to be closed", Duration::from_secs(1), async || {
        receiver
            .requests()
            .iter()
            .all(gathering_testkit::Received::closed_early)
    })
    .await;
    assert_eq!(count(&database, "cancelled").await, 2 * RUNNING + QUEUED);
    assert_eq!(walk(&client, &filter).await, 0, "a repeated walk finds nothing");
    let theirs = stranger.get("/api/v1/runs").await.json;
    assert_eq!(theirs["items"][0]["finished_at"], Value::Null, "{theirs}");
    assert_eq!(walk(&stranger, &json!({"all": true})).await, 1);
    other.terminate(LIMIT).await;
    History::read(&database.url(), Some(&receiver)).await.assert_sound();
}

#[tokio::test]
async fn what_is_to_be_cancelled_must_be_said_and_every_mistake_is_named() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let cancel = async |body: Value| site.send("POST", "/api/v1/runs/cancel", Some(&body)).await;
    for (body, pointer) in [
        (json!({}), "/all"),
        (json!({"limit": 10}), "/all"),
        (json!({"all": true, "status": "queued"}), "/all"),
        (json!({"status": "asleep"}), "/status"),
        (json!({"status": "completed"}), "/status"),
        (json!({"all": true, "limit": 0}), "/limit"),
        (json!({"all": true, "limit": 5_001}), "/limit"),
        (json!({"all": true, "cursor": "x"}), "/cursor"),
        (json!({"labels": {"": "x"}}), "/labels/"),
        (json!({"labels": ["x"]}), "/labels"),
        (json!({"created_before": "yesterday"}), "/created_before"),
        (
            json!({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"}),
            "/created_before",
        ),
        (json!({"all": true, "reason": "x".repeat(1_001)}), "/reason"),
    ] {
        let refused = cancel(body.clone()).await;
        assert_eq!(
            (refused.status, &refused.json["code"]),
            (422, &json!("invalid_request")),
            "{body}"
        );
        assert_eq!(refused.problems()[0]["pointer"], pointer, "{}", refused.text);
    }
    let asleep = cancel(json!({"status": "asleep"})).await;
    assert_eq!(asleep.problems()[0]["message"], "must be queued, running or waiting");
    let other_way = site.raw(Raw::get("/api/v1/runs/cancel")).await;
    assert_eq!((other_way.status, other_way.header("allow")), (405, "POST".to_owned()));
    let nothing = cancel(json!({"all": true})).await;
    let none = json!({"matched": 0, "cancelled": 0, "already_ended": 0, "remaining": 0, "remaining_is_exact": true,
        "next_cursor": null});
    assert_eq!((nothing.status, nothing.json), (200, none));
}

#[tokio::test]
async fn a_strangers_project_is_neither_touched_nor_seen_and_lists_take_the_same_filters() {
    let site = Site::start().await;
    let (ada, eve) = (
        site.with_user("ada@example.org").await,
        site.with_user("eve@example.org").await,
    );
    let delay = json!({"nodes": [{"id": "d", "type": "delay", "config": {"duration": "1h"}}]});
    let pipeline = ada.pipeline(&delay).await;
    let blue = ada
        .start_run(&pipeline, &json!({"labels": {"team": "blue", "env": "test"}}))
        .await;
    ada.start_run(&pipeline, &json!({"labels": {"team": "red"}})).await;

    let project = ada.send("GET", "/api/v1/auth/me", None).await.json["default_project_id"].clone();
    let theirs = json!({"all": true, "project_id": project});
    let refused = eve.send("POST", "/api/v1/runs/cancel", Some(&theirs)).await;
    assert_eq!((refused.status, &refused.json["code"]), (404, &json!("not_found")));
    let by_pipeline = json!({"pipeline_id": pipeline});
    let none = eve.send("POST", "/api/v1/runs/cancel", Some(&by_pipeline)).await;
    assert_eq!(
        (none.status, &none.json["matched"], &none.json["remaining"]),
        (200, &json!(0), &json!(0))
    );

    let list = async |query: &str| {
        let path = format!("/api/v1/runs?{query}");
        let found = ada.send("GET", &path, None).await;
        assert_eq!(found.status, 200, "{}", found.text);
        found.json["items"].as_array().unwrap().clone()
    };
    let blues = list("labels=%7B%22team%22%3A%22blue%22%7D").await;
    assert_eq!((blues.len(), &blues[0]["id"]), (1, &json!(blue)));
    assert_eq!(list("").await.len(), 2);
    let created = blues[0]["created_at"].as_str().unwrap();
    assert_eq!(list(&format!("created_before={created}")).await.len(), 0);
    assert_eq!(list(&format!("created_after={created}")).await.len(), 2);
    let nonsense = ada
        .send("GET", "/api/v1/runs?labels=blue&created_after=now", None)
        .await;
    let problems: Vec<_> = nonsense
        .problems()
        .iter()
        .map(|problem| problem["parameter"].clone())
        .collect();
    assert_eq!(
        (nonsense.status, problems),
        (422, vec![json!("labels"), json!("created_after")])
    );

    let done = ada
        .send(
            "POST",
            "/api/v1/runs/cancel",
            Some(&json!({"labels": {"team": "blue"}})),
        )
        .await;
    assert_eq!(
        (&done.json["cancelled"], &done.json["remaining"]),
        (&json!(1), &json!(0)),
        "{}",
        done.text
    );
    assert_eq!(ada.ended_run(&blue).await["status"], "cancelled");
}
