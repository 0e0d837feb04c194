//! Cancelling many runs by a filter, part by part.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gathering_domain::{PipelineId, ProjectId, RunId};
use gathering_pipeline::{
    CancelPart, CancelProgress, Engine, Error, NewPipeline, PageRequest, RunFilter, RunStatus, StartRun,
};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::cancels::WRONG;
use crate::support::{Calls, LIMIT, builder, chain, history, save};

const PROJECT: Uuid = Uuid::nil();

fn part(limit: u32) -> CancelPart {
    CancelPart { limit, from: None }
}

/// Repeats until nothing remains; gives the sums of all calls, and the last answer for the rest.
async fn walk(engine: &Engine, filter: &RunFilter, limit: u32) -> CancelProgress {
    let (mut sum, mut part) = (CancelProgress::default(), part(limit));
    loop {
        let done = engine
            .cancel_runs(PROJECT.into(), filter, "all of them", part)
            .await
            .unwrap();
        sum = CancelProgress {
            matched: sum.matched + done.matched,
            cancelled: sum.cancelled + done.cancelled,
            already_ended: sum.already_ended + done.already_ended,
            ..done
        };
        part.from = done.next_cursor;
        if part.from.is_none() {
            return sum;
        }
    }
}

async fn start(engine: &Engine, pipeline: PipelineId, count: usize) -> Vec<RunId> {
    let starts = (0..count).map(|_| async { engine.start_run(StartRun::new(pipeline)).await.unwrap().id });
    futures::future::join_all(starts).await
}

async fn with_status(engine: &Engine, status: RunStatus) -> usize {
    let filter = RunFilter {
        status: Some(status),
        ..RunFilter::default()
    };
    let page = PageRequest {
        limit: 10_000,
        after: None,
    };
    engine.runs(PROJECT.into(), &filter, page).await.unwrap().items.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_matches_is_cancelled_in_parts_and_what_was_started_later_is_left() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    start(&engine, pipeline, 25).await;

    let all = RunFilter::default();
    let first = engine
        .cancel_runs(PROJECT.into(), &all, "too many", part(10))
        .await
        .unwrap();
    assert_eq!((first.matched, first.cancelled, first.already_ended), (10, 10, 0));
    assert_eq!((first.remaining, first.remaining_is_exact), (15, true));
    let later = start(&engine, pipeline, 1).await[0];
    let mut next = part(10);
    next.from = first.next_cursor;
    let second = engine
        .cancel_runs(PROJECT.into(), &all, "too many", next)
        .await
        .unwrap();
    assert_eq!((second.cancelled, second.remaining), (10, 5));
    next.from = second.next_cursor;
    let last = engine
        .cancel_runs(PROJECT.into(), &all, "too many", next)
        .await
        .unwrap();
    assert_eq!((last.cancelled, last.remaining, last.next_cursor), (5, 0, None));
    let head = engine.run_head(later).await.unwrap().unwrap();
    assert_eq!(head.summary.status, "queued", "it was started after the first call");

    let again = walk(&engine, &all, 10).await;
    assert_eq!((again.matched, again.cancelled), (1, 1));
    assert_eq!(
        engine
            .cancel_runs(PROJECT.into(), &all, "again", part(10))
            .await
            .unwrap(),
        CancelProgress {
            remaining_is_exact: true,
            ..CancelProgress::default()
        }
    );
    history(&database, &[]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_matches_the_whole_filter_is_cancelled() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let (pipeline, other) = (save(&engine, chain(&["a"])).await, save(&engine, chain(&["b"])).await);
    let foreign = NewPipeline {
        project_id: ProjectId::from(Uuid::max()),
        ..NewPipeline::new("another project's", chain(&["a"]))
    };
    let foreign = engine.create_pipeline(foreign).await.unwrap().summary.id;
    let labelled = |pipeline, labels: &[(&str, &str)]| {
        let mut start = StartRun::new(pipeline);
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        start.labels = labels.collect();
        engine.start_run(start)
    };
    let blue = labelled(pipeline, &[("team", "blue"), ("env", "test")])
        .await
        .unwrap()
        .id;
    let red = labelled(pipeline, &[("team", "red")]).await.unwrap().id;
    let elsewhere = labelled(other, &[("team", "blue"), ("env", "test")]).await.unwrap().id;
    let foreign = labelled(foreign, &[("team", "blue"), ("env", "test")])
        .await
        .unwrap()
        .id;
    let created = engine.run_head(red).await.unwrap().unwrap().summary.created_at;

    let blues = RunFilter {
        pipeline_id: Some(pipeline),
        status: Some(RunStatus::Queued),
        labels: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
        created_before: Some(created),
        created_after: None,
    };
    assert_eq!(walk(&engine, &blues, 10).await.cancelled, 1);
    let statuses = async |expected: [&str; 4]| {
        for (run, expected) in [blue, red, elsewhere, foreign].into_iter().zip(expected) {
            assert_eq!(engine.run_head(run).await.unwrap().unwrap().summary.status, expected);
        }
    };
    statuses(["cancelled", "queued", "queued", "queued"]).await;
    let since = RunFilter {
        created_after: Some(created),
        ..RunFilter::default()
    };
    assert_eq!(walk(&engine, &since, 10).await.cancelled, 2);
    statuses(["cancelled", "cancelled", "cancelled", "queued"]).await;

    let nonsense = RunFilter {
        status: Some(RunStatus::Failed),
        created_before: Some(created),
        created_after: Some(created),
        ..RunFilter::default()
    };
    let refused = engine.cancel_runs(PROJECT.into(), &nonsense, "", part(5_001)).await;
    let Err(Error::InvalidInput { problems }) = refused else {
        unreachable!("{refused:?}")
    };
    let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/created_before", "/status", "/limit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_keeps_locked_is_left_for_a_later_call_and_then_cancelled() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    start(&engine, pipeline, 20).await;
    let all = RunFilter::default();
    let mut place = None;
    let locked = "SELECT id FROM runs ORDER BY id LIMIT 15 FOR UPDATE";
    let meanwhile = async {
        let begun = Instant::now();
        let done = engine
            .cancel_runs(PROJECT.into(), &all, "now", part(100))
            .await
            .unwrap();
        assert_eq!((done.matched, done.cancelled, done.remaining), (20, 5, 15));
        assert!(begun.elapsed() < LIMIT, "it waits for few of them only");
        place = done.next_cursor;
        assert!(place.is_some());
    };
    database.in_transaction(locked, meanwhile).await.unwrap();
    let part = CancelPart {
        limit: 100,
        from: place,
    };
    let done = engine.cancel_runs(PROJECT.into(), &all, "now", part).await.unwrap();
    assert_eq!((done.cancelled, done.remaining, done.next_cursor), (15, 0, None));
    history(&database, &[]).await.assert_sound();
}

/// Runs are started, complete, are cancelled one by one and by two walks at once: each ends once, and whoever says that he ended it did.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_walks_single_cancels_and_completion_one_ends_each_run() {
    const RUNS: usize = 3_000;
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let calls = Calls::default();
    let engines = [
        builder(database.pool().await, &calls).build(),
        builder(database.pool().await, &calls).build(),
    ];
    let handles = [engines[0].start().await.unwrap(), engines[1].start().await.unwrap()];
    let pipeline = save(&engines[0], chain(&["a", "b", "c"])).await;
    let (started, singly, walked) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let starting = async {
        for (batch, engine) in (0..RUNS / 100).zip(engines.iter().cycle()) {
            let runs = start(engine, pipeline, 100).await;
            for run in runs.iter().skip(batch % 4).step_by(4) {
                let report = engine.cancel_run(*run, "singly").await.unwrap().unwrap();
                singly.fetch_add(u32::from(report.changed), Ordering::SeqCst);
            }
        }
        started.store(true, Ordering::SeqCst);
    };
    let walking = async |engine: &Engine| {
        while !started.load(Ordering::SeqCst) {
            let done = walk(engine, &RunFilter::default(), 30).await;
            walked.fetch_add(done.cancelled, Ordering::SeqCst);
        }
    };
    tokio::join!(starting, walking(&engines[0]), walking(&engines[1]));
    eventually("every run to end", LIMIT, async || {
        let open = [RunStatus::Queued, RunStatus::Running, RunStatus::Waiting];
        let mut count = 0;
        for status in open {
            count += with_status(&engines[0], status).await;
        }
        count == 0
    })
    .await;
    let client = pool.get().await.unwrap();
    assert_eq!(client.query_one(WRONG, &[]).await.unwrap().get::<_, i64>(0), 0);
    let (singly, walked) = (singly.into_inner(), walked.into_inner());
    let cancelled = with_status(&engines[0], RunStatus::Cancelled).await;
    println!(
        "{singly} were cancelled singly, {walked} by walks, {} completed",
        RUNS - cancelled
    );
    assert_eq!((singly + walked) as usize, cancelled);
    drop(client);
    for handle in handles {
        handle.shutdown(LIMIT).await;
    }
    history(&database, &[&calls]).await.assert_sound();
}

/// Not a test of speed: it says how fast it was.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_queued_runs_are_cancelled_in_two_calls() {
    const RUNS: usize = 10_000;
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let pipeline = save(&engine, json!({"nodes": [{"id": "t", "type": "trigger"}]})).await;
    let client = database.pool().await.get().await.unwrap();
    let copies = "
        INSERT INTO runs (id, project_id, pipeline_id, version, status, input, created_at)
        SELECT gen_random_uuid(), p.project_id, p.id, 1, 'queued', 'null', now() FROM pipelines p, generate_series(1, $1::integer)
        WHERE p.id = $2";
    let count = i32::try_from(RUNS).unwrap();
    client.execute(copies, &[&count, &pipeline.as_uuid()]).await.unwrap();

    let begun = Instant::now();
    let done = walk(&engine, &RunFilter::default(), 5_000).await;
    let took = begun.elapsed().max(Duration::from_millis(1));
    assert_eq!((done.cancelled as usize, done.remaining), (RUNS, 0));
    println!(
        "{RUNS} runs were cancelled in {took:?}: {:.0} a second",
        1e4 / took.as_secs_f64()
    );
    assert_eq!(client.query_one(WRONG, &[]).await.unwrap().get::<_, i64>(0), 0);
}
