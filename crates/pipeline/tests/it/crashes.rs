//! What is left when an instance goes away, and who goes on.

use std::time::Duration;

use gathering_domain::{InstanceId, RunId};
use gathering_persistence::{ConnectOptions, connect, runs};
use gathering_pipeline::{PageRequest, RunFilter, StartRun};
use gathering_testkit::{TestDatabase, eventually, until};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Calls, LIMIT, builder, chain, ended, history, kinds, save, whole_queue};

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_hands_over_and_another_instance_goes_on_in_the_middle() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let (first_calls, second_calls) = (Calls::default(), Calls::default());
    let first = builder(pool.clone(), &first_calls).build();
    let definition = json!({"nodes": [
        {"id": "a", "type": "action", "config": {"action": "echo"}},
        {"id": "h", "type": "action", "config": {"action": "hang"}},
        {"id": "b", "type": "action", "config": {"action": "echo"}}],
      "edges": [{"from": "a", "to": "h"}, {"from": "h", "to": "b"}]});
    let handle = first.start().await.unwrap();
    let pipeline = save(&first, definition).await;
    let run = first.start_run(StartRun::new(pipeline)).await.unwrap().id;
    eventually("the node to hang", LIMIT, async || first_calls.of("h") == 1).await;
    handle.shutdown(Duration::from_millis(50)).await;
    assert_eq!(first.run(run).await.unwrap().unwrap().head.summary.status, "queued");

    // On the second instance nothing hangs.
    let second = builder(pool, &second_calls)
        .handler("hang", |_: gathering_pipeline::Call| async {
            Ok::<_, gathering_pipeline::HandlerError>(json!("at last"))
        })
        .build();
    let handle = second.start().await.unwrap();
    assert_eq!(ended(&second, run).await.head.summary.status, "completed");
    assert_eq!(
        (first_calls.of("a"), second_calls.of("a"), second_calls.of("b")),
        (1, 0, 1)
    );
    let expected = [
        "node_completed a",
        "node_completed h",
        "node_completed b",
        "run_ended -",
    ];
    assert_eq!(kinds(&second, run).await, expected);
    handle.shutdown(LIMIT).await;
    history(&database, &[&first_calls, &second_calls]).await.assert_sound();
}

/// An instance that dies while the node `h` hangs: in the given run, or in one that it starts.
async fn die_while_hanging(database: &TestDatabase, calls: &Calls, run: Option<RunId>) -> RunId {
    let definition = json!({"nodes": [
        {"id": "a", "type": "action", "config": {"action": "echo"}},
        {"id": "h", "type": "action", "config": {"action": "hang"}}],
      "edges": [{"from": "a", "to": "h"}]});
    die_in(database, calls, definition, run).await
}

/// The same in a run of this definition.
pub(crate) async fn die_in(database: &TestDatabase, calls: &Calls, definition: Value, run: Option<RunId>) -> RunId {
    die_under(&["h"], database, calls, definition, run).await
}

/// The same while all of these nodes hang.
pub(crate) async fn die_under(
    nodes: &'static [&'static str],
    database: &TestDatabase,
    calls: &Calls,
    definition: Value,
    run: Option<RunId>,
) -> RunId {
    // A runtime of its own stands for a process: dropping it stops everything on it at once, in no order.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (url, hanging, seen) = (database.url(), calls.clone(), calls.clone());
    let before: Vec<_> = nodes.iter().map(|node| (*node, calls.of(node))).collect();
    let (runtime, run) = tokio::task::spawn_blocking(move || {
        let run = runtime.block_on(async move {
            let pool = connect(&ConnectOptions::new(url)).await.unwrap();
            let engine = builder(pool, &hanging).build();
            std::mem::forget(engine.start().await.unwrap());
            let run = if let Some(run) = run {
                run
            } else {
                let pipeline = save(&engine, definition).await;
                engine.start_run(StartRun::new(pipeline)).await.unwrap().id
            };
            eventually("the nodes to hang", LIMIT, async || {
                before.iter().all(|(node, before)| seen.of(node) > *before)
            })
            .await;
            run
        });
        (runtime, run)
    })
    .await
    .unwrap();
    runtime.shutdown_background();
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_under_which_three_processes_died_is_not_given_a_fourth_until_it_is_released() {
    let database = TestDatabase::new().await;
    let calls = Calls::default();
    let run = die_while_hanging(&database, &calls, None).await;
    for _ in 0..2 {
        die_while_hanging(&database, &calls, Some(run)).await;
    }
    // On the last one it would not hang.
    let last = builder(database.pool().await, &calls)
        .handler("hang", |_: gathering_pipeline::Call| async {
            Ok::<_, gathering_pipeline::HandlerError>(json!("at last"))
        })
        .build();
    let handle = last.start().await.unwrap();
    let rests = until("the run to rest", LIMIT, async || {
        let view = last.run(run).await.unwrap().unwrap();
        (view.head.summary.status == "waiting").then_some(view)
    })
    .await;
    assert_eq!(
        (rests.nodes[1].status.as_str(), rests.head.summary.wake_at),
        ("quarantined", None)
    );
    assert_eq!(rests.nodes[1].error.as_ref().unwrap().code, "quarantined");
    assert_eq!((calls.of("a"), calls.of("h"), rests.nodes[1].attempts), (1, 3, 3));
    history(&database, &[&calls]).await.assert_sound();

    let released = last.release_node(run, "h").await.unwrap().unwrap();
    assert!(released.changed, "{released:?}");
    assert_eq!(ended(&last, run).await.head.summary.status, "completed");
    let expected = [
        "node_completed a",
        "taken_over -",
        "attempt_failed h",
        "attempt_started h",
        "taken_over -",
        "attempt_failed h",
        "attempt_started h",
        "taken_over -",
        "node_quarantined h",
        "node_released h",
        "attempt_started h",
        "node_completed h",
        "run_ended -",
    ];
    assert_eq!(kinds(&last, run).await, expected);
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_an_instance_whose_connections_are_gone_are_taken_over() {
    let database = TestDatabase::new().await;
    let (calls, second_calls) = (Calls::default(), Calls::default());
    let run = die_while_hanging(&database, &calls, None).await;

    let second = builder(database.pool().await, &second_calls)
        .handler("hang", |_: gathering_pipeline::Call| async {
            Ok::<_, gathering_pipeline::HandlerError>(json!("at last"))
        })
        .build();
    let handle = second.start().await.unwrap();
    assert_eq!(ended(&second, run).await.head.summary.status, "completed");
    assert_eq!(calls.of("a"), 1);
    assert_eq!(
        kinds(&second, run).await,
        [
            "node_completed a",
            "taken_over -",
            "attempt_failed h",
            "attempt_started h",
            "node_completed h",
            "run_ended -"
        ]
    );
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls, &second_calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_go_on_after_every_connection_was_terminated() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let engine = builder(database.pool().await, &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a", "b", "c", "d", "e"])).await;
    for _ in 0..5 {
        let starts = (0..20).map(|_| engine.start_run(StartRun::new(pipeline)));
        let started = futures::future::join(futures::future::join_all(starts), database.terminate_backends())
            .await
            .0;
        for run in started.into_iter().map(|one| one.unwrap().id) {
            let view = gathering_testkit::until("the run to end", LIMIT, async || {
                engine
                    .run(run)
                    .await
                    .ok()
                    .flatten()
                    .filter(|view| view.head.summary.finished_at.is_some())
            })
            .await;
            assert_eq!(view.head.summary.status, "completed");
        }
    }
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_although_its_starter_did_not_wait_for_the_answer() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let engine = builder(database.pool().await, &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a"])).await;
    for _ in 0..50 {
        // Polled once: the start is on its way, and nobody hears the answer.
        let start = std::pin::pin!(engine.start_run(StartRun::new(pipeline)));
        assert!(futures::poll!(start).is_pending());
    }
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    eventually("the runs to end", LIMIT, async || {
        let runs = engine
            .runs(Uuid::nil().into(), &RunFilter::default(), page)
            .await
            .unwrap()
            .items;
        runs.len() == 50 && runs.iter().all(|run| run.status == "completed")
    })
    .await;
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_owner_is_not_even_registered_is_found() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &calls).build();
    let pipeline = save(&engine, chain(&["a"])).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    let nobody = InstanceId::from(Uuid::from_u128(7));
    let client = pool.get().await.unwrap();
    runs::claim_queued(&client, whole_queue(nobody, 1)).await.unwrap();
    drop(client);
    let handle = engine.start().await.unwrap();
    assert_eq!(ended(&engine, run).await.head.summary.status, "completed");
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}
