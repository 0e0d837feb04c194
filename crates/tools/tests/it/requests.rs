//! What goes out.

use gathering_tools::{CallApi, HttpOptions};
use serde_json::{Value, json};

use crate::receiver::{Receiver, Seen};
use crate::{call, client, object};

async fn sent(mut config: Value) -> Seen {
    let receiver = Receiver::answering("200 OK", "").await;
    config["url"] = json!(receiver.url("/path?q=1"));
    call(&client(), config).await.unwrap();
    receiver.seen().remove(0)
}

#[tokio::test]
async fn a_request_carries_its_method_headers_and_idempotency_key() {
    let seen = sent(json!({
        "method": "put",
        "headers": {"X-Text": "grüße", "x-number": 7, "x-flag": true},
    }))
    .await;
    assert_eq!(seen.line, "PUT /path?q=1 HTTP/1.1");
    assert_eq!(seen.header("idempotency-key"), Some("run/node"));
    assert_eq!(seen.header("x-text"), Some("grüße"));
    assert_eq!(seen.header("x-number"), Some("7"));
    assert_eq!(seen.header("x-flag"), Some("true"));
    assert!(seen.header("user-agent").unwrap().starts_with("gathering/"));
    assert_eq!((seen.header("accept-encoding"), seen.header("referer")), (None, None));
}

#[tokio::test]
async fn without_a_method_and_a_body_it_is_a_bare_get() {
    let seen = sent(json!({"body": null})).await;
    assert_eq!(seen.line, "GET /path?q=1 HTTP/1.1");
    assert_eq!((seen.header("content-type"), seen.body.as_str()), (None, ""));
}

#[tokio::test]
async fn a_string_goes_out_as_text_and_any_other_body_as_json() {
    for (body, content_type, bytes) in [
        (json!("plain"), "text/plain; charset=utf-8", "plain"),
        (json!({"a": [1, null]}), "application/json", "{\"a\":[1,null]}"),
        (json!(false), "application/json", "false"),
    ] {
        let seen = sent(json!({"method": "POST", "body": body})).await;
        assert_eq!(
            (seen.header("content-type"), seen.body.as_str()),
            (Some(content_type), bytes)
        );
    }
}

#[tokio::test]
async fn the_callers_content_type_wins() {
    let headers = json!({"Content-Type": "application/xml"});
    let seen = sent(json!({"method": "POST", "body": "<a/>", "headers": headers})).await;
    assert_eq!(
        (seen.header("content-type"), seen.body.as_str()),
        (Some("application/xml"), "<a/>")
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::answering("200 OK", "x").await;
    let client = client();
    for _ in 0..5 {
        call(&client, json!({"url": receiver.url("/")})).await.unwrap();
    }
    assert_eq!((receiver.seen().len(), receiver.connections()), (5, 1));
}

#[tokio::test]
async fn a_body_above_the_limit_is_not_sent() {
    let receiver = Receiver::answering("200 OK", "").await;
    let options = HttpOptions {
        policy: "127.0.0.1".parse().unwrap(),
        max_request_bytes: 10,
        ..HttpOptions::default()
    };
    let client = gathering_tools::HttpClient::new(options).unwrap();
    let config = |body: &str| json!({"url": receiver.url("/"), "method": "POST", "body": body});
    assert_eq!(
        call(&client, config("12345678901")).await.unwrap_err().code(),
        "too_large"
    );
    assert_eq!(receiver.connections(), 0);
    call(&client, config("1234567890")).await.unwrap();
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let config = json!({
        "url": "https://example.org/hook/hidden1?token=hidden2",
        "headers": {"authorization": "Bearer hidden3", "x-key": "hidden4"},
        "body": "hidden5",
    });
    let call = CallApi::from_config(&object(&config)).unwrap();
    assert!(!format!("{call:?}").contains("hidden"), "{call:?}");
}
