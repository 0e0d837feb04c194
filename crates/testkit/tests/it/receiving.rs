//! The receiver, and the client against it.

use std::time::Duration;

use gathering_testkit::receiver::Outcome;
use gathering_testkit::{Answer, Client, Receiver, eventually};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);

fn client(receiver: &Receiver) -> Client {
    Client::new(&format!("http://{}", receiver.address()))
}

#[tokio::test]
async fn a_request_is_written_down_as_it_came() {
    let receiver = Receiver::start();
    let client = client(&receiver).with_token("secret");
    client.post_once("/hook?a=1", "run-7/tell", &json!({"size": 3})).await;

    let requests = receiver.wait_for(1, LIMIT).await;
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str(), request.query.as_str()),
        ("POST", "/hook", "a=1")
    );
    assert_eq!(request.idempotency_key(), Some("run-7/tell"));
    assert_eq!(request.header("Authorization"), Some("Bearer secret"));
    assert_eq!(request.json(), json!({"size": 3}));
    assert!(matches!(request.outcome, Outcome::Answered(at) if at >= request.received_at));
}

#[tokio::test]
async fn answers_come_in_turn_and_the_last_one_stays() {
    let receiver = Receiver::start();
    receiver.answers(
        "/x",
        [
            Answer::status(503).header("retry-after", "7"),
            Answer::json(&json!([1])),
        ],
    );
    let client = client(&receiver);
    let refused = client.get("/x").await;
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (503, "7"));
    for _ in 0..2 {
        assert_eq!(client.get("/x").await.json, json!([1]));
    }
    let other = client.get("/other").await;
    assert_eq!((other.status, other.json), (200, json!({})));
    assert_eq!(receiver.requests_to("/x").len(), 3);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_a_string_to_the_client() {
    let receiver = Receiver::start();
    receiver.answer(
        "/text",
        Answer::status(200).header("content-type", "text/plain").body("plain"),
    );
    receiver.answer("/nothing", Answer::status(204).body(""));
    assert_eq!(client(&receiver).get("/text").await.json, json!("plain"));
    assert_eq!(client(&receiver).get("/nothing").await.json, Value::Null);
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_answer_is_noticed() {
    let receiver = Receiver::start();
    receiver.answer("/slow", Answer::status(200).delay(Duration::from_mins(10)));
    let client = client(&receiver);
    let waiting = client.get("/slow");
    tokio::select! {
        _ = waiting => unreachable!("it answers in ten minutes"),
        _ = receiver.wait_for(1, LIMIT) => {}
    }
    eventually("the hang-up is noticed", LIMIT, async || {
        receiver.requests()[0].closed_early()
    })
    .await;
}

#[tokio::test]
async fn many_requests_at_once_are_all_written_down() {
    let receiver = Receiver::start();
    receiver.answer("/x", Answer::status(200).delay(Duration::from_millis(100)));
    let client = client(&receiver);
    let mut sent = tokio::task::JoinSet::new();
    for number in 0..200 {
        let client = client.clone();
        sent.spawn(async move { client.post("/x", &json!(number)).await.status });
    }
    assert!(sent.join_all().await.iter().all(|status| *status == 200));
    let mut numbers: Vec<u64> = receiver
        .requests()
        .iter()
        .map(|request| request.json().as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}
