//! The database goes away and comes back.

use std::time::Duration;

use gathering_testkit::{Server, ServerOptions, TestCluster, eventually};
use serde_json::json;

use crate::support::binary;

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn while_the_database_is_away_requests_get_503_and_afterwards_all_is_well_without_a_restart() {
    let cluster = TestCluster::own().await;
    let database = cluster.database().await;
    let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let pipeline = json!({"name": "x", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    let created = client.post("/api/v1/pipelines", &pipeline).await;
    assert_eq!(created.status, 201, "{created:?}");

    cluster.kill9();
    eventually("readiness says so", LIMIT, async || {
        let ready = client.get("/health/ready").await;
        (ready.status, ready.json["code"].as_str()) == (503, Some("database_unavailable"))
    })
    .await;
    let login = json!({"email": "ada@example.org", "password": "whatever it may be"});
    let refused = [
        client.get("/api/v1/pipelines").await,
        client.get("/api/v1/runs").await,
        client.post("/api/v1/pipelines", &pipeline).await,
        client.post("/api/v1/auth/login", &login).await,
    ];
    for answer in refused {
        assert_eq!(
            (answer.status, answer.json["code"].as_str()),
            (503, Some("database_unavailable")),
            "{answer:?}"
        );
        assert_eq!(answer.headers.get("retry-after").map(String::as_str), Some("2"));
    }
    assert_eq!(client.get("/health/live").await.status, 200);

    cluster.restart().await;
    eventually("the server is ready again", LIMIT, async || {
        client.get("/health/ready").await.status == 200
    })
    .await;
    let listed = client.get("/api/v1/pipelines").await;
    assert_eq!(listed.json["items"][0]["id"], created.json["id"]);
    let path = format!(
        "/api/v1/pipelines/{}/runs",
        created.json["id"].as_str().unwrap_or_default()
    );
    let run = client.post(&path, &json!({})).await;
    let path = format!("/api/v1/runs/{}", run.json["id"].as_str().unwrap_or_default());
    eventually("a run completes", LIMIT, async || {
        client.get(&path).await.json["status"] == "completed"
    })
    .await;
}

#[tokio::test]
async fn a_server_that_starts_before_its_database_waits_for_it() {
    let cluster = TestCluster::own().await;
    let database = cluster.database().await;
    cluster.kill9();
    let options = ServerOptions::new(binary()).database_url(&database.url());
    let (server, ()) = tokio::join!(Server::spawn(&options), cluster.restart());
    assert_eq!(server.client().get("/health/ready").await.status, 200);
}
