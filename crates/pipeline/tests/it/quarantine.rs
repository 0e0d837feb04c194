//! What somebody decides about nodes in quarantine, wherever their run is.

use std::sync::Arc;

use gathering_domain::RunId;
use gathering_pipeline::{Call, Engine, Error, HandlerError, Limits};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::crashes::{die_in, die_under};
use crate::support::{Calls, LIMIT, builder, ended, history, kinds, statuses};

/// `h` and `g` side by side, both of which hang.
fn two_hang() -> Value {
    json!({"nodes": [
        {"id": "h", "type": "action", "config": {"action": "hang"}},
        {"id": "g", "type": "action", "config": {"action": "hang"}, "on_error": "continue"}],
      "edges": []})
}

/// A run both of whose nodes hung in processes that died: in three of them together, the third time on trial, then each in one of its own.
async fn killed_apart(database: &TestDatabase, calls: &Calls) -> RunId {
    let run = die_under(&["h", "g"], database, calls, two_hang(), None).await;
    for nodes in [&["h", "g"] as &[_], &["h", "g"], &["h"], &["g"]] {
        die_under(nodes, database, calls, two_hang(), Some(run)).await;
    }
    assert_eq!((calls.of("h"), calls.of("g")), (4, 4), "each is tried apart in the end");
    run
}

async fn rests(engine: &Engine, run: RunId) {
    eventually("the run to rest", LIMIT, async || {
        let view = engine.run(run).await.unwrap().unwrap();
        view.head.summary.status == "waiting" && statuses(&view) == ["h:quarantined", "g:quarantined"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_over_another_instance_reaches_a_run_in_memory_without_disturbing_it() {
    let (database, calls, later) = (TestDatabase::new().await, Calls::default(), Calls::default());
    let run = killed_apart(&database, &calls).await;
    let open = Arc::new(Notify::new());
    let (gate, seen) = (open.clone(), later.clone());
    let works = builder(database.pool().await, &later)
        .handler("hang", move |call: Call| {
            let gate = gate.clone();
            let gated = &*call.node == "g";
            seen.add(call);
            async move {
                if gated {
                    gate.notified().await;
                }
                Ok::<_, HandlerError>(json!("done"))
            }
        })
        .build();
    let handle = works.start().await.unwrap();
    // This one never works.
    let asked = builder(database.pool().await, &calls).build();
    rests(&asked, run).await;

    assert_eq!(asked.release_node(run, "g").await.unwrap().unwrap().status, "retrying");
    eventually("the node to be under way", LIMIT, async || later.of("g") == 1).await;
    let released = asked.release_node(run, "h").await.unwrap().unwrap();
    assert!(released.changed, "{released:?}");
    eventually("the other one to be done", LIMIT, async || later.of("h") == 1).await;
    let again = asked.release_node(run, "h").await.unwrap().unwrap();
    assert_eq!((again.changed, later.of("g")), (false, 1), "nothing was begun again");
    open.notify_one();
    let view = ended(&asked, run).await;
    assert_eq!(view.head.summary.status, "completed");
    assert_eq!((later.of("g"), later.of("h")), (1, 1));
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls, &later]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_failed_in_quarantine_fails_as_the_node_says() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let fails = killed_apart(&database, &calls).await;
    let engine = builder(database.pool().await, &calls).build();
    let handle = engine.start().await.unwrap();
    rests(&engine, fails).await;
    let endless = engine.fail_node(fails, "g", &"x".repeat(1_001)).await;
    assert!(matches!(endless, Err(Error::InvalidInput { .. })), "{endless:?}");
    assert_eq!(
        engine
            .fail_node(fails, "g", "it is broken")
            .await
            .unwrap()
            .unwrap()
            .status,
        "failed"
    );
    assert_eq!(
        engine
            .fail_node(fails, "h", "so is this")
            .await
            .unwrap()
            .unwrap()
            .status,
        "failed"
    );
    let view = ended(&engine, fails).await;
    assert_eq!(view.head.summary.status, "failed");
    assert_eq!(view.nodes[0].error.as_ref().unwrap().message, "so is this");
    assert!(engine.release_node(fails, "nobody").await.unwrap().is_none());
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_rests_can_be_cancelled_and_then_nothing_is_released() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let run = killed_apart(&database, &calls).await;
    let engine = builder(database.pool().await, &calls).build();
    let handle = engine.start().await.unwrap();
    rests(&engine, run).await;
    let cancelled = engine.cancel_run(run, "no longer wanted").await.unwrap().unwrap();
    assert!(cancelled.changed, "{cancelled:?}");
    let after = engine.release_node(run, "h").await.unwrap().unwrap();
    assert_eq!((after.status.as_str(), after.changed), ("cancelled", false));
    assert_eq!(kinds(&engine, run).await.last().unwrap(), "run_ended -");
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_room_is_not_written_down_as_under_way() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let run = die_in(&database, &calls, two_hang(), None).await;
    let narrow = Limits {
        max_attempts_per_run: 1,
        ..Limits::default()
    };
    let engine = builder(database.pool().await, &calls).limits(narrow).build();
    let handle = engine.start().await.unwrap();
    eventually("the first one to hang again", LIMIT, async || calls.of("h") == 2).await;
    let expected = [
        "taken_over -",
        "attempt_failed h",
        "attempt_failed g",
        "attempt_started h",
    ];
    assert_eq!(kinds(&engine, run).await, expected);
    let view = engine.run(run).await.unwrap().unwrap();
    assert_eq!(
        statuses(&view),
        ["h:running", "g:retrying"],
        "who waits is not under way"
    );
    assert!(engine.cancel_run(run, "seen enough").await.unwrap().unwrap().changed);
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}
