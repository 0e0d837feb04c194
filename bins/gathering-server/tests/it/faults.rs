//! Processes that die at any moment: nothing is lost, nothing is completed twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gathering_embedded_postgres::{Cluster, Options};
use gathering_testkit::history::History;
use gathering_testkit::{Answer, Client, Receiver, SeededEntropy, Server, ServerOptions, TestDatabase, until};
use serde_json::{Value, json};

use crate::support::{Directory, binary};

/// Longer than anything takes here unless it is broken.
const LIMIT: Duration = Duration::from_mins(1);

/// Thirty nodes that POST to the receiver: one, three branches of nine, a join and one, and one after it.
pub(crate) fn thirty_posts(url: &str) -> Value {
    let post = |id: &str| {
        let config =
            json!({"action": "call_api", "method": "POST", "url": url, "body": {"run": "{{ run.id }}", "node": id}});
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

pub(crate) async fn save(client: &Client, definition: &Value) -> String {
    let saved = client
        .post("/api/v1/pipelines", &json!({"name": "posts", "definition": definition}))
        .await;
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

pub(crate) async fn completed(client: &Client, run: &str) {
    let ended = until("the run to end", LIMIT, async || {
        let seen = client.get(&format!("/api/v1/runs/{run}")).await;
        seen.json["finished_at"].is_string().then_some(seen.json)
    })
    .await;
    assert_eq!(ended["status"], "completed", "{ended}");
}

/// The journal of a run as a client sees it: number, kind and node of each entry.
async fn journal(client: &Client, run: &str) -> Vec<(i64, String, Option<String>)> {
    let journal = client.get(&format!("/api/v1/runs/{run}/journal?limit=200")).await;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entry = |entry: &Value| {
        (
            entry["seq"].as_i64().unwrap(),
            text(&entry["kind"]).unwrap(),
            text(&entry["node"]),
        )
    };
    journal.json["items"].as_array().unwrap().iter().map(entry).collect()
}

/// The history is sound, and clients see it as it is: each of the nodes once; each effect's key came at least once, and no other.
pub(crate) async fn assert_nothing_lost_or_doubled(
    client: &Client,
    database: &str,
    runs: &[String],
    receiver: &Receiver,
) {
    let mut history = History::read(database, Some(receiver)).await;
    history.accept(runs.iter().map(|run| run.parse().unwrap()));
    history.assert_sound();
    assert_eq!(history.runs.len(), runs.len());
    let mut keys = BTreeSet::new();
    for run in &mut history.runs {
        run.entries.sort_by_key(|entry| entry.seq);
        let entries = run.entries.iter();
        let written: Vec<_> = entries
            .map(|entry| (entry.seq.into(), entry.kind.clone(), entry.node.clone()))
            .collect();
        let seen = journal(client, &run.id.to_string()).await;
        assert_eq!(seen, written, "the journal of {} over HTTP", run.id);
        let completed = seen.iter().filter(|(_, kind, _)| kind == "node_completed");
        let nodes: Vec<&str> = completed.filter_map(|(.., node)| node.as_deref()).collect();
        assert_eq!(nodes.len(), 31, "{nodes:?}");
        let posts = nodes.iter().filter(|node| **node != "both");
        keys.extend(posts.map(|node| format!("{}/{node}", run.id)));
    }
    assert_eq!(keys.len(), runs.len() * 30);
    let seen: BTreeSet<String> = history.effects.into_iter().filter_map(|effect| effect.key).collect();
    assert_eq!(seen, keys);
}

/// The URL of the database that a running server manages in this directory.
async fn embedded_url(data_dir: &Path) -> String {
    let options = Options::new(data_dir);
    let joined = tokio::task::spawn_blocking(move || Cluster::start(&options)).await;
    let cluster = joined.unwrap().unwrap();
    assert!(!cluster.is_manager(), "the server manages it, and this test only reads");
    cluster.url()
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
    assert_nothing_lost_or_doubled(&client, &embedded_url(&home.0).await, &runs, &receiver).await;
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
    assert_nothing_lost_or_doubled(&client, &database.url(), &runs, &receiver).await;
    second.terminate(LIMIT).await;
}
