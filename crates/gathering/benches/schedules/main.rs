//! W4: how long after their due time the runs of many schedules have started that are due in one second.
//!
//! `cargo xtask bench w4`. Each schedule starts a run of one node whose handler notes the time; the clock of this machine is that of its database. With the
//! argument `W4` the program is one of the engines of a suite that measures them beside each other (crates/pipeline/benches/peer/README.md).
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on ends, and prints for people"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::cast_precision_loss, reason = "figures are rounded for people")]

mod bench;
#[path = "../../../pipeline/benches/pipelines/database.rs"]
#[expect(dead_code, reason = "the engine's benchmarks use the rest")]
mod database;
#[path = "../../../pipeline/benches/peer/lines.rs"]
#[expect(dead_code, reason = "the engine's works use the rest")]
mod lines;
mod peer;
#[path = "../../../pipeline/benches/pipelines/report.rs"]
mod report;

use std::time::{Duration, Instant};

use gathering_scheduler::Scheduler;
use jiff::Timestamp;
use serde_json::json;

use bench::{Bench, IN_A_SECOND, Rule, until};
use database::Database;
use report::Report;

/// That of the server, whose time is measured here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many schedules are due in one second, and by when all of their runs are to have started.
const SIZES: [(usize, &str); 2] = [(1_000, "≤ 100 ms"), (10_000, "≤ 500 ms")];
/// How many schedules are due where the scheduler is measured alone.
const ALONE: usize = 10_000;
/// How many times each size is measured.
const ROUNDS: usize = 3;
/// How long after the due time a benchmark waits for the last run.
const LIMIT: Duration = Duration::from_mins(3);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if std::env::args().any(|argument| argument == "W4") {
        runtime.block_on(peer::measure());
        return;
    }
    let mut arguments = std::env::args().skip_while(|argument| argument != "--json").skip(1);
    let json = arguments.next();
    let mut database = Database::start();
    let mut report = Report::default();
    runtime.block_on(alone(&mut database, &mut report));
    for (count, aim) in SIZES {
        for round in 1..=ROUNDS {
            runtime.block_on(measure(&mut database, &mut report, (count, aim, round)));
        }
    }
    report.print();
    if let Some(path) = json {
        report.write(&path);
    }
}

/// What the scheduler itself costs, where firings mean nothing: 10,000 of them, in one transaction after the other.
async fn alone(database: &mut Database, report: &mut Report) {
    let pool = database.fresh().await;
    let scheduler = Scheduler::builder(pool.clone()).build();
    let mut client = pool.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let due = Timestamp::from_second(Timestamp::now().as_second() + 20).unwrap();
    for index in 0..ALONE {
        let rules = json!({"kind": "interval", "every": "1h", "start_at": due.to_string()});
        let new = gathering_scheduler::NewSchedule::new(format!("schedule {index}"), rules);
        scheduler.create_in(&tx, new).await.unwrap();
    }
    tx.commit().await.unwrap();
    until(due, Duration::ZERO).await;
    let (used, began) = (database.usage(&pool).await, Instant::now());
    while scheduler.fire_due().await.unwrap().schedules > 0 {}
    let each = ALONE as f64;
    let (own, theirs, wal) = database.usage(&pool).await.since(&used);
    let figure = format!("{:.1} µs", began.elapsed().as_secs_f64() * 1e6 / each);
    report.add("a firing that means nothing, one transaction at a time", figure, "", "");
    let cost = format!(
        "{:.1} + {:.1} µs; {:.0} bytes",
        own * 1e3 / each,
        theirs * 1e3 / each,
        wal / each
    );
    report.add("  CPU: scheduler + database; WAL", cost, "", "");
}

async fn measure(database: &mut Database, report: &mut Report, (count, aim, round): (usize, &str, usize)) {
    let pool = database.fresh().await;
    let bench = Bench::start(pool.clone()).await;
    let began = Instant::now();
    let due = bench.save(count, Rule::Once, IN_A_SECOND).await;
    let saving = began.elapsed().as_secs_f64() * 1e3 / count as f64;
    until(due, Duration::from_millis(200)).await;
    let usage = database.usage(&pool).await;
    let late = bench.late(count, due, LIMIT).await;
    assert_eq!(late.len(), count, "not every schedule fired");
    let (own, theirs, wal) = database.usage(&pool).await.since(&usage);
    let each = count as f64;
    let what = format!("W4: {count} schedules due at once, all runs started (round {round})");
    report.add(&what, format!("{:.0} ms", late.last().unwrap()), aim, "");
    report.add(
        "  first, half of them",
        format!("{:.0} ms, {:.0} ms", late[0], late[late.len() / 2]),
        "",
        "",
    );
    report.add(
        "  CPU a run: server + database; WAL",
        format!("{:.3} + {:.3} ms; {:.0} bytes", own / each, theirs / each, wal / each),
        "",
        "",
    );
    report.add("  saving one of them", format!("{saving:.2} ms"), "", "");
    bench.stop().await;
}
