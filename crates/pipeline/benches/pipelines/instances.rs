//! One, two and three processes on one database.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gathering_domain::PipelineId;
use gathering_persistence::Pool;
use gathering_pipeline::{Limits, NewPipeline};
use gathering_testkit::definitions::chain_of;

use crate::bench::{ended, engine, from_now_on};
use crate::child::Child;
use crate::database::Database;
use crate::history;
use crate::report::Report;

/// Runs of one round.
const RUNS: usize = 6_000;
/// Nodes of a run.
const NODES: usize = 10;
/// How often each count of processes is measured, in turns.
const ROUNDS: usize = 3;

/// Drains a full queue with one, two and three processes, in turns; and shows what share each of them did.
pub(crate) fn instances<'a>(
    database: &'a mut Database,
    report: &'a mut Report,
) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let (pool, url) = database.fresh_with_url().await;
        let saving = engine(&pool, &Arc::default(), Limits::default());
        let new = NewPipeline::new("bench", chain_of(NODES, "noop"));
        let pipeline = saving.create_pipeline(new).await.unwrap().summary.id;
        let mut rates = [const { Vec::new() }; 3];
        let mut least = [1.0_f64; 3];
        for _ in 0..ROUNDS {
            for processes in 1..=3 {
                let round = round(&pool, &url, pipeline, processes).await;
                eprintln!("  {processes} instances: {:.0} nodes/s", round.rate);
                rates[processes - 1].push(round.rate);
                least[processes - 1] = least[processes - 1].min(round.least_share);
            }
        }
        let alone = median(&mut rates[0]);
        for (index, rates) in rates.iter_mut().enumerate() {
            let (processes, rate) = (index + 1, median(rates));
            let aim = if processes == 1 { "" } else { ">= 1 x one" };
            report.add(
                &format!("nodes, {processes} instances"),
                format!("{rate:.0}/s"),
                aim,
                format!("{:.2} x", rate / alone),
            );
            if processes > 1 {
                let fair = 1.0 / processes as f64;
                report.add(
                    &format!("least share of {processes} instances"),
                    format!("{:.0} %", least[index] * 100.0),
                    "none starves",
                    format!("{:.2} of fair", least[index] / fair),
                );
            }
        }
    })
}

struct Round {
    /// Nodes per second, from the moment the processes may work.
    rate: f64,
    /// Of the process that did least.
    least_share: f64,
}

async fn round(pool: &Pool, url: &str, pipeline: PipelineId, processes: usize) -> Round {
    let since = from_now_on();
    history::queue(pool, pipeline, RUNS).await;
    let mut children: Vec<_> = (0..processes).map(|_| Child::start(url)).collect();
    let begun = Instant::now();
    for child in &mut children {
        child.say("work");
    }
    while ended(pool, since).await < RUNS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let rate = (RUNS * NODES) as f64 / begun.elapsed().as_secs_f64();
    let calls: Vec<_> = children.iter_mut().map(Child::calls).collect();
    let least = calls.iter().copied().fold(f64::INFINITY, f64::min);
    Round {
        rate,
        least_share: least / calls.iter().sum::<f64>(),
    }
}

pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
