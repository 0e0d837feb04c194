//! The works: W1 a chain of ten nodes, W2 a fan-out over ten, W3 runs of one node; and each of them one run at a time.

use std::pin::Pin;
use std::time::Duration;

use gathering_testkit::definitions::{chain_of, fan_of};
use serde_json::Value;

use crate::bench::Bench;
use crate::database::Database;
use crate::idle::Idle;
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

/// 1,000 runs of ten nodes at once; then one at a time.
pub(crate) fn w1<'a>(
    database: &'a mut Database,
    limits: &'a Limits,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let mut bench = fresh(database, chain_of(10, "noop")).await;
        let load = Load {
            work: "W1",
            nodes: 10,
            runs: 5_000,
            parallel: 1_000,
        };
        let rate = throughput(database, &bench, report, &load).await;
        report.add(
            "W1 nodes",
            format!("{rate:.0}/s"),
            ">= 1.5 C",
            format!("{:.2} C", rate / limits.c),
        );
        idle(&bench, report, "W1", 10).await;
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
        let mut bench = fresh(database, fan_of(10, "noop")).await;
        let load = Load {
            work: "W2",
            nodes: 12,
            runs: 2_500,
            parallel: 500,
        };
        let rate = throughput(database, &bench, report, &load).await;
        report.add(
            "W2 runs",
            format!("{:.0}/s", rate / 12.0),
            ">= 0.8 W1 nodes / 12",
            format!("{:.2} C nodes", rate / limits.c),
        );
        idle(&bench, report, "W2", 4).await;
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
        let mut bench = fresh(database, chain_of(1, "noop")).await;
        let rate = 64.0 * 300.0 / bench.start_singly(64, 300).await.as_secs_f64();
        report.add(
            "W3 single starts, 64 callers",
            format!("{rate:.0}/s"),
            ">= 0.5 C",
            format!("{:.2} C", rate / limits.c),
        );
        let load = Load {
            work: "W3",
            nodes: 1,
            runs: 20_000,
            parallel: 4_000,
        };
        let rate = throughput(database, &bench, report, &load).await;
        report.add(
            "W3 bulk, started and drained",
            format!("{rate:.0}/s"),
            "",
            format!("{:.2} C", rate / limits.c),
        );
        let took = bench.drain_queue(32, 625).await;
        let rate = 32.0 * 625.0 / took.as_secs_f64();
        report.add(
            "W3 bulk, drained from the queue",
            format!("{rate:.0}/s"),
            ">= 0.7 x best batched queue",
            format!("{:.2} C", rate / limits.c),
        );
        idle(&bench, report, "W3", 2).await;
        bench.stop().await;
    })
}

/// The three works one run at a time, without their throughput.
pub(crate) fn one_at_a_time<'a>(
    database: &'a mut Database,
    _limits: &'a Limits,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        for (work, definition, commits) in [
            ("W1", chain_of(10, "noop"), 10),
            ("W2", fan_of(10, "noop"), 4),
            ("W3", chain_of(1, "noop"), 2),
        ] {
            let mut bench = fresh(database, definition).await;
            idle(&bench, report, work, commits).await;
            bench.stop().await;
        }
    })
}

/// On a fresh database, and warm.
async fn fresh(database: &mut Database, definition: Value) -> Bench {
    let bench = Bench::on(database.fresh().await, definition).await;
    bench.drain(200, 200).await;
    bench
}

async fn idle(bench: &Bench, report: &mut Report, work: &str, commits: usize) {
    let Idle {
        run,
        pick_up,
        commits: baseline,
        transactions,
    } = bench.idle(commits).await;
    let millis = |duration: Duration| format!("{:.2} ms", duration.as_secs_f64() * 1e3);
    let times = |duration: Duration| format!("{:.2} x", duration.as_secs_f64() / baseline.as_secs_f64());
    let what = |part: &str| format!("{work} idle, {part}, p50");
    report.add(&what(&format!("{commits} commits")), millis(baseline), "", "");
    let aim = if work == "W3" {
        report.add(
            &what("start to handler"),
            millis(pick_up),
            "<= 1 x two commits",
            times(pick_up),
        );
        String::new()
    } else {
        format!("<= 1.5 x {commits} commits")
    };
    report.add(&what("run"), millis(run), &aim, times(run));
    report.add(
        &format!("{work} idle, transactions a run"),
        format!("{transactions:.1}"),
        "",
        "",
    );
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
