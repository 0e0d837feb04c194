//! Instances whose clocks disagree.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::Clock;
use gathering_persistence::SystemClock;
use gathering_pipeline::StartRun;
use gathering_testkit::{TestDatabase, eventually};
use jiff::Timestamp;
use serde_json::json;

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
        builder(pool.clone(), &calls).build(),
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
