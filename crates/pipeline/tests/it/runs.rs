//! What a run does with its nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gathering_pipeline::{Call, HandlerError, Limits, StartRun};
use gathering_testkit::{TestDatabase, until};
use serde_json::{Value, json};

use crate::support::{Calls, LIMIT, builder, chain, ended, outcome, save, statuses};

#[tokio::test(flavor = "multi_thread")]
async fn data_flows_from_the_input_through_the_nodes_to_the_output() {
    let view = outcome(
        json!({"nodes": [
            {"id": "start", "type": "trigger"},
            {"id": "get", "type": "action", "config": {"action": "echo", "n": "{{ input.n }}", "text": "n is {{ input.n }}"}},
            {"id": "big", "type": "condition", "config": {"expression": "nodes.get.output.n > 3"}},
            {"id": "yes", "type": "transform", "config": {"output": {"twice": "{{ nodes.get.output.n * 2 }}"}}},
            {"id": "no", "type": "transform", "config": {"output": "small"}}],
          "edges": [{"from": "start", "to": "get"}, {"from": "get", "to": "big"}, {"from": "big", "to": "yes", "when": true},
            {"from": "big", "to": "no", "when": false}]}),
        json!({"n": 5}),
    )
    .await;
    assert_eq!(view.head.summary.status, "completed");
    assert_eq!(
        view.head.output.clone().unwrap().to_value(),
        json!({"yes": {"twice": 10}})
    );
    assert_eq!(
        statuses(&view),
        [
            "start:completed",
            "get:completed",
            "big:completed",
            "yes:completed",
            "no:skipped"
        ]
    );
    assert_eq!(view.nodes[0].output.clone().unwrap().to_value(), json!({"n": 5}));
    assert_eq!(
        view.nodes[1].output.clone().unwrap().to_value(),
        json!({"n": 5, "text": "n is 5"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_node_fails_the_run_after_its_downstream_is_skipped() {
    let view = outcome(
        json!({"nodes": [
            {"id": "start", "type": "trigger"},
            {"id": "bad", "type": "action", "config": {"action": "fail"}},
            {"id": "after", "type": "action", "config": {"action": "echo"}},
            {"id": "other", "type": "action", "config": {"action": "echo"}},
            {"id": "both", "type": "join"}],
          "edges": [{"from": "start", "to": "bad"}, {"from": "bad", "to": "after"}, {"from": "start", "to": "other"},
            {"from": "after", "to": "both"}, {"from": "other", "to": "both"}]}),
        json!(null),
    )
    .await;
    assert_eq!(view.head.summary.status, "failed");
    assert_eq!(
        statuses(&view),
        [
            "start:completed",
            "bad:failed",
            "after:skipped",
            "other:completed",
            "both:skipped"
        ]
    );
    let error = view.head.summary.error.unwrap().to_value();
    assert_eq!(error["code"], "node_failed");
    assert_eq!(error["message"], "node bad failed: it is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_on_error_continue_the_error_flows_on_as_data() {
    let view = outcome(
        json!({"nodes": [
            {"id": "bad", "type": "action", "on_error": "continue", "config": {"action": "fail"}},
            {"id": "say", "type": "transform", "config": {"output": "{{ nodes.bad.output.error.code }}"}}],
          "edges": [{"from": "bad", "to": "say"}]}),
        json!(null),
    )
    .await;
    assert_eq!(view.head.summary.status, "completed");
    assert_eq!(view.head.output.clone().unwrap().to_value(), json!({"say": "broken"}));
    assert_eq!(statuses(&view), ["bad:failed", "say:completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transient_failure_is_tried_again_and_counted() {
    let retry = json!({"max_attempts": 3, "initial": "1ms", "jitter": "none"});
    let view = outcome(
        json!({"nodes": [{"id": "f", "type": "action", "retry": retry, "config": {"action": "flaky"}}]}),
        json!(1),
    )
    .await;
    assert_eq!(
        (view.head.summary.status.as_str(), view.nodes[0].attempts),
        ("completed", 3)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_handler_fails_its_node_and_nothing_else() {
    let view = outcome(
        json!({"nodes": [{"id": "p", "type": "action", "config": {"action": "panic"}}]}),
        json!(1),
    )
    .await;
    assert_eq!(view.nodes[0].error.as_ref().unwrap().code, "handler_panicked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_and_a_run_that_take_too_long_time_out() {
    let hang = json!({"action": "hang"});
    let node = outcome(
        json!({"nodes": [{"id": "h", "type": "action", "timeout": "50ms", "config": hang}]}),
        json!(1),
    )
    .await;
    assert_eq!(
        (node.head.summary.status.as_str(), node.nodes[0].status.as_str()),
        ("failed", "timed_out")
    );
    let run = outcome(
        json!({"nodes": [{"id": "h", "type": "action", "config": hang}], "timeout": "50ms"}),
        json!(1),
    )
    .await;
    assert_eq!(
        (run.head.summary.status.as_str(), run.nodes[0].status.as_str()),
        ("timed_out", "cancelled")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn four_branches_of_300_ms_take_about_300_ms() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let branches = ["a", "b", "c", "d"];
    let nodes = branches.map(|id| json!({"id": id, "type": "delay", "config": {"duration": "300ms"}}));
    let edges = branches.map(|id| json!({"from": "start", "to": id}));
    let nodes: Vec<_> = std::iter::once(json!({"id": "start", "type": "trigger"}))
        .chain(nodes)
        .collect();
    let pipeline = save(&engine, json!({"nodes": nodes, "edges": edges})).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap();
    let view = ended(&engine, run.id).await.head.summary;
    let took = view.finished_at.unwrap().duration_since(view.started_at.unwrap());
    assert!(took.as_millis() >= 300 && took.as_millis() < 900, "it took {took:?}");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_delay_leaves_the_memory_and_comes_back_in_time() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(
        &engine,
        json!({"nodes": [{"id": "d", "type": "delay", "config": {"duration": "{{ input }}"}}]}),
    )
    .await;
    let run = engine
        .start_run(StartRun::new(pipeline).input(json!("1500ms")))
        .await
        .unwrap();
    let waiting = until("the run to wait", LIMIT, async || {
        engine
            .run(run.id)
            .await
            .unwrap()
            .filter(|view| view.head.summary.status == "waiting")
    })
    .await;
    assert_eq!(statuses(&waiting), ["d:waiting"]);
    assert_eq!(ended(&engine, run.id).await.head.summary.status, "completed");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_of_any_goes_on_with_the_first_branch() {
    let view = outcome(
        json!({"nodes": [
            {"id": "start", "type": "parallel"},
            {"id": "fast", "type": "action", "config": {"action": "echo", "is": "fast"}},
            {"id": "slow", "type": "delay", "config": {"duration": "2s"}},
            {"id": "first", "type": "join", "config": {"mode": "any"}}],
          "edges": [{"from": "start", "to": "fast"}, {"from": "start", "to": "slow"}, {"from": "fast", "to": "first"},
            {"from": "slow", "to": "first"}]}),
        json!(null),
    )
    .await;
    assert_eq!(
        view.head.output.unwrap().to_value(),
        json!({"first": {"fast": {"is": "fast"}}})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_whose_expression_cannot_be_evaluated_fails_its_target() {
    let view = outcome(
        json!({"nodes": [{"id": "a", "type": "action", "config": {"action": "echo"}}, {"id": "b", "type": "action", "config": {"action": "echo"}}],
          "edges": [{"from": "a", "to": "b", "when": "nodes.a.output.missing > 3"}]}),
        json!(null),
    )
    .await;
    assert_eq!(statuses(&view), ["a:completed", "b:failed"]);
    assert_eq!(view.nodes[1].error.as_ref().unwrap().code, "expression_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_handed_the_same_key() {
    let database = TestDatabase::new().await;
    let calls = Calls::default();
    let engine = builder(database.pool().await, &calls).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, chain(&["a", "b"])).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    ended(&engine, run).await;
    let keys: Vec<_> = calls.all().into_iter().map(|call| call.idempotency_key).collect();
    assert_eq!(keys, [format!("{run}/a"), format!("{run}/b")]);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_database_will_not_take_fails_after_a_few_tries_and_harms_no_other() {
    let database = TestDatabase::new().await;
    let pool = database.pool().await;
    let calls = Calls::default();
    let engine = builder(pool.clone(), &calls).build();
    let handle = engine.start().await.unwrap();
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON run_journal FOR EACH ROW WHEN (NEW.node = 'bad') EXECUTE FUNCTION refuse()";
    pool.get().await.unwrap().batch_execute(refuse).await.unwrap();
    let (bad, good) = (
        save(&engine, chain(&["bad"])).await,
        save(&engine, chain(&["good", "better"])).await,
    );
    let run = engine.start_run(StartRun::new(bad)).await.unwrap().id;
    let other = engine.start_run(StartRun::new(good)).await.unwrap().id;
    assert_eq!(ended(&engine, other).await.head.summary.status, "completed");
    let view = ended(&engine, run).await;
    let error = view.head.summary.error.unwrap().to_value();
    assert_eq!(
        (&error["code"], &error["details"]),
        (&json!("journal_rejected"), &json!({"nodes": ["bad"]}))
    );
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("node bad came to: a trigger of the database"),
        "{message}"
    );
    assert!(
        !message.contains("not this one"),
        "the words of the database are for the log"
    );
    assert_eq!(calls.of("bad"), 3);
    handle.shutdown(LIMIT).await;
}

/// A trigger, and so many transforms that all give `output`.
fn transforms(count: usize, output: &Value) -> Value {
    let ids: Vec<String> = (0..count).map(|n| format!("t{n}")).collect();
    let transform = |id: &String| json!({"id": id, "type": "transform", "config": {"output": output}});
    let mut nodes: Vec<_> = ids.iter().map(transform).collect();
    nodes.push(json!({"id": "start", "type": "trigger"}));
    let edges: Vec<_> = ids.iter().map(|id| json!({"from": "start", "to": id})).collect();
    json!({"nodes": nodes, "edges": edges})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_journal_grows_too_large_fails_and_the_others_go_on() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let huge = save(&engine, transforms(1_100, &json!("{{ input }}"))).await;
    let input = json!("x".repeat((1 << 20) - 100));
    let run = engine.start_run(StartRun::new(huge).input(input)).await.unwrap().id;
    let small = save(&engine, chain(&["a"])).await;
    let other = engine.start_run(StartRun::new(small)).await.unwrap().id;
    assert_eq!(ended(&engine, other).await.head.summary.status, "completed");
    let head = engine.wait(run, LIMIT).await.unwrap().unwrap();
    assert_eq!(head.summary.status, "failed");
    assert_eq!(head.summary.error.unwrap().to_value()["code"], "run_too_large");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_is_nested_too_deep_fails_its_node() {
    let deep = |of: &str| (0..60).fold(json!(of), |inner, _| json!([inner]));
    let view = outcome(
        json!({"nodes": [
            {"id": "one", "type": "transform", "config": {"output": deep("{{ input }}")}},
            {"id": "two", "type": "transform", "config": {"output": deep("{{ nodes.one.output }}")}}],
          "edges": [{"from": "one", "to": "two"}]}),
        json!(1),
    )
    .await;
    assert_eq!(statuses(&view), ["one:completed", "two:failed"]);
    assert_eq!(view.nodes[1].error.as_ref().unwrap().code, "output_too_deep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_makes_no_more_attempts_at_once_than_it_may() {
    let database = TestDatabase::new().await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, seen) = (now.clone(), most.clone());
    let limits = Limits {
        max_attempts_per_run: 4,
        ..Limits::default()
    };
    let engine = builder(database.pool().await, &Calls::default())
        .limits(limits)
        .handler("count", move |_: Call| {
            let (now, most) = (counted.clone(), seen.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, HandlerError>(json!(null))
            }
        })
        .build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, gathering_testkit::definitions::fan_of(40, "count")).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    assert_eq!(ended(&engine, run).await.head.summary.status, "completed");
    assert_eq!(most.load(Ordering::SeqCst), 4);
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_times_out_tells_what_it_started_elsewhere() {
    let database = TestDatabase::new().await;
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    let engine = builder(database.pool().await, &Calls::default())
        .handler("elsewhere", move |call: Call| {
            let told = count.clone();
            let watcher = tokio::runtime::Handle::current();
            std::mem::drop(tokio::task::spawn_blocking(move || {
                watcher.block_on(call.cancelled.cancelled());
                told.fetch_add(1, Ordering::SeqCst);
            }));
            std::future::pending::<Result<Value, HandlerError>>()
        })
        .build();
    let handle = engine.start().await.unwrap();
    let node = json!({"id": "e", "type": "action", "timeout": "50ms", "config": {"action": "elsewhere"}});
    let pipeline = save(&engine, json!({"nodes": [node]})).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    assert_eq!(ended(&engine, run).await.nodes[0].status, "timed_out");
    until("the watcher to be told", LIMIT, async || {
        (told.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_come_together_beyond_the_limit_end_the_run_before_they_are_sent() {
    let database = TestDatabase::new().await;
    let limits = Limits {
        max_run_bytes: 1 << 20,
        max_attempts_per_run: 1_000,
        ..Limits::default()
    };
    let engine = builder(database.pool().await, &Calls::default())
        .limits(limits)
        .handler("large", |_: Call| async {
            Ok::<_, HandlerError>(json!("x".repeat(100_000)))
        })
        .build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, gathering_testkit::definitions::fan_of(100, "large")).await;
    let run = engine.start_run(StartRun::new(pipeline)).await.unwrap().id;
    let view = ended(&engine, run).await;
    assert_eq!(view.head.summary.error.unwrap().to_value()["code"], "run_too_large");
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_run_is_told_what_its_row_says() {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    for action in ["echo", "fail"] {
        let nodes = json!([{"id": "a", "type": "action", "config": {"action": action, "said": "{{ input }}"}}]);
        let pipeline = save(&engine, json!({"nodes": nodes})).await;
        let start = StartRun {
            labels: [("team".to_owned(), "blue".to_owned())].into(),
            priority: 7,
            ..StartRun::new(pipeline).input(json!({"n": 1.50}))
        };
        let run = engine.start_run(start).await.unwrap().id;
        // Two of them, and one that comes when it is over.
        let waiting = [(); 2].map(|()| engine.wait(run, LIMIT));
        let mut told = futures::future::try_join_all(waiting).await.unwrap();
        told.push(engine.wait(run, LIMIT).await.unwrap());
        let row = serde_json::to_value(engine.run_head(run).await.unwrap()).unwrap();
        assert_ne!(row["finished_at"], Value::Null);
        for told in told {
            assert_eq!(serde_json::to_value(told).unwrap(), row);
        }
    }
    handle.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_short_delays_are_handed_back_at_once_whenever_the_shutdown_comes() {
    let database = TestDatabase::new().await;
    let delays: Vec<_> = (0..30)
        .map(|number| json!({"id": format!("d{number}"), "type": "delay", "config": {"duration": "3ms"}}))
        .collect();
    let edges: Vec<_> = (1..30)
        .map(|number| json!({"from": format!("d{}", number - 1), "to": format!("d{number}")}))
        .collect();
    for _ in 0..5 {
        let engine = builder(database.pool().await, &Calls::default()).build();
        let handle = engine.start().await.unwrap();
        let pipeline = save(&engine, json!({"nodes": delays, "edges": edges})).await;
        let starts = (0..100).map(|_| engine.start_run(StartRun::new(pipeline)));
        futures::future::join_all(starts).await;
        // Nothing is under way that would have to be waited for; a driver that missed the drain would sit there until the deadline.
        let ended = tokio::time::timeout(LIMIT, handle.shutdown(3 * LIMIT)).await;
        assert!(ended.is_ok(), "the shutdown waited for runs that had nothing to do");
    }
}
