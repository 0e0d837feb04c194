//! Circuit breakers: counted over instances, one probe at a time, and nothing lost meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gathering_domain::{ProjectId, RunId, RunStatus};
use gathering_persistence::Pool;
use gathering_pipeline::{BreakerStatus, BreakerView, Call, Engine, HandlerError, NewPipeline, PageRequest, StartRun};
use gathering_testkit::{TestDatabase, eventually, until};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::{Calls, builder, ended, history, save};

/// Longer than anything takes here unless it is broken; a lease passes in some of it.
const LIMIT: Duration = Duration::from_mins(1);

/// Something that nodes call and that breaks.
#[derive(Clone)]
struct Target {
    calls: Calls,
    broken: Arc<AtomicBool>,
    /// Calls end when there is a permit for them.
    gate: Arc<Semaphore>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl Target {
    fn new() -> Self {
        Self {
            calls: Calls::default(),
            broken: Arc::new(AtomicBool::new(true)),
            gate: Arc::new(Semaphore::new(1_000_000)),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
        }
    }

    /// From here on calls hang until there are permits again.
    fn close_gate(&self) {
        self.gate.forget_permits(1_000_000);
        self.most_at_once.store(0, Ordering::SeqCst);
    }

    async fn call(self, call: Call) -> Result<Value, HandlerError> {
        self.calls.add(call);
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let _permit = self.gate.acquire().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            Err(HandlerError::transient("away", "the target is away"))
        } else {
            Ok(json!("here"))
        }
    }

    fn engine(&self, pool: Pool) -> Engine {
        let target = self.clone();
        builder(pool, &self.calls)
            .handler("target", move |call: Call| target.clone().call(call))
            .build()
    }
}

fn node(breaker: &Value) -> Value {
    json!({"nodes": [{"id": "t", "type": "action", "config": {"action": "target"}, "breaker": breaker}]})
}

async fn start(engine: &Engine, definition: &Value, count: usize) -> Vec<RunId> {
    let pipeline = save(engine, definition.clone()).await;
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(engine.start_run(StartRun::new(pipeline)).await.unwrap().id);
    }
    runs
}

/// Runs so many times, one after the other; gives what the last one came to.
async fn run_and_wait(engine: &Engine, definition: &Value, count: usize) -> String {
    let mut last = String::new();
    for _ in 0..count {
        let run = start(engine, definition, 1).await[0];
        let view = ended(engine, run).await;
        let error = view.nodes[0].error.as_ref().map(|error| error.code.clone());
        last = error.unwrap_or_else(|| view.head.summary.status.as_str().to_owned());
    }
    last
}

/// The one breaker of the project that stands for having none.
async fn breaker(engine: &Engine) -> BreakerView {
    let found = breakers_of(engine, ProjectId::from(Uuid::nil())).await;
    engine.breaker(found[0]).await.unwrap().unwrap()
}

async fn breakers_of(engine: &Engine, project: ProjectId) -> Vec<gathering_pipeline::BreakerId> {
    let page = PageRequest { limit: 10, after: None };
    let page = engine.breakers(project, None, page).await.unwrap();
    page.items.iter().map(|breaker| breaker.id).collect()
}

/// A run that is held: the other instance may take a moment to notice that the breaker is open, and calls until then.
async fn held_run(engine: &Engine, definition: &Value) -> RunId {
    until("a run to be held", LIMIT, async || {
        let run = start(engine, definition, 1).await[0];
        let came = until("the run to be held or to end", LIMIT, async || {
            let view = engine.run(run).await.unwrap().unwrap();
            Some(view.nodes[0].status).filter(|status| ["waiting", "failed"].contains(&status.as_str()))
        })
        .await;
        Some(run).filter(|_| came == "waiting")
    })
    .await
}

async fn held_entries(database: &TestDatabase) -> i64 {
    let connection = database.pool().await.get().await.unwrap();
    let sql = "SELECT count(*) FROM run_journal WHERE kind = 'node_held'";
    connection.query_one(sql, &[]).await.unwrap().get(0)
}

/// Five failures in turn: neither instance sees enough of them alone.
async fn open_over_both(engines: &[Engine; 2], definition: &Value) {
    for engine in [&engines[0], &engines[1], &engines[0], &engines[1]] {
        assert_eq!(run_and_wait(engine, definition, 1).await, "away");
    }
    assert_eq!(breaker(&engines[0]).await.summary.status, BreakerStatus::Closed);
    assert_eq!(breaker(&engines[0]).await.summary.failures, 4);
    assert_eq!(run_and_wait(&engines[0], definition, 1).await, "away");
    let opened = breaker(&engines[1]).await;
    assert_eq!(
        (opened.summary.opened, opened.summary.key.as_str()),
        (1, "name:payments")
    );
    assert_eq!(opened.changes[0].reason, "threshold_reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_two_instances_open_it_and_one_of_a_hundred_waiting_runs_probes() {
    let database = TestDatabase::new().await;
    let one = Target::new();
    let engines = [one.engine(database.pool().await), one.engine(database.pool().await)];
    let handles = [engines[0].start().await.unwrap(), engines[1].start().await.unwrap()];
    let definition = node(&json!({"name": "payments", "failures": 5, "open": "5s"}));
    open_over_both(&engines, &definition).await;
    let noticed = held_run(&engines[1], &definition).await;
    let before = one.calls.of("t");
    one.close_gate();
    one.broken.store(false, Ordering::SeqCst);
    let mut runs = start(&engines[0], &definition, 50).await;
    runs.push(noticed);
    runs.extend(start(&engines[1], &definition, 50).await);
    let calls = || one.calls.of("t");
    eventually("one run to probe", LIMIT, async || calls() > before).await;
    // All the others are told to wait; those that come back when the time is up, for the probe.
    eventually("the others to be held again", LIMIT, async || {
        held_entries(&database).await >= 100
    })
    .await;
    let waits = engines[0].run(runs[0]).await.unwrap().unwrap().nodes[0].clone();
    if waits.status == "waiting" {
        let by = waits.waiting.and_then(|waiting| waiting.breaker);
        assert_eq!(by.map(|by| by.key).as_deref(), Some("name:payments"));
    }
    eventually("the right to probe to be renewed", LIMIT, async || {
        let view = breaker(&engines[0]).await;
        view.summary.probing && view.summary.updated_at.duration_since(view.changes[0].at).as_secs() >= 3
    })
    .await;
    assert_eq!(
        (calls(), one.most_at_once.load(Ordering::SeqCst)),
        (before + 1, 1),
        "one probe"
    );

    one.gate.add_permits(1_000_000);
    for run in &runs {
        let view = ended(&engines[0], *run).await;
        assert_eq!(
            (view.head.summary.status.as_str(), view.nodes[0].attempts),
            ("completed", 1)
        );
    }
    assert_eq!(calls(), before + 101, "each once");
    let reasons: Vec<_> = breaker(&engines[0])
        .await
        .changes
        .into_iter()
        .map(|change| change.reason)
        .collect();
    assert_eq!(reasons, ["probe_succeeded", "probe_started", "threshold_reached"]);
    for handle in handles {
        handle.shutdown(LIMIT).await;
    }
    history(&database, &[&one.calls]).await.assert_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_survives_a_restart_and_a_reset_lets_the_waiting_runs_go_on_within_a_second_or_so() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    let first = target.engine(database.pool().await);
    let handle = first.start().await.unwrap();
    let definition = node(&json!({"failures": 2, "open": "1h", "max_open": "2h"}));
    assert_eq!(run_and_wait(&first, &definition, 2).await, "away");
    let waiting = start(&first, &definition, 3).await;
    let status = async |engine: &Engine, run| engine.run_head(run).await.unwrap().unwrap().summary.status;
    for run in &waiting {
        eventually("the run to wait in the database", LIMIT, async || {
            status(&first, *run).await == "waiting"
        })
        .await;
    }
    handle.shutdown(LIMIT).await;

    let second = target.engine(database.pool().await);
    let handle = second.start().await.unwrap();
    let late = start(&second, &definition, 1).await[0];
    eventually("the run to wait in the database", LIMIT, async || {
        status(&second, late).await == "waiting"
    })
    .await;
    let view = breaker(&second).await;
    assert_eq!(
        (view.summary.status, view.summary.key.as_str()),
        (BreakerStatus::Open, "handler:target")
    );
    assert_eq!(target.calls.of("t"), 2, "nothing reached the target any more");

    target.broken.store(false, Ordering::SeqCst);
    let reset = second.reset_breaker(view.summary.id, None).await.unwrap().unwrap();
    assert_eq!(
        (reset.summary.status, reset.changes[0].reason.as_str()),
        (BreakerStatus::Closed, "reset")
    );
    for run in waiting.into_iter().chain([late]) {
        assert_eq!(ended(&second, run).await.head.summary.status, "completed");
    }
    let again = second.reset_breaker(view.summary.id, None).await.unwrap().unwrap();
    assert_eq!(again.changes.len(), 2, "there was nothing to change");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_wait_fails_at_once_and_without_a_call() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    let engine = target.engine(database.pool().await);
    let handle = engine.start().await.unwrap();
    let mut definition = node(&json!({"failures": 1, "open": "1h", "when_open": "fail", "max_open": "1h"}));
    definition["nodes"][0]["retry"] = json!({"max_attempts": 3, "initial": "1ms"});
    assert_eq!(
        run_and_wait(&engine, &definition, 1).await,
        "breaker_open",
        "its second attempt"
    );
    assert_eq!(run_and_wait(&engine, &definition, 1).await, "breaker_open");
    assert_eq!(target.calls.of("t"), 1);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_of_one_project_is_none_of_another_one_that_gives_it_the_same_name() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    let engine = target.engine(database.pool().await);
    let handle = engine.start().await.unwrap();
    let definition =
        node(&json!({"name": "payments", "failures": 1, "open": "1h", "when_open": "fail", "max_open": "1h"}));
    let project = ProjectId::from(Uuid::from_u128(7));
    let new = NewPipeline {
        project_id: project,
        ..NewPipeline::new("attacks", definition.clone())
    };
    let foreign = engine.create_pipeline(new).await.unwrap().summary.id;
    let run = engine.start_run(StartRun::new(foreign)).await.unwrap().id;
    ended(&engine, run).await;
    assert_eq!(breakers_of(&engine, project).await.len(), 1);
    target.broken.store(false, Ordering::SeqCst);
    assert_eq!(run_and_wait(&engine, &definition, 1).await, "completed");
    assert_eq!(breakers_of(&engine, ProjectId::from(Uuid::nil())).await.len(), 0);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_counts_the_successes_too_and_a_healthy_count_writes_nothing() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    target.broken.store(false, Ordering::SeqCst);
    let engine = target.engine(database.pool().await);
    let handle = engine.start().await.unwrap();
    assert_eq!(
        run_and_wait(&engine, &node(&json!({"name": "count"})), 5).await,
        "completed"
    );
    assert_eq!(breakers_of(&engine, ProjectId::from(Uuid::nil())).await.len(), 0);
    let rate =
        node(&json!({"name": "rate", "rate": 0.5, "minimum": 8, "open": "1h", "max_open": "1h", "when_open": "fail"}));
    assert_eq!(run_and_wait(&engine, &rate, 4).await, "completed");
    eventually("the successes to be written", LIMIT, async || {
        breakers_of(&engine, ProjectId::from(Uuid::nil())).await.len() == 1
            && breaker(&engine).await.summary.successes == 4
    })
    .await;
    target.broken.store(true, Ordering::SeqCst);
    assert_eq!(run_and_wait(&engine, &rate, 4).await, "away");
    assert_eq!(
        breaker(&engine).await.summary.status,
        BreakerStatus::Open,
        "four of eight"
    );
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_cancelled_leaves_the_right_to_another() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    let engine = target.engine(database.pool().await);
    let handle = engine.start().await.unwrap();
    let definition = node(&json!({"failures": 1, "open": "1s"}));
    assert_eq!(run_and_wait(&engine, &definition, 1).await, "away");
    target.close_gate();
    let probing = start(&engine, &definition, 1).await[0];
    eventually("the run to probe", LIMIT, async || target.calls.of("t") == 2).await;
    let waiting = start(&engine, &definition, 1).await[0];
    eventually("the other to be held", LIMIT, async || {
        held_entries(&database).await > 0
    })
    .await;
    engine.cancel_run(probing, "no longer wanted").await.unwrap();
    eventually("the right to be given up", LIMIT, async || {
        breaker(&engine).await.changes[0].reason == "probe_freed"
    })
    .await;
    target.broken.store(false, Ordering::SeqCst);
    target.gate.add_permits(1_000_000);
    assert_eq!(ended(&engine, waiting).await.head.summary.status, "completed");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_were_held_while_a_probe_failed_come_back_when_it_is_open_no_more_and_not_when_its_right_lapses() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    let engine = target.engine(database.pool().await);
    let handle = engine.start().await.unwrap();
    let definition = node(&json!({"failures": 1, "open": "1s", "multiplier": 1}));
    assert_eq!(run_and_wait(&engine, &definition, 1).await, "away");
    target.close_gate();
    let probing = start(&engine, &definition, 1).await[0];
    eventually("the run to probe", LIMIT, async || target.calls.of("t") == 2).await;
    let held = start(&engine, &definition, 3).await;
    for run in &held {
        eventually("the run to wait in the database", LIMIT, async || {
            engine.run_head(*run).await.unwrap().unwrap().summary.status == RunStatus::Waiting
        })
        .await;
    }
    target.gate.add_permits(1_000_000);
    assert_eq!(ended(&engine, probing).await.head.summary.status, RunStatus::Failed);
    let failed_at = tokio::time::Instant::now();
    target.broken.store(false, Ordering::SeqCst);
    for run in held {
        assert_eq!(ended(&engine, run).await.head.summary.status, RunStatus::Completed);
    }
    let took = failed_at.elapsed();
    assert!(
        took < Duration::from_secs(5),
        "{took:?}: the right would have lapsed after ten seconds"
    );
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_names_leaves_a_bounded_number_of_breakers_and_the_latest_of_them() {
    let database = TestDatabase::new().await;
    let target = Target::new();
    let engine = target.engine(database.pool().await);
    let handle = engine.start().await.unwrap();
    let node = |number: usize| {
        json!({"id": format!("n{number}"), "type": "action", "config": {"action": "target"},
            "breaker": {"name": format!("name{number}"), "failures": 2}})
    };
    let nodes: Vec<_> = (0..3_000).map(node).collect();
    let many = json!({"nodes": nodes, "edges": []});
    assert_eq!(run_and_wait(&engine, &many, 1).await, "away");
    let connection = database.pool().await.get().await.unwrap();
    let sql = "SELECT count(*), count(*) FILTER (WHERE key = 'name:name2999') FROM breakers";
    let row = connection.query_one(sql, &[]).await.unwrap();
    let (all, last): (i64, i64) = (row.get(0), row.get(1));
    assert!(
        (900..=1_000).contains(&all) && last == 1,
        "{all} breakers, {last} of the last name"
    );
    handle.shutdown(LIMIT).await;
}
