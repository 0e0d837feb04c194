//! Calls that end before their answer does.

use std::time::Duration;

use gathering_tools::{CallApi, CallContext};
use serde_json::json;
use tokio::net::TcpListener;

use crate::receiver::{Receiver, Then};
use crate::{call, client, eventually, object};

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";

#[tokio::test]
async fn a_body_that_does_not_come_runs_into_the_timeout() {
    for answer in [HALF, ""] {
        let receiver = Receiver::start(answer, Then::Hold).await;
        let error = call(&client(), json!({"url": receiver.url("/"), "timeout": "200ms"}))
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.is_transient()), ("timeout", true));
        eventually("the connection ends", || receiver.ended_by_client() == 1).await;
    }
}

#[tokio::test]
async fn cancelling_ends_the_call_and_its_connection() {
    for answer in [HALF, ""] {
        let receiver = Receiver::start(answer, Then::Hold).await;
        let client = client();
        let one = CallApi::from_config(&object(&json!({"url": receiver.url("/")}))).unwrap();
        let context = CallContext::new("run/node");
        let cancel = async {
            eventually("the request arrives", || receiver.seen().len() == 1).await;
            context.cancelled.cancel();
        };
        let (outcome, ()) = tokio::join!(client.call_api(&one, &context), cancel);
        assert_eq!(outcome.unwrap_err().code(), "cancelled");
        eventually("the connection ends", || receiver.ended_by_client() == 1).await;
    }
}

#[tokio::test]
async fn a_call_cancelled_before_it_starts_connects_nowhere() {
    let receiver = Receiver::answering("200 OK", "").await;
    let one = CallApi::from_config(&object(&json!({"url": receiver.url("/")}))).unwrap();
    let context = CallContext::new("run/node");
    context.cancelled.cancel();
    let error = client().call_api(&one, &context).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("cancelled", false));
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = call(&client(), json!({"url": url})).await.unwrap_err();
    assert_eq!((error.code(), error.is_transient()), ("connect_failed", true));
}

#[tokio::test]
async fn a_connection_that_ends_too_early_is_lost() {
    for answer in [HALF, "", "this is no HTTP\r\n\r\n"] {
        let receiver = Receiver::start(answer, Then::Close).await;
        let error = call(&client(), json!({"url": receiver.url("/hidden")}))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.is_transient()),
            ("connection_lost", true),
            "{answer:?}"
        );
        let source = std::error::Error::source(&error).unwrap();
        assert!(!source.to_string().contains("hidden"), "{source}");
        // Nothing is sent twice on its own.
        assert_eq!(receiver.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told() {
    let error = call(&client(), json!({"url": "http://nowhere.invalid/"}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "dns_failed");
}

#[tokio::test]
async fn no_call_takes_longer_than_the_client_allows() {
    let receiver = Receiver::start("", Then::Hold).await;
    let options = gathering_tools::HttpOptions {
        policy: "127.0.0.1".parse().unwrap(),
        max_timeout: Duration::from_millis(100),
        ..gathering_tools::HttpOptions::default()
    };
    let client = gathering_tools::HttpClient::new(options).unwrap();
    let error = call(&client, json!({"url": receiver.url("/"), "timeout": "1h"}))
        .await
        .unwrap_err();
    assert!(error.message().contains("within 100 ms"), "{error}");
}
