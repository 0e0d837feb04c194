//! What is measured: an engine on a fresh database with one pipeline, its runs in bulk and one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gathering_domain::PipelineId;
use gathering_persistence::Pool;
use gathering_pipeline::{Call, Engine, Handle, HandlerError, NewPipeline, StartRun};
use serde_json::Value;

use crate::database::Database;
use crate::limits;

/// How many runs are measured one at a time.
const IDLE_RUNS: usize = 300;

/// An engine at work, and the pipeline that it is measured with.
pub(crate) struct Subject {
    pub(crate) engine: Engine,
    pub(crate) pool: Pool,
    pub(crate) pipeline: PipelineId,
    handle: Option<Handle>,
    called: Arc<Called>,
}

/// When the handler was last called.
struct Called {
    since: Instant,
    nanos: AtomicU64,
}

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

impl Subject {
    pub(crate) async fn start(database: &mut Database, definition: Value) -> Self {
        let pool = database.fresh().await;
        let (engine, called) = engine(&pool);
        let handle = Some(engine.start().await.unwrap());
        let new = NewPipeline::new("bench", definition);
        let pipeline = engine.create_pipeline(new).await.unwrap().summary.id;
        let subject = Self {
            engine,
            pool,
            pipeline,
            handle,
            called,
        };
        subject.drain(200, 200).await;
        subject
    }

    /// Starts `count` runs, `parallel` of them at once, and waits until every one of them has ended.
    pub(crate) async fn drain(&self, count: usize, parallel: usize) -> Duration {
        let begun = Instant::now();
        for batch in (0..count).collect::<Vec<_>>().chunks(parallel) {
            let starts = batch
                .iter()
                .map(|_| self.engine.start_run(StartRun::new(self.pipeline)));
            for started in futures::future::join_all(starts).await {
                started.unwrap();
            }
        }
        self.until_ended().await;
        begun.elapsed()
    }

    /// Starts runs from so many callers at once, each one after the other.
    pub(crate) async fn start_singly(&self, callers: usize, each: usize) -> Duration {
        let begun = Instant::now();
        let starting = (0..callers).map(|_| async {
            for _ in 0..each {
                self.engine.start_run(StartRun::new(self.pipeline)).await.unwrap();
            }
        });
        futures::future::join_all(starting).await;
        begun.elapsed()
    }

    /// Stops the engine, queues so many runs, and measures how long a new engine, from its start on, takes to end them all.
    pub(crate) async fn drain_queue(&mut self, callers: usize, each: usize) -> Duration {
        self.stop().await;
        (self.engine, self.called) = engine(&self.pool);
        self.start_singly(callers, each).await;
        let begun = Instant::now();
        self.handle = Some(self.engine.start().await.unwrap());
        self.until_ended().await;
        begun.elapsed()
    }

    /// Asks the small index of what is to do: counting what is done would take a core of its own.
    async fn until_ended(&self) {
        let client = self.pool.get().await.unwrap();
        client.batch_execute("SET enable_seqscan = off").await.unwrap();
        let statement = "SELECT EXISTS (SELECT FROM runs WHERE status IN ('queued', 'running'))";
        let statement = client.prepare_cached(statement).await.unwrap();
        while client.query_one(&statement, &[]).await.unwrap().get(0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// One run at a time on an idle engine, in turns with `commits` single-row transactions in sequence.
    pub(crate) async fn idle(&self, commits: usize) -> Idle {
        let client = self.pool.get().await.unwrap();
        let (mut runs, mut pick_ups, mut baseline) = (Vec::new(), Vec::new(), Vec::new());
        let before = transactions(&self.pool).await;
        for _ in 0..IDLE_RUNS {
            let begun = Instant::now();
            let run = self.engine.start_run(StartRun::new(self.pipeline)).await.unwrap().id;
            self.engine.wait(run, Duration::from_secs(10)).await.unwrap();
            runs.push(begun.elapsed());
            pick_ups.push(self.called.last().saturating_duration_since(begun));
            let begun = Instant::now();
            for _ in 0..commits {
                limits::commit(&client).await;
            }
            baseline.push(begun.elapsed());
        }
        let all = transactions(&self.pool).await - before;
        Idle {
            run: median(runs),
            pick_up: median(pick_ups),
            commits: median(baseline),
            transactions: all as f64 / IDLE_RUNS as f64 - commits as f64,
        }
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.shutdown(Duration::from_secs(10)).await;
        }
    }
}

impl Called {
    fn now(&self) {
        let nanos = u64::try_from(self.since.elapsed().as_nanos()).unwrap();
        self.nanos.store(nanos, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.since + Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

/// An engine that does not work yet.
fn engine(pool: &Pool) -> (Engine, Arc<Called>) {
    let called = Arc::new(Called {
        since: Instant::now(),
        nanos: AtomicU64::new(0),
    });
    let noted = called.clone();
    let noop = move |_: Call| {
        noted.now();
        async { Ok::<_, HandlerError>(Value::Null) }
    };
    (Engine::builder(pool.clone()).handler("noop", noop).build(), called)
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
