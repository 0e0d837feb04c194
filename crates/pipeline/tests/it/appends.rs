//! An append of many runs and one of a single run are two statements: each run is judged alike by both.

use gathering_domain::{InstanceId, Json, RunId};
use gathering_persistence::run_journal::{self, Appended, Batch, HeadChange, NewEntry};
use gathering_persistence::runs;
use gathering_pipeline::StartRun;
use gathering_testkit::TestDatabase;
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::{Calls, builder, chain, save, whole_queue};

fn ends(run_id: RunId, seq: i32) -> (NewEntry, HeadChange) {
    let entry = NewEntry {
        run_id,
        seq,
        epoch: 1,
        at: Timestamp::UNIX_EPOCH,
        kind: "run_ended",
        node: None,
        data: Some(r#"{"status":"completed"}"#.to_owned()),
        with_head: true,
    };
    let head = HeadChange {
        run_id,
        epoch: 1,
        status: "completed",
        wait_ms: None,
        held_by: None,
        output: Some(Json::null()),
        error: None,
        finished_at: Some(Timestamp::UNIX_EPOCH),
    };
    (entry, head)
}

fn batch(of: impl IntoIterator<Item = (NewEntry, HeadChange)>) -> Batch {
    let (entries, heads) = of.into_iter().unzip();
    Batch { entries, heads }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_runs_end_alone_or_together_only_those_of_the_writer_do() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let client = pool.get().await.unwrap();
    let [owner, other] = [1, 2].map(|n| InstanceId::from(Uuid::from_u128(n)));
    let mut ids = Vec::new();
    for owner in [owner, owner, owner, other, other] {
        ids.push(engine.start_run(StartRun::new(pipeline)).await.unwrap().id);
        let claimed = runs::claim_queued(&client, whole_queue(owner, 1)).await;
        assert_eq!(claimed.unwrap().len(), 1);
    }
    let append = async |batch: Batch| run_journal::append(&client, owner, &batch).await.unwrap();

    assert_eq!(append(batch([ends(ids[0], 1)])).await, Appended::All, "alone");
    assert_eq!(
        append(batch([ends(ids[3], 1)])).await,
        Appended::Some,
        "another's, alone"
    );
    assert_eq!(
        append(batch([ends(ids[1], 1), ends(ids[4], 1)])).await,
        Appended::Some,
        "of both"
    );
    let waits = HeadChange {
        status: "waiting",
        wait_ms: Some(60_000),
        held_by: None,
        output: None,
        finished_at: None,
        ..ends(ids[2], 1).1
    };
    let without_entries = Batch {
        entries: Vec::new(),
        heads: vec![waits],
    };
    assert_eq!(append(without_entries).await, Appended::All, "a head without entries");

    let mut found = Vec::new();
    for id in ids {
        let status = runs::get(&client, id).await.unwrap().unwrap().head.status;
        found.push((status, run_journal::page(&client, id, 0, 10).await.unwrap().len()));
    }
    let expected = [
        ("completed", 1),
        ("completed", 1),
        ("waiting", 0),
        ("running", 0),
        ("running", 0),
    ];
    assert_eq!(found, expected.map(|(status, entries)| (status.to_owned(), entries)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_one_node_writes_twice_its_start_and_its_end() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    crate::support::ended(&engine, run).await;
    let client = pool.get().await.unwrap();
    let statement = "SELECT count(DISTINCT xmin::text)::integer, count(*)::integer FROM run_journal WHERE run_id = $1";
    let row = client.query_one(statement, &[&run.as_uuid()]).await.unwrap();
    assert_eq!(
        (row.get::<_, i32>(0), row.get::<_, i32>(1)),
        (1, 2),
        "transactions and entries"
    );
    handle.shutdown(crate::support::LIMIT).await;
}
