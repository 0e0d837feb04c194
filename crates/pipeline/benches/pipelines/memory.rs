//! How much memory the server takes when idle, what runs that wait cost, and what runs that run cost.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use futures::StreamExt as _;
use gathering_persistence::Pool;
use gathering_testkit::definitions::chain_of;
use gathering_testkit::{Client, Server, ServerOptions};
use serde_json::json;

use crate::child::Child;
use crate::database::Database;
use crate::report::Report;

/// Runs that wait, or run, at the same time.
const RUNS: usize = 10_000;

/// Resident memory of the real server, and of an engine with very many runs under way.
pub(crate) fn memory<'a>(database: &'a mut Database, report: &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        server(database, report).await;
        running(database, report).await;
    })
}

async fn server(database: &mut Database, report: &mut Report) {
    let (pool, url) = database.fresh_with_url().await;
    let server = Server::spawn(&ServerOptions::new(server_binary()).database_url(&url)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    report.add(
        "memory of the idle server",
        format!("{:.1} MiB", resident(server.pid())),
        "<= 40 MiB",
        "",
    );
    let client = server.register_and_login("ada@example.org").await;
    let definition = json!({"nodes": [{"id": "pause", "type": "delay", "config": {"duration": "1h"}}], "edges": []});
    let made = client
        .post("/api/v1/pipelines", &json!({"name": "rest", "definition": definition}))
        .await;
    let starts = format!("/api/v1/pipelines/{}/runs", made.json["id"].as_str().unwrap());
    // The first ten thousand fill pools and buffers; what the second ten thousand add is theirs.
    rest(&client, &pool, &starts, RUNS).await;
    let before = resident(server.pid());
    rest(&client, &pool, &starts, 2 * RUNS).await;
    let added = resident(server.pid()) - before;
    report.add(
        "memory of 10,000 waiting runs",
        format!("{added:+.1} MiB"),
        "+ 0",
        format!("{:.2} KiB each", added * 1024.0 / RUNS as f64),
    );
}

/// Starts runs over HTTP until so many wait in the database.
async fn rest(client: &Client, pool: &Pool, starts: &str, until: usize) {
    let starting = futures::stream::iter(0..RUNS).for_each_concurrent(64, async |_| {
        let started = client.post(starts, &json!({})).await;
        assert_eq!(started.status, 202, "{started:?}");
    });
    starting.await;
    while count(pool, "SELECT count(*) FROM runs WHERE status = 'waiting'").await < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
}

async fn running(database: &mut Database, report: &mut Report) {
    let (_pool, url) = database.fresh_with_url().await;
    let mut child = Child::start(&url);
    child.say("work");
    // Pools, caches and prepared statements are not the runs'.
    let warm = child.ask(&format!("save {}", chain_of(1, "noop")));
    child.ask(&format!("start {warm} 500"));
    called(&mut child, 500).await;
    let held = child.ask(&format!("save {}", chain_of(1, "hold")));
    let before = resident(child.pid());
    child.ask(&format!("start {held} {RUNS}"));
    called(&mut child, 500 + RUNS).await;
    let each = (resident(child.pid()) - before) * 1024.0 / RUNS as f64;
    report.add(
        "memory of 10,000 running runs",
        format!("{each:.2} KiB each"),
        "<= 8 KiB each",
        format!("{:.2}", each / 8.0),
    );
}

/// Waits until its handlers were called so often, and what came with that has settled.
async fn called(child: &mut Child, calls: usize) {
    while child.calls() < calls as f64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
}

async fn count(pool: &Pool, sql: &str) -> usize {
    let client = pool.get().await.unwrap();
    let count: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    usize::try_from(count).unwrap()
}

/// The server that lies beside this program's folder: `cargo xtask bench` builds it.
pub(crate) fn server_binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let binary = own.parent().and_then(|deps| deps.parent()).unwrap().join("gathering");
    assert!(
        binary.exists(),
        "{} is not there: cargo build --release -p gathering-server makes it",
        binary.display()
    );
    binary
}

/// MiB that a process has in memory.
pub(crate) fn resident(pid: u32) -> f64 {
    field(pid, "VmRSS:")
}

/// MiB that it had at most.
pub(crate) fn peak(pid: u32) -> f64 {
    field(pid, "VmHWM:")
}

/// A field of proc(5)'s status, which is in kB.
fn field(pid: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = value.and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
