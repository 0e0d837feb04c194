//! Notifications.

use gathering_tools::{CallContext, SendNotification, ToolError};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Then};
use crate::{client, object};

async fn send(config: Value) -> Result<Value, ToolError> {
    let notification = SendNotification::from_config(&object(&config))?;
    client()
        .send_notification(&notification, &CallContext::new("run/tell"))
        .await
}

#[tokio::test]
async fn a_notification_posts_its_message_with_the_key() {
    let receiver = Receiver::answering("202 Accepted", "ignored").await;
    let config = json!({"url": receiver.url("/hook"), "message": {"size": 3}, "headers": {"X-Token": "t"}});
    assert_eq!(send(config).await.unwrap(), json!({"status": 202}));
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.line, "POST /hook HTTP/1.1");
    assert_eq!(seen.body, "{\"message\":{\"size\":3}}");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("idempotency-key"), Some("run/tell"));
    assert_eq!(seen.header("x-token"), Some("t"));
}

#[tokio::test]
async fn a_notification_that_is_not_taken_is_an_error() {
    let receiver = Receiver::answering("500 Oops", "no").await;
    let error = send(json!({"url": receiver.url("/"), "message": 1})).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("http_status", true));
}

#[tokio::test]
async fn once_it_is_taken_the_rest_of_the_answer_does_not_matter() {
    let large = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n{}",
        "x".repeat(1_000_000)
    );
    for (answer, then) in [
        (large, Then::Hold),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx".to_owned(), Then::Close),
    ] {
        let receiver = Receiver::start(answer, then).await;
        assert_eq!(
            send(json!({"url": receiver.url("/"), "message": 1})).await.unwrap(),
            json!({"status": 200})
        );
    }
}
