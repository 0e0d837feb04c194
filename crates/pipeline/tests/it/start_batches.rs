//! Many runs that begin in one transaction of somebody else's.

use std::process::Stdio;
use std::time::Duration;

use gathering_domain::RunId;
use gathering_persistence::{ConnectOptions, Pool, SystemEntropy, connect};
use gathering_pipeline::{
    Clock as _, Engine, Error, Limits, PipelineId, RunStatus, StartBatch, StartRun, Started, SystemClock, Transaction,
};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::json;
use tokio::process::Command;
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, history, save};

/// Tells a process that it is to commit a batch and die, and on which database.
const DATABASE: &str = "GATHERING_TEST_BATCH_OF";

fn new_id() -> RunId {
    RunId::new(SystemClock.now(), &SystemEntropy::default())
}

fn starts(pipeline: PipelineId, count: usize) -> Vec<StartRun> {
    vec![StartRun::new(pipeline); count]
}

fn statuses(batch: &StartBatch) -> Vec<RunStatus> {
    let started = batch.started().iter();
    started.map(|started| started.as_ref().unwrap().status).collect()
}

fn ids(batch: &StartBatch) -> Vec<RunId> {
    batch
        .started()
        .iter()
        .map(|started| started.as_ref().unwrap().id)
        .collect()
}

/// Room for as many, a hundred more than one claim may take for a moment.
const ROOM: usize = 600;
/// More than there is room for.
const MANY: usize = 700;

/// Of one that looks at its queue once a minute: what goes on earlier was handed to it.
fn patient() -> Limits {
    Limits {
        max_runs: ROOM,
        poll_interval: Duration::from_mins(1),
        ..Limits::default()
    }
}

fn running(batch: &StartBatch) -> usize {
    statuses(batch)
        .into_iter()
        .filter(|status| *status == "running")
        .count()
}

async fn no_room_is_taken(engine: &Engine) {
    eventually("all room to be free", LIMIT, async || {
        engine.stats().runs_in_memory == 0
    })
    .await;
}

async fn count(pool: &Pool) -> i64 {
    let client = pool.get().await.unwrap();
    client.query_one("SELECT count(*) FROM runs", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_on_when_its_commit_is_told_and_what_there_is_no_room_for_is_queued() {
    let database = TestDatabase::new().await;
    let (pool, calls) = (database.pool().await, Calls::default());
    let engine = builder(pool.clone(), &calls).limits(patient()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = engine
        .start_batch_in(&transaction, starts(pipeline, MANY))
        .await
        .unwrap();
    let handed_over = running(&batch);
    assert!((100..=ROOM).contains(&handed_over), "{handed_over}");
    assert_eq!(
        (calls.all().len(), count(&pool).await),
        (0, 0),
        "nobody sees it before the commit"
    );
    transaction.commit().await.unwrap();
    for started in batch.committed() {
        let view = ended(&engine, started.unwrap().id).await;
        assert_eq!(view.head.summary.status, "completed");
    }
    no_room_is_taken(&engine).await;
    let stats = engine.stats();
    let counts = (stats.runs_started, stats.runs_claimed);
    assert_eq!(counts, (MANY as u64, (MANY - handed_over) as u64));
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_is_rolled_back_nothing_is_left() {
    let database = TestDatabase::new().await;
    let (pool, calls) = (database.pool().await, Calls::default());
    let engine = builder(pool.clone(), &calls).limits(patient()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    // Whichever goes first: the batch, or the transaction.
    for batch_first in [true, false] {
        let transaction = client.transaction().await.unwrap();
        let batch = engine
            .start_batch_in(&transaction, starts(pipeline, MANY))
            .await
            .unwrap();
        assert!(running(&batch) >= 100);
        if batch_first {
            drop(batch);
            transaction.rollback().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
            drop(batch);
        }
        no_room_is_taken(&engine).await;
        assert_eq!((calls.all().len(), count(&pool).await), (0, 0));
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_without_a_word_is_found() {
    let database = TestDatabase::new().await;
    let (pool, calls) = (database.pool().await, Calls::default());
    let engine = builder(pool.clone(), &calls).limits(patient()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    // The answer to the commit is lost; or whoever commits has let go of the batch long before.
    for batch_first in [false, true] {
        let transaction = client.transaction().await.unwrap();
        let batch = engine.start_batch_in(&transaction, starts(pipeline, 4)).await.unwrap();
        let runs = ids(&batch);
        assert_eq!(statuses(&batch), ["running"; 4]);
        if batch_first {
            drop(batch);
            let looked = engine.start_run(StartRun::new(pipeline)).await.unwrap();
            ended(&engine, looked.id).await;
            assert!(engine.stats().runs_in_memory >= 4, "they keep their places");
            transaction.commit().await.unwrap();
        } else {
            transaction.commit().await.unwrap();
            drop(batch);
        }
        for run in runs {
            assert_eq!(ended(&engine, run).await.head.summary.status, "completed");
        }
        no_room_is_taken(&engine).await;
    }
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

type Answers = Vec<Result<Started, Error>>;

async fn both(engine: &Engine, transaction: &Transaction<'_>, starts: Vec<StartRun>) -> [Answers; 2] {
    let queued = engine.start_runs_in(transaction, starts.clone()).await.unwrap();
    let batch = engine.start_batch_in(transaction, starts).await.unwrap();
    [queued, batch.committed()]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_told_and_spoils_nothing() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let limits = Limits {
        max_input_bytes: 100,
        ..Limits::default()
    };
    let engine = builder(pool.clone(), &Calls::default()).limits(limits).build();
    let [pipeline, deleted] = [save(&engine, chain(&["a"])).await, save(&engine, chain(&["a"])).await];
    engine.delete_pipeline(deleted, None).await.unwrap();
    let start = || StartRun::new(pipeline);
    let asked = vec![
        start(),
        StartRun::new(deleted),
        StartRun {
            version: Some(7),
            ..start()
        },
        start().input(json!("x".repeat(100))),
        StartRun {
            idempotency_key: Some(String::new()),
            ..start()
        },
        start(),
    ];
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    for answers in both(&engine, &transaction, asked).await {
        assert!(
            matches!(
                answers.as_slice(),
                [
                    Ok(_),
                    Err(Error::PipelineNotFound(_)),
                    Err(Error::VersionNotFound { version: 7, .. }),
                    Err(Error::InputTooLarge { .. }),
                    Err(Error::InvalidInput { .. }),
                    Ok(_)
                ]
            ),
            "{answers:?}"
        );
    }
    for answers in both(&engine, &transaction, Vec::new()).await {
        assert!(answers.is_empty());
    }
    transaction.commit().await.unwrap();
    assert_eq!(count(&pool).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_under_an_id_that_exists_is_the_same_start() {
    let database = TestDatabase::new().await;
    let (pool, calls) = (database.pool().await, Calls::default());
    let engine = builder(pool.clone(), &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let start = |id: RunId| StartRun {
        id: Some(id),
        ..StartRun::new(pipeline)
    };
    let [one, two, three] = [new_id(), new_id(), new_id()];
    let first = engine.start_run(start(one)).await.unwrap();
    assert_eq!((first.id, first.replayed), (one, false));
    ended(&engine, one).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = vec![start(one), start(two), start(two), start(three)];
    let batch = engine.start_batch_in(&transaction, batch).await.unwrap();
    assert_eq!(ids(&batch), [one, two, two, three]);
    let again = engine.start_run_in(&transaction, start(two)).await.unwrap();
    assert!(again.replayed);
    // Somebody wants the same meanwhile, and has to wait for what becomes of it.
    let mut other = Box::pin(engine.start_run(start(three)));
    assert!(futures::poll!(&mut other).is_pending());
    transaction.commit().await.unwrap();
    let replayed: Vec<_> = batch.committed().into_iter().map(|one| one.unwrap().replayed).collect();
    assert_eq!(replayed, [true, false, true, false]);
    let other = other.await.unwrap();
    assert_eq!((other.id, other.replayed), (three, true));
    assert!(engine.start_run(start(two)).await.unwrap().replayed);
    for run in [two, three] {
        assert_eq!(ended(&engine, run).await.head.summary.status, "completed");
    }
    no_room_is_taken(&engine).await;
    assert_eq!((count(&pool).await, calls.of("a")), (3, 3));
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_leaves_what_this_instance_cannot_run_to_others() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let able = builder(database.pool().await, &Calls::default()).build();
    let pipeline = save(&able, chain(&["a"])).await;
    let engine = Engine::builder(pool.clone()).build();
    let handle = engine.start().await.unwrap();
    let passed_on = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("the run to be passed on", LIMIT, async || {
        let view = engine.run(passed_on).await.unwrap().unwrap();
        view.head.summary.status == "queued"
    })
    .await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = engine.start_batch_in(&transaction, starts(pipeline, 2)).await.unwrap();
    assert_eq!(statuses(&batch), ["queued"; 2]);
    transaction.commit().await.unwrap();
    let works = able.start().await.unwrap();
    for started in batch.committed() {
        ended(&able, started.unwrap().id).await;
    }
    handle.shutdown(LIMIT).await;
    works.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_outlives_the_instance_that_began_it() {
    let database = TestDatabase::new().await;
    let (pool, calls) = (database.pool().await, Calls::default());
    let engine = builder(pool.clone(), &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = engine.start_batch_in(&transaction, starts(pipeline, 2)).await.unwrap();
    assert_eq!(statuses(&batch), ["running"; 2]);
    handle.shutdown(LIMIT).await;
    transaction.commit().await.unwrap();
    let runs = ids(&batch);
    batch.committed();
    let other = builder(pool.clone(), &calls).build();
    let handle = other.start().await.unwrap();
    for run in runs {
        assert_eq!(ended(&other, run).await.head.summary.status, "completed");
    }
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

/// Not a test: a process that commits a batch, and is killed before it can tell anybody.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is a process that another test starts"]
async fn commits_a_batch_and_dies() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let pool = connect(&ConnectOptions::new(url)).await.unwrap();
    let engine = builder(pool.clone(), &Calls::default()).build();
    let _handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = engine.start_batch_in(&transaction, starts(pipeline, 3)).await.unwrap();
    assert_eq!(statuses(&batch), ["running"; 3]);
    transaction.commit().await.unwrap();
    std::process::abort()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_process_dies_before_it_is_told_is_taken_over() {
    let database = TestDatabase::new().await;
    let killed = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "start_batches::commits_a_batch_and_dies", "--ignored"])
        .env(DATABASE, database.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .unwrap();
    assert_eq!(killed.code(), None, "it was to die by a signal");
    let (pool, calls) = (database.pool().await, Calls::default());
    let client = pool.get().await.unwrap();
    let rows = client
        .query("SELECT id FROM runs WHERE status = 'running'", &[])
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
    let engine = builder(pool, &calls).build();
    let handle = engine.start().await.unwrap();
    for row in rows {
        let run = ended(&engine, RunId::from(row.get::<_, Uuid>(0))).await;
        assert_eq!(run.head.summary.status, "completed");
    }
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_before_its_commit_is_told_begins_nothing() {
    let database = TestDatabase::new().await;
    let (pool, calls) = (database.pool().await, Calls::default());
    let engine = builder(pool.clone(), &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = engine.start_batch_in(&transaction, starts(pipeline, 1)).await.unwrap();
    let run = ids(&batch)[0];
    transaction.commit().await.unwrap();
    let report = engine.cancel_run(run, "too late").await.unwrap().unwrap();
    assert!(report.changed);
    batch.committed();
    no_room_is_taken(&engine).await;
    assert_eq!(ended(&engine, run).await.head.summary.status, "cancelled");
    assert_eq!(calls.all().len(), 0);
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_an_engine_that_does_not_work_is_queued() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let idle = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&idle, chain(&["a"])).await;
    let mut client = pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let batch = idle.start_batch_in(&transaction, starts(pipeline, 2)).await.unwrap();
    assert_eq!(statuses(&batch), ["queued"; 2]);
    transaction.commit().await.unwrap();
    let runs = ids(&batch);
    batch.committed();
    assert_eq!(idle.work_once().await.unwrap(), 2);
    for run in runs {
        let head = idle.run_head(run).await.unwrap().unwrap();
        assert_eq!(head.summary.status, "completed");
    }
}
