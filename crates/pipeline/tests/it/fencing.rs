//! What the database itself refuses, and who loses a race.

use gathering_domain::{InstanceId, RunId};
use gathering_persistence::run_journal::{self, Appended, Batch, HeadChange, NewEntry};
use gathering_persistence::{Pool, runs};
use gathering_pipeline::StartRun;
use gathering_testkit::TestDatabase;
use gathering_testkit::history::{Violation, check};
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, history, save, whole_queue};

fn entry(run_id: RunId, seq: i32, epoch: i32) -> NewEntry {
    let node = Some("a".into());
    NewEntry {
        run_id,
        seq,
        epoch,
        at: Timestamp::UNIX_EPOCH,
        kind: "node_skipped",
        node,
        data: None,
        with_head: false,
    }
}

async fn queued(pool: &Pool) -> RunId {
    let engine = builder(pool.clone(), &Calls::default()).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    engine.start_run(StartRun::new(pipeline)).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_of_an_older_epoch_can_append_nothing_and_end_nothing() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let run = queued(&pool).await;
    let client = pool.get().await.unwrap();
    let [old, new] = [1, 2].map(|n| InstanceId::from(Uuid::from_u128(n)));
    assert_eq!(
        runs::claim_queued(&client, whole_queue(old, 10)).await.unwrap()[0].epoch,
        1
    );
    let one = Batch {
        entries: vec![entry(run, 1, 1)],
        heads: vec![],
    };
    assert_eq!(run_journal::append(&client, old, &one).await.unwrap(), Appended::All);
    assert_eq!(runs::take_over(&client, new, &[old], 10).await.unwrap()[0].epoch, 2);

    let late = Batch {
        entries: vec![entry(run, 2, 1)],
        heads: vec![],
    };
    assert_eq!(run_journal::append(&client, old, &late).await.unwrap(), Appended::Some);
    let end = HeadChange {
        run_id: run,
        epoch: 1,
        status: "failed",
        wait_ms: None,
        held_by: None,
        output: None,
        error: Some("{}".to_owned()),
        finished_at: Some(Timestamp::UNIX_EPOCH),
    };
    let ends = Batch {
        entries: vec![NewEntry {
            with_head: true,
            ..entry(run, 2, 1)
        }],
        heads: vec![end],
    };
    assert_eq!(run_journal::append(&client, old, &ends).await.unwrap(), Appended::Some);
    assert_eq!(run_journal::page(&client, run, 0, 10).await.unwrap().len(), 1);
    assert_eq!(runs::get(&client, run).await.unwrap().unwrap().head.status, "running");
    assert_only_left(&database, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_of_one_number_the_second_loses_on_the_primary_key() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let run = queued(&pool).await;
    let client = pool.get().await.unwrap();
    let owner = InstanceId::from(Uuid::from_u128(1));
    runs::claim_queued(&client, whole_queue(owner, 10)).await.unwrap();
    let batch = || Batch {
        entries: vec![entry(run, 1, 1)],
        heads: vec![],
    };
    run_journal::append(&client, owner, &batch()).await.unwrap();
    assert!(
        run_journal::append(&client, owner, &batch())
            .await
            .unwrap_err()
            .is_unique_violation()
    );
    assert_only_left(&database, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_to_change_what_ended_or_was_written() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    ended(&engine, run).await;
    let client = pool.get().await.unwrap();
    for statement in [
        "UPDATE runs SET status = 'running', finished_at = NULL, output = NULL, owner = id",
        "UPDATE runs SET output = '1'",
        "UPDATE run_journal SET kind = 'node_failed'",
        "DELETE FROM run_journal",
        "UPDATE pipeline_versions SET definition = '{}'",
    ] {
        let refused = client.execute(statement, &[]).await.unwrap_err();
        assert!(
            refused.as_db_error().unwrap().message().contains("is refused"),
            "{statement}"
        );
    }
    handle.shutdown(LIMIT).await;
    history(&database, &[]).await.assert_sound();
}

/// The other half of the proof: with compare-and-append switched off, the checker finds what it prevents.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_primary_key_the_second_writer_of_a_number_is_found() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let run = queued(&pool).await;
    let client = pool.get().await.unwrap();
    let drop_key = "ALTER TABLE run_journal DROP CONSTRAINT run_journal_pkey";
    client.batch_execute(drop_key).await.unwrap();
    let owner = InstanceId::from(Uuid::from_u128(1));
    runs::claim_queued(&client, whole_queue(owner, 10)).await.unwrap();
    for _ in 0..2 {
        let batch = Batch {
            entries: vec![entry(run, 1, 1)],
            heads: vec![],
        };
        assert_eq!(
            run_journal::append(&client, owner, &batch).await.unwrap(),
            Appended::All
        );
    }
    let (node, status) = ("a".to_owned(), Some("running".to_owned()));
    let expected = [
        Violation::RepeatedSeq { run, seq: 1 },
        Violation::EndedTwice {
            run,
            node,
            first: 1,
            seq: 1,
        },
        Violation::LostRun { run, status },
    ];
    assert_eq!(check(&history(&database, &[]).await), expected);
}

/// Nothing is wrong with the run but that nobody works on it any more.
async fn assert_only_left(database: &TestDatabase, run: RunId) {
    let status = Some("running".to_owned());
    assert_eq!(
        check(&history(database, &[]).await),
        [Violation::LostRun { run, status }]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wins_of_cancel_and_completion_leaves_a_sound_history() {
    let database = TestDatabase::new().await;
    let calls = Calls::default();
    let engine = builder(database.pool().await, &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a", "b", "c"])).await;
    let races = (0..300).map(|_| async {
        let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
        engine.cancel_run(run, "a race").await.unwrap().unwrap();
        run
    });
    let started = futures::future::join_all(races).await;
    for run in &started {
        ended(&engine, *run).await;
    }
    handle.shutdown(LIMIT).await;
    let mut history = history(&database, &[&calls]).await;
    history.accept(started);
    history.assert_sound();
}

/// Two engines that both believe they own the run: whatever they do, the journal has each node once and without gaps.
#[tokio::test(flavor = "multi_thread")]
async fn two_engines_that_steal_from_each_other_complete_each_node_once() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let calls = Calls::default();
    // Each with connections of its own, as two processes.
    let engines = [
        builder(database.pool().await, &calls).build(),
        builder(database.pool().await, &calls).build(),
    ];
    let handles = [engines[0].start().await.unwrap(), engines[1].start().await.unwrap()];
    let nodes: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    let ids: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let pipeline = save(&engines[0], chain(&ids)).await;
    let mut started = Vec::new();
    for _ in 0..20 {
        started.push(engines[0].start_run(StartRun::new(pipeline)).await.unwrap().id);
    }
    let client = pool.get().await.unwrap();
    let [one, two] = [engines[0].instance_id().unwrap(), engines[1].instance_id().unwrap()];
    for _ in 0..10 {
        // Takes the runs away without telling anybody, as a paused process would find it; the thief only stores them in the queue.
        for (thief, victim) in [(two, one), (one, two)] {
            runs::take_over(&client, thief, &[victim], 100).await.unwrap();
            client
                .execute(
                    "UPDATE runs SET status = 'queued', owner = NULL WHERE status = 'running' AND owner = $1",
                    &[&thief.as_uuid()],
                )
                .await
                .unwrap();
        }
    }
    for run in started {
        assert_eq!(ended(&engines[0], run).await.head.summary.status, "completed");
        let entries = engines[0].journal(run, 0, 1_000).await.unwrap();
        let numbers: Vec<i32> = entries.iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, (1..=i32::try_from(entries.len()).unwrap()).collect::<Vec<_>>());
        let completed: Vec<_> = entries
            .iter()
            .filter(|entry| entry.kind == "node_completed")
            .filter_map(|entry| entry.node.clone())
            .collect();
        assert_eq!(completed, nodes);
    }
    for handle in handles {
        handle.shutdown(LIMIT).await;
    }
    history(&database, &[&calls]).await.assert_sound();
}
