//! One run at a time, beside as many commits.

use std::time::{Duration, Instant};

use gathering_persistence::Pool;
use gathering_pipeline::StartRun;

use crate::bench::Bench;
use crate::limits;

/// How many runs are measured one at a time.
const RUNS: usize = 300;

/// Medians of one run at a time.
pub(crate) struct Idle {
    /// From the call that starts it to its end, as its own row, read again, tells.
    pub(crate) run: Duration,
    /// From the call that starts it to the last call of its handler.
    pub(crate) pick_up: Duration,
    /// Of as many commits in sequence as it is compared with, made in turns with the runs.
    pub(crate) commits: Duration,
    /// Transactions that wrote something, a run.
    pub(crate) transactions: f64,
}

impl Bench {
    /// One run at a time on an idle engine, in turns with `commits` single-row transactions in sequence.
    pub(crate) async fn idle(&self, commits: usize) -> Idle {
        let Self { engine, pool, .. } = self;
        let client = pool.get().await.unwrap();
        let (mut runs, mut pick_ups, mut baseline) = (Vec::new(), Vec::new(), Vec::new());
        let before = transactions(pool).await;
        for _ in 0..RUNS {
            let begun = Instant::now();
            let run = engine.start_run(StartRun::new(self.pipeline)).await.unwrap().id;
            engine.wait(run, Duration::from_secs(10)).await.unwrap();
            runs.push(begun.elapsed());
            pick_ups.push(self.calls.last().saturating_duration_since(begun));
            let begun = Instant::now();
            for _ in 0..commits {
                limits::commit(&client).await;
            }
            baseline.push(begun.elapsed());
        }
        let all = transactions(pool).await - before;
        Idle {
            run: median(runs),
            pick_up: median(pick_ups),
            commits: median(baseline),
            transactions: all as f64 / RUNS as f64 - commits as f64,
        }
    }
}

/// How many transactions have written something so far, in the whole cluster.
async fn transactions(pool: &Pool) -> i64 {
    let client = pool.get().await.unwrap();
    let statement = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
    client.query_one(statement, &[]).await.unwrap().get(0)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
