//! What an engine counts, and the trace that it passes on: as an embedder sees it.

use gathering_domain::{TraceContext, TraceId};
use gathering_persistence::SystemEntropy;
use gathering_pipeline::{AttemptStats, EngineStats, RunStatus, StartRun};
use gathering_testkit::{TestDatabase, eventually};
use serde_json::{Value, json};

use crate::support::{Calls, LIMIT, builder, chain, ended, save};

fn one(action: &str, more: &Value) -> Value {
    let mut node = json!({"id": "n", "type": "action", "config": {"action": action}});
    node.as_object_mut()
        .into_iter()
        .zip(more.as_object())
        .for_each(|(node, more)| node.extend(more.clone()));
    json!({"nodes": [node]})
}

fn runs_ended(stats: &EngineStats) -> Vec<(RunStatus, u64)> {
    stats.runs_ended.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_counts_what_it_did_and_another_one_on_the_same_database_counts_nothing_of_it() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let engine = builder(pool.clone(), &calls).build();
    let idle = builder(pool, &calls).build();
    let handle = engine.start().await.unwrap();
    let retry = json!({"retry": {"max_attempts": 3, "initial": "1ms", "max": "1ms"}});
    for (definition, times) in [
        (one("echo", &json!({})), 2),
        (one("fail", &json!({})), 1),
        (one("flaky", &retry), 1),
        (one("hang", &json!({"timeout": "20ms"})), 1),
    ] {
        let pipeline = save(&engine, definition).await;
        for _ in 0..times {
            let run = engine.start_run(StartRun::new(pipeline)).await.unwrap();
            ended(&engine, run.id).await;
        }
    }
    let hangs = save(&engine, one("hang", &json!({}))).await;
    let run = engine.start_run(StartRun::new(hangs)).await.unwrap().id;
    eventually("the last call", LIMIT, async || calls.of("n") == 4).await;
    eventually("the other runs leave the memory", LIMIT, async || {
        let stats = engine.stats();
        (stats.runs_in_memory, stats.attempts_under_way) == (1, 1)
    })
    .await;
    engine.cancel_run(run, "enough").await.unwrap();
    handle.shutdown(LIMIT).await;
    let stats = engine.stats();
    assert_eq!(stats.runs_started, 6);
    let expected = [
        (RunStatus::Completed, 3),
        (RunStatus::Failed, 2),
        (RunStatus::Cancelled, 1),
        (RunStatus::TimedOut, 0),
    ];
    assert_eq!(runs_ended(&stats), expected);
    let attempts = AttemptStats {
        completed: 3,
        failed: 3,
        timed_out: 1,
        held: 0,
    };
    assert_eq!((stats.attempts, stats.retries), (attempts, 2));
    assert_eq!((stats.runs_in_memory, stats.attempts_under_way), (0, 0));
    assert_eq!(stats.commit_batches.count(), stats.commit_micros.count());
    assert!(stats.commit_batches.sum >= 7, "{stats:?}");
    let idle = idle.stats();
    assert_eq!((idle.runs_started, idle.commit_batches.count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_an_engine_queued_keeps_its_trace_for_the_one_that_works_on_it() {
    let (database, calls) = (TestDatabase::new().await, Calls::default());
    let pool = database.pool().await;
    let engine = builder(pool, &calls).build();
    let pipeline = save(&engine, chain(&["a", "b"])).await;
    let trace = TraceContext::new(&SystemEntropy::default());
    let with_trace = StartRun {
        trace: Some(trace.clone()),
        idempotency_key: Some("k".to_owned()),
        ..StartRun::new(pipeline)
    };
    engine.start_run(with_trace).await.unwrap();
    engine.start_run(StartRun::new(pipeline)).await.unwrap();
    assert_eq!(engine.queued_runs(10).await.unwrap(), 2);
    assert_eq!(engine.queued_runs(1).await.unwrap(), 1);
    assert_eq!(engine.work_once().await.unwrap(), 2);
    assert_eq!(engine.stats().runs_claimed, 2);
    let calls = calls.all();
    let traces: Vec<Option<TraceId>> = calls
        .iter()
        .map(|call| call.trace.as_ref().map(TraceContext::trace_id))
        .collect();
    let of_trace = traces.iter().filter(|of| **of == Some(trace.trace_id())).count();
    let without = traces.iter().filter(|of| of.is_none()).count();
    assert_eq!((of_trace, without), (2, 2));
    let spans = calls.iter().filter_map(|call| call.trace.as_ref());
    let spans: std::collections::HashSet<_> = spans.map(TraceContext::span_id).collect();
    assert_eq!(spans.len(), 2);
    assert!(!spans.contains(&trace.span_id()));
}
