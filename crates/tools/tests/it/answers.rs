//! What comes back.

use std::time::Duration;

use gathering_tools::ToolErrorKind;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Then};
use crate::{call, client};

#[tokio::test]
async fn an_answer_is_its_status_headers_and_body() {
    let head = "201 Created\r\nContent-Type: application/json; charset=utf-8\r\nX-A: 1\r\nx-a: 2\r\n\
                Set-Cookie: a=1, b\r\nSet-Cookie: c=2";
    let receiver = Receiver::answering(head, "{\"id\":7}").await;
    let answer = call(&client(), json!({"url": receiver.url("/")})).await.unwrap();
    let expected = json!({
        "status": 201,
        "headers": {
            "content-length": "8",
            "content-type": "application/json; charset=utf-8",
            "set-cookie": "a=1, b\nc=2",
            "x-a": "1, 2",
        },
        "body": {"id": 7},
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_body_that_is_no_text_comes_in_base64_and_says_so() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe";
    let receiver = Receiver::start(bytes.to_vec(), Then::KeepAlive).await;
    let answer = call(&client(), json!({"url": receiver.url("/")})).await.unwrap();
    assert_eq!(
        (&answer["body"], &answer["body_encoding"]),
        (&json!("//4="), &json!("base64"))
    );
}

#[tokio::test]
async fn expect_decides_which_statuses_are_errors() {
    for (expect, status, fine) in [
        (Value::Null, "204 No Content", true),
        (Value::Null, "404 Not Found", false),
        (json!(404), "404 Not Found", true),
        (json!(404), "200 OK", false),
        (json!([200, 404]), "404 Not Found", true),
        (json!("400-499"), "418 Teapot", true),
        (json!(["200-299", 500]), "500 Oops", true),
    ] {
        let receiver = Receiver::start(format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n"), Then::Close).await;
        let outcome = call(&client(), json!({"url": receiver.url("/"), "expect": expect})).await;
        assert_eq!(outcome.is_ok(), fine, "{expect} {status}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_unexpected_status_tells_status_body_and_how_long_to_wait() {
    let head = "503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 7";
    let receiver = Receiver::answering(head, "{\"why\":\"busy\"}").await;
    let error = call(&client(), json!({"url": receiver.url("/secret")}))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ToolErrorKind::HttpStatus(503), "http_status")
    );
    assert!(error.is_transient());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    let details = error.details().unwrap();
    assert_eq!(
        (&details["status"], &details["body"]),
        (&json!(503), &json!({"why": "busy"}))
    );
    assert_eq!(
        error.to_string(),
        "127.0.0.1 answered with status 503, which is not expected"
    );
}

#[tokio::test]
async fn a_date_in_retry_after_is_a_wait_too() {
    let head = "429 Too Many Requests\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                retry-after: Sun, 06 Nov 1994 08:50:07 GMT";
    let receiver = Receiver::answering(head, "").await;
    let error = call(&client(), json!({"url": receiver.url("/")})).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn of_an_unexpected_answer_only_the_start_is_kept() {
    let receiver = Receiver::answering("400 Bad Request", &"ä".repeat(1_000_000)).await;
    let error = call(&client(), json!({"url": receiver.url("/")})).await.unwrap_err();
    let details = error.details().unwrap();
    assert_eq!(details["body"].as_str().unwrap().len(), 16 * 1024);
    assert_eq!(details["body_truncated"], json!(true));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Receiver::answering("200 OK", "").await;
    let receiver = Receiver::answering(&format!("302 Found\r\nlocation: {}", other.url("/")), "").await;
    let error = call(&client(), json!({"url": receiver.url("/")})).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::HttpStatus(302));
    assert_eq!(error.details().unwrap()["headers"]["location"], json!(other.url("/")));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_comes_back_and_a_larger_one_does_not() {
    let body = "x".repeat(100);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n32\r\n{0}\r\n32\r\n{0}\r\n0\r\n\r\n",
        &body[..50]
    );
    for receiver in [
        Receiver::answering("200 OK", &body).await,
        Receiver::start(chunked, Then::KeepAlive).await,
    ] {
        let config = |max: usize| json!({"url": receiver.url("/"), "max_bytes": max});
        assert_eq!(call(&client(), config(100)).await.unwrap()["body"], json!(body));
        let error = call(&client(), config(99)).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), ("too_large", false));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_dropped_at_the_limit() {
    // Chunked, so nothing announces the size, and held open, so that only the limit can end it.
    let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    answer.push_str(&chunk.repeat(17));
    let receiver = Receiver::start(answer, Then::Hold).await;
    let error = call(&client(), json!({"url": receiver.url("/"), "max_bytes": 900_000_000}))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "too_large");
    crate::eventually("the connection ends", || receiver.ended_by_client() == 1).await;
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let head = format!("200 OK\r\nx: {}", "y".repeat(70_000));
    let receiver = Receiver::answering(&head, "").await;
    let error = call(&client(), json!({"url": receiver.url("/")})).await.unwrap_err();
    assert_eq!(error.code(), "too_large");
}

#[tokio::test]
async fn the_size_that_an_answer_to_head_names_does_not_count() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n";
    let receiver = Receiver::start(answer, Then::KeepAlive).await;
    let config = json!({"url": receiver.url("/"), "method": "HEAD"});
    let answer = call(&client(), config).await.unwrap();
    assert_eq!(
        (&answer["body"], &answer["headers"]["content-length"]),
        (&json!(""), &json!("9000000"))
    );
}
