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
    pub(crate) handle: Handle,
    pub(crate) pool: Pool,
    pub(crate) pipeline: PipelineId,
    calls: Arc<Counter>,
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
        let handle = engine.start().await.unwrap();
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

    /// Waits until as many of the runs that were started since have ended. Asks the database only when every action was called.
    pub(crate) async fn all_ended(&self, count: usize, since: Uuid) {
        self.calls.reaches(count * self.actions, LIMIT).await;
        while ended(&self.pool, since).await < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown(Duration::from_secs(10)).await;
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
