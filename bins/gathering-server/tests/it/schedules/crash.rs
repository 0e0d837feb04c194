//! Servers that die while schedules are due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gathering_testkit::{Receiver, Server, ServerOptions, TestDatabase, eventually};
use jiff::Timestamp;
use serde_json::json;

use super::{LIMIT, PATH, call};
use crate::support::binary;

/// Each due time, with the keys under which it came.
fn told(receiver: &Receiver) -> BTreeMap<Timestamp, BTreeSet<String>> {
    let mut told: BTreeMap<Timestamp, BTreeSet<String>> = BTreeMap::new();
    for request in receiver.requests() {
        let due = request.json()["due"].as_str().unwrap().parse().unwrap();
        let key = request.idempotency_key().unwrap().to_owned();
        told.entry(due).or_default().insert(key);
    }
    told
}

#[tokio::test]
async fn each_due_time_comes_under_one_key_also_when_servers_are_killed() {
    let (receiver, database) = (Receiver::start(), TestDatabase::new().await);
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let mut first = Server::spawn(&options).await;
    let mut second = Server::spawn(&options).await;
    let client = first.register_and_login("ada@example.org").await;
    let new = json!({"name": "ping", "kind": "interval", "every": "1s", "action": call(&receiver.url("/ping"))});
    let saved = client.post(PATH, &new).await;
    assert_eq!(saved.status, 201, "{}", saved.json);
    let reached = async |count: usize| {
        eventually("as many due times", LIMIT, async || told(&receiver).len() >= count).await;
    };
    reached(2).await;
    first.kill9();
    reached(5).await;
    // One that comes back, and another that goes, in the middle of it.
    let third = Server::spawn(&options).await;
    second.kill9();
    reached(9).await;
    let id = saved.json["id"].as_str().unwrap();
    let at_third = client.at(&third);
    at_third
        .post(&format!("{PATH}/{id}/pause"), &json!({"reason": "enough"}))
        .await;
    eventually("all have ended", LIMIT, async || {
        let open = at_third.get(&format!("{PATH}/{id}/firings?status=started")).await;
        open.json["items"].as_array().is_some_and(Vec::is_empty)
    })
    .await;
    let told = told(&receiver);
    assert!(told.values().all(|keys| keys.len() == 1), "{told:?}");
    let due: Vec<_> = told.keys().copied().collect();
    let second = Duration::from_secs(1);
    for pair in due.windows(2) {
        assert_eq!(
            pair[1].duration_since(pair[0]).unsigned_abs(),
            second,
            "one was lost in {due:?}"
        );
    }
    let fired = at_third
        .get(&format!("{PATH}/{id}/firings?status=succeeded&limit=200"))
        .await;
    assert_eq!(fired.json["items"].as_array().map(Vec::len), Some(due.len()));
}
