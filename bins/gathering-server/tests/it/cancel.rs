//! Cancelling over HTTP, with two instances.

use std::time::Duration;

use gathering_testkit::{Answer, Client, Receiver, Server, ServerOptions, TestDatabase, eventually, until};
use serde_json::{Value, json};

use crate::support::binary;

/// Longer than anything takes here unless it is broken.
const LIMIT: Duration = Duration::from_secs(30);

async fn start(client: &Client, definition: Value) -> String {
    let new = json!({"name": "long", "definition": definition});
    let pipeline = client.post("/api/v1/pipelines", &new).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = client
        .post(&format!("/api/v1/pipelines/{pipeline}/runs"), &json!({}))
        .await;
    assert_eq!(run.status, 202, "{}", run.json);
    run.json["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn cancelling_over_the_other_instance_closes_the_connection_within_a_second() {
    let receiver = Receiver::start();
    receiver.answer("/slow", Answer::status(200).delay(Duration::from_mins(1)));
    let database = TestDatabase::new().await;
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let (mut works, mut asked) = (Server::spawn(&options).await, Server::spawn(&options).await);
    let client = works.register_and_login("ada@example.org").await;
    let call = json!({"action": "call_api", "url": receiver.url("/slow")});
    let run = start(
        &client,
        json!({"nodes": [{"id": "call", "type": "action", "config": call}]}),
    )
    .await;
    receiver.wait_for(1, LIMIT).await;

    let elsewhere = client.at(&asked);
    let instances = elsewhere.get("/api/v1/instances").await;
    assert_eq!(instances.status, 200, "{}", instances.json);
    assert_eq!(
        instances.json["items"].as_array().unwrap().len(),
        2,
        "{}",
        instances.json
    );
    let cancelled = elsewhere
        .post(&format!("/api/v1/runs/{run}/cancel"), &json!({"reason": "too slow"}))
        .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.json);
    assert_eq!(
        (&cancelled.json["status"], &cancelled.json["stopped"]),
        (&json!("cancelled"), &json!(["call"]))
    );
    let owner = &cancelled.json["instance_id"];
    let items = instances.json["items"].as_array().unwrap();
    assert!(items.iter().any(|instance| &instance["id"] == owner), "{instances:?}");
    let closed = async || receiver.requests()[0].closed_early();
    eventually(
        "the receiver to see the connection closed",
        Duration::from_secs(1),
        closed,
    )
    .await;

    let again = elsewhere.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!((again.status, &again.json["changed"]), (200, &json!(false)));
    for client in [&client, &elsewhere] {
        let seen = client.get(&format!("/api/v1/runs/{run}")).await.json;
        assert_eq!(
            (&seen["status"], &seen["nodes"][0]["status"]),
            (&json!("cancelled"), &json!("cancelled"))
        );
        assert_eq!(seen["error"], json!({"code": "cancelled", "message": "too slow"}));
    }
    works.terminate(LIMIT).await;
    asked.terminate(LIMIT).await;
}

#[tokio::test]
async fn what_has_ended_cannot_be_cancelled_and_what_is_not_there_is_not_found() {
    let database = TestDatabase::new().await;
    let mut server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
    let client = server.register_and_login("ada@example.org").await;
    let run = start(&client, json!({"nodes": [{"id": "start", "type": "trigger"}]})).await;
    until("the run to end", LIMIT, async || {
        let seen = client.get(&format!("/api/v1/runs/{run}")).await.json;
        seen["finished_at"].is_string().then_some(())
    })
    .await;
    let late = client.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!((late.status, &late.json["code"]), (409, &json!("run_already_ended")));
    let nowhere = client
        .post("/api/v1/runs/00000000-0000-7000-8000-000000000000/cancel", &json!({}))
        .await;
    assert_eq!(nowhere.status, 404);
    let stranger = server.register_and_login("eve@example.org").await;
    let foreign = stranger.post(&format!("/api/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!((foreign.status, &foreign.json["code"]), (404, &json!("not_found")));
    server.terminate(LIMIT).await;
}
