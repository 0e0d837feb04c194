//! Instances with different handlers on one database, as there are during every rolling deploy that adds an action.

use gathering_persistence::{ConnectOptions, Pool, connect};
use gathering_pipeline::{Call, Engine, HandlerError, RunView, StartRun};
use gathering_testkit::{TestDatabase, definitions, eventually, until};
use serde_json::{Value, json};

use crate::crashes::die_in;
use crate::support::{Calls, LIMIT, builder, chain, ended, history, save};

/// An engine of the release before: it has `echo`, and nothing else.
fn old(pool: Pool) -> Engine {
    Engine::builder(pool)
        .handler("echo", async |call: Call| Ok::<_, HandlerError>(call.config))
        .build()
}

/// An engine of the next release, which has `brand_new`.
fn new(pool: Pool, calls: &Calls) -> Engine {
    let calls = calls.clone();
    let brand_new = move |call: Call| {
        calls.add(call);
        async { Ok::<_, HandlerError>(json!("new")) }
    };
    builder(pool, &Calls::default()).handler("brand_new", brand_new).build()
}

async fn count(pool: &Pool, sql: &str) -> i64 {
    pool.get().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_an_instance_cannot_do_wait_for_one_that_can_and_are_not_claimed_over_and_over() {
    const RUNS: i64 = 300;
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let (old, new) = (old(pool.clone()), new(pool.clone(), &calls));
    let added = save(&new, definitions::chain(&["a", "b"], "brand_new")).await;
    let common = save(&new, chain(&["c"])).await;
    let before = old.start().await.unwrap();
    let starts = (0..RUNS).map(|_| old.start_run(StartRun::new(added)));
    let runs: Vec<_> = futures::future::join_all(starts)
        .await
        .into_iter()
        .map(|started| started.unwrap().id)
        .collect();
    eventually("every run to be queued again", LIMIT, async || {
        count(&pool, "SELECT count(*) FROM runs WHERE status = 'queued'").await == RUNS
    })
    .await;
    // What it can do it goes on doing, and meanwhile looks at the queue again and again.
    for _ in 0..5 {
        let run = old.start_run(StartRun::new(common)).await.unwrap().id;
        old.wake();
        assert_eq!(ended(&old, run).await.head.summary.status, "completed");
    }
    let claims = count(&pool, "SELECT sum(epoch) FROM runs WHERE status = 'queued'").await;
    assert!(claims <= RUNS + 200, "{claims} claims of {RUNS} runs");

    let after = new.start().await.unwrap();
    for run in runs {
        assert_eq!(ended(&old, run).await.head.summary.status, "completed");
    }
    let claims = count(&pool, "SELECT sum(epoch) FROM runs WHERE epoch > 0").await;
    assert!(claims <= 2 * RUNS + 205, "{claims} claims of {RUNS} runs");
    assert_eq!(calls.all().len(), 600);
    before.shutdown(LIMIT).await;
    after.shutdown(LIMIT).await;
    history(&database, &[]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_taken_over_by_an_instance_that_cannot_do_it_is_passed_on_with_its_losses() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let old = old(connect(&ConnectOptions::new(database.url())).await.unwrap());
    let handle = old.start().await.unwrap();
    let definition: Value = json!({"nodes": [{"id": "h", "type": "action", "config": {"action": "hang"}}]});
    let mut run = None;
    for _ in 0..3 {
        run = Some(die_in(&database, &calls, definition.clone(), run).await);
        let run = run.unwrap();
        until("the run to be passed on", LIMIT, async || {
            let head = old.run_head(run).await.unwrap().unwrap();
            (head.summary.status == "queued").then_some(())
        })
        .await;
    }
    let last = builder(database.pool().await, &calls).build();
    let working = last.start().await.unwrap();
    let run = run.unwrap();
    eventually("the node to be in quarantine", LIMIT, async || {
        last.run(run).await.unwrap().unwrap().nodes[0].status == "quarantined"
    })
    .await;
    assert_eq!(calls.of("h"), 3);
    working.shutdown(LIMIT).await;
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_can_do_times_out_in_the_queue() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let (old, new) = (old(pool.clone()), new(pool.clone(), &calls));
    let mut definition = definitions::chain(&["a", "b"], "brand_new");
    definition["timeout"] = json!("3s");
    let added = save(&new, definition).await;
    let handle = old.start().await.unwrap();
    // The first one is claimed once; the second one never is, since its version is known by then.
    for epoch in [1, 0] {
        let run = old.start_run(StartRun::new(added)).await.unwrap().id;
        let resting = format!("SELECT count(*) FROM runs WHERE status = 'queued' AND epoch = {epoch}");
        eventually("the run to be queued", LIMIT, async || {
            count(&pool, &resting).await == 1
        })
        .await;
        let waits = |view: Option<RunView>| view.unwrap().missing_handler;
        assert_eq!(waits(old.run(run).await.unwrap()).unwrap(), "action `brand_new`");
        assert_eq!(waits(new.run(run).await.unwrap()), None);
        let view = ended(&old, run).await;
        assert_eq!(view.head.summary.status, "timed_out");
        let error = view.head.summary.error.unwrap().to_value();
        assert_eq!(error["code"], "run_timeout");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("waited") && message.contains("brand_new"), "{message}");
        let took = view
            .head
            .summary
            .finished_at
            .unwrap()
            .duration_since(view.head.summary.created_at);
        assert!(took.as_secs() >= 3, "{took:?}");
    }
    assert!(calls.all().is_empty());
    handle.shutdown(LIMIT).await;
    history(&database, &[&calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_step_counts_no_run_that_it_cannot_do_and_remembers_which_those_are() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let (old, new) = (old(pool.clone()), new(pool.clone(), &calls));
    let added = save(&new, definitions::chain(&["a"], "brand_new")).await;
    let common = save(&new, chain(&["c"])).await;
    for pipeline in [added, common, added] {
        new.start_run(StartRun::new(pipeline)).await.unwrap();
    }
    assert_eq!(old.work_once().await.unwrap(), 1);
    assert_eq!(old.work_once().await.unwrap(), 0);
    let claims = count(&pool, "SELECT sum(epoch) FROM runs WHERE status = 'queued'").await;
    assert_eq!(claims, 2, "each was claimed once, by the first step");
    assert_eq!(new.work_once().await.unwrap(), 2);
    history(&database, &[&calls]).await.assert_sound();
}
