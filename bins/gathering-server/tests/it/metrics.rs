//! Metrics, scraped over a socket of their own while the server works, is overloaded, and ends.

use std::collections::BTreeSet;
use std::time::Duration;

use gathering_testkit::{Server, ServerOptions, TestDatabase, until};
use serde_json::{Value, json};

use crate::support::{Site, anonymous, binary};

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");
const ON: (&str, &str) = ("GATHERING_METRICS_LISTEN", "127.0.0.1:0");

/// Where metrics are, as the log says.
pub(crate) fn address(log: &str) -> String {
    let line = log.lines().find(|line| line.contains("metrics are at")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    format!("http://{}", line["address"].as_str().unwrap())
}

async fn scrape(log: &str) -> String {
    let answer = reqwest::get(format!("{}/metrics", address(log))).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    answer.text().await.unwrap()
}

/// The value of a sample, written as in the scrape.
fn value(scrape: &str, sample: &str) -> f64 {
    let line = scrape
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    assert!(
        line.is_some(),
        "no {sample} in:
{scrape}"
    );
    line.unwrap().parse().unwrap()
}

/// What is told once no run is in memory. A run is counted when its end is durable, and then leaves: whoever reads its end may be quicker.
async fn at_rest(site: &Site) -> String {
    let log = site.log();
    until("the last run leaves the memory", Duration::from_secs(10), async || {
        let scraped = scrape(&log).await;
        (value(&scraped, "gathering_runs_in_memory") < 1.0).then_some(scraped)
    })
    .await
}

fn definition(url: &str, attempts: u32) -> Value {
    json!({
        "nodes": [
            {"id": "start", "type": "trigger"},
            {"id": "call", "type": "action", "config": {"action": "call_api", "url": url},
             "retry": {"max_attempts": attempts, "initial": "1ms", "max": "1ms"}},
        ],
        "edges": [{"from": "start", "to": "call"}],
    })
}

#[tokio::test]
async fn every_metric_is_in_the_document_and_none_is_there_that_does_not_exist() {
    let site = Site::start_with(&[ON]).await;
    let scraped = scrape(&site.log()).await;
    let told: BTreeSet<_> = scraped
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let written: BTreeSet<_> = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(told, written);
    assert!(told.len() > 40, "{told:?}");
}

#[tokio::test]
async fn runs_attempts_and_requests_are_counted_exactly() {
    let site = Site::start_with(&[ON]).await.with_user("ada@example.org").await;
    let nobody = definition("http://127.0.0.1:9/", 3);
    let itself = definition(&format!("{}/health/live", site.base()), 1);
    let (failing, working) = (site.pipeline(&nobody).await, site.pipeline(&itself).await);
    for pipeline in [&failing, &working, &working] {
        let run = site.start_run(pipeline, &json!({})).await;
        site.ended_run(&run).await;
    }
    assert_eq!(site.send("GET", "/api/v1/nothing/here", None).await.status, 404);
    assert_eq!(anonymous(&site).send("GET", "/api/v1/runs", None).await.status, 401);
    let wrong = json!({"email": "ada@example.org", "password": "wrong"});
    assert_eq!(site.send("POST", "/api/v1/auth/login", Some(&wrong)).await.status, 401);
    let scraped = at_rest(&site).await;
    let exact = [
        ("gathering_runs_started_total", 3.0),
        (r#"gathering_runs_ended_total{status="completed"}"#, 2.0),
        (r#"gathering_runs_ended_total{status="failed"}"#, 1.0),
        (r#"gathering_attempts_total{outcome="completed"}"#, 2.0),
        (r#"gathering_attempts_total{outcome="failed"}"#, 3.0),
        ("gathering_retries_total", 2.0),
        (
            r#"gathering_http_requests_total{method="POST",route="/api/v1/pipelines/{id}/runs",status="202"}"#,
            3.0,
        ),
        (
            r#"gathering_http_requests_total{method="POST",route="/api/v1/pipelines",status="201"}"#,
            2.0,
        ),
        (
            r#"gathering_http_requests_total{method="GET",route="/health/live",status="200"}"#,
            2.0,
        ),
        (
            r#"gathering_http_requests_total{method="GET",route="none",status="404"}"#,
            1.0,
        ),
        (
            r#"gathering_http_requests_total{method="GET",route="/api/v1/runs",status="401"}"#,
            1.0,
        ),
        (
            r#"gathering_http_request_duration_seconds_count{method="POST",route="/api/v1/pipelines/{id}/runs"}"#,
            3.0,
        ),
        (r#"gathering_logins_total{outcome="done"}"#, 1.0),
        (r#"gathering_logins_total{outcome="refused"}"#, 1.0),
        ("gathering_audit_rows_total", 3.0),
        ("gathering_http_requests_in_flight", 0.0),
        ("gathering_runs_queued", 0.0),
        ("gathering_runs_in_memory", 0.0),
        ("gathering_working", 1.0),
    ];
    for (sample, expected) in exact {
        assert!(
            (value(&scraped, sample) - expected).abs() < f64::EPSILON,
            "{sample}:\n{scraped}"
        );
    }
    // A run of one node writes at least its end.
    assert!(value(&scraped, "gathering_commit_appends_count") >= 3.0);
    assert!(value(&scraped, "process_resident_memory_bytes") > 1e6);
}

#[tokio::test]
async fn what_a_client_makes_up_makes_no_labels() {
    let site = Site::start_with(&[ON]).await;
    for number in 0..20 {
        let raw = crate::support::Raw {
            method: "BREW",
            ..crate::support::Raw::get("/health/live")
        };
        assert_eq!(site.raw(raw).await.status, 405);
        let path = format!("/api/v1/runs/{number}/x");
        assert_eq!(site.send("GET", &path, None).await.status, 404);
    }
    let scraped = scrape(&site.log()).await;
    let of_requests = scraped
        .lines()
        .filter(|line| line.starts_with("gathering_http_requests_total"));
    assert_eq!(of_requests.count(), 2, "{scraped}");
    let other = r#"gathering_http_requests_total{method="other",route="/health/live",status="405"}"#;
    assert!((value(&scraped, other) - 20.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn refused_requests_are_counted_by_their_limit_and_metrics_are_not_limited() {
    let site = Site::start_with(&[
        ON,
        ("GATHERING_RATE_LIMITS", "on"),
        ("GATHERING_RATE_LIMIT_HEALTH", "2/1h"),
    ])
    .await;
    for status in [200, 200, 429, 429] {
        assert_eq!(site.send("GET", "/health/live", None).await.status, status);
    }
    for _ in 0..20 {
        let scraped = scrape(&site.log()).await;
        let refused = value(&scraped, r#"gathering_rate_limited_requests_total{tier="health"}"#);
        assert!((refused - 2.0).abs() < f64::EPSILON);
    }
}

#[tokio::test]
async fn the_listener_has_nothing_else_and_the_api_has_no_metrics() {
    let site = Site::start_with(&[ON]).await;
    let address = address(&site.log());
    for path in ["/", "/metrics/", "/health/live", "/api/v1/runs"] {
        assert_eq!(
            reqwest::get(format!("{address}{path}")).await.unwrap().status(),
            404,
            "{path}"
        );
    }
    let head = reqwest::Client::new().head(format!("{address}/metrics")).send();
    let head = head.await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.text().await.unwrap()),
        (200, String::new())
    );
    let posted = reqwest::Client::new()
        .post(format!("{address}/metrics"))
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 405);
    assert_eq!(site.send("GET", "/metrics", None).await.status, 404);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_counted_as_queued() {
    let site = Site::start_with(&[ON, ("GATHERING_MAX_RUNS_IN_MEMORY", "1")]).await;
    let site = site.with_user("ada@example.org").await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let pipeline = site.pipeline(&definition(&url, 1)).await;
    for _ in 0..4 {
        site.start_run(&pipeline, &json!({})).await;
    }
    let scraped = scrape(&site.log()).await;
    let numbers = [
        "runs_started_total",
        "runs_in_memory",
        "runs_in_memory_max",
        "runs_queued",
    ];
    let numbers = numbers.map(|name| value(&scraped, &format!("gathering_{name}")).to_string());
    assert_eq!(numbers, ["4", "1", "1", "3"]);
}

#[tokio::test]
async fn runs_that_were_taken_over_and_cancelled_are_counted_where_that_was_done() {
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1")
        .env(ON.0, ON.1);
    let mut first = Server::spawn(&options).await;
    let client = first.register_and_login("ada@example.org").await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let new = json!({"name": "slow", "definition": definition(&url, 1)});
    let created = client.post("/api/v1/pipelines", &new).await;
    let id = created.json["id"].as_str().unwrap();
    let started = client.post(&format!("/api/v1/pipelines/{id}/runs"), &json!({})).await;
    let (_first_call, _) = silent.accept().await.unwrap();
    first.kill9();
    let second = Server::spawn(&options).await;
    let (_second_call, _) = silent.accept().await.unwrap();
    let path = format!("/api/v1/runs/{}/cancel", started.json["id"].as_str().unwrap());
    assert_eq!(client.at(&second).post(&path, &json!({})).await.status, 200);
    let scraped = scrape(&second.log()).await;
    let exact = [
        ("gathering_runs_started_total", "0"),
        ("gathering_runs_claimed_total", "0"),
        ("gathering_runs_taken_over_total", "1"),
        (r#"gathering_runs_ended_total{status="cancelled"}"#, "1"),
        (r#"gathering_runs_ended_total{status="failed"}"#, "0"),
    ];
    for (sample, expected) in exact {
        assert_eq!(value(&scraped, sample).to_string(), expected, "{sample}");
    }
}

#[tokio::test]
async fn a_table_that_somebody_keeps_locked_costs_a_scrape_one_number_and_a_second() {
    let site = Site::start_with(&[ON]).await;
    let mut connection = site.connection().await;
    let locking = connection.transaction().await.unwrap();
    locking
        .batch_execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let begun = tokio::time::Instant::now();
    let scraped = scrape(&site.log()).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!scraped.contains("\ngathering_runs_queued "), "{scraped}");
    assert!(value(&scraped, "gathering_pool_connections_max") > 0.0);
}

#[tokio::test]
async fn metrics_answer_until_the_server_has_drained() {
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1")
        .env(ON.0, ON.1);
    let mut server = Server::spawn(&options).await;
    let client = server.register_and_login("ada@example.org").await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let created = client
        .post(
            "/api/v1/pipelines",
            &json!({"name": "slow", "definition": definition(&url, 1)}),
        )
        .await;
    let id = created.json["id"].as_str().unwrap();
    client.post(&format!("/api/v1/pipelines/{id}/runs"), &json!({})).await;
    let (connection, _) = silent.accept().await.unwrap();
    server.tell_to_stop();
    let log = server.log();
    let draining = until("the server drains", Duration::from_secs(10), async || {
        let scraped = scrape(&log).await;
        (value(&scraped, "gathering_draining") > 0.0).then_some(scraped)
    })
    .await;
    assert!((value(&draining, "gathering_attempts_under_way") - 1.0).abs() < f64::EPSILON);
    drop(connection);
    assert!(server.wait(Duration::from_secs(20)).await.success());
}
