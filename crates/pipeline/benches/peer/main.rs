//! GatheRing as one of the engines that a suite of peers measures beside each other: the same works, sizes and output lines.
//!
//! `peer WORK` runs W1, W2 or W3 on the empty database of `DATABASE_URL` and prints `@@ metric value unit`, with `@@begin` and
//! `@@end [TAG [ITEMS]]` around what is to be metered. Sizes come from `W1_N`, `W2_N`, `W3_N` and `LAT_N`. README.md tells how the suite starts it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and prints for the program that reads it"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]

mod counter;
mod lines;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use counter::Counter;
use futures::StreamExt as _;
use gathering_domain::PipelineId;
use gathering_pipeline::{
    Call, ConnectOptions, Engine, Handle, HandlerError, Limits, NewPipeline, Pool, StartRun, connect, migrate,
};
use gathering_testkit::definitions::{chain_of, fan_of};
use serde_json::Value;

/// That of the server, whose time is measured here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a work may take before it counts as failed.
const LIMIT: Duration = Duration::from_mins(3);
/// Callers that start runs at the same time.
const CALLERS: usize = 1_000;
/// Callers that queue runs at the same time while no engine works: each has a connection to itself.
const QUEUERS: usize = 24;

fn main() -> ExitCode {
    let work = std::env::args().skip(1).find(|argument| argument != "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match work.as_deref() {
        Some("W1") => runtime.block_on(graph(chain_of(10, "noop"), 10, lines::size("W1_N", 1_000))),
        Some("W2") => runtime.block_on(graph(fan_of(10, "noop"), 12, lines::size("W2_N", 500))),
        Some("W3") => runtime.block_on(jobs(lines::size("W3_N", 10_000))),
        other => {
            eprintln!("{other:?} is none of W1, W2 and W3");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// An engine with one pipeline, whose handler counts its calls.
struct Peer {
    pool: Pool,
    engine: Engine,
    pipeline: PipelineId,
    calls: Arc<Counter>,
}

impl Peer {
    async fn new(definition: Value) -> Self {
        let url = std::env::var("DATABASE_URL").unwrap();
        let options = ConnectOptions {
            max_connections: 40,
            ..ConnectOptions::new(url)
        };
        let pool = connect(&options).await.unwrap();
        migrate(&pool).await.unwrap();
        let calls = Arc::new(Counter::default());
        let engine = Self::engine(&pool, &calls);
        let new = NewPipeline::new("bench", definition);
        let pipeline = engine.create_pipeline(new).await.unwrap().summary.id;
        Self {
            pool,
            engine,
            pipeline,
            calls,
        }
    }

    fn engine(pool: &Pool, calls: &Arc<Counter>) -> Engine {
        let calls = calls.clone();
        let noop = move |_: Call| {
            calls.hit();
            async { Ok::<_, HandlerError>(Value::Null) }
        };
        let limits = Limits {
            max_runs: 10_000,
            ..Limits::default()
        };
        Engine::builder(pool.clone())
            .limits(limits)
            .handler("noop", noop)
            .build()
    }

    /// Another engine on the same database, which works: the first one may then have queued runs for it.
    async fn worker(&self) -> Handle {
        Self::engine(&self.pool, &self.calls).start().await.unwrap()
    }

    async fn start_all(&self, count: usize, at_once: usize) {
        let starting = futures::stream::iter(0..count).for_each_concurrent(at_once, async |_| {
            self.engine.start_run(StartRun::new(self.pipeline)).await.unwrap();
        });
        starting.await;
    }

    /// Until every node was called and no run is open: what was done is durable then.
    async fn ended(&self, calls: usize) {
        self.calls.reaches(calls, LIMIT).await;
        let client = self.pool.get().await.unwrap();
        let open = "SELECT EXISTS (SELECT FROM runs WHERE status IN ('queued', 'running'))";
        let statement = client.prepare_cached(open).await.unwrap();
        while client.query_one(&statement, &[]).await.unwrap().get(0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Runs one at a time, then all at once.
async fn graph(definition: Value, nodes: usize, count: usize) {
    let peer = Peer::new(definition).await;
    let handle = peer.engine.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut times = Vec::new();
    for _ in 0..lines::size("LAT_N", 100) + 5 {
        let begun = Instant::now();
        let run = peer.engine.start_run(StartRun::new(peer.pipeline)).await.unwrap().id;
        peer.engine.wait(run, LIMIT).await.unwrap();
        times.push(begun.elapsed());
    }
    // The first ones prepare statements.
    lines::percentiles("latency", times.split_off(5));
    lines::begin().await;
    peer.calls.reset();
    let begun = Instant::now();
    peer.start_all(count, CALLERS).await;
    peer.ended(count * nodes).await;
    let seconds = begun.elapsed().as_secs_f64();
    lines::end("", count);
    lines::emit("workflows", count as f64 / seconds, "wf/s");
    lines::emit("steps", (count * nodes) as f64 / seconds, "steps/s");
    handle.shutdown(Duration::from_secs(5)).await;
}

/// The time to the handler on an idle engine; then many queued while nobody works, and drained.
async fn jobs(count: usize) {
    let peer = Peer::new(chain_of(1, "noop")).await;
    let handle = peer.engine.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut times = Vec::new();
    for turn in 0..lines::size("LAT_N", 100) {
        peer.calls.reset();
        let begun = Instant::now();
        peer.engine.start_run(StartRun::new(peer.pipeline)).await.unwrap();
        peer.calls.reaches(1, LIMIT).await;
        times.push(peer.calls.last().saturating_duration_since(begun));
        tokio::time::sleep(Duration::from_millis(13 * (turn as u64 % 7))).await;
    }
    lines::percentiles("pickup", times);
    // The steady stream: started while the engine works, from the first start to the last end.
    peer.calls.reset();
    lines::begin().await;
    let begun = Instant::now();
    peer.start_all(count, CALLERS).await;
    peer.ended(count).await;
    let seconds = begun.elapsed().as_secs_f64();
    lines::end("stream", count);
    lines::emit("stream", count as f64 / seconds, "jobs/s");
    handle.shutdown(Duration::from_secs(5)).await;
    drain(&peer, count).await;
}

async fn drain(peer: &Peer, count: usize) {
    lines::begin().await;
    let begun = Instant::now();
    peer.start_all(count, QUEUERS).await;
    let seconds = begun.elapsed().as_secs_f64();
    lines::end("enqueue", count);
    lines::emit("enqueue", count as f64 / seconds, "jobs/s");
    peer.calls.reset();
    lines::begin().await;
    let begun = Instant::now();
    let worker = peer.worker().await;
    peer.ended(count).await;
    let seconds = begun.elapsed().as_secs_f64();
    lines::end("batched_drain", count);
    lines::emit("batched_drain", count as f64 / seconds, "jobs/s");
    worker.shutdown(Duration::from_secs(5)).await;
}
