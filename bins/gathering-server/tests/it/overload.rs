//! More starts than the database takes: refused with a time to come back, and nothing that was accepted is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gathering_testkit::{Server, ServerOptions, TestDatabase, eventually, until};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::binary;

const LIMIT: Duration = Duration::from_mins(1);
/// Starts that come at once.
const BURST: usize = 400;
/// Starts that may wait.
const ROOM: usize = 20;

#[tokio::test]
async fn a_burst_against_a_database_that_stands_still_is_refused_or_kept_and_afterwards_all_is_well() {
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .env("GATHERING_MAX_WAITING_STARTS", &ROOM.to_string());
    let server = Server::spawn(&options).await;
    let client = server.register_and_login("ada@example.org").await;
    let new = json!({"name": "x", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    let pipeline = client.post("/api/v1/pipelines", &new).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/pipelines/{pipeline}/runs");

    let pool = database.pool().await;
    let mut connection = pool.get().await.unwrap();
    let lock = connection.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    let mut burst = JoinSet::new();
    for _ in 0..BURST {
        let (client, path, answered) = (client.clone(), path.clone(), answered.clone());
        burst.spawn(async move {
            let answer = client.post(&path, &json!({"input": "x".repeat(1000)})).await;
            answered.fetch_add(1, Ordering::Relaxed);
            answer
        });
    }
    // One batch is with the database, and one waits behind it; all others are told at once, while nothing moves.
    eventually("the others are refused", LIMIT, async || {
        answered.load(Ordering::Relaxed) >= BURST - 2 * ROOM - 1
    })
    .await;
    lock.commit().await.unwrap();

    let answers = burst.join_all().await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert!((1..=2 * ROOM + 1).contains(&accepted.len()), "{}", accepted.len());
    for answer in &refused {
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (503, Some("overloaded")),
            "{answer:?}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.headers["retry-after"].parse::<u64>().unwrap() >= 1);
    }
    // Who comes back is taken.
    let again = client.post(&path, &json!({})).await;
    assert_eq!(again.status, 202, "{again:?}");
    let promised: BTreeSet<_> = accepted
        .iter()
        .chain([&again])
        .map(|answer| answer.json["id"].to_string())
        .collect();
    until("exactly the runs that were promised end", LIMIT, async || {
        let runs = client.get("/api/v1/runs?limit=200").await.json;
        let runs = runs["items"].as_array().unwrap();
        let found: BTreeSet<_> = runs.iter().map(|run| run["id"].to_string()).collect();
        assert_eq!(found, promised);
        runs.iter().all(|run| run["status"] == "completed").then_some(())
    })
    .await;
}
