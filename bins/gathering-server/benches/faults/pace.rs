//! How fast the instances are while nothing is wrong: before the faults, and after them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gathering_testkit::TestDatabase;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::load::Load;

/// How many runs are started, and have to end, each time.
const RUNS: usize = 80;

/// How often that is measured; the first time only warms everything up, and of the others the fastest counts: what else the machine does
/// only ever makes one slower.
const TIMES: usize = 6;

/// How many ask at a time.
const CLIENTS: usize = 8;

/// Longest wait for the runs to end.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs per second, each a chain of six actions; `when` makes their keys their own.
pub(crate) async fn measure(load: &Arc<Load>, database: &TestDatabase, when: &str) -> f64 {
    let mut fastest = f64::MAX;
    for time in 0..TIMES {
        let seconds = once(load, database, &format!("{when}-{time}")).await.as_secs_f64();
        if time > 0 {
            fastest = fastest.min(seconds);
        }
    }
    f64::from(u32::try_from(RUNS).unwrap_or(u32::MAX)) / fastest
}

async fn once(load: &Arc<Load>, database: &TestDatabase, name: &str) -> Duration {
    let began = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (load, next, name) = (load.clone(), next.clone(), name.to_owned());
        clients.spawn(async move {
            let chance = Chance::new(load.seed, 1_000 + u64::try_from(client).unwrap_or_default());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= RUNS {
                    return;
                }
                load.start(&chance, &load.pipelines[0], &format!("pace-{name}-{number}"), number)
                    .await;
            }
        });
    }
    while clients.join_next().await.is_some() {}
    while began.elapsed() < LIMIT && !at_rest(database).await {
        sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

/// Whether every run has ended.
pub(crate) async fn at_rest(database: &TestDatabase) -> bool {
    let open = "SELECT count(*)::text FROM runs WHERE finished_at IS NULL AND $1::text IS NOT NULL";
    database.texts(open, "").await.is_ok_and(|count| count == ["0"])
}

/// The one in the middle; `None` of none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (
        values.get(values.len().checked_sub(1)? / 2)?,
        values.get(values.len() / 2)?,
    );
    Some(f64::midpoint(*lower, *upper))
}
