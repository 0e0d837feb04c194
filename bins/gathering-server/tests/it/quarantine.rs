//! A node under which servers die, seen and released over HTTP.

use std::time::Duration;

use gathering_testkit::history::History;
use gathering_testkit::{Answer, Client, Receiver, Server, ServerOptions, TestDatabase, until};
use serde_json::json;

use crate::api::{Document, Told};
use crate::support::binary;

/// Longer than anything takes here unless it is broken.
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_node_under_which_three_servers_were_killed_waits_to_be_released() {
    let (receiver, database) = (Receiver::start(), TestDatabase::new().await);
    receiver.answer("/deadly", Answer::status(200).delay(Duration::from_mins(1)));
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let mut server = Server::spawn(&options).await;
    let client = server.register_and_login("ada@example.org").await;
    let call = json!({"action": "call_api", "url": receiver.url("/deadly")});
    let new = json!({"name": "deadly", "definition": {"nodes": [{"id": "call", "type": "action", "config": call}]}});
    let pipeline = client.post("/api/v1/pipelines", &new).await.json["id"].clone();
    let path = format!("/api/v1/pipelines/{}/runs", pipeline.as_str().unwrap());
    let run = client.post(&path, &json!({})).await.json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for deaths in 1..=3 {
        receiver.wait_for(deaths, LIMIT).await;
        server.kill9();
        server = Server::spawn(&options).await;
    }
    let client = client.at(&server);
    let document = Document::new(client.get("/openapi.json").await.json);
    let listed = until("the node to be in quarantine", LIMIT, async || {
        let listed = client.get("/api/v1/quarantine").await;
        assert_eq!(listed.status, 200, "{listed:?}");
        document.check(&document.operation("list_quarantined_nodes"), Told::of(&listed));
        listed.json["items"].as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!(
        (
            &listed["run_id"],
            &listed["node"],
            &listed["pipeline_id"],
            &listed["attempts"]
        ),
        (&json!(run), &json!("call"), &pipeline, &json!(3))
    );
    is_released(&mut server, &client, &receiver, &run).await;
    History::read(&database.url(), Some(&receiver)).await.assert_sound();
}

/// By its owner, and once; nobody else sees it.
async fn is_released(server: &mut Server, client: &Client, receiver: &Receiver, run: &str) {
    let document = Document::new(client.get("/openapi.json").await.json);
    let seen = client.get(&format!("/api/v1/runs/{run}")).await;
    document.check(&document.operation("get_run"), Told::of(&seen));
    let seen = seen.json;
    assert_eq!(
        (&seen["nodes"][0]["status"], &seen["nodes"][0]["error"]["code"]),
        (&json!("quarantined"), &json!("quarantined"))
    );

    let stranger = server.register_and_login("eve@example.org").await;
    assert_eq!(stranger.get("/api/v1/quarantine").await.json["items"], json!([]));
    let release = format!("/api/v1/runs/{run}/nodes/call/release");
    assert_eq!(stranger.post(&release, &json!({})).await.status, 404);
    assert_eq!(receiver.requests().len(), 3);

    receiver.answer("/deadly", Answer::status(200));
    let nobody = client
        .post(&format!("/api/v1/runs/{run}/nodes/nobody/release"), &json!({}))
        .await;
    assert_eq!((nobody.status, &nobody.json["code"]), (404, &json!("not_found")));
    let released = client.post(&release, &json!({})).await;
    assert_eq!(
        (released.status, &released.json["changed"]),
        (200, &json!(true)),
        "{}",
        released.json
    );
    let ended = until("the run to end", LIMIT, async || {
        let seen = client.get(&format!("/api/v1/runs/{run}")).await.json;
        seen["finished_at"].is_string().then_some(seen)
    })
    .await;
    assert_eq!(ended["status"], "completed");
    let again = client.post(&release, &json!({})).await;
    assert_eq!((again.status, &again.json["changed"]), (200, &json!(false)));
    server.terminate(LIMIT).await;
}
