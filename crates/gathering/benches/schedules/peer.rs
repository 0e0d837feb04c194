//! W4 of a suite that measures engines beside each other: on the empty database of `DATABASE_URL`, `W4_N` schedules, the suite's output lines.
//!
//! As with the peers that have both, first come due times of one firing (`delayed_…`), then cron patterns (`fired`, `…_fired_after`); so what a
//! program does only once is done before the latter.

use std::time::{Duration, Instant};

use gathering_persistence::{ConnectOptions, connect, migrate};

use crate::bench::{Bench, IN_A_SECOND, Rule, until};
use crate::lines;

/// How many connections the pool has; the other works have as many.
const CONNECTIONS: usize = 40;
/// The most schedules that fire once.
const MOST_ONCE: usize = 1_000;
/// How long after the due time a run may begin and still be counted.
const LIMIT: Duration = Duration::from_mins(1);
/// How long before the due time the meter looks: it asks the database, and is to be done by then.
const METER: Duration = Duration::from_secs(1);

pub(crate) async fn measure() {
    let options = ConnectOptions {
        max_connections: CONNECTIONS,
        ..ConnectOptions::new(std::env::var("DATABASE_URL").unwrap())
    };
    let pool = connect(&options).await.unwrap();
    migrate(&pool).await.unwrap();
    let bench = Bench::start(pool).await;
    let count = lines::size("W4_N", 1_000);
    let per_second = once(&bench, count.min(MOST_ONCE)).await;
    cron(&bench, count, per_second).await;
    bench.stop().await;
}

/// Tells how many were saved in a second.
async fn once(bench: &Bench, count: usize) -> usize {
    let begun = Instant::now();
    let due = bench.save(count, Rule::Once, IN_A_SECOND).await;
    let millis = usize::try_from(begun.elapsed().as_millis()).unwrap();
    let per_second = count * 1_000 / millis.max(1);
    let late = bench.late(count, due, LIMIT).await;
    assert_eq!(late.len(), count, "not every schedule that fires once fired");
    lines::emit("delayed_first_after", late[0], "ms");
    lines::emit("delayed_all_after", late[count - 1], "ms");
    per_second
}

async fn cron(bench: &Bench, count: usize, per_second: usize) {
    // Others may come meanwhile and take a third of what the machine saved before.
    let cautious = (per_second * 2 / 3).max(1);
    let begun = Instant::now();
    let due = bench.save(count, Rule::Cron, cautious).await;
    lines::emit(
        "create_schedules",
        count as f64 / begun.elapsed().as_secs_f64(),
        "schedules/s",
    );
    until(due, METER).await;
    lines::begin().await;
    let late = bench.late(count, due, LIMIT).await;
    lines::end("due", count);
    lines::emit("fired", late.len() as f64, "schedules");
    if let [first, ..] = late[..] {
        lines::emit("first_fired_after", first, "ms");
        lines::emit("half_fired_after", late[late.len() / 2], "ms");
        lines::emit("all_fired_after", late[late.len() - 1], "ms");
    }
}
