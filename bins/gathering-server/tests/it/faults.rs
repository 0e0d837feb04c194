//! Processes that die at any moment: nothing is lost, nothing is completed twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use gathering_testkit::{Answer, Client, Receiver, SeededEntropy, Server, ServerOptions, TestDatabase, until};
use serde_json::{Value, json};

use crate::support::{Directory, binary};

/// Longer than anything takes here unless it is broken.
const LIMIT: Duration = Duration::from_mins(1);

/// Thirty nodes that POST to the receiver: one, three branches of nine, a join and one, and one after it.
fn thirty_posts(url: &str) -> Value {
    let post = |id: &str| {
        let config = json!({"action": "call_api", "method": "POST", "url": url, "body": {"node": id}});
        json!({"id": id, "type": "action", "config": config, "retry": {"max_attempts": 5, "initial": "10ms"}})
    };
    let mut nodes = vec![post("first")];
    let mut edges = Vec::new();
    for branch in ["a", "b", "c"] {
        let mut before = "first".to_owned();
        for step in 1..=9 {
            let id = format!("{branch}{step}");
            nodes.push(post(&id));
            edges.push(json!({"from": before, "to": id}));
            before = id;
        }
        edges.push(json!({"from": before, "to": "both"}));
    }
    nodes.extend([json!({"id": "both", "type": "join"}), post("next"), post("last")]);
    edges.extend([
        json!({"from": "both", "to": "next"}),
        json!({"from": "next", "to": "last"}),
    ]);
    json!({"nodes": nodes, "edges": edges})
}

async fn save(client: &Client, definition: &Value) -> String {
    let saved = client
        .post("/api/v1/pipelines", &json!({"name": "posts", "definition": definition}))
        .await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    saved.json["id"].as_str().unwrap().to_owned()
}

async fn start(client: &Client, pipeline: &str) -> String {
    let started = client
        .post(&format!("/api/v1/pipelines/{pipeline}/runs"), &json!({}))
        .await;
    assert_eq!(started.status, 202, "{}", started.json);
    started.json["id"].as_str().unwrap().to_owned()
}

async fn completed(client: &Client, run: &str) {
    let ended = until("the run to end", LIMIT, async || {
        let seen = client.get(&format!("/api/v1/runs/{run}")).await;
        seen.json["finished_at"].is_string().then_some(seen.json)
    })
    .await;
    assert_eq!(ended["status"], "completed", "{ended}");
}

/// The nodes that the journal says completed, each as often as it says so.
async fn completions(client: &Client, run: &str) -> BTreeMap<String, usize> {
    let journal = client.get(&format!("/api/v1/runs/{run}/journal?limit=200")).await;
    let entries = journal.json["items"].as_array().unwrap();
    let mut counts = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["kind"] == "node_completed") {
        *counts.entry(entry["node"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let numbers: Vec<i64> = entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    let gapless: Vec<i64> = (1..).take(entries.len()).collect();
    assert_eq!(numbers, gapless, "the journal of {run} has a gap");
    counts
}

/// Each node once in the journal; each effect's key at least once at the receiver, and no key that belongs to none.
async fn assert_nothing_lost_or_doubled(client: &Client, runs: &[String], receiver: &Receiver) {
    let mut keys = BTreeSet::new();
    for run in runs {
        let counts = completions(client, run).await;
        assert_eq!(counts.len(), 31, "{counts:?}");
        assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        keys.extend(
            counts
                .keys()
                .filter(|node| *node != "both")
                .map(|node| format!("{run}/{node}")),
        );
    }
    let seen: BTreeSet<String> = receiver
        .requests()
        .iter()
        .map(|request| request.idempotency_key().unwrap().to_owned())
        .collect();
    assert_eq!(seen, keys);
}

fn on_embedded(data_dir: &Path) -> ServerOptions {
    ServerOptions::new(binary())
        .data_dir(data_dir)
        .allow_outbound("127.0.0.1")
}

#[tokio::test]
async fn a_server_killed_at_twenty_random_moments_loses_and_doubles_nothing() {
    let seed = std::env::var("GATHERING_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_122);
    println!("GATHERING_TEST_SEED={seed}");
    let chance = SeededEntropy::new(seed);
    let receiver = Receiver::start();
    receiver.answer("/post", Answer::status(200).delay(Duration::from_millis(15)));
    let home = Directory::new();
    let mut server = Server::spawn(&on_embedded(&home.0)).await;
    let mut client = server.register_and_login("ada@example.org").await;
    let pipeline = save(&client, &thirty_posts(&receiver.url("/post"))).await;
    let mut runs = Vec::new();
    for _ in 0..20 {
        let run = start(&client, &pipeline).await;
        // A run takes about 200 ms; some are killed at their very beginning, some when they have ended.
        tokio::time::sleep(Duration::from_millis(chance.next() % 250)).await;
        server.kill9();
        server = Server::spawn(&on_embedded(&home.0)).await;
        client = client.at(&server);
        completed(&client, &run).await;
        runs.push(run);
    }
    assert_nothing_lost_or_doubled(&client, &runs, &receiver).await;
    server.terminate(LIMIT).await;
}

#[tokio::test]
async fn the_runs_of_a_killed_server_are_finished_by_the_other_one_within_seconds() {
    let receiver = Receiver::start();
    receiver.answer("/post", Answer::status(200).delay(Duration::from_millis(30)));
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let (mut first, mut second) = (Server::spawn(&options).await, Server::spawn(&options).await);
    let client = first.register_and_login("ada@example.org").await;
    let pipeline = save(&client, &thirty_posts(&receiver.url("/post"))).await;
    let mut runs = Vec::new();
    for _ in 0..50 {
        runs.push(start(&client, &pipeline).await);
    }
    receiver.wait_for(100, LIMIT).await;
    first.kill9();
    let killed = tokio::time::Instant::now();
    let client = client.at(&second);
    let taken_over = until("the first take-over", LIMIT, async || {
        let journal = client
            .get(&format!("/api/v1/runs/{}/journal?limit=200", runs[49]))
            .await;
        let entries = journal.json["items"].as_array().unwrap().clone();
        entries
            .iter()
            .any(|entry| entry["kind"] == "taken_over")
            .then(|| killed.elapsed())
    })
    .await;
    for run in &runs {
        completed(&client, run).await;
    }
    println!(
        "taken over after {taken_over:?}, all finished after {:?}",
        killed.elapsed()
    );
    assert_nothing_lost_or_doubled(&client, &runs, &receiver).await;
    second.terminate(LIMIT).await;
}
