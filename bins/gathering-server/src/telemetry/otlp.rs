//! Sends spans to a collector: OTLP over HTTP, in JSON, which every collector takes on its port 4318.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use gathering::measure::Counter;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::spans::{Ended, Kind, Taken};
use crate::failure::Failure;

/// The most spans in one request.
const MOST: usize = 512;
/// How long the first span of a request waits for others.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a collector may take. Meanwhile spans wait, and are dropped when too many do.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the log says that spans get lost.
const COMPLAIN_EVERY: Duration = Duration::from_mins(1);

/// The spans on their way to a collector.
#[derive(Debug)]
pub(crate) struct Export {
    end: oneshot::Sender<Instant>,
    task: JoinSet<()>,
    losses: Losses,
}

/// Spans that no collector got.
#[derive(Debug, Clone)]
pub(crate) struct Losses {
    /// Because too many waited.
    pub(crate) dropped: Arc<Counter>,
    /// Because it did not take them.
    pub(crate) refused: Arc<Counter>,
}

impl Export {
    /// Sends what is taken to the collector at this address.
    pub(crate) fn start(taken: Taken, endpoint: &Url) -> Result<Self, Failure> {
        // It fails where the process has a provider already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build();
        let client = client.map_err(|error| Failure::System {
            action: "make a client for otlp_endpoint",
            source: std::io::Error::other(error),
        })?;
        let ((end, told), mut task) = (oneshot::channel(), JoinSet::new());
        let losses = Losses {
            dropped: taken.dropped.clone(),
            refused: Arc::default(),
        };
        let sending = Sending {
            client,
            url: traces(endpoint),
            losses: losses.clone(),
            complained: None,
        };
        task.spawn(sending.run(taken, told));
        Ok(Self { end, task, losses })
    }

    /// Spans that did not arrive.
    pub(crate) fn losses(&self) -> Losses {
        self.losses.clone()
    }

    /// Sends what still waits, until the deadline.
    pub(crate) async fn flush(mut self, deadline: Instant) {
        if self.end.send(deadline).is_ok() {
            self.task.join_next().await;
        }
    }
}

/// Where traces go below the address of a collector.
fn traces(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    url.set_path(&format!("{}/v1/traces", endpoint.path().trim_end_matches('/')));
    url
}

struct Sending {
    client: Client,
    url: Url,
    losses: Losses,
    complained: Option<Instant>,
}

impl Sending {
    async fn run(mut self, mut taken: Taken, mut end: oneshot::Receiver<Instant>) {
        let (mut batch, mut ticks) = (Vec::with_capacity(MOST), interval(PAUSE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = loop {
            tokio::select! {
                biased;
                deadline = &mut end => break deadline.unwrap_or_else(|_dropped| Instant::now()),
                _ = ticks.tick() => {}
            }
            while taken
                .ended
                .recv_many(&mut batch, MOST)
                .now_or_never()
                .is_some_and(|count| count > 0)
            {
                let full = batch.len() >= MOST;
                // A collector that is silent must not keep the server from ending.
                tokio::select! {
                    _ = self.send(&mut batch) => {}
                    deadline = &mut end => return self.rest(taken, deadline.unwrap_or_else(|_dropped| Instant::now())).await,
                }
                if !full {
                    break;
                }
            }
            self.complain();
        };
        self.rest(taken, deadline).await;
    }

    /// What still waits, until the deadline.
    async fn rest(mut self, mut taken: Taken, deadline: Instant) {
        taken.ended.close();
        let sending = async {
            let mut batch = Vec::with_capacity(MOST);
            // One that does not answer now is not waited for again and again.
            while taken.ended.recv_many(&mut batch, MOST).await > 0 && self.send(&mut batch).await {}
        };
        if timeout_at(deadline, sending).await.is_err() {
            tracing::warn!("the last spans were not sent before the shutdown deadline");
        }
    }

    /// Whether they were taken.
    async fn send(&mut self, batch: &mut Vec<Ended>) -> bool {
        let body = request(batch).to_string();
        let sent = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json");
        let answered = sent
            .body(body)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        let is_taken = answered.is_ok();
        if let Err(error) = answered {
            // Which collector, and what of it is not reached, stands in the settings.
            tracing::debug!(
                error = &error.without_url() as &dyn std::error::Error,
                "a collector took no spans"
            );
            self.losses.refused.add(batch.len() as u64);
        }
        batch.clear();
        is_taken
    }

    fn complain(&mut self) {
        let (refused, dropped) = (self.losses.refused.get(), self.losses.dropped.get());
        let long_ago = self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY);
        if refused + dropped > 0 && long_ago {
            tracing::warn!(
                refused,
                dropped,
                "spans get lost: the collector at otlp_endpoint does not take them, or too slowly"
            );
            self.complained = Some(Instant::now());
        }
    }
}

/// The request for these spans (opentelemetry-proto, `ExportTraceServiceRequest`, as JSON).
fn request(spans: &[Ended]) -> Value {
    let resource = [
        ("service.name", "gathering".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("process.pid", std::process::id().to_string()),
    ];
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource.map(|(key, value)| attribute(key, &value))},
        "scopeSpans": [{"scope": {"name": "gathering", "version": env!("CARGO_PKG_VERSION")}, "spans": spans}],
    }]})
}

fn span(span: &Ended) -> Value {
    // Of the protocol: 2 is a server, 1 internal, 3 a client.
    let (name, kind) = match span.kind {
        Kind::Request => ("request", 2),
        Kind::Run => ("run", 1),
        Kind::Attempt => ("attempt", 3),
    };
    let attributes = span.attributes.iter();
    json!({
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id.as_deref().unwrap_or_default(),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": span.begun.to_string(),
        "endTimeUnixNano": span.over.to_string(),
        "attributes": attributes.map(|(key, value)| attribute(renamed(key), value)).collect::<Vec<_>>(),
        "status": if failed(span) { json!({"code": 2}) } else { json!({}) },
    })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// The names that OpenTelemetry has for some of ours, and `gathering.` before the others.
fn renamed(key: &str) -> &str {
    match key {
        "method" => "http.request.method",
        "path" => "url.path",
        "request_id" => "gathering.request_id",
        "user_id" => "gathering.user_id",
        "run_id" => "gathering.run_id",
        "pipeline_id" => "gathering.pipeline_id",
        "node_id" => "gathering.node_id",
        "attempt" => "gathering.attempt",
        "status" => "gathering.status",
        "code" => "gathering.code",
        other => other,
    }
}

/// A request that the server is to blame for, a run or attempt that did not complete.
fn failed(span: &Ended) -> bool {
    let status = span.attributes.iter().rfind(|(key, _)| *key == "status");
    status.is_some_and(|(_, status)| match span.kind {
        Kind::Request => status.starts_with('5'),
        Kind::Run | Kind::Attempt => status != "completed",
    })
}
