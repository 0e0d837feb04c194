//! Runs over HTTP.

use std::time::Duration;

use gathering_testkit::{Answer, Receiver};
use serde_json::{Value, json};

use crate::support::Site;

async fn site() -> Site {
    Site::start().await.with_user("ada@example.org").await
}

fn greeting() -> Value {
    json!({"nodes": [
        {"id": "start", "type": "trigger"},
        {"id": "greet", "type": "transform", "config": {"output": "hello {{ input.name }}"}},
    ], "edges": [{"from": "start", "to": "greet"}]})
}

#[tokio::test]
async fn a_run_shows_its_nodes_its_output_and_its_journal() {
    let site = site().await;
    let pipeline = site.pipeline(&greeting()).await;
    let body = json!({"input": {"name": "Ada"}, "labels": {"team": "x"}, "priority": 5});
    let id = site.start_run(&pipeline, &body).await;
    let run = site.ended_run(&id).await;
    assert_eq!(run["status"], "completed");
    assert_eq!(run["output"], json!({"greet": "hello Ada"}));
    assert_eq!(run["labels"], json!({"team": "x"}));
    assert_eq!(
        (&run["version"], &run["priority"], &run["pipeline_id"]),
        (&json!(1), &json!(5), &json!(pipeline))
    );
    let nodes: Vec<_> = run["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (&node["id"], &node["type"], &node["status"]))
        .collect();
    assert_eq!(
        nodes,
        [
            (&json!("start"), &json!("trigger"), &json!("completed")),
            (&json!("greet"), &json!("transform"), &json!("completed")),
        ]
    );
    let journal = site.send("GET", &format!("/api/v1/runs/{id}/journal"), None).await;
    let kinds: Vec<_> = journal.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["seq"], &entry["kind"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&json!(1), &json!("node_completed")),
            (&json!(2), &json!("node_completed")),
            (&json!(3), &json!("run_ended")),
        ]
    );
}

#[tokio::test]
async fn a_journal_comes_in_pages_oldest_first() {
    let site = site().await;
    let pipeline = site.pipeline(&greeting()).await;
    let id = site.start_run(&pipeline, &json!({"input": {"name": "Ada"}})).await;
    site.ended_run(&id).await;
    let mut seen = Vec::new();
    let mut path = format!("/api/v1/runs/{id}/journal?limit=2");
    loop {
        let page = site.send("GET", &path, None).await.json;
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["seq"].as_i64().unwrap()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/runs/{id}/journal?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [1, 2, 3]);
}

#[tokio::test]
async fn a_body_is_not_needed_to_start_a_run() {
    let site = site().await;
    let pipeline = site
        .pipeline(&json!({"nodes": [{"id": "start", "type": "trigger"}]}))
        .await;
    let started = site
        .send("POST", &format!("/api/v1/pipelines/{pipeline}/runs"), None)
        .await;
    assert_eq!(started.status, 202);
    let id = started.json["id"].as_str().unwrap();
    assert_eq!(started.header("location"), format!("/api/v1/runs/{id}"));
    assert_eq!(site.ended_run(id).await["input"], Value::Null);
}

#[tokio::test]
async fn the_same_key_starts_one_run_and_another_body_under_it_is_refused() {
    let site = site().await;
    let pipeline = site.pipeline(&greeting()).await;
    let path = format!("/api/v1/pipelines/{pipeline}/runs");
    let start = async |name: &str, key: &str| {
        let body = json!({"input": {"name": name}});
        site.send_with("POST", &path, Some(&body), &[("idempotency-key", key)])
            .await
    };
    let (first, second) = tokio::join!(start("Ada", "k1"), start("Ada", "k1"));
    assert_eq!((first.status, second.status), (202, 202));
    assert_eq!(first.json["id"], second.json["id"]);
    let replayed = [
        first.header("idempotency-replayed"),
        second.header("idempotency-replayed"),
    ];
    assert!(
        replayed.contains(&"true".to_owned()) && replayed.contains(&"false".to_owned()),
        "{replayed:?}"
    );

    let other = start("Eve", "k1").await;
    assert_eq!(
        (other.status, other.json["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
    let wrong = start("Ada", "two words").await;
    assert_eq!(
        (wrong.status, wrong.json["problems"][0]["header"].as_str()),
        (422, Some("Idempotency-Key"))
    );
    let runs = site.send("GET", "/api/v1/runs", None).await;
    assert_eq!(runs.json["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn runs_are_listed_by_pipeline_and_by_status() {
    let site = site().await;
    let good = site.pipeline(&greeting()).await;
    let bad = site
        .pipeline(
            &json!({"nodes": [{"id": "fails", "type": "transform", "config": {"output": "{{ input.missing }}"}}]}),
        )
        .await;
    let completed = site.start_run(&good, &json!({"input": {"name": "Ada"}})).await;
    let failed = site.start_run(&bad, &json!({"input": {}})).await;
    site.ended_run(&completed).await;
    assert_eq!(site.ended_run(&failed).await["status"], "failed");
    let listed = async |query: &str| {
        let page = site.send("GET", &format!("/api/v1/runs?{query}"), None).await;
        page.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [failed.clone(), completed.clone()]);
    assert_eq!(listed("status=completed").await, std::slice::from_ref(&completed));
    assert_eq!(listed(&format!("pipeline_id={bad}")).await, [failed]);
    assert_eq!(
        listed(&format!("pipeline_id={bad}&status=completed")).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn labels_beyond_the_bounds_are_refused() {
    let site = site().await;
    let pipeline = site.pipeline(&greeting()).await;
    let many: serde_json::Map<_, _> = (0..33).map(|index| (index.to_string(), json!("x"))).collect();
    for labels in [
        json!({"": "x"}),
        json!({"x": "y".repeat(257)}),
        Value::Object(many),
        json!({"x": 1}),
        json!([]),
    ] {
        let answer = site
            .send(
                "POST",
                &format!("/api/v1/pipelines/{pipeline}/runs"),
                Some(&json!({"labels": labels})),
            )
            .await;
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (422, Some("invalid_request")),
            "{labels}"
        );
    }
}

/// An acceptance line of its own: four branches of 300 ms take about 300 ms, not 1.2 s.
#[tokio::test]
async fn four_branches_of_300_ms_finish_together() {
    let receiver = Receiver::start();
    receiver.answer("/slow", Answer::status(200).delay(Duration::from_millis(300)));
    let site = site().await;
    let call =
        |id: &str| json!({"id": id, "type": "action", "config": {"action": "call_api", "url": receiver.url("/slow")}});
    let pause = |id: &str| json!({"id": id, "type": "delay", "config": {"duration": "300ms"}});
    let mut edges = Vec::new();
    for id in ["a", "b", "c", "d"] {
        edges.push(json!({"from": "fan", "to": id}));
        edges.push(json!({"from": id, "to": "join"}));
    }
    let pipeline = site
        .pipeline(&json!({
            "nodes": [{"id": "fan", "type": "parallel"}, call("a"), call("b"), pause("c"), pause("d"), {"id": "join", "type": "join"}],
            "edges": edges,
        }))
        .await;
    let id = site.start_run(&pipeline, &json!({})).await;
    let run = site.ended_run(&id).await;
    assert_eq!(run["status"], "completed");
    let at = |field: &str| run[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let took = at("finished_at").duration_since(at("created_at"));
    assert!(took >= jiff::SignedDuration::from_millis(300), "{took}");
    assert!(took < jiff::SignedDuration::from_millis(900), "{took}");
    let requests = receiver.requests_to("/slow");
    let keys: Vec<_> = requests
        .iter()
        .filter_map(|request| request.idempotency_key())
        .collect();
    for node in ["a", "b"] {
        assert!(keys.contains(&format!("{id}/{node}").as_str()), "{keys:?}");
    }
}

#[tokio::test]
async fn an_action_may_not_reach_a_private_address_unless_it_is_allowed() {
    let receiver = Receiver::start();
    let site = Site::start_with(&[("GATHERING_OUTBOUND_ALLOW", "")])
        .await
        .with_user("ada@example.org")
        .await;
    let pipeline = site
        .pipeline(&json!({"nodes": [{"id": "call", "type": "action", "config": {"action": "call_api", "url": receiver.url("/")}}]}))
        .await;
    let id = site.start_run(&pipeline, &json!({})).await;
    let run = site.ended_run(&id).await;
    assert_eq!(
        (&run["status"], &run["nodes"][0]["error"]["code"]),
        (&json!("failed"), &json!("address_refused"))
    );
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_journal_shows_what_is_nested_more_deeply_than_this_release_writes() {
    let site = site().await;
    let pipeline = site.pipeline(&greeting()).await;
    let id = site.start_run(&pipeline, &json!({"input": {"name": "Ada"}})).await;
    site.ended_run(&id).await;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let entry = format!("('{id}', 4, 1, now(), 'attempt_failed', 'greet', '{deep}')");
    site.execute(&format!(
        "INSERT INTO run_journal (run_id, seq, epoch, at, kind, node, data) VALUES {entry}"
    ))
    .await;
    let journal = site.send("GET", &format!("/api/v1/runs/{id}/journal"), None).await;
    assert_eq!(journal.status, 200, "{}", journal.text);
    assert!(journal.text.contains(&deep), "{}", journal.text);
    assert!(journal.text.ends_with(r#""next_cursor":null}"#), "{}", journal.text);
}
