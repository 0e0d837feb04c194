//! Cancelling: it reaches the work wherever it is, and it never lies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gathering_domain::RunId;
use gathering_pipeline::{Call, Engine, EngineBuilder, HandlerError, RunStatus, StartRun};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::{Calls, LIMIT, builder, chain, outcome, save, statuses};

/// With the action `listen`, which waits until it is told that it is cancelled, and counts that.
fn listening(builder: EngineBuilder, calls: &Calls, heard: &Arc<AtomicUsize>) -> Engine {
    let (calls, heard) = (calls.clone(), heard.clone());
    let listen = move |call: Call| {
        calls.add(call.clone());
        let heard = heard.clone();
        async move {
            call.cancelled.cancelled().await;
            heard.fetch_add(1, Ordering::SeqCst);
            Ok::<_, HandlerError>(Value::Null)
        }
    };
    builder.handler("listen", listen).build()
}

fn listens() -> Value {
    json!({"nodes": [{"id": "l", "type": "action", "config": {"action": "listen"}}]})
}

async fn status(engine: &Engine, run: RunId) -> RunStatus {
    engine.run_head(run).await.unwrap().unwrap().summary.status
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_over_another_instance_stops_the_work_within_a_second_and_stays() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let (calls, heard) = (Calls::default(), Arc::default());
    let works = listening(builder(pool.clone(), &calls), &calls, &heard);
    let asks = builder(pool, &calls)
        .handler("listen", |_: Call| async { Ok::<_, HandlerError>(Value::Null) })
        .build();
    let handles = [works.start().await.unwrap(), asks.start().await.unwrap()];
    let pipeline = save(&works, listens()).await;
    let run = works.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("the node to run", LIMIT, async || calls.of("l") == 1).await;

    let report = asks.cancel_run(run, "no longer wanted").await.unwrap().unwrap();
    assert_eq!((report.status.as_str(), report.changed), ("cancelled", true));
    assert_eq!(report.instance_id, works.instance_id());
    assert_eq!(report.stopped, ["l".into()]);
    eventually("the work to stop", Duration::from_secs(1), async || {
        heard.load(Ordering::SeqCst) == 1
    })
    .await;

    let again = asks.cancel_run(run, "again").await.unwrap().unwrap();
    assert_eq!((again.status.as_str(), again.changed), ("cancelled", false));
    let view = asks.run(run).await.unwrap().unwrap();
    assert_eq!(view.nodes[0].status, "cancelled");
    assert_eq!(
        view.head.summary.error.unwrap().to_value()["message"],
        "no longer wanted"
    );
    for handle in handles {
        handle.shutdown(LIMIT).await;
    }
    assert_eq!(status(&asks, run).await, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_and_waiting_runs_are_cancelled_and_ended_ones_are_left() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let waits = save(
        &engine,
        json!({"nodes": [{"id": "d", "type": "delay", "config": {"duration": "1h"}}]}),
    )
    .await;
    let quick = save(&engine, chain(&["a"])).await;
    let queued = engine.start_run(StartRun::new(quick)).await.unwrap().id;
    assert!(engine.cancel_run(queued, "never mind").await.unwrap().unwrap().changed);

    let handle = engine.start().await.unwrap();
    let waiting = engine.start_run(StartRun::new(waits)).await.unwrap().id;
    eventually("the run to wait", LIMIT, async || {
        status(&engine, waiting).await == "waiting"
    })
    .await;
    assert!(engine.cancel_run(waiting, "never mind").await.unwrap().unwrap().changed);
    let ended = engine.start_run(StartRun::new(quick)).await.unwrap().id;
    engine.wait(ended, LIMIT).await.unwrap();
    let left = engine.cancel_run(ended, "too late").await.unwrap().unwrap();
    assert_eq!((left.status.as_str(), left.changed), ("completed", false));
    assert!(
        engine
            .cancel_run(RunId::from(uuid::Uuid::nil()), "nobody")
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        (
            status(&engine, queued).await.as_str(),
            status(&engine, waiting).await.as_str()
        ),
        ("cancelled", "cancelled")
    );
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_the_callers_transaction_holds_with_its_commit_and_never_was_after_a_rollback() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let (calls, heard) = (Calls::default(), Arc::default());
    let engine = listening(builder(pool.clone(), &calls), &calls, &heard);
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, listens()).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("the node to run", LIMIT, async || calls.of("l") == 1).await;
    let mut client = pool.get().await.unwrap();

    let transaction = client.transaction().await.unwrap();
    let report = engine
        .cancel_run_in(&transaction, run, "on trial")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((report.status, report.changed), (RunStatus::Cancelled, true));
    transaction.rollback().await.unwrap();
    assert_eq!(status(&engine, run).await, "running");

    let transaction = client.transaction().await.unwrap();
    let report = engine
        .cancel_run_in(&transaction, run, "for good")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (report.instance_id, report.stopped),
        (engine.instance_id(), vec!["l".into()])
    );
    let again = engine.cancel_run_in(&transaction, run, "again").await.unwrap().unwrap();
    assert_eq!((again.status, again.changed), (RunStatus::Cancelled, false));
    assert_eq!(heard.load(Ordering::SeqCst), 0, "nothing stops before the commit");
    transaction.commit().await.unwrap();
    eventually("the work to stop", Duration::from_secs(1), async || {
        heard.load(Ordering::SeqCst) == 1
    })
    .await;
    assert_eq!(status(&engine, run).await, "cancelled");
    handle.shutdown(LIMIT).await;
}

/// Counts the runs whose journal does not end with the very end that the head tells, or has gaps.
pub(crate) const WRONG: &str = "
    SELECT count(*) FROM runs r WHERE NOT EXISTS (
        SELECT FROM run_journal j WHERE j.run_id = r.id AND j.kind = 'run_ended' AND j.data ->> 'status' = r.status
            AND j.seq = (SELECT max(seq) FROM run_journal k WHERE k.run_id = r.id)
            AND j.seq = (SELECT count(*) FROM run_journal k WHERE k.run_id = r.id))";

/// Ten thousand times somebody cancels a run that is just about to complete: whoever wins, head and journal say the same, and nothing
/// comes after the end.
#[tokio::test(flavor = "multi_thread")]
async fn of_cancel_and_completion_one_wins_and_the_journal_agrees() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a", "b"])).await;
    for _ in 0..100 {
        let races = (0..100).map(|_| async {
            let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
            engine.cancel_run(run, "a race").await.unwrap().unwrap();
        });
        futures::future::join_all(races).await;
    }
    let client = pool.get().await.unwrap();
    eventually("every run to end", LIMIT, async || {
        let open = client
            .query_one("SELECT count(*) FROM runs WHERE finished_at IS NULL", &[])
            .await
            .unwrap();
        open.get::<_, i64>(0) == 0
    })
    .await;
    assert_eq!(client.query_one(WRONG, &[]).await.unwrap().get::<_, i64>(0), 0);
    let outcomes = "SELECT status, count(*) FROM runs GROUP BY status ORDER BY status";
    let outcomes: Vec<(String, i64)> = client
        .query(outcomes, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    println!("{outcomes:?}");
    assert_eq!(outcomes.iter().map(|(_, count)| count).sum::<i64>(), 10_000);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_had_come_to_when_it_was_cancelled_is_not_denied() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let definition = json!({
        "nodes": [{"id": "t", "type": "trigger"},
                  {"id": "a", "type": "action", "config": {"action": "echo"}},
                  {"id": "h", "type": "action", "config": {"action": "hang"}},
                  {"id": "z", "type": "action", "config": {"action": "echo"}}],
        "edges": [{"from": "t", "to": "a"}, {"from": "a", "to": "h"}, {"from": "h", "to": "z"}]});
    let pipeline = save(&engine, definition).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("h hangs", LIMIT, async || {
        engine.run(run).await.unwrap().unwrap().nodes[2].status.as_str() == "running"
    })
    .await;
    engine.cancel_run(run, "enough").await.unwrap();
    let view = engine.run(run).await.unwrap().unwrap();
    assert_eq!(
        statuses(&view),
        ["t:completed", "a:completed", "h:cancelled", "z:cancelled"]
    );
    let attempts: Vec<_> = view.nodes.iter().map(|node| node.attempts).collect();
    assert_eq!(attempts, [1, 1, 1, 0]);
    assert!(view.nodes[2].started_at.is_some() && view.nodes[3].started_at.is_none());
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_never_begun_shows_nothing_as_begun_when_it_is_cancelled() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    engine.cancel_run(run, "enough").await.unwrap();
    let view = engine.run(run).await.unwrap().unwrap();
    assert!(
        view.nodes
            .iter()
            .all(|node| node.status.as_str() == "cancelled" && node.attempts == 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_times_out_between_two_attempts_still_says_why_the_last_one_failed() {
    let view = outcome(
        json!({"nodes": [{"id": "f", "type": "action", "retry": {"max_attempts": 9, "initial": "1h", "jitter": "none"},
                          "config": {"action": "flaky"}}],
               "timeout": "300ms"}),
        json!(1),
    )
    .await;
    let node = &view.nodes[0];
    assert_eq!(
        (view.head.summary.status.as_str(), node.status.as_str(), node.attempts),
        ("timed_out", "cancelled", 1)
    );
    assert_eq!(node.error.as_ref().unwrap().code, "busy");
}
