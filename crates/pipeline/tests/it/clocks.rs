//! Instances whose clocks disagree.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::Clock;
use gathering_persistence::SystemClock;
use gathering_pipeline::{Call, HandlerError, StartRun};
use gathering_testkit::{TestDatabase, eventually, until};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Calls, LIMIT, builder, ended, history, save};

/// Ten minutes fast.
#[derive(Debug)]
struct Fast;

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_mins(10)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_that_a_fast_clock_began_ends_on_time_where_the_clock_is_right() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let (fast, right) = (
        builder(pool.clone(), &calls).clock(Arc::new(Fast)).build(),
        builder(database.pool().await, &calls).build(),
    );
    let definition = json!({
        "nodes": [
            {"id": "pause", "type": "delay", "config": {"duration": "2s"}},
            {"id": "a", "type": "action", "config": {"action": "echo"}},
        ],
        "edges": [{"from": "pause", "to": "a"}],
        "timeout": "5m",
    });
    let pipeline = save(&fast, definition).await;
    let handle = fast.start().await.unwrap();
    let run = fast.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("the run to wait in the database", LIMIT, async || {
        let head = fast.run(run).await.unwrap().unwrap().head;
        head.summary.status == "waiting"
    })
    .await;
    handle.shutdown(LIMIT).await;

    let handle = right.start().await.unwrap();
    assert_eq!(ended(&right, run).await.head.summary.status, "completed");
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_breaker_holds_is_not_due_before_it_is_held_though_a_fast_clock_had_it_before() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let down = |_: Call| async { Err::<Value, _>(HandlerError::transient("down", "it is down")) };
    let engine = || builder(pool.clone(), &Calls::default()).handler("down", down);
    let (fast, right) = (engine().clock(Arc::new(Fast)).build(), engine().build());
    let definition = json!({"nodes": [{
        "id": "a", "type": "action", "config": {"action": "down"},
        "retry": {"max_attempts": 5, "initial": "2s", "jitter": "none"},
        "breaker": {"failures": 1, "open": "1m"},
    }]});
    let pipeline = save(&fast, definition).await;
    let handle = fast.start().await.unwrap();
    let run = fast.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("the run to wait in the database", LIMIT, async || {
        let head = fast.run(run).await.unwrap().unwrap().head;
        head.summary.status == "waiting"
    })
    .await;
    handle.shutdown(LIMIT).await;

    let handle = right.start().await.unwrap();
    let held = until("the node to be held", LIMIT, async || {
        let journal = right.journal(run, 0, 100).await.unwrap();
        journal.into_iter().find(|entry| entry.kind == "node_held")
    })
    .await;
    let data = held.data.unwrap().to_value();
    let due: Timestamp = data["until"].as_str().unwrap().parse().unwrap();
    assert!(due > held.at, "due at {due}, held at {}", held.at);
    right.cancel_run(run, "seen enough").await.unwrap();
    handle.shutdown(LIMIT).await;
}
