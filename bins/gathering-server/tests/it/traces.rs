//! Traces, from the request that starts a run to the requests that its nodes send, over instances and their deaths.

use std::collections::BTreeSet;
use std::time::Duration;

use gathering_testkit::{Answer, Received, Receiver, Server, ServerOptions, TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Site, binary};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
const LIMIT: Duration = Duration::from_mins(1);

fn calls(url: &str, headers: &Value) -> Value {
    json!({
        "nodes": [
            {"id": "start", "type": "trigger"},
            {"id": "call", "type": "action",
             "config": {"action": "call_api", "method": "POST", "url": url, "headers": headers},
             "retry": {"max_attempts": 2, "initial": "1ms", "max": "1ms"}},
            {"id": "tell", "type": "action", "config": {"action": "send_notification", "url": url, "message": "done"}},
        ],
        "edges": [{"from": "start", "to": "call"}, {"from": "call", "to": "tell"}],
    })
}

/// The parts of a `traceparent` that was received: trace, span, flags.
fn parent(request: &Received) -> [String; 3] {
    let parts: Vec<_> = request
        .header("traceparent")
        .unwrap()
        .split('-')
        .map(str::to_owned)
        .collect();
    assert_eq!((parts.len(), &*parts[0]), (4, "00"));
    [parts[1].clone(), parts[2].clone(), parts[3].clone()]
}

async fn run_with(site: &Site, pipeline: &str, headers: &[(&str, &str)]) -> String {
    let path = format!("/api/v1/pipelines/{pipeline}/runs");
    let started = site.send_with("POST", &path, Some(&json!({})), headers).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let run = started.json["id"].as_str().unwrap();
    assert_eq!(site.ended_run(run).await["status"], "completed");
    run.to_owned()
}

#[tokio::test]
async fn each_attempt_is_a_span_of_its_own_in_the_trace_of_the_request_that_started_the_run() {
    let receiver = Receiver::start();
    receiver.answers("/x", [Answer::status(503), Answer::status(200)]);
    let site = Site::start().await.with_user("ada@example.org").await;
    let pipeline = site.pipeline(&calls(&receiver.url("/x"), &json!({}))).await;
    run_with(&site, &pipeline, &[("traceparent", PARENT), ("tracestate", STATE)]).await;
    let seen = receiver.requests();
    assert_eq!(seen.len(), 3);
    let mut spans = BTreeSet::from(["00f067aa0ba902b7".to_owned()]);
    for request in &seen {
        let [trace, span, flags] = parent(request);
        assert_eq!((&*trace, &*flags), (TRACE, "00"));
        assert_eq!(request.header("tracestate"), Some(STATE));
        assert!(spans.insert(span));
    }
}

#[tokio::test]
async fn a_request_without_a_valid_trace_begins_one_and_two_requests_begin_two() {
    let receiver = Receiver::start();
    let site = Site::start().await.with_user("ada@example.org").await;
    let pipeline = site.pipeline(&calls(&receiver.url("/x"), &json!({}))).await;
    let wrong = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    run_with(&site, &pipeline, &[("traceparent", wrong), ("tracestate", STATE)]).await;
    run_with(&site, &pipeline, &[]).await;
    let seen = receiver.requests();
    let traces: BTreeSet<_> = seen.iter().map(|request| parent(request)[0].clone()).collect();
    assert_eq!((seen.len(), traces.len()), (4, 2));
    assert!(seen.iter().all(|request| request.header("tracestate").is_none()));
}

#[tokio::test]
async fn headers_of_the_node_itself_are_sent_as_they_are() {
    let receiver = Receiver::start();
    let site = Site::start().await.with_user("ada@example.org").await;
    let own = "00-11111111111111111111111111111111-2222222222222222-01";
    let pipeline = site
        .pipeline(&calls(&receiver.url("/x"), &json!({"TraceParent": own})))
        .await;
    run_with(&site, &pipeline, &[("traceparent", PARENT), ("tracestate", STATE)]).await;
    let seen = receiver.requests();
    assert_eq!(seen[0].header("traceparent"), Some(own));
    assert_eq!(seen[0].header("tracestate"), None);
    assert_eq!(parent(&seen[1])[0], TRACE);
}

#[tokio::test]
async fn every_line_of_a_request_and_of_its_run_carries_its_ids() {
    let receiver = Receiver::start();
    receiver.answer("/x", Answer::status(404));
    let site = Site::start_with(&[("GATHERING_LOG_FILTER", "debug")]).await;
    let site = site.with_user("ada@example.org").await;
    let pipeline = site.pipeline(&calls(&receiver.url("/x"), &json!({}))).await;
    let path = format!("/api/v1/pipelines/{pipeline}/runs");
    let headers = [("traceparent", PARENT), ("x-request-id", "r-17")];
    let started = site.send_with("POST", &path, Some(&json!({})), &headers).await;
    let run = started.json["id"].as_str().unwrap();
    assert_eq!(site.ended_run(run).await["status"], "failed");
    let log = site.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines
        .iter()
        .find(|line| line["request_id"] == "r-17" && line["status"] == 202)
        .unwrap();
    assert_eq!(
        (&answered["run_id"], &answered["trace_id"]),
        (&json!(run), &json!(TRACE))
    );
    assert!(answered["user_id"].is_string(), "{answered}");
    for message in [
        "driving the run",
        "outgoing call ended",
        "a call failed",
        "the run ended",
    ] {
        let line = lines
            .iter()
            .find(|line| line["message"] == message && line["run_id"] == run);
        let line = line.unwrap_or_else(|| unreachable!("no line `{message}` of the run in:\n{log}"));
        assert_eq!(line["trace_id"], TRACE, "{line}");
    }
}

#[tokio::test]
async fn ids_stand_also_on_lines_where_only_warnings_are_logged() {
    let site = Site::start_with(&[("GATHERING_LOG_FILTER", "warn")])
        .await
        .with_user("ada@example.org")
        .await;
    site.execute("ALTER TABLE pipelines RENAME TO elsewhere").await;
    let headers = [("x-request-id", "r-18"), ("traceparent", PARENT)];
    assert_eq!(
        site.send_with("GET", "/api/v1/pipelines", None, &headers).await.status,
        500
    );
    let log = site.log();
    let line = log.lines().find(|line| line.contains("request failed")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["request_id"], &line["trace_id"]),
        (&json!("r-18"), &json!(TRACE))
    );
    assert!(line["user_id"].is_string(), "{line}");
}

#[tokio::test]
async fn a_run_keeps_its_trace_when_its_instance_is_killed_and_another_goes_on() {
    let receiver = Receiver::start();
    receiver.answers("/x", [Answer::status(200).delay(LIMIT), Answer::status(200)]);
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let mut first = Server::spawn(&options).await;
    let client = first.register_and_login("ada@example.org").await;
    let definition = calls(&receiver.url("/x"), &json!({}));
    let created = client
        .post("/api/v1/pipelines", &json!({"name": "p", "definition": definition}))
        .await;
    let path = format!("/api/v1/pipelines/{}/runs", created.json["id"].as_str().unwrap());
    let start = client
        .request(Method::POST, &path)
        .header("traceparent", PARENT)
        .header("tracestate", STATE);
    assert_eq!(start.send().await.unwrap().status(), 202);
    receiver.wait_for(1, LIMIT).await;
    let second = Server::spawn(&options).await;
    first.kill9();
    let seen = receiver.wait_for(3, LIMIT).await;
    let spans: BTreeSet<_> = seen.iter().map(|request| parent(request)[1].clone()).collect();
    assert_eq!(spans.len(), 3);
    for request in &seen {
        assert_eq!(parent(request)[0], TRACE);
        assert_eq!(request.header("tracestate"), Some(STATE));
    }
    assert!(second.log().lines().any(|line| line.contains("took over runs")));
}
