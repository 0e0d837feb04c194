//! Circuit breakers that flap, whose probe fails or dies, and that see failures and successes mixed; with two server processes.

use std::time::Duration;

use gathering_testkit::{Answer, Client, Receiver, TestDatabase, eventually, until};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::breakers::{LIMIT, ended, save, start, two_servers};

/// How many nodes the runs under a flapping breaker have.
const NODES: usize = 2_000;

async fn count(database: &TestDatabase, sql: &str) -> i64 {
    let connection = database.pool().await.get().await.unwrap();
    connection.query_one(sql, &[]).await.unwrap().get(0)
}

async fn save_many(client: &Client, url: &str) -> String {
    let node = |number: usize| {
        let config = json!({"action": "call_api", "method": "POST", "url": url});
        json!({"id": format!("n{number}"), "type": "action", "config": config})
    };
    let nodes: Vec<Value> = (0..NODES).map(node).collect();
    let breaker = json!({"scope": "host", "failures": 3, "open": "1s", "multiplier": 1, "max_open": "1s"});
    let definition = json!({"defaults": {"breaker": breaker}, "nodes": nodes, "edges": []});
    let saved = client
        .post("/api/v1/pipelines", &json!({"name": "many", "definition": definition}))
        .await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_breaker_that_flaps_fills_neither_journal_nor_log_and_its_runs_are_cancelled_within_a_second() {
    let receiver = Receiver::start();
    receiver.answer("/pay", Answer::status(503));
    let (database, _, [mut one, mut other]) = two_servers().await;
    let client = one.register_and_login("ada@example.org").await;
    let elsewhere = client.at(&other);
    let pipeline = save_many(&client, &receiver.url("/pay")).await;
    let runs = [
        start(&client, &pipeline).await,
        start(&elsewhere, &pipeline).await,
        start(&client, &pipeline).await,
    ];
    let opened = "SELECT count(*) FROM breaker_changes WHERE reason = 'probe_failed'";
    eventually("the breaker to open again and again", LIMIT, async || {
        count(&database, opened).await >= 5
    })
    .await;
    let held = "SELECT count(*) FROM run_journal WHERE kind = 'node_held'";
    let before = count(&database, held).await;
    eventually("it to open more often", LIMIT, async || {
        count(&database, opened).await >= 8
    })
    .await;
    assert_eq!(count(&database, held).await, before, "all were held before");
    let most = i64::try_from(NODES * runs.len()).unwrap();
    assert!(before <= most, "{before}: each node is held for the first time once");

    for run in &runs {
        let asked = Instant::now();
        let cancelled = elsewhere.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
        let took = asked.elapsed();
        assert_eq!(
            (cancelled.status, &cancelled.json["status"]),
            (200, &json!("cancelled"))
        );
        assert!(took < Duration::from_secs(1), "a cancel took {took:?}");
    }
    for server in [&mut one, &mut other] {
        server.terminate(LIMIT).await;
        let told = server.log().matches("a circuit breaker changed").count();
        // Two at most in the first ten seconds, and one in each ten seconds after.
        assert!(told <= 8, "{told} lines of one breaker");
    }
}

#[tokio::test]
async fn when_the_instance_that_probes_is_killed_another_probes_long_before_the_right_lapses() {
    let receiver = Receiver::start();
    receiver.answer("/pay", Answer::status(503));
    let (_database, _, [one, other]) = two_servers().await;
    let client = one.register_and_login("ada@example.org").await;
    let breaker = json!({"scope": "host", "failures": 1, "open": "1s"});
    let pipeline = save(&client, &receiver.url("/pay"), &breaker).await;
    let failed = start(&client, &pipeline).await;
    assert_eq!(ended(&client, &failed).await["status"], "failed");
    receiver.answers("/pay", [Answer::status(200).delay(LIMIT), Answer::status(200)]);
    let probing = start(&client, &pipeline).await;
    eventually("the run to probe", LIMIT, async || {
        receiver.requests_to("/pay").len() == 2
    })
    .await;
    let before = changes(&client).await;
    assert_eq!(before[0]["reason"], "probe_started");
    let probes = one.log().contains(before[0]["instance_id"].as_str().unwrap());
    let (mut dies, mut lives) = if probes { (one, other) } else { (other, one) };
    let elsewhere = client.at(&lives);
    let waiting = start(&elsewhere, &pipeline).await;
    until("the other to wait for it", LIMIT, async || {
        let run = elsewhere.get(&format!("/api/v1/runs/{waiting}")).await.json;
        (run["nodes"][0]["status"] == "waiting").then_some(())
    })
    .await;
    dies.kill9();
    let killed = Instant::now();
    for run in [&waiting, &probing] {
        assert_eq!(ended(&elsewhere, run).await["status"], "completed");
    }
    let took = killed.elapsed();
    assert!(
        took < Duration::from_secs(7),
        "{took:?}: the right would have lapsed after ten seconds"
    );
    let seen = changes(&elsewhere).await;
    let reasons: Vec<_> = seen.iter().map(|change| &change["reason"]).collect();
    assert_eq!(
        reasons,
        [
            "probe_succeeded",
            "probe_started",
            "probe_lost",
            "probe_started",
            "threshold_reached"
        ]
    );
    lives.terminate(LIMIT).await;
}

/// What happened to the only breaker, newest first.
async fn changes(client: &Client) -> Vec<Value> {
    let listed = client.get("/api/v1/breakers").await.json;
    let path = format!("/api/v1/breakers/{}", listed["items"][0]["id"].as_str().unwrap());
    let seen = client.get(&path).await.json;
    seen["changes"].as_array().unwrap().clone()
}

/// Of 120 calls over both servers, so many of each twenty fail, evenly spread. Gives the breaker.
async fn breaker_after(failures_of_twenty: usize) -> Value {
    let receiver = Receiver::start();
    let fails = |call: usize| call * failures_of_twenty % 20 < failures_of_twenty;
    let answers = (0..120).map(|call| Answer::status(if fails(call) { 503 } else { 200 }));
    receiver.answers("/pay", answers);
    let (_database, _, [mut one, mut other]) = two_servers().await;
    let client = one.register_and_login("ada@example.org").await;
    let elsewhere = client.at(&other);
    let breaker =
        json!({"scope": "host", "rate": 0.5, "minimum": 40, "open": "1h", "max_open": "1h", "when_open": "fail"});
    let pipeline = save(&client, &receiver.url("/pay"), &breaker).await;
    for _ in 0..60 {
        let runs = [start(&client, &pipeline).await, start(&elsewhere, &pipeline).await];
        for run in &runs {
            ended(&client, run).await;
        }
    }
    let seen = client.get("/api/v1/breakers").await.json["items"][0].clone();
    one.terminate(LIMIT).await;
    other.terminate(LIMIT).await;
    seen
}

#[tokio::test]
async fn of_a_rate_of_one_half_seven_failures_of_twenty_open_nothing_over_two_servers() {
    let seen = breaker_after(7).await;
    assert_eq!(
        (&seen["status"], &seen["failures"]),
        (&json!("closed"), &json!(42)),
        "{seen}"
    );
}

#[tokio::test]
async fn of_a_rate_of_one_half_thirteen_failures_of_twenty_open_it_over_two_servers() {
    let seen = breaker_after(13).await;
    assert_eq!(
        (&seen["status"], &seen["opened"]),
        (&json!("open"), &json!(1)),
        "{seen}"
    );
}
