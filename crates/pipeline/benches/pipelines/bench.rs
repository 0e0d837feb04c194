//! An engine with one pipeline on a database, and how long its runs take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gathering_domain::PipelineId;
use gathering_persistence::Pool;
use gathering_pipeline::{Call, Engine, Handle, HandlerError, Limits, NewPipeline, StartRun};
use serde_json::Value;
use uuid::Uuid;

use crate::counter::Counter;

/// How long runs may take before the benchmark is given up.
const LIMIT: Duration = Duration::from_mins(5);

/// An engine that works, and its one pipeline.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    handle: Option<Handle>,
    pub(crate) pool: Pool,
    pub(crate) pipeline: PipelineId,
    pub(crate) calls: Arc<Counter>,
    /// Actions of one run.
    actions: usize,
}

impl Bench {
    /// Ready and warm, on a database that others may have filled.
    pub(crate) async fn on(pool: Pool, definition: Value) -> Self {
        let calls = Arc::new(Counter::default());
        let actions = definition["nodes"].as_array().unwrap().iter();
        let actions = actions.filter(|node| node["type"] == "action").count();
        let engine = engine(&pool, &calls, Limits::default());
        let handle = Some(engine.start().await.unwrap());
        let new = NewPipeline::new("bench", definition);
        let pipeline = engine.create_pipeline(new).await.unwrap().summary.id;
        Self {
            engine,
            handle,
            pool,
            pipeline,
            calls,
            actions,
        }
    }

    /// Starts `count` runs, `parallel` of them at once, and waits until every one of them has ended.
    pub(crate) async fn drain(&self, count: usize, parallel: usize) -> Duration {
        self.begin();
        let (begun, since) = (Instant::now(), from_now_on());
        for batch in (0..count).collect::<Vec<_>>().chunks(parallel) {
            let starts = batch
                .iter()
                .map(|_| self.engine.start_run(StartRun::new(self.pipeline)));
            for started in futures::future::join_all(starts).await {
                started.unwrap();
            }
        }
        self.all_ended(count, since).await;
        begun.elapsed()
    }

    /// From here on calls are counted.
    pub(crate) fn begin(&self) {
        self.calls.reset();
    }

    /// Waits until as many of the runs that were started since have ended. Asks the database only when every action was called, and then
    /// with as much time in between as the count took: it would else have a part in what is measured.
    pub(crate) async fn all_ended(&self, count: usize, since: Uuid) {
        self.calls.reaches(count * self.actions, LIMIT).await;
        loop {
            let begun = Instant::now();
            if ended(&self.pool, since).await >= count {
                return;
            }
            tokio::time::sleep(begun.elapsed().max(Duration::from_millis(1))).await;
        }
    }

    /// Stops the engine, queues so many runs, and measures how long a new engine, from its start on, takes to end them all.
    pub(crate) async fn drain_queue(&mut self, callers: usize, each: usize) -> Duration {
        self.stop().await;
        self.engine = engine(&self.pool, &self.calls, Limits::default());
        self.begin();
        let since = from_now_on();
        self.start_singly(callers, each).await;
        let begun = Instant::now();
        self.handle = Some(self.engine.start().await.unwrap());
        self.all_ended(callers * each, since).await;
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

    pub(crate) async fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.shutdown(Duration::from_secs(10)).await;
        }
    }
}

/// An engine whose one action, `noop`, is counted.
pub(crate) fn engine(pool: &Pool, calls: &Arc<Counter>, limits: Limits) -> Engine {
    let calls = calls.clone();
    let noop = move |_: Call| {
        calls.hit();
        async { Ok::<_, HandlerError>(Value::Null) }
    };
    Engine::builder(pool.clone())
        .limits(limits)
        .handler("noop", noop)
        .build()
}

/// The least id that a run of this millisecond can have.
pub(crate) fn from_now_on() -> Uuid {
    let mut bytes = Uuid::now_v7().into_bytes();
    bytes[6..].fill(0);
    Uuid::from_bytes(bytes)
}

/// How many of the runs that were started since have ended. Asks for nothing but those, however many others there are.
pub(crate) async fn ended(pool: &Pool, since: Uuid) -> usize {
    let client = pool.get().await.unwrap();
    let statement = client
        .prepare_cached("SELECT count(*) FROM runs WHERE id >= $1 AND finished_at IS NOT NULL")
        .await
        .unwrap();
    let count: i64 = client.query_one(&statement, &[&since]).await.unwrap().get(0);
    usize::try_from(count).unwrap()
}
