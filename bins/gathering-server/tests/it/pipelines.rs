//! Pipelines over HTTP.

use serde_json::{Value, json};

use crate::support::Site;

fn definition(output: &str) -> Value {
    json!({"nodes": [{"id": "shape", "type": "transform", "config": {"output": output}}]})
}

async fn site() -> Site {
    Site::start().await.with_user("ada@example.org").await
}

#[tokio::test]
async fn a_pipeline_is_saved_read_changed_and_deleted() {
    let site = site().await;
    let new = json!({"name": "nightly", "definition": definition("one")});
    let created = site.send("POST", "/api/v1/pipelines", Some(&new)).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json["version"], 1);
    assert_eq!(created.header("etag"), "\"1\"");
    let path = format!("/api/v1/pipelines/{}", created.json["id"].as_str().unwrap());
    assert_eq!(created.header("location"), path);

    let change = json!({"definition": definition("two")});
    let changed = site.send("PUT", &path, Some(&change)).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\"".to_owned()));
    assert_eq!(changed.json["name"], "nightly");

    let latest = site.send("GET", &path, None).await;
    assert_eq!(latest.json["definition"], definition("two"));
    let first = site.send("GET", &format!("{path}?version=1"), None).await;
    assert_eq!(first.json["definition"], definition("one"));
    assert_eq!(site.send("GET", &format!("{path}?version=3"), None).await.status, 404);

    assert_eq!(site.send("DELETE", &path, None).await.status, 204);
    assert_eq!(site.send("GET", &path, None).await.status, 404);
    assert_eq!(site.send("DELETE", &path, None).await.status, 404);
    assert_eq!(site.send("POST", &format!("{path}/runs"), None).await.status, 404);
}

#[tokio::test]
async fn a_change_of_a_version_that_is_not_the_latest_is_refused() {
    let site = site().await;
    let id = site.pipeline(&definition("one")).await;
    let path = format!("/api/v1/pipelines/{id}");
    let change = json!({"definition": definition("two")});
    let put = async |if_match: &str| {
        site.send_with("PUT", &path, Some(&change), &[("if-match", if_match)])
            .await
    };
    assert_eq!(put("\"1\"").await.status, 200);
    let stale = put("\"1\"").await;
    assert_eq!(
        (stale.status, stale.json["code"].as_str()),
        (412, Some("version_conflict"))
    );
    assert!(stale.json["detail"].as_str().unwrap().contains("\"2\""));
    assert_eq!(put("*").await.status, 200);
    let wrong = put("latest").await;
    assert_eq!(
        (wrong.status, wrong.json["problems"][0]["header"].as_str()),
        (422, Some("If-Match"))
    );
}

#[tokio::test]
async fn a_deletion_of_a_version_that_is_not_the_latest_is_refused() {
    let site = site().await;
    let path = format!("/api/v1/pipelines/{}", site.pipeline(&definition("one")).await);
    let change = json!({"definition": definition("two")});
    assert_eq!(site.send("PUT", &path, Some(&change)).await.status, 200);
    let delete = async |if_match: &str| site.send_with("DELETE", &path, None, &[("if-match", if_match)]).await;
    let stale = delete("\"1\"").await;
    assert_eq!(
        (stale.status, stale.json["code"].as_str()),
        (412, Some("version_conflict"))
    );
    assert!(stale.json["detail"].as_str().unwrap().contains("\"2\""));
    assert_eq!(delete("latest").await.problems()[0]["header"], "If-Match");
    assert_eq!(
        site.send("GET", &path, None).await.json["definition"],
        definition("two")
    );
    assert_eq!(delete("\"2\"").await.status, 204);
    assert_eq!(delete("\"2\"").await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages_newest_first() {
    let site = site().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(Value::from(site.pipeline(&definition("x")).await));
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut path = "/api/v1/pipelines?limit=2".to_owned();
    loop {
        let page = site.send("GET", &path, None).await;
        seen.extend(
            page.json["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].clone()),
        );
        match page.json["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v1/pipelines?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn a_stranger_finds_nothing_of_somebody_else() {
    let ada = site().await;
    let id = ada.pipeline(&definition("x")).await;
    let run = ada.start_run(&id, &json!({})).await;
    let stranger = ada.with_user("eve@example.org").await;
    let change = json!({"definition": definition("mine")});
    for (method, path, body) in [
        ("GET", format!("/api/v1/pipelines/{id}"), None),
        ("PUT", format!("/api/v1/pipelines/{id}"), Some(&change)),
        ("DELETE", format!("/api/v1/pipelines/{id}"), None),
        ("POST", format!("/api/v1/pipelines/{id}/runs"), None),
        ("GET", format!("/api/v1/runs/{run}"), None),
        ("GET", format!("/api/v1/runs/{run}/journal"), None),
    ] {
        let answer = stranger.send(method, &path, body).await;
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (404, Some("not_found")),
            "{method} {path}"
        );
    }
    for path in ["/api/v1/pipelines", "/api/v1/runs"] {
        assert_eq!(
            stranger.send("GET", path, None).await.json,
            json!({"items": [], "next_cursor": null})
        );
    }
}

#[tokio::test]
async fn a_definition_keeps_every_digit_and_the_order_of_its_keys() {
    let site = site().await;
    let text = r#"{"name":"exact","definition":{"nodes":[{"type":"transform","id":"n","config":{"output":{"z":1.10,"a":123456789012345678901234567890}}}]}}"#;
    let created = site.send_text("POST", "/api/v1/pipelines", text).await;
    assert_eq!(created.status, 201);
    let path = format!("/api/v1/pipelines/{}", created.json["id"].as_str().unwrap());
    let read = site.send("GET", &path, None).await;
    assert!(
        read.text
            .contains(r#"{"output":{"z":1.10,"a":123456789012345678901234567890}}"#),
        "{}",
        read.text
    );
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_never_fail_the_server() {
    let site = site().await;
    let deep = format!(
        r#"{{"name":"x","definition":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    for text in [
        deep.as_str(),
        r#"{"name":"\u0000","definition":{"nodes":[]}}"#,
        r#"{"name":"x","definition":{"nodes":[{"id":"\u0000","type":"trigger"}]}}"#,
        r#"{"name":"x","definition":{"nodes":[{"id":"a","type":"trigger"}]},"project_id":"x"}"#,
        r#"{"name":"x","definition":null}"#,
        r#"{"name":null,"definition":{}}"#,
        r#"{"name":"x","name":"y","definition":{}}"#,
    ] {
        let answer = site.send_text("POST", "/api/v1/pipelines", text).await;
        assert!(
            matches!(answer.status, 400 | 422),
            "{}: {}",
            answer.status,
            &text[..text.len().min(80)]
        );
    }
    let id = site.pipeline(&definition("{{ input.text }}")).await;
    let run = site.start_run(&id, &json!({"input": {"text": "\0"}})).await;
    assert_eq!(site.ended_run(&run).await["status"], "completed");
}
