//! What is old is forgotten by whole weeks; what has not ended never is.

use std::sync::Arc;
use std::time::Duration;

use gathering_domain::{PipelineId, RunId};
use gathering_persistence::{Connection, Pool};
use gathering_pipeline::{Engine, StartRun};
use gathering_testkit::{ManualClock, TestDatabase, eventually};
use jiff::Timestamp;
use serde_json::json;

use crate::support::{Calls, LIMIT, builder, chain, ended, history, kinds, save};

const DAY: Duration = Duration::from_hours(24);
/// How long ended runs are kept in these tests.
const RETENTION: Duration = Duration::from_hours(30 * 24);

/// A Wednesday, and the partition of its week.
const WEDNESDAY: &str = "2026-01-07T12:00:00Z";
const ITS_WEEK: &str = "runs_2026w02";

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(WEDNESDAY.parse().unwrap()))
}

async fn start(engine: &Engine, pipeline: PipelineId, key: &str) -> RunId {
    let start = StartRun {
        idempotency_key: Some(key.to_owned()),
        ..StartRun::new(pipeline)
    };
    engine.start_run(start).await.unwrap().id
}

async fn count(client: &Connection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn exists(pool: &Pool, table: &str) -> bool {
    let client = pool.get().await.unwrap();
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await;
    row.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_is_forgotten_whole_and_a_run_that_outlives_it_goes_on_and_is_forgotten_later() {
    let (database, calls, clock) = (TestDatabase::new().await, Calls::default(), clock());
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &calls).clock(clock.clone()).build();
    let handle = engine.start().await.unwrap();
    let quick = save(&engine, chain(&["a", "b"])).await;
    let delay = json!({"nodes": [{"id": "a", "type": "action", "config": {"action": "echo"}},
        {"id": "later", "type": "delay", "config": {"duration": "50d"}}], "edges": [{"from": "a", "to": "later"}]});
    let slow = save(&engine, delay).await;
    let (gone, stays) = (start(&engine, quick, "x").await, start(&engine, slow, "y").await);
    ended(&engine, gone).await;
    eventually("the run waits", LIMIT, async || {
        engine.run(stays).await.unwrap().unwrap().head.summary.status == "waiting"
    })
    .await;

    clock.advance(34 * DAY);
    let early = engine.forget(RETENTION).await.unwrap();
    assert_eq!(early.weeks, [], "its Sunday is not yet 30 days ago");
    assert_eq!(early.keys, 2, "they go by their own age");
    clock.advance(DAY);
    let planned = engine.would_forget(RETENTION).await.unwrap();
    assert_eq!(planned.weeks.len(), 1);
    assert!(exists(&pool, ITS_WEEK).await, "a plan changes nothing");
    let forgotten = engine.forget(RETENTION).await.unwrap();
    let week = &forgotten.weeks[0];
    assert_eq!((week.moved, week.kept.as_deref()), (1, None));
    assert_eq!(week.monday, "2026-01-05T00:00:00Z".parse::<Timestamp>().unwrap());
    assert!(!exists(&pool, ITS_WEEK).await && !exists(&pool, "run_journal_2026w02").await);
    assert!(engine.run(gone).await.unwrap().is_none());
    assert_eq!(kinds(&engine, stays).await, ["node_completed a", "node_waiting later"]);

    clock.advance(20 * DAY);
    let client = pool.get().await.unwrap();
    client
        .execute("UPDATE runs SET wake_at = now() WHERE status = 'waiting'", &[])
        .await
        .unwrap();
    engine.wake();
    assert_eq!(ended(&engine, stays).await.head.summary.status, "completed");
    assert_eq!(calls.of("a"), 2, "once per run: what was moved was not done again");
    history(&database, &[]).await.assert_sound();

    assert_eq!(engine.forget(RETENTION).await.unwrap().runs, 0, "it ended today");
    clock.advance(40 * DAY);
    assert_eq!(engine.forget(RETENTION).await.unwrap().runs, 1);
    for table in ["runs", "run_journal", "run_keys"] {
        assert_eq!(count(&client, table).await, 0, "{table}");
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stays_for_long_keeps_a_week_and_nobody_waits_behind_it() {
    let (database, clock) = (TestDatabase::new().await, clock());
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).clock(clock.clone()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    ended(&engine, start(&engine, pipeline, "x").await).await;
    clock.advance(60 * DAY);

    let mut reader = pool.get().await.unwrap();
    let reading = reader.transaction().await.unwrap();
    reading.query_one("SELECT count(*) FROM runs", &[]).await.unwrap();
    let forgetting = engine.forget(RETENTION);
    let mut forgetting = std::pin::pin!(forgetting);
    let mut during = 0;
    let forgotten = loop {
        let run = async {
            let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
            engine.wait(run, LIMIT).await.unwrap().unwrap()
        };
        tokio::select! {
            forgotten = &mut forgetting => break forgotten.unwrap(),
            run = run => assert!(run.summary.finished_at.is_some()),
        }
        during += 1;
    };
    assert!(
        forgotten.weeks[0].kept.as_deref().unwrap().contains("open for long"),
        "{forgotten:?}"
    );
    assert!(during > 10, "only {during} runs ended meanwhile");
    reading.commit().await.unwrap();
    drop(reader);

    assert_eq!(engine.forget(RETENTION).await.unwrap().weeks[0].kept, None);
    assert!(!exists(&pool, ITS_WEEK).await);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_forget_at_once_none_fails_and_the_week_goes_once() {
    let (database, clock) = (TestDatabase::new().await, clock());
    let engine = builder(database.pool().await, &Calls::default())
        .clock(clock.clone())
        .build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    ended(&engine, start(&engine, pipeline, "x").await).await;
    clock.advance(60 * DAY);
    let forgotten = futures::future::join_all((0..4).map(|_| engine.forget(RETENTION))).await;
    let mut told: Vec<_> = forgotten.into_iter().flat_map(|one| one.unwrap().weeks).collect();
    // Where the tables were in use for a moment too long, a week was left to the next pass.
    eventually("no old week to be left", LIMIT, async || {
        let weeks = engine.forget(RETENTION).await.unwrap().weeks;
        told.extend(weeks.iter().cloned());
        weeks.is_empty()
    })
    .await;
    assert!(told.iter().any(|week| week.kept.is_none()));
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_no_week_was_made_for_are_forgotten_too() {
    let (database, clock) = (TestDatabase::new().await, clock());
    let pool = database.pool().await;
    // Nothing of this engine works, so nobody makes partitions: both rows go where rows of no week go.
    let engine = builder(pool.clone(), &Calls::default()).clock(clock.clone()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let (gone, stays) = (start(&engine, pipeline, "x").await, start(&engine, pipeline, "y").await);
    assert!(engine.cancel_run(gone, "not wanted").await.unwrap().unwrap().changed);
    clock.advance(60 * DAY);
    let forgotten = engine.forget(RETENTION).await.unwrap();
    assert_eq!((forgotten.runs, forgotten.keys), (1, 2));
    assert!(engine.run(gone).await.unwrap().is_none());
    assert!(engine.run(stays).await.unwrap().is_some(), "it has not ended");
    assert_eq!(count(&pool.get().await.unwrap(), "run_journal").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_to_forget_a_run_that_has_not_ended() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    start(&engine, pipeline, "x").await;
    let refused = pool
        .get()
        .await
        .unwrap()
        .execute("DELETE FROM runs", &[])
        .await
        .unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("has not ended"));
}
