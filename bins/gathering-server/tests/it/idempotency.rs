//! Idempotency keys where something is made: once, however often it is asked for.

use futures::future::join_all;
use gathering_persistence::{pipeline_keys, project_keys};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Answer, Site};

const PIPELINES: &str = "/api/v1/pipelines";
const PROJECTS: &str = "/api/v1/projects";

fn pipeline(name: &str) -> Value {
    json!({"name": name, "definition": {"nodes": [{"id": "start", "type": "trigger"}]}})
}

async fn make(site: &Site, path: &str, key: &str, body: &Value) -> Answer {
    site.send_with("POST", path, Some(body), &[("idempotency-key", key)])
        .await
}

/// How many the caller sees, without those that they have from the start.
async fn count(site: &Site, path: &str) -> usize {
    let items = site.send("GET", path, None).await.json["items"].clone();
    let items = items.as_array().unwrap();
    items
        .iter()
        .filter(|item| item["name"] != "default" && item["name"] != "Default")
        .count()
}

#[tokio::test]
async fn the_same_key_with_the_same_body_makes_one_thing_and_is_answered_the_same() {
    let site = Site::start().await.with_user("ada@example.org").await;
    for (path, body, other) in [
        (PIPELINES, pipeline("a"), pipeline("b")),
        (PROJECTS, json!({"name": "a"}), json!({"name": "b"})),
    ] {
        let before = count(&site, path).await;
        let first = make(&site, path, "key-1", &body).await;
        assert_eq!(
            (first.status, first.header("idempotency-replayed").as_str()),
            (201, "false"),
            "{}",
            first.text
        );
        let again = make(&site, path, "key-1", &body).await;
        assert_eq!(
            (again.status, again.header("idempotency-replayed").as_str()),
            (201, "true")
        );
        assert_eq!(again.json, first.json);
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.header("etag"), first.header("etag"));
        // It was really made, and is what the answer says.
        assert_eq!(site.send("GET", &again.header("location"), None).await.json, first.json);
        let refused = make(&site, path, "key-1", &other).await;
        assert_eq!(
            (refused.status, &refused.problem()["code"]),
            (422, &Value::from("idempotency_key_reused"))
        );
        assert_eq!(count(&site, path).await, before + 1);
        assert_eq!(
            make(&site, path, "key-2", &body).await.header("idempotency-replayed"),
            "false"
        );
        let wrong = make(&site, path, "a key", &body).await;
        assert_eq!(wrong.problems()[0]["header"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn many_who_use_one_key_at_once_over_two_servers_make_one_thing() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let beside = site.beside().await.with_token(site.token());
    for (path, body) in [(PIPELINES, pipeline("a")), (PROJECTS, json!({"name": "a"}))] {
        let before = count(&site, path).await;
        let sites = [&site, &beside];
        let answers = join_all((0..12).map(|number| make(sites[number % 2], path, "at-once", &body))).await;
        let made: Vec<&Answer> = answers
            .iter()
            .filter(|answer| answer.header("idempotency-replayed") == "false")
            .collect();
        assert_eq!(made.len(), 1);
        for answer in &answers {
            assert_eq!((answer.status, &answer.json), (201, &made[0].json));
        }
        assert_eq!(count(&site, path).await, before + 1);
    }
}

#[tokio::test]
async fn keys_of_pipelines_are_of_their_project_and_those_of_projects_of_their_user() {
    let ada = Site::start().await.with_user("ada@example.org").await;
    let bob = ada.with_user("bob@example.org").await;
    for (path, body) in [(PIPELINES, pipeline("a")), (PROJECTS, json!({"name": "a"}))] {
        let (first, second) = (
            make(&ada, path, "key", &body).await,
            make(&bob, path, "key", &body).await,
        );
        assert_eq!(second.header("idempotency-replayed"), "false");
        assert_ne!(first.json["id"], second.json["id"]);
    }
    let project = make(&ada, PROJECTS, "another", &json!({"name": "b"})).await.json["id"].clone();
    let mut elsewhere = pipeline("a");
    elsewhere["project_id"] = project;
    assert_eq!(
        make(&ada, PIPELINES, "key", &elsewhere)
            .await
            .header("idempotency-replayed"),
        "false"
    );
}

#[tokio::test]
async fn a_refused_request_uses_up_no_key_and_a_forgotten_key_makes_something_new() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let broken = json!({"name": "a", "definition": {"nodes": []}});
    assert_eq!(make(&site, PIPELINES, "key", &broken).await.status, 422);
    assert_eq!(make(&site, PROJECTS, "key", &json!({"name": ""})).await.status, 422);
    let made = [
        make(&site, PIPELINES, "key", &pipeline("a")).await.json,
        make(&site, PROJECTS, "key", &json!({"name": "a"})).await.json,
    ];
    let (connection, long_ago) = (site.connection().await, Timestamp::UNIX_EPOCH);
    assert_eq!(pipeline_keys::forget(&connection, long_ago, 10).await.unwrap(), 0);
    assert_eq!(project_keys::forget(&connection, long_ago, 10).await.unwrap(), 0);
    site.execute(
        "UPDATE pipeline_keys SET created_at = '1970-01-01'; UPDATE project_keys SET created_at = '1970-01-01'",
    )
    .await;
    let lately = "2020-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(pipeline_keys::forget(&connection, lately, 10).await.unwrap(), 1);
    assert_eq!(project_keys::forget(&connection, lately, 10).await.unwrap(), 1);
    for (path, body, made) in [
        (PIPELINES, pipeline("a"), &made[0]),
        (PROJECTS, json!({"name": "a"}), &made[1]),
    ] {
        let anew = make(&site, path, "key", &body).await;
        assert_eq!(
            (anew.status, anew.header("idempotency-replayed").as_str()),
            (201, "false")
        );
        assert_ne!(anew.json["id"], made["id"]);
    }
}

#[tokio::test]
async fn what_shows_a_secret_once_takes_no_key_and_makes_nothing_with_one() {
    let site = Site::start().await.with_user("ada@example.org").await;
    for (path, body) in [
        ("/api/v1/auth/api-keys", json!({"name": "ci", "scopes": ["read"]})),
        ("/api/v1/invitations", json!({})),
        ("/api/v1/auth/totp", json!({"current_password": "x"})),
        ("/api/v1/auth/totp/confirm", json!({"totp": "000000"})),
        (
            "/api/v1/auth/totp/recovery-codes",
            json!({"current_password": "x", "totp": "000000"}),
        ),
    ] {
        let refused = make(&site, path, "key", &body).await;
        assert_eq!(
            (refused.status, &refused.problem()["code"]),
            (422, &Value::from("invalid_request")),
            "{path}"
        );
        let wrong = &refused.problems()[0];
        assert_eq!(
            (&wrong["header"], &wrong["code"]),
            (&json!("Idempotency-Key"), &json!("not_repeatable"))
        );
    }
    assert_eq!(count(&site, "/api/v1/auth/api-keys").await, 0);
    // Where asking again does no harm the header changes nothing.
    let harmless = make(&site, "/api/v1/pipelines/validate", "key", &json!({"definition": {}})).await;
    assert_eq!(harmless.status, 200);
}
