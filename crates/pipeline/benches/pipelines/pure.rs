//! What nodes cost that need no effect: conditions and transforms.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gathering_domain::definition::{OwnKinds, Rules, compile};
use gathering_domain::progress::Progress;
use gathering_domain::scope::{Outputs, RunFacts, Scope};
use gathering_domain::{Json, RunId};
use gathering_pipeline::StartRun;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::Bench;
use crate::database::Database;
use crate::report::Report;

/// Nodes of one kind in a pipeline.
const NODES: usize = 1_000;
/// Runs of it.
const RUNS: usize = 100;

/// CPU of each kind: to decide it, and all in all with its entry in the journal.
pub(crate) fn pure<'a>(database: &'a mut Database, report: &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        for (kind, definition) in [("condition", conditions()), ("transform", transforms())] {
            let decided = micros(deciding(&definition), NODES * RUNS);
            report.add(
                &format!("{kind}: to decide it"),
                format!("{decided:.1} us"),
                "<= 20 us",
                format!("{:.2}", decided / 20.0),
            );
            let mut bench = Bench::on(database.fresh().await, definition).await;
            let (own, server) = running(database, &bench).await;
            let own = micros(own, NODES * RUNS);
            report.add(
                &format!("{kind}: CPU of the engine, its entry included"),
                format!("{own:.1} us"),
                "<= 20 us",
                format!("{:.2} (database: {:.1} us)", own / 20.0, micros(server, NODES * RUNS)),
            );
            bench.stop().await;
        }
    })
}

/// A chain of conditions, each of which looks into what the run was given.
fn conditions() -> Value {
    chain(|_| json!({"type": "condition", "config": {"expression": "input.size > 3 and input.name != 'nobody'"}}))
}

/// A chain of transforms, each of which reads the one before.
fn transforms() -> Value {
    chain(|before| {
        let value = before.map_or("{{ input.size }}".to_owned(), |before| {
            format!("{{{{ nodes.{before}.output.value + 1 }}}}")
        });
        json!({"type": "transform", "config": {"output": {"value": value, "unit": "bytes"}}})
    })
}

fn chain(node: impl Fn(Option<String>) -> Value) -> Value {
    let id = |index: usize| format!("n{index}");
    let nodes: Vec<_> = (0..NODES)
        .map(|index| {
            let mut node = node(index.checked_sub(1).map(id));
            node["id"] = id(index).into();
            node
        })
        .collect();
    let edges: Vec<_> = (1..NODES)
        .map(|index| json!({"from": id(index - 1), "to": id(index)}))
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

fn input() -> Json {
    Json::from_value(&json!({"size": 4, "name": "somebody", "tags": ["a", "b", "c"]}))
}

/// On this thread alone, so that its time is its CPU.
fn deciding(definition: &Value) -> Duration {
    let rules = Rules {
        max_nodes: NODES,
        check_action: None,
        has_target: None,
        kinds: OwnKinds::Any,
        firing: false,
    };
    let pipeline = Arc::new(compile(definition, &rules).unwrap());
    let begun = Instant::now();
    for _ in 0..RUNS {
        let mut progress = Progress::new(Scope {
            pipeline: pipeline.clone(),
            input: input(),
            outputs: Outputs::new(NODES),
            run: RunFacts {
                id: RunId::from(Uuid::now_v7()),
            },
        });
        let plan = progress.next(Timestamp::now());
        assert!(plan.outcome.is_some(), "the chain is decided in one go");
    }
    begun.elapsed()
}

/// CPU of engine and database.
async fn running(database: &Database, bench: &Bench) -> (Duration, Duration) {
    run_once(bench).await;
    let before = database.usage(&bench.pool).await;
    for _ in 0..RUNS {
        run_once(bench).await;
    }
    let after = database.usage(&bench.pool).await;
    (
        after.own_cpu.saturating_sub(before.own_cpu),
        after.database_cpu.saturating_sub(before.database_cpu),
    )
}

async fn run_once(bench: &Bench) {
    let start = StartRun::new(bench.pipeline).input(input());
    let run = bench.engine.start_run(start).await.unwrap().id;
    let ended = bench.engine.wait(run, Duration::from_mins(1)).await.unwrap().unwrap();
    assert_eq!(ended.summary.status, "completed", "{:?}", ended.summary.error);
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}
