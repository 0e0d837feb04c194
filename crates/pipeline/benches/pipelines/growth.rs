//! The engine in front of a long history, and in front of a transaction that somebody left open.

use std::pin::Pin;
use std::time::{Duration, Instant};

use gathering_persistence::Pool;
use gathering_testkit::definitions::chain_of;
use serde_json::Value;

use crate::bench::{Bench, from_now_on};
use crate::database::Database;
use crate::history;
use crate::instances::median;
use crate::report::Report;

/// How often each database is measured, in turns, so that what else the machine does hits all of them alike.
const ROUNDS: usize = 15;

/// A load and its size.
struct Load {
    name: &'static str,
    nodes: usize,
    /// Runs of one round: some seconds of it.
    runs: usize,
    parallel: usize,
    /// Whether the runs are queued first, so that the round is claiming and driving.
    queued: bool,
}

const LOADS: [Load; 3] = [
    Load {
        name: "W1 nodes",
        nodes: 10,
        runs: 8_000,
        parallel: 1_000,
        queued: false,
    },
    Load {
        name: "W3 runs",
        nodes: 1,
        runs: 20_000,
        parallel: 4_000,
        queued: false,
    },
    Load {
        name: "W3 runs, claimed from the queue",
        nodes: 1,
        runs: 8_000,
        parallel: 0,
        queued: true,
    },
];

/// With a million finished runs in the tables, beside empty ones.
pub(crate) fn growth<'a>(database: &'a mut Database, report: &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(beside_empty(
        database,
        report,
        "1 M finished runs",
        Other::History(1_000_000),
    ))
}

/// With ten million.
pub(crate) fn growth_full<'a>(
    database: &'a mut Database,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(beside_empty(
        database,
        report,
        "10 M finished runs",
        Other::History(10_000_000),
    ))
}

/// With a transaction open that sees, and so keeps, every row version from before the first round.
pub(crate) fn held<'a>(database: &'a mut Database, report: &'a mut Report) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(beside_empty(
        database,
        report,
        "an open transaction",
        Other::Transaction,
    ))
}

enum Other {
    History(i64),
    Transaction,
}

async fn beside_empty(database: &mut Database, report: &mut Report, what: &str, other: Other) {
    for load in &LOADS {
        let definition = || chain_of(load.nodes, "noop");
        let mut empty = site(database.fresh().await, definition()).await;
        let pool = match other {
            Other::History(runs) => history::of(database, runs).await,
            Other::Transaction => database.fresh().await,
        };
        let mut with = site(pool.clone(), definition()).await;
        let holding = pool.get().await.unwrap();
        if matches!(other, Other::Transaction) {
            // The first query takes the snapshot.
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM runs";
            holding.batch_execute(begin).await.unwrap();
        }
        let (mut ratios, mut figures) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let without = round(&empty, load).await;
            let figure = round(&with, load).await;
            eprintln!("  {}: {without:.0}/s without, {figure:.0}/s with {what}", load.name);
            ratios.push(figure / without);
            figures.push(figure);
        }
        // Under an open transaction every round leaves more behind, so the later half of the rounds is what counts.
        let later = ROUNDS / 2;
        report.add(
            &format!("{} with {what}", load.name),
            format!("{:.0}/s", median(&mut figures[later..])),
            ">= 0.9 x empty",
            format!("{:.2} x", median(&mut ratios[later..])),
        );
        holding.batch_execute("COMMIT").await.unwrap();
        drop(holding);
        empty.stop().await;
        with.stop().await;
    }
}

async fn site(pool: Pool, definition: Value) -> Bench {
    let bench = Bench::on(pool, definition).await;
    bench.drain(500, 500).await;
    bench
}

/// Nodes, or runs, per second.
async fn round(bench: &Bench, load: &Load) -> f64 {
    let took = if load.queued {
        bench.claim(load.runs).await
    } else {
        bench.drain(load.runs, load.parallel).await
    };
    (load.runs * load.nodes) as f64 / took.as_secs_f64()
}

impl Bench {
    /// Puts runs into the queue in one statement, as if they had piled up, and waits until every one of them has ended.
    async fn claim(&self, count: usize) -> Duration {
        self.begin();
        let since = from_now_on();
        history::queue(&self.pool, self.pipeline, count).await;
        let begun = Instant::now();
        self.engine.wake();
        self.all_ended(count, since).await;
        begun.elapsed()
    }
}
