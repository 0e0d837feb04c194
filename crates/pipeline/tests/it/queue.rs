//! How runs come into the queue, and out of it.

use gathering_domain::RunId;
use gathering_persistence::{ConnectOptions, connect};
use gathering_pipeline::{Limits, StartRun};
use gathering_testkit::{TestDatabase, eventually};
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, save};

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_nobody_works_on_share_commits_and_are_lost_by_no_caller_that_leaves() {
    let database = TestDatabase::new().await;
    let options = ConnectOptions {
        max_connections: 2,
        ..ConnectOptions::new(database.url())
    };
    let pool = connect(&options).await.unwrap();
    let engine = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let start = |key: usize| StartRun {
        idempotency_key: Some(format!("key-{key}")),
        ..StartRun::new(pipeline)
    };
    // The first one writes for those that came with it, and leaves in the middle of it, as does every third.
    let (mut leaving, mut staying) = (Vec::new(), Vec::new());
    for key in 0..900 {
        let (engine, start) = (engine.clone(), start(key));
        let mut starting = Box::pin(async move { engine.start_run(start).await.unwrap() });
        assert!(futures::poll!(&mut starting).is_pending());
        if key % 3 == 0 { &mut leaving } else { &mut staying }.push(starting);
    }
    tokio::task::yield_now().await;
    drop(leaving);
    let started = futures::future::join_all(staying).await;

    assert!(started.iter().all(|one| !one.replayed));
    let ids: Vec<Uuid> = started.iter().map(|one| one.id.as_uuid()).collect();
    let counts = "SELECT count(*) FILTER (WHERE id = ANY ($1)), count(*), count(DISTINCT xmin::text) FROM runs";
    let row = pool.get().await.unwrap().query_one(counts, &[&ids]).await.unwrap();
    let (kept, all, commits): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(kept, 600);
    assert!(all <= 900);
    assert!(commits < 100, "{all} starts took {commits} commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_queue_is_claimed_in_its_order_and_an_older_run_that_comes_late_is_not_passed_over() {
    const ROOM: usize = 20;
    const RUNS: usize = 300;
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let calls = Calls::default();
    let limits = Limits {
        max_runs: ROOM,
        ..Limits::default()
    };
    let engine = builder(pool.clone(), &calls).limits(limits).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let late = client.transaction().await.unwrap();
    let oldest = engine.start_run_in(&late, StartRun::new(pipeline)).await.unwrap().id;
    let mut queued = Vec::new();
    for number in 0..RUNS {
        let priority = [0, 7, -3][number % 3];
        let start = StartRun {
            priority,
            ..StartRun::new(pipeline)
        };
        queued.push((std::cmp::Reverse(priority), engine.start_run(start).await.unwrap().id));
    }
    queued.sort_unstable();

    let handle = engine.start().await.unwrap();
    eventually("half of them", LIMIT, async || calls.all().len() > RUNS / 2).await;
    late.commit().await.unwrap();
    assert_eq!(ended(&engine, oldest).await.head.summary.status, "completed");
    eventually("all of them", LIMIT, async || calls.all().len() > RUNS).await;
    let order: Vec<RunId> = calls
        .all()
        .iter()
        .map(|call| call.run_id)
        .filter(|run| *run != oldest)
        .collect();
    for (place, run) in order.iter().enumerate() {
        let due = queued.iter().position(|(_, id)| id == run).unwrap();
        // Those in memory together may be called in any order.
        assert!(
            place.abs_diff(due) <= 2 * ROOM,
            "number {due} of the queue was number {place}"
        );
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_runs_of_a_version_are_claimed_together_one_of_them_reads_and_compiles_it() {
    const RUNS: usize = 400;
    let database = TestDatabase::new().await;
    let queuing = builder(database.pool().await, &Calls::default()).build();
    let pipeline = save(&queuing, chain(&["a"])).await;
    let starts = (0..RUNS).map(|_| queuing.start_run(StartRun::new(pipeline)));
    let started = futures::future::try_join_all(starts).await.unwrap();

    // A new process knows no pipeline yet. Each run that reads it for itself would need a connection for that.
    let options = ConnectOptions {
        max_connections: 50,
        ..ConnectOptions::new(database.url())
    };
    let pool = connect(&options).await.unwrap();
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    for run in &started {
        ended(&engine, run.id).await;
    }
    let opened = pool.status().size;
    assert!(opened <= 10, "{RUNS} runs needed {opened} connections");
    handle.shutdown(LIMIT).await;
}

/// Ids, as SQL writes them.
fn listed(runs: &[RunId]) -> String {
    let ids: Vec<_> = runs.iter().map(|run| format!("'{run}'")).collect();
    ids.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_somebody_keeps_locked_waits_for_that_and_no_other_does() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let released = tokio_util::sync::CancellationToken::new();
    let hold = {
        let released = released.clone();
        move |_: gathering_pipeline::Call| {
            let released = released.clone();
            async move {
                released.cancelled().await;
                Ok::<_, gathering_pipeline::HandlerError>(serde_json::json!("held"))
            }
        }
    };
    let engine = builder(pool.clone(), &Calls::default()).handler("hold", hold).build();
    let handle = engine.start().await.unwrap();
    let node = serde_json::json!({"id": "h", "type": "action", "config": {"action": "hold"}});
    let holding = save(&engine, serde_json::json!({"nodes": [node]})).await;
    let quick = save(&engine, chain(&["a"])).await;
    let mut locked = Vec::new();
    for _ in 0..20 {
        locked.push(engine.start_run(StartRun::new(holding)).await.unwrap().id);
    }
    let lock = format!("SELECT FROM runs WHERE id IN ({}) FOR UPDATE", listed(&locked));
    let outcome = database.in_transaction(&lock, async {
        released.cancel();
        // Round after round, as their ends come into one batch with those of the locked ones.
        for _ in 0..5 {
            let starts = (0..20).map(|_| engine.start_run(StartRun::new(quick)));
            for run in futures::future::try_join_all(starts).await.unwrap() {
                ended(&engine, run.id).await;
            }
        }
        for run in &locked {
            let head = engine.run_head(*run).await.unwrap().unwrap();
            assert_eq!(head.summary.status.as_str(), "running");
        }
    });
    outcome.await.unwrap();
    for run in locked {
        assert_eq!(ended(&engine, run).await.head.summary.status.as_str(), "completed");
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_key_somebody_else_is_about_to_use_keeps_no_other_start_waiting() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let keyed = || StartRun {
        idempotency_key: Some("the-same".to_owned()),
        ..StartRun::new(pipeline)
    };
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let first = engine.start_run_in(&transaction, keyed()).await.unwrap();
    let others = (0..30).map(|_| engine.start_run(StartRun::new(pipeline)));
    let (same, others) = tokio::join!(engine.start_run(keyed()), futures::future::join_all(others));
    assert!(matches!(same, Err(gathering_pipeline::Error::Database(error)) if error.is_lock_timeout()));
    for other in others {
        ended(&engine, other.unwrap().id).await;
    }
    transaction.commit().await.unwrap();
    let again = engine.start_run(keyed()).await.unwrap();
    assert_eq!((again.id, again.replayed), (first.id, true));
    handle.shutdown(LIMIT).await;
}
