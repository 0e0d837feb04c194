//! What the tests of the engine share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use gathering_domain::{Clock, InstanceId, PipelineId, RunId};
use gathering_persistence::runs::{Part, QueueClaim, Versions};
use gathering_persistence::{Pool, SystemClock};
use gathering_pipeline::{Call, Engine, EngineBuilder, HandlerError, NewPipeline, RunView, StartRun};
use gathering_testkit::history::{Effect, History, Origin};
use gathering_testkit::{TestDatabase, definitions, until};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Longer than anything takes here unless it is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The calls that came to handlers, and when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<std::sync::Mutex<Vec<(Timestamp, Call)>>>);

impl Calls {
    pub(crate) fn add(&self, call: Call) {
        self.0.lock().unwrap().push((SystemClock.now(), call));
    }

    pub(crate) fn of(&self, node: &str) -> usize {
        self.all().iter().filter(|call| &*call.node == node).count()
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap().iter().map(|(_, call)| call.clone()).collect()
    }

    fn effects(&self) -> Vec<Effect> {
        self.0.lock().unwrap().iter().map(effect).collect()
    }
}

/// An engine with the actions `echo` (gives its config), `fail`, `flaky` (fails twice) and `hang` (never ends).
pub(crate) fn builder(pool: Pool, calls: &Calls) -> EngineBuilder {
    let (echoed, hung, flaked) = (calls.clone(), calls.clone(), Arc::new(AtomicUsize::new(0)));
    Engine::builder(pool)
        .handler("echo", move |call: Call| {
            echoed.add(call.clone());
            async move { Ok::<_, HandlerError>(call.config) }
        })
        .handler("fail", |_: Call| async {
            Err::<Value, _>(HandlerError::permanent("broken", "it is broken"))
        })
        .handler("flaky", move |_: Call| {
            let failures = flaked.fetch_add(1, Ordering::SeqCst);
            async move {
                if failures < 2 {
                    Err(HandlerError::transient("busy", "later"))
                } else {
                    Ok(json!("done"))
                }
            }
        })
        .handler("panic", |_: Call| std::future::ready(on_purpose()))
        .handler("hang", move |call: Call| {
            hung.add(call);
            async { std::future::pending::<Result<Value, HandlerError>>().await }
        })
}

pub(crate) async fn save(engine: &Engine, definition: Value) -> PipelineId {
    let new = NewPipeline::new("a pipeline", definition);
    engine.create_pipeline(new).await.unwrap().summary.id
}

pub(crate) async fn ended(engine: &Engine, run: RunId) -> RunView {
    until("the run to end", LIMIT, async || {
        engine
            .run(run)
            .await
            .unwrap()
            .filter(|view| view.head.summary.finished_at.is_some())
    })
    .await
}

/// Saves, starts and waits for the end.
pub(crate) async fn outcome(definition: Value, input: Value) -> RunView {
    let database = TestDatabase::new().await;
    let engine = builder(database.pool().await, &Calls::default()).build();
    let handle = engine.start().await.unwrap();
    let pipeline = save(&engine, definition).await;
    let run = engine.start_run(StartRun::new(pipeline).input(input)).await.unwrap();
    let view = ended(&engine, run.id).await;
    handle.shutdown(LIMIT).await;
    view
}

/// The status of each node, as `id:status`.
pub(crate) fn statuses(view: &RunView) -> Vec<String> {
    view.nodes
        .iter()
        .map(|node| format!("{}:{}", node.id, node.status))
        .collect()
}

/// What the database says, and the calls that came to handlers; to be read when everything has come to rest.
pub(crate) async fn history(database: &TestDatabase, calls: &[&Calls]) -> History {
    let mut history = History::read(&database.url(), None).await;
    history.effects = calls.iter().flat_map(|calls| calls.effects()).collect();
    history
}

fn effect((at, call): &(Timestamp, Call)) -> Effect {
    let node = call.node.to_string();
    Effect {
        what: format!("attempt {} of {node}", call.attempt),
        key: Some(call.idempotency_key.clone()),
        origin: Some(Origin { run: call.run_id, node }),
        at: Some(*at),
    }
}

pub(crate) async fn kinds(engine: &Engine, run: RunId) -> Vec<String> {
    let entries = engine.journal(run, 0, 1_000).await.unwrap();
    entries
        .iter()
        .map(|entry| format!("{} {}", entry.kind, entry.node.as_deref().unwrap_or("-")))
        .collect()
}

/// `a -> b -> …`, all of them calling `echo`.
pub(crate) fn chain(ids: &[&str]) -> Value {
    definitions::chain(ids, "echo")
}

#[expect(clippy::panic, reason = "it stands for a bug in a handler")]
fn on_purpose() -> Result<Value, HandlerError> {
    panic!("on purpose")
}

/// A claim of up to `limit` runs, wherever in the queue they are.
pub(crate) fn whole_queue(owner: InstanceId, limit: i64) -> QueueClaim<'static> {
    static NONE: LazyLock<Versions> = LazyLock::new(Versions::default);
    QueueClaim {
        owner,
        limit,
        now: Timestamp::UNIX_EPOCH,
        except: &NONE,
        part: Part::All,
    }
}
