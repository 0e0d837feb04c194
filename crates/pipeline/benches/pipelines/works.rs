//! The works: W1 a chain of ten nodes, W2 a fan-out over ten, W3 runs of one node.

use std::pin::Pin;
use std::time::{Duration, Instant};

use gathering_domain::PipelineId;
use gathering_persistence::Pool;
use gathering_pipeline::{Call, Engine, Handle, HandlerError, NewPipeline, StartRun};
use gathering_testkit::definitions::{chain_of, fan_of};
use serde_json::Value;

use crate::database::Database;
use crate::limits::Limits;
use crate::report::Report;

/// A benchmark.
pub(crate) type Work =
    for<'a> fn(&'a mut Database, &'a Limits, &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// How much of which work.
struct Load {
    work: &'static str,
    nodes: usize,
    runs: usize,
    parallel: usize,
}

struct Bench {
    engine: Engine,
    handle: Handle,
    pool: Pool,
    pipeline: PipelineId,
}

async fn bench(database: &mut Database, definition: Value) -> Bench {
    let pool = database.fresh().await;
    let engine = Engine::builder(pool.clone())
        .handler("noop", |_: Call| async { Ok::<_, HandlerError>(Value::Null) })
        .build();
    let handle = engine.start().await.unwrap();
    let new = NewPipeline::new("bench", definition);
    let pipeline = engine.create_pipeline(new).await.unwrap().summary.id;
    let bench = Bench {
        engine,
        handle,
        pool,
        pipeline,
    };
    bench.drain(200, 200).await;
    bench
}

impl Bench {
    /// Starts `count` runs, `parallel` of them at once, and waits until every one of them has ended.
    async fn drain(&self, count: usize, parallel: usize) -> Duration {
        let begun = Instant::now();
        let already = self.ended().await;
        for batch in (0..count).collect::<Vec<_>>().chunks(parallel) {
            let starts = batch
                .iter()
                .map(|_| self.engine.start_run(StartRun::new(self.pipeline)));
            for started in futures::future::join_all(starts).await {
                started.unwrap();
            }
        }
        while self.ended().await < already + count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        begun.elapsed()
    }

    async fn ended(&self) -> usize {
        let client = self.pool.get().await.unwrap();
        let statement = client
            .prepare_cached("SELECT count(*) FROM runs WHERE finished_at IS NOT NULL")
            .await
            .unwrap();
        let count: i64 = client.query_one(&statement, &[]).await.unwrap().get(0);
        usize::try_from(count).unwrap()
    }

    /// One run at a time on an idle engine: from the call that starts it to its end, as its own row, read again, tells.
    async fn idle(&self, count: usize) -> Duration {
        let mut times = Vec::new();
        for _ in 0..count {
            let begun = Instant::now();
            let run = self.engine.start_run(StartRun::new(self.pipeline)).await.unwrap().id;
            self.engine.wait(run, Duration::from_secs(10)).await.unwrap();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        times[times.len() / 2]
    }

    async fn stop(self) {
        self.handle.shutdown(Duration::from_secs(10)).await;
    }
}

/// 1,000 runs of ten nodes at once; then one at a time.
pub(crate) fn w1<'a>(
    database: &'a mut Database,
    limits: &'a Limits,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let bench = bench(database, chain_of(10, "noop")).await;
        let rate = throughput(
            database,
            &bench,
            report,
            &Load {
                work: "W1",
                nodes: 10,
                runs: 5_000,
                parallel: 1_000,
            },
        )
        .await;
        report.add(
            "W1 nodes",
            format!("{rate:.0}/s"),
            ">= 1.5 C",
            format!("{:.2} C", rate / limits.c),
        );
        let p50 = bench.idle(300).await;
        let ratio = p50.as_secs_f64() / (10.0 * limits.commit.as_secs_f64());
        report.add(
            "W1 idle run, p50",
            format!("{:.2} ms", p50.as_secs_f64() * 1e3),
            "<= 1.5 x ten commits",
            format!("{ratio:.2} x"),
        );
        bench.stop().await;
    })
}

/// 500 runs of 1 → 10 → 1 at once; then one at a time.
pub(crate) fn w2<'a>(
    database: &'a mut Database,
    limits: &'a Limits,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let bench = bench(database, fan_of(10, "noop")).await;
        let rate = throughput(
            database,
            &bench,
            report,
            &Load {
                work: "W2",
                nodes: 12,
                runs: 2_500,
                parallel: 500,
            },
        )
        .await;
        report.add(
            "W2 runs",
            format!("{:.0}/s", rate / 12.0),
            ">= 0.8 W1 nodes / 12",
            format!("{:.2} C nodes", rate / limits.c),
        );
        let p50 = bench.idle(300).await;
        let ratio = p50.as_secs_f64() / (4.0 * limits.commit.as_secs_f64());
        report.add(
            "W2 idle run, p50",
            format!("{:.2} ms", p50.as_secs_f64() * 1e3),
            "<= 1.5 x four commits",
            format!("{ratio:.2} x"),
        );
        bench.stop().await;
    })
}

/// Runs of one node: single starts from 64 callers, in bulk, and one at a time.
pub(crate) fn w3<'a>(
    database: &'a mut Database,
    limits: &'a Limits,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let bench = bench(database, chain_of(1, "noop")).await;
        let begun = Instant::now();
        let callers = (0..64).map(|_| async {
            for _ in 0..300 {
                bench.engine.start_run(StartRun::new(bench.pipeline)).await.unwrap();
            }
        });
        futures::future::join_all(callers).await;
        let rate = 64.0 * 300.0 / begun.elapsed().as_secs_f64();
        report.add(
            "W3 single starts, 64 callers",
            format!("{rate:.0}/s"),
            ">= 0.5 C",
            format!("{:.2} C", rate / limits.c),
        );
        let rate = throughput(
            database,
            &bench,
            report,
            &Load {
                work: "W3",
                nodes: 1,
                runs: 20_000,
                parallel: 4_000,
            },
        )
        .await;
        report.add(
            "W3 bulk, started and drained",
            format!("{rate:.0}/s"),
            ">= 0.7 x best batched queue",
            format!("{:.2} B", rate / limits.b),
        );
        let p50 = bench.idle(300).await;
        let ratio = p50.as_secs_f64() / (2.0 * limits.commit.as_secs_f64());
        report.add(
            "W3 idle run, p50",
            format!("{:.2} ms", p50.as_secs_f64() * 1e3),
            "<= 1 x two commits",
            format!("{ratio:.2} x"),
        );
        bench.stop().await;
    })
}

/// Nodes per second of `count` runs, with what each run and node cost.
async fn throughput(database: &Database, bench: &Bench, report: &mut Report, load: &Load) -> f64 {
    let Load {
        work,
        nodes,
        runs: count,
        parallel,
    } = *load;
    let before = database.usage(&bench.pool).await;
    let took = bench.drain(count, parallel).await;
    let (own, server, wal) = database.usage(&bench.pool).await.since(&before);
    let (runs, all_nodes) = (count as f64, (count * nodes) as f64);
    let aim = if work == "W1" { "<= 0.4 ms" } else { "" };
    let split = format!("{:.2} + {:.2}", own / runs, server / runs);
    report.add(
        &format!("{work} CPU a run: engine + database"),
        format!("{:.2} ms", (own + server) / runs),
        aim,
        split,
    );
    report.add(
        &format!("{work} WAL a node"),
        format!("{:.0} bytes", wal / all_nodes),
        "<= 2,000",
        "",
    );
    all_nodes / took.as_secs_f64()
}
