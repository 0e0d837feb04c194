//! How runs begin.

use gathering_domain::PipelineId;
use gathering_persistence::{ConnectOptions, connect};
use gathering_pipeline::{Engine, Error, Limits, NewPipeline, PageRequest, RunFilter, StartRun, UpdatePipeline};
use gathering_testkit::TestDatabase;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, save};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_started_in_a_transaction_is_there_on_commit_and_gone_on_rollback() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();

    let transaction = client.transaction().await.unwrap();
    let gone = engine
        .start_run_in(&transaction, StartRun::new(pipeline))
        .await
        .unwrap()
        .id;
    transaction.rollback().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let kept = engine
        .start_run_in(&transaction, StartRun::new(pipeline))
        .await
        .unwrap()
        .id;
    assert!(
        engine.run(kept).await.unwrap().is_none(),
        "nobody sees it before the commit"
    );
    transaction.commit().await.unwrap();

    assert_eq!(ended(&engine, kept).await.head.summary.status, "completed");
    assert!(engine.run(gone).await.unwrap().is_none());
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_starts_one_run_however_often_and_however_many_at_once() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let start = || StartRun {
        idempotency_key: Some("once".to_owned()),
        ..StartRun::new(pipeline).input(json!({"n": 1}))
    };
    let starts = (0..50).map(|_| {
        let (engine, start) = (engine.clone(), start());
        async move { engine.start_run(start).await.unwrap() }
    });
    let started = futures::future::join_all(starts).await;
    assert!(started.iter().all(|one| one.id == started[0].id));
    assert_eq!(started.iter().filter(|one| !one.replayed).count(), 1);
    let other = StartRun {
        input: json!({"n": 2}).into(),
        ..start()
    };
    assert!(matches!(engine.start_run(other).await, Err(Error::KeyReused { run_id }) if run_id == started[0].id));
    let page = PageRequest { limit: 10, after: None };
    let runs = engine
        .runs(Uuid::nil().into(), &RunFilter::default(), page)
        .await
        .unwrap();
    assert_eq!(runs.items.len(), 1);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_cannot_be_started() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let nothing = PipelineId::from(Uuid::nil());
    assert!(matches!(
        engine.start_run(StartRun::new(nothing)).await,
        Err(Error::PipelineNotFound(_))
    ));
    let version = StartRun {
        version: Some(7),
        ..StartRun::new(pipeline)
    };
    assert!(matches!(
        engine.start_run(version).await,
        Err(Error::VersionNotFound { version: 7, .. })
    ));
    assert!(engine.delete_pipeline(pipeline, None).await.unwrap());
    assert!(matches!(
        engine.start_run(StartRun::new(pipeline)).await,
        Err(Error::PipelineNotFound(_))
    ));
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_its_version_and_a_stale_writer_is_told() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let id = save(&engine, chain(&["a"])).await;
    let update = |expected| UpdatePipeline {
        id,
        name: None,
        definition: chain(&["a", "b"]).into(),
        expected_version: expected,
        created_by: None,
    };
    assert_eq!(
        engine.update_pipeline(update(Some(1))).await.unwrap().summary.version,
        2
    );
    let stale = engine.update_pipeline(update(Some(1))).await;
    assert!(matches!(
        stale,
        Err(Error::VersionConflict {
            expected: 1,
            current: 2,
            ..
        })
    ));
    assert_eq!(
        engine
            .pipeline(id, Some(1))
            .await
            .unwrap()
            .unwrap()
            .definition
            .to_value(),
        chain(&["a"])
    );
    let handle = engine.start().await.unwrap();
    let old = engine
        .start_run(StartRun {
            version: Some(1),
            ..StartRun::new(id)
        })
        .await
        .unwrap();
    assert_eq!(ended(&engine, old.id).await.nodes.len(), 1);
    let latest = engine.start_run(StartRun::new(id)).await.unwrap();
    assert_eq!(ended(&engine, latest.id).await.nodes.len(), 2);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_the_memory_holds_wait_in_the_database_and_all_end() {
    let database = TestDatabase::new().await;
    let limits = Limits {
        max_runs: 4,
        ..Limits::default()
    };
    let engine = builder(database.pool().await, &Calls::default()).limits(limits).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a", "b", "c"])).await;
    let starts = (0..300).map(|_| engine.start_run(StartRun::new(pipeline)));
    let started = futures::future::join_all(starts).await;
    for one in started {
        assert_eq!(ended(&engine, one.unwrap().id).await.head.summary.status, "completed");
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_does_not_work_queues_for_one_that_does() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let idle: Engine = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&idle, chain(&["a"])).await;
    let run = idle.start_run(StartRun::new(pipeline)).await.unwrap();
    assert_eq!(run.status, "queued");
    let working = builder(pool, &Calls::default()).build();
    let handle = working.start().await.unwrap();
    assert_eq!(ended(&idle, run.id).await.head.summary.status, "completed");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_with_an_unknown_action_is_refused() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let definition = json!({"nodes": [{"id": "a", "type": "action", "config": {"action": "ecko"}}]});
    let new = NewPipeline::new("x", definition);
    let Err(Error::Invalid { problems }) = engine.create_pipeline(new).await else {
        panic!("it was saved")
    };
    assert_eq!(
        (problems[0].node.as_deref(), problems[0].code),
        (Some("a"), "unknown_action")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_failed_may_be_tried_again_and_a_second_one_is_refused() {
    let database = TestDatabase::empty().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    assert!(
        matches!(engine.start().await, Err(Error::Database(_))),
        "nothing is migrated yet"
    );
    gathering_persistence::migrate(&pool).await.unwrap();
    let handle = engine.start().await.unwrap();
    assert!(matches!(engine.start().await, Err(Error::AlreadyStarted)));
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_too_small_to_work_with_is_refused() {
    let database = TestDatabase::new().await;
    let options = ConnectOptions {
        max_connections: 4,
        ..ConnectOptions::new(database.url())
    };
    let engine = builder(connect(&options).await.unwrap(), &Calls::default()).build();
    assert!(matches!(
        engine.start().await,
        Err(Error::PoolTooSmall { size: 4, needed: 5 })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_beyond_the_bounds_are_refused_before_the_database_sees_them() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let pointers = |error: Error| {
        let Error::InvalidInput { problems } = error else {
            panic!("{error}")
        };
        problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
    };
    for name in ["", "a\0b", &"x".repeat(201)] {
        let new = NewPipeline::new(name, chain(&["a"]));
        let refused = engine.create_pipeline_in(&transaction, new).await.unwrap_err();
        assert_eq!(pointers(refused), ["/name"]);
    }
    let start = StartRun {
        idempotency_key: Some("k".repeat(256)),
        labels: (0..33).map(|number| (number.to_string(), "x".repeat(257))).collect(),
        ..StartRun::new(pipeline)
    };
    let refused = engine.start_run_in(&transaction, start).await.unwrap_err();
    assert_eq!(pointers(refused).len(), 1 + 32 + 1);
    // The caller's transaction is none the worse for it.
    let run = engine
        .start_run_in(&transaction, StartRun::new(pipeline))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert!(engine.run(run.id).await.unwrap().is_some());
    let reason = "r".repeat(1_001);
    assert_eq!(
        pointers(engine.cancel_run(run.id, &reason).await.unwrap_err()),
        ["/reason"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_wait_are_bounded_in_number_and_in_bytes_and_what_was_taken_is_there() {
    let database = TestDatabase::new().await;
    let limits = Limits {
        max_waiting_starts: 40,
        max_waiting_start_bytes: 100 << 10,
        ..Limits::default()
    };
    let engine = builder(database.pool().await, &Calls::default()).limits(limits).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    // Of the smallest as many wait in the queue as in the statement under way.
    for (bytes, most) in [(1, 80), (30 << 10, 4), (500 << 10, 1)] {
        let mut client = database.pool().await.get().await.unwrap();
        let lock = client.transaction().await.unwrap();
        lock.batch_execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        let start = || engine.start_run(StartRun::new(pipeline).input(json!("x".repeat(bytes))));
        let mut starts: futures::stream::FuturesUnordered<_> = (0..200).map(|_| start()).collect();
        let mut refused = 0;
        // Whatever cannot wait is told so, although nothing can be inserted.
        while refused < 200 - most {
            let answer = tokio::time::timeout(LIMIT, futures::StreamExt::next(&mut starts)).await;
            let answer = answer.unwrap_or_else(|_| panic!("only {refused} of inputs of {bytes} bytes"));
            assert!(matches!(answer, Some(Err(Error::Overloaded { .. }))), "{answer:?}");
            refused += 1;
        }
        lock.commit().await.unwrap();
        let rest: Vec<_> = futures::StreamExt::collect(starts).await;
        let (taken, late): (Vec<_>, Vec<_>) = rest.into_iter().partition(Result::is_ok);
        assert!(!taken.is_empty());
        assert!(
            late.iter()
                .all(|answer| matches!(answer, Err(Error::Overloaded { .. }))),
            "{late:?}"
        );
        for run in taken {
            assert_eq!(ended(&engine, run.unwrap().id).await.head.summary.status, "completed");
        }
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_nobody_waited_for_may_be_tried_again() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    {
        let start = std::pin::pin!(engine.start());
        assert!(futures::poll!(start).is_pending());
    }
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    assert_eq!(ended(&engine, run).await.head.summary.status, "completed");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_make_no_sense_are_refused_all_at_once() {
    let database = TestDatabase::new().await;
    let limits = Limits {
        max_runs: usize::MAX,
        max_waiting_starts: 0,
        max_cached_weight: u64::MAX,
        ..Limits::default()
    };
    let engine = builder(database.pool().await, &Calls::default()).limits(limits).build();
    let Err(Error::Limits { problems }) = engine.start().await else {
        unreachable!("it started");
    };
    let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["max_runs", "max_waiting_starts", "max_cached_weight"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_deletions_in_a_transaction_are_there_on_commit_and_gone_on_rollback() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let id = save(&engine, chain(&["a"])).await;
    let update = || UpdatePipeline {
        id,
        name: None,
        definition: chain(&["a", "b"]).into(),
        expected_version: Some(1),
        created_by: None,
    };
    let version = async || {
        engine
            .pipeline(id, None)
            .await
            .unwrap()
            .map(|view| view.summary.version)
    };
    let mut client = pool.get().await.unwrap();

    let transaction = client.transaction().await.unwrap();
    engine.update_pipeline_in(&transaction, update()).await.unwrap();
    assert!(engine.delete_pipeline_in(&transaction, id, None).await.unwrap());
    transaction.rollback().await.unwrap();
    assert_eq!(version().await, Some(1));

    let transaction = client.transaction().await.unwrap();
    assert_eq!(
        engine
            .update_pipeline_in(&transaction, update())
            .await
            .unwrap()
            .summary
            .version,
        2
    );
    assert_eq!(version().await, Some(1), "nobody sees it before the commit");
    transaction.commit().await.unwrap();
    assert_eq!(version().await, Some(2));

    let stale = engine.delete_pipeline(id, Some(1)).await;
    assert!(matches!(stale, Err(Error::VersionConflict { current: 2, .. })));
    assert!(engine.delete_pipeline(id, Some(2)).await.unwrap());
    assert!(!engine.delete_pipeline(id, Some(2)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_wait_for_runs_elsewhere_one_connection_is_enough_for_them() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let options = ConnectOptions {
        max_connections: 1,
        ..ConnectOptions::new(database.url())
    };
    let elsewhere = builder(connect(&options).await.unwrap(), &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let starts = (0..300).map(|_| engine.start_run(StartRun::new(pipeline)));
    let runs: Vec<_> = futures::future::join_all(starts).await;
    let waits = runs.iter().map(|run| elsewhere.wait(run.as_ref().unwrap().id, LIMIT));
    let (ends, handle) = futures::future::join(futures::future::join_all(waits), engine.start()).await;
    assert!(
        ends.into_iter()
            .all(|end| end.unwrap().unwrap().summary.finished_at.is_some())
    );
    handle.unwrap().shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_step_works_off_what_is_due_and_leaves_nothing_behind() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &calls).build();
    assert_eq!(engine.work_once().await.unwrap(), 0, "nothing is due");
    let pipeline = save(&engine, chain(&["a", "b"])).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(engine.start_run(StartRun::new(pipeline)).await.unwrap().id);
    }
    assert_eq!(engine.work_once().await.unwrap(), 3);
    for run in runs {
        let head = engine.run_head(run).await.unwrap().unwrap();
        assert_eq!(head.summary.status, "completed");
    }
    assert_eq!(engine.work_once().await.unwrap(), 0);
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    let (one, other) = futures::future::join(engine.work_once(), engine.work_once()).await;
    assert_eq!(one.unwrap() + other.unwrap(), 1, "one waits for the other");
    assert_eq!(engine.run_head(run).await.unwrap().unwrap().summary.status, "completed");
    let client = pool.get().await.unwrap();
    let left: i64 = client
        .query_one("SELECT count(*) FROM instances", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!((left, engine.instance_id()), (0, None));
    let handle = engine.start().await.unwrap();
    assert!(matches!(engine.work_once().await, Err(Error::AlreadyStarted)));
    handle.shutdown(LIMIT).await;
}
