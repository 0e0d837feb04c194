//! Pipelines as large as they may be.

use std::time::Duration;

use gathering_testkit::definitions::{pure_chain, pure_fan, pure_layers};
use gathering_testkit::until;
use serde_json::{Value, json};

use crate::support::Site;

/// As many as the server takes by default.
const NODES: usize = 10_000;

async fn runs_through(definition: Value) -> (Site, String, Value) {
    let site = Site::start().await.with_user("ada@example.org").await;
    let pipeline = site.pipeline(&definition).await;
    let run = site.start_run(&pipeline, &json!({"input": {"value": 1}})).await;
    // The list, unlike the run itself, costs the same whatever the size of the pipeline.
    let listed = until("the run ends", Duration::from_mins(2), async || {
        let path = format!("/api/v1/runs?pipeline_id={pipeline}");
        let runs = site.send("GET", &path, None).await.json;
        (!runs["items"][0]["finished_at"].is_null()).then(|| runs["items"][0].clone())
    })
    .await;
    assert_eq!(listed["id"], run);
    let shown = site.send("GET", &format!("/api/v1/runs/{run}"), None).await.json;
    assert_eq!(shown["status"], "completed", "{}", shown["error"]);
    let nodes = shown["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), NODES);
    assert!(nodes.iter().all(|node| node["status"] == "completed"));
    (site, run, shown)
}

#[tokio::test]
async fn a_chain_of_ten_thousand_nodes_runs_through_and_shows_every_one() {
    let (site, run, shown) = runs_through(pure_chain(NODES)).await;
    assert_eq!(shown["output"], json!({"n10000": {"value": 10_001}}));
    let pipeline = site
        .send(
            "GET",
            &format!("/api/v1/pipelines/{}", shown["pipeline_id"].as_str().unwrap()),
            None,
        )
        .await;
    assert_eq!(pipeline.json["definition"]["nodes"].as_array().unwrap().len(), NODES);
    assert_eq!(numbers(&site, &run).await, (1..=10_001).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_fan_of_ten_thousand_nodes_joins_what_every_one_gave() {
    let (_site, _run, shown) = runs_through(pure_fan(NODES)).await;
    let joined = shown["output"]["last"].as_object().unwrap();
    assert_eq!(joined.len(), NODES - 2);
    assert!(joined.values().all(|output| *output == json!({"value": 2})));
}

#[tokio::test]
async fn ten_thousand_nodes_in_layers_run_through() {
    let (_site, _run, shown) = runs_through(pure_layers(NODES)).await;
    // A hundred layers of a hundred.
    assert_eq!(shown["output"]["n10000"], json!({"value": 101}));
}

/// The numbers of all entries of a journal, read page by page.
async fn numbers(site: &Site, run: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/runs/{run}/journal?limit=100{cursor}");
        let page = site.send("GET", &path, None).await.json;
        let items = page["items"].as_array().unwrap();
        numbers.extend(items.iter().map(|entry| entry["seq"].as_i64().unwrap()));
        let Some(next) = page["next_cursor"].as_str() else {
            return numbers;
        };
        cursor = format!("&cursor={next}");
    }
}
