//! An engine in a process of its own, which does what it is told over its standard input, line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use gathering_pipeline::{Call, ConnectOptions, Engine, HandlerError, Limits, NewPipeline, Pool, StartRun, connect};
use serde_json::Value;
use uuid::Uuid;

use crate::counter::Counter;

/// The argument that makes this program such a process, before the address of its database.
pub(crate) const ARGUMENT: &str = "--engine";

/// Runs that it may hold: more than any benchmark gives it.
const MAX_RUNS: usize = 20_000;

/// The parent's side; the process ends with it.
pub(crate) struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(url: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([ARGUMENT, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut child = Self {
            process,
            orders,
            answers,
        };
        child.ask("ready");
        child
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn say(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// The line that it answers.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.say(order);
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// How often its handlers were called.
    pub(crate) fn calls(&mut self) -> f64 {
        self.ask("calls").parse().unwrap()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It shuts down in good order, so that the next round begins without the dead.
        let _ = writeln!(self.orders, "leave");
        let _ = self.process.wait();
    }
}

/// The process's side: obeys until it is told to leave, or its parent is gone.
pub(crate) async fn obey(url: &str) {
    let options = ConnectOptions {
        max_connections: 16,
        ..ConnectOptions::new(url)
    };
    let pool = connect(&options).await.unwrap();
    let calls = Arc::new(Counter::default());
    let engine = engine(pool, &calls);
    let mut handle = None;
    let (sender, mut orders) = tokio::sync::mpsc::channel(1);
    let reading = std::thread::Builder::new().spawn(move || {
        for order in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(order).is_err() {
                return;
            }
        }
    });
    drop(reading);
    while let Some(order) = orders.recv().await {
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("ready", _) => println!("yes"),
            ("work", _) => handle = Some(engine.start().await.unwrap()),
            ("calls", _) => println!("{}", calls.count()),
            ("save", definition) => {
                let new = NewPipeline::new("bench", definition.parse::<Value>().unwrap());
                println!("{}", engine.create_pipeline(new).await.unwrap().summary.id);
            }
            ("start", pipeline_and_count) => {
                let (pipeline, count) = pipeline_and_count.split_once(' ').unwrap();
                start(&engine, pipeline.parse().unwrap(), count.parse().unwrap()).await;
                println!("started");
            }
            _ => break,
        }
    }
    if let Some(handle) = handle {
        handle.shutdown(Duration::from_secs(5)).await;
    }
}

async fn start(engine: &Engine, pipeline: Uuid, count: usize) {
    // A few callers at a time: what they take themselves is not to count as the runs'.
    let starting = futures::stream::iter(0..count).for_each_concurrent(100, async |_| {
        engine.start_run(StartRun::new(pipeline.into())).await.unwrap();
    });
    starting.await;
}

/// `noop` ends at once, `hold` never.
fn engine(pool: Pool, calls: &Arc<Counter>) -> Engine {
    let (noop, hold) = (calls.clone(), calls.clone());
    let limits = Limits {
        max_runs: MAX_RUNS,
        max_attempts: MAX_RUNS,
        ..Limits::default()
    };
    Engine::builder(pool)
        .limits(limits)
        .handler("noop", move |_: Call| {
            noop.hit();
            async { Ok::<_, HandlerError>(Value::Null) }
        })
        .handler("hold", move |call: Call| {
            hold.hit();
            async move {
                call.cancelled.cancelled().await;
                Ok::<_, HandlerError>(Value::Null)
            }
        })
        .build()
}
