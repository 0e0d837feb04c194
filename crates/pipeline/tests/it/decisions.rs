//! Several who decide about one node in quarantine at once: one of them changes it, and each learns whether it was he.

use gathering_domain::{PipelineId, RunId};
use gathering_pipeline::{CancelPart, Engine, NodeDecided, NodeReport, NodeStatus, RunFilter, StartRun};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, kinds, save};

/// How many are raced where the run rests, and where it is in memory.
const PAIRS: usize = 100;

/// Two nodes that hang.
async fn pipeline(engine: &Engine) -> PipelineId {
    let hangs = |id| json!({"id": id, "type": "action", "config": {"action": "hang"}});
    save(engine, json!({"nodes": [hangs("g"), hangs("h")], "edges": []})).await
}

/// Runs that rest with both nodes in quarantine, as three processes that died would leave them.
async fn resting(database: &TestDatabase, engine: &Engine, count: usize) -> Vec<RunId> {
    let pipeline = pipeline(engine).await;
    let starts = (0..count).map(|_| async { engine.start_run(StartRun::new(pipeline)).await.unwrap().id });
    let runs = futures::future::join_all(starts).await;
    let client = database.pool().await.get().await.unwrap();
    let journal = "
        INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data)
        SELECT r.id, e.seq, 1, r.created_at, e.kind, e.node, json_build_object('attempt', 3, 'started_at', '2026-01-01T00:00:00Z',
            'error', json_build_object('code', 'quarantined', 'message', 'three processes died'))
        FROM runs r, (VALUES (1, 'attempt_started', 'g'), (2, 'attempt_started', 'h'),
                             (3, 'node_quarantined', 'g'), (4, 'node_quarantined', 'h')) AS e (seq, kind, node)
        WHERE r.status = 'queued'";
    client.execute(journal, &[]).await.unwrap();
    let heads = "UPDATE runs SET status = 'waiting', epoch = 1, started_at = created_at WHERE status = 'queued'";
    client.execute(heads, &[]).await.unwrap();
    runs
}

async fn decided(engine: &Engine, run: RunId, fail: bool) -> NodeReport {
    let decided = if fail {
        engine.fail_node(run, "h", "given up").await
    } else {
        engine.release_node(run, "h").await
    };
    decided.unwrap().unwrap()
}

/// Of each pair one is told that it changed the node, and the journal has one entry of it.
async fn race(engines: [&Engine; 2], runs: &[RunId]) {
    for (number, run) in runs.iter().enumerate() {
        let fails = [number % 3 == 0, number % 3 == 1];
        let (one, other) = tokio::join!(decided(engines[0], *run, fails[0]), decided(engines[1], *run, fails[1]));
        assert_ne!(one.changed, other.changed, "{one:?}, {other:?}");
        let kinds = kinds(engines[0], *run).await;
        let resolved = kinds
            .iter()
            .filter(|kind| ["node_released h", "node_failed h"].contains(&kind.as_str()));
        let resolved: Vec<_> = resolved.collect();
        let failed = if one.changed { fails[0] } else { fails[1] };
        assert_eq!(resolved, [if failed { "node_failed h" } else { "node_released h" }]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_one_changes_the_node_of_a_run_that_rests() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let engines = [
        builder(database.pool().await, &calls).build(),
        builder(database.pool().await, &calls).build(),
    ];
    let runs = resting(&database, &engines[0], PAIRS).await;
    race([&engines[0], &engines[1]], &runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_decide_at_once_one_changes_the_node_of_a_run_in_memory() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let works = builder(database.pool().await, &calls).build();
    let asked = builder(database.pool().await, &calls).build();
    let runs = resting(&database, &asked, PAIRS).await;
    let handle = works.start().await.unwrap();
    for run in &runs {
        assert!(asked.release_node(*run, "g").await.unwrap().unwrap().changed);
    }
    works.wake();
    eventually("all of them to be under way", LIMIT, async || calls.of("g") == PAIRS).await;
    race([&works, &asked], &runs).await;
    let part = CancelPart {
        limit: 1_000,
        from: None,
    };
    let all = RunFilter::default();
    let done = asked
        .cancel_runs(Uuid::nil().into(), &all, "at last", part)
        .await
        .unwrap();
    assert_eq!(done.next_cursor, None);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_in_the_callers_transaction_holds_with_its_commit_and_never_was_after_a_rollback() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let asked = builder(database.pool().await, &calls).build();
    let run = resting(&database, &asked, 1).await[0];
    let pool = database.pool().await;
    let mut client = pool.get().await.unwrap();
    let status = async |node: usize| asked.run(run).await.unwrap().unwrap().nodes[node].status;

    let transaction = client.transaction().await.unwrap();
    asked.fail_node_in(&transaction, run, "g", "on trial").await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(status(0).await, NodeStatus::Quarantined);

    let transaction = client.transaction().await.unwrap();
    let released = asked.release_node_in(&transaction, run, "g").await.unwrap();
    assert!(
        matches!(released, Some(NodeDecided::Written(NodeReport { changed: true, .. }))),
        "{released:?}"
    );
    let again = asked.release_node_in(&transaction, run, "g").await.unwrap();
    assert!(
        matches!(again, Some(NodeDecided::Written(NodeReport { changed: false, .. }))),
        "{again:?}"
    );
    assert_eq!(asked.release_node_in(&transaction, run, "nobody").await.unwrap(), None);
    transaction.commit().await.unwrap();
    let works = builder(database.pool().await, &calls).build();
    let handle = works.start().await.unwrap();
    eventually("the node to be under way", LIMIT, async || calls.of("g") == 1).await;

    let transaction = client.transaction().await.unwrap();
    let told = asked.release_node_in(&transaction, run, "h").await.unwrap();
    let instance_id = works.instance_id().unwrap();
    assert_eq!(told, Some(NodeDecided::Told { instance_id }));
    transaction.commit().await.unwrap();
    eventually("the other node to be under way, too", LIMIT, async || {
        calls.of("h") == 1
    })
    .await;
    asked.cancel_run(run, "at last").await.unwrap();
    handle.shutdown(LIMIT).await;
}
