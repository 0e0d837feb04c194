//! What is tried again, and when: against a real receiver, and across the death of servers.

use std::net::TcpListener;
use std::time::Duration;

use gathering_testkit::{Answer, Receiver, Server, ServerOptions, TestDatabase, until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Site, binary};

/// Longer than anything takes here unless it is broken.
const LIMIT: Duration = Duration::from_mins(1);

fn call(id: &str, url: &str, more: &Value) -> Value {
    let mut node = json!({"id": id, "type": "action", "config": {"action": "call_api", "url": url}});
    let fields = node.as_object_mut().unwrap();
    fields.extend(more.as_object().cloned().unwrap_or_default());
    node
}

/// An address that nobody listens on.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

fn node<'r>(run: &'r Value, id: &str) -> &'r Value {
    let nodes = run["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["id"] == id).unwrap()
}

#[tokio::test]
async fn what_may_pass_is_tried_again_what_cannot_is_not_and_the_definition_may_say_otherwise() {
    let receiver = Receiver::start();
    let ok = || Answer::status(200);
    receiver.answers("/busy", [Answer::status(429).header("retry-after", "2"), ok()]);
    receiver.answers("/away", [Answer::status(503), Answer::status(408), ok()]);
    receiver.answer("/refused", Answer::status(400));
    receiver.answers("/missing", [Answer::status(404), ok()]);
    receiver.answers("/slow", [ok().delay(Duration::from_secs(20)), ok()]);
    let site = Site::start().await.with_user("ada@example.org").await;
    let url = |path: &str| receiver.url(path);
    let definition = json!({
    "defaults": {"retry": {"max_attempts": 3, "initial": "20ms", "max": "50ms"}},
    "edges": [],
    "nodes": [
        call("busy", &url("/busy"), &json!({})),
        call("away", &url("/away"), &json!({})),
        call("refused", &url("/refused"), &json!({"on_error": "continue"})),
        call("missing", &url("/missing"), &json!({"retry": {"retry_on": [404]}})),
        call("slow", &url("/slow"), &json!({"timeout": "200ms"})),
        call("nowhere", &nowhere(), &json!({"on_error": "continue"})),
    ]});
    let pipeline = site.pipeline(&definition).await;
    let run = site.ended_run(&site.start_run(&pipeline, &json!({})).await).await;
    assert_eq!(run["status"], "completed", "{run}");
    let told = ["busy", "away", "refused", "missing", "slow", "nowhere"]
        .map(|id| (&node(&run, id)["attempts"], &node(&run, id)["error"]["code"]));
    let attempts = told.map(|(attempts, _)| attempts.as_u64().unwrap());
    assert_eq!(attempts, [2, 3, 1, 2, 2, 3]);
    assert_eq!(
        (told[2].1, told[5].1),
        (&json!("http_status"), &json!("connect_failed"))
    );
    for path in ["/busy", "/away", "/missing", "/slow"] {
        let requests = receiver.requests_to(path);
        let first = requests[0].idempotency_key();
        assert!(
            requests
                .iter()
                .all(|request| first.is_some() && request.idempotency_key() == first)
        );
    }
    let busy = receiver.requests_to("/busy");
    let waited = busy[1].received_at.duration_since(busy[0].received_at);
    assert!(waited >= SignedDuration::from_secs(2), "{waited}");
}

#[tokio::test]
async fn nobody_parks_a_run_for_a_year() {
    let receiver = Receiver::start();
    receiver.answer("/", Answer::status(429).header("retry-after", "31536000"));
    let site = Site::start().await.with_user("ada@example.org").await;
    let retry = json!({"retry": {"max_attempts": 2}});
    let pipeline = site
        .pipeline(&json!({"nodes": [call("n", &receiver.url("/"), &retry)]}))
        .await;
    let id = site.start_run(&pipeline, &json!({})).await;
    let run = until("the run waits", LIMIT, async || {
        let run = site.send("GET", &format!("/api/v1/runs/{id}"), None).await.json;
        (run["status"] == "waiting").then_some(run)
    })
    .await;
    let wake_at: Timestamp = run["wake_at"].as_str().unwrap().parse().unwrap();
    let wait = wake_at.duration_since(receiver.requests()[0].received_at);
    let hour = SignedDuration::from_hours(1);
    assert!((hour..hour + SignedDuration::from_mins(1)).contains(&wait), "{wait}");
    assert_eq!(
        (&run["nodes"][0]["status"], &run["nodes"][0]["error"]["code"]),
        (&json!("retrying"), &json!("http_status"))
    );
}

/// A server on this database, and the same user's client.
async fn next(database: &TestDatabase, client: &gathering_testkit::Client) -> (Server, gathering_testkit::Client) {
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let server = Server::spawn(&options).await;
    let client = client.at(&server);
    (server, client)
}

#[tokio::test]
async fn a_wait_survives_its_server_and_attempts_that_died_with_theirs_use_up_no_retry() {
    let receiver = Receiver::start();
    let hang = || Answer::status(200).delay(Duration::from_mins(1));
    let busy = Answer::status(503).header("retry-after", "3");
    receiver.answers("/", [hang(), hang(), busy, Answer::status(200)]);
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let mut first = Server::spawn(&options).await;
    let client = first.register_and_login("ada@example.org").await;
    let retry = json!({"retry": {"max_attempts": 2, "initial": "10ms"}});
    let new = json!({"name": "x", "definition": {"nodes": [call("n", &receiver.url("/"), &retry)]}});
    let pipeline = client.post("/api/v1/pipelines", &new).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let started = client
        .post(&format!("/api/v1/pipelines/{pipeline}/runs"), &json!({}))
        .await;
    let path = format!("/api/v1/runs/{}", started.json["id"].as_str().unwrap());

    receiver.wait_for(1, LIMIT).await;
    first.kill9();
    let (mut second, _) = next(&database, &client).await;
    receiver.wait_for(2, LIMIT).await;
    second.kill9();
    let (mut third, client) = next(&database, &client).await;
    until("the run waits for what the receiver asked for", LIMIT, async || {
        let run = client.get(&path).await.json;
        (run["status"] == "waiting").then_some(())
    })
    .await;
    third.kill9();
    let (_fourth, client) = next(&database, &client).await;
    let run = until("the run ends", LIMIT, async || {
        let run = client.get(&path).await.json;
        (!run["finished_at"].is_null()).then_some(run)
    })
    .await;
    assert_eq!(run["status"], "completed", "{run}");
    let requests = receiver.requests();
    assert_eq!(requests.len(), 4);
    let waited = requests[3].received_at.duration_since(requests[2].received_at);
    assert!(waited >= SignedDuration::from_secs(3), "{waited}");
    assert!(
        requests
            .iter()
            .all(|request| request.idempotency_key() == requests[0].idempotency_key())
    );
}
