//! Spans, as a collector gets them.

use std::collections::BTreeMap;
use std::time::Duration;

use gathering_testkit::{Answer, Receiver, Server, ServerOptions, TestDatabase, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::binary;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const LIMIT: Duration = Duration::from_mins(1);

/// A server that sends its spans to `collector`, and what it calls.
struct Scene {
    collector: Receiver,
    called: Receiver,
    server: Server,
    _database: TestDatabase,
}

impl Scene {
    async fn set() -> Self {
        let (collector, database) = (Receiver::start(), TestDatabase::new().await);
        let options = ServerOptions::new(binary())
            .database_url(&database.url())
            .allow_outbound("127.0.0.1")
            .env("GATHERING_METRICS_LISTEN", "127.0.0.1:0")
            .env("GATHERING_OTLP_ENDPOINT", &collector.url("/otlp/"));
        Self {
            server: Server::spawn(&options).await,
            collector,
            called: Receiver::start(),
            _database: database,
        }
    }

    /// Runs a pipeline of one call, started by a request with these flags.
    async fn run(&self, flags: &str) {
        let client = self.server.register_and_login(&format!("u{flags}@example.org")).await;
        let config = json!({"action": "call_api", "url": self.called.url("/x")});
        let definition = json!({
            "nodes": [{"id": "start", "type": "trigger"}, {"id": "call", "type": "action", "config": config}],
            "edges": [{"from": "start", "to": "call"}],
        });
        let created = client
            .post("/api/v1/pipelines", &json!({"name": "p", "definition": definition}))
            .await;
        let path = format!("/api/v1/pipelines/{}/runs", created.json["id"].as_str().unwrap());
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
        let start = client.request(Method::POST, &path).header("traceparent", parent);
        let started = start.send().await.unwrap();
        assert_eq!(started.status(), 202);
        let path = started.headers()["location"].to_str().unwrap().to_owned();
        until("the run ends", LIMIT, async || {
            (!client.get(&path).await.json["finished_at"].is_null()).then_some(())
        })
        .await;
    }

    /// The spans that have come of the trace, by name.
    fn spans(&self) -> BTreeMap<String, Value> {
        let requests = self.collector.requests_to("/otlp/v1/traces");
        let all = requests.iter().flat_map(|request| {
            assert_eq!(request.header("content-type"), Some("application/json"));
            let body = request.json();
            body["resourceSpans"][0]["scopeSpans"][0]["spans"]
                .as_array()
                .unwrap()
                .clone()
        });
        let of_trace = all.filter(|span| span["traceId"] == TRACE);
        of_trace
            .map(|span| (span["name"].as_str().unwrap().to_owned(), span))
            .collect()
    }
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a str {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().rfind(|attribute| attribute["key"] == key);
    found.map_or("", |attribute| attribute["value"]["stringValue"].as_str().unwrap())
}

#[tokio::test]
async fn request_run_and_attempt_are_spans_of_the_clients_trace_each_within_the_one_before() {
    let mut scene = Scene::set().await;
    scene.run("01").await;
    assert!(scene.server.terminate(LIMIT).await.success());
    let spans = scene.spans();
    let [request, run, attempt] = ["request", "run", "attempt"].map(|name| &spans[name]);
    assert_eq!(request["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(run["parentSpanId"], request["spanId"]);
    assert_eq!(attempt["parentSpanId"], run["spanId"]);
    let called = scene.called.requests();
    let sent = called[0].header("traceparent").unwrap().split('-').nth(2).unwrap();
    assert_eq!(attempt["spanId"], sent);
    assert_eq!(attribute(request, "http.request.method"), "POST");
    assert_eq!(attribute(request, "gathering.status"), "202");
    assert_eq!(
        (
            attribute(run, "gathering.status"),
            attribute(attempt, "gathering.status")
        ),
        ("completed", "completed")
    );
    assert_eq!(
        (
            attribute(attempt, "gathering.node_id"),
            attribute(attempt, "gathering.attempt")
        ),
        ("call", "1")
    );
    assert_eq!(
        attribute(request, "gathering.run_id"),
        attribute(run, "gathering.run_id")
    );
    for span in spans.values() {
        let [begun, ended] =
            ["startTimeUnixNano", "endTimeUnixNano"].map(|at| span[at].as_str().unwrap().parse::<u128>().unwrap());
        assert!(begun <= ended && begun > 1_600_000_000_000_000_000);
    }
}

#[tokio::test]
async fn spans_come_while_the_server_runs() {
    let scene = Scene::set().await;
    scene.run("01").await;
    until("the spans are there", LIMIT, async || {
        (scene.spans().len() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_trace_that_its_client_does_not_record_is_not_recorded_here() {
    let mut scene = Scene::set().await;
    scene.run("00").await;
    assert!(scene.server.terminate(LIMIT).await.success());
    assert!(scene.spans().is_empty());
    // What belongs to no trace of the client's was sent: so there was nothing in the way.
    assert!(!scene.collector.requests_to("/otlp/v1/traces").is_empty());
}

#[tokio::test]
async fn a_silent_collector_keeps_nobody_waiting_and_the_log_says_that_spans_get_lost() {
    let mut scene = Scene::set().await;
    scene.collector.answer("/otlp/v1/traces", Answer::status(503));
    scene.run("01").await;
    until("the log complains", LIMIT, async || {
        scene.server.log().contains("spans get lost").then_some(())
    })
    .await;
    let metrics = format!("{}/metrics", crate::metrics::address(&scene.server.log()));
    let scraped = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    let refused = r#"gathering_spans_lost_total{reason="refused"} "#;
    let refused = scraped.lines().find_map(|line| line.strip_prefix(refused)).unwrap();
    assert!(refused.parse::<u64>().unwrap() > 0);
    scene
        .collector
        .answer("/otlp/v1/traces", Answer::status(200).delay(LIMIT));
    scene.run("03").await;
    assert!(scene.server.terminate(Duration::from_secs(20)).await.success());
}
