//! Heads and bodies out of bounds: too long, too many, too deep, too slow.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Raw, Site};

const LIMIT: Duration = Duration::from_secs(30);

/// Sends bytes as they are, and reads until the server closes.
async fn say(site: &Site, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.base().replace("http://", "")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut answer)).await.unwrap().ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn heads_out_of_bounds_are_told_which_bound_it_is() {
    let site = Site::start().await;
    let long = format!("/health/live?{}", "x".repeat(8 << 10));
    let answer = site.raw(Raw::get(&long)).await;
    assert_eq!(
        (answer.status, &answer.problem()["code"]),
        (414, &Value::from("uri_too_long"))
    );

    let names: Vec<String> = (0..65).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let answer = site
        .raw(Raw {
            headers: &many,
            ..Raw::get("/health/live")
        })
        .await;
    assert_eq!(
        (answer.status, &answer.problem()["code"]),
        (431, &Value::from("headers_too_large"))
    );

    let large = "x".repeat(32 << 10);
    let answer = site
        .raw(Raw {
            headers: &[("x-large", &large)],
            ..Raw::get("/health/live")
        })
        .await;
    assert_eq!(
        (answer.status, &answer.problem()["code"]),
        (431, &Value::from("headers_too_large"))
    );

    let usual = "x".repeat(7 << 10);
    let answer = site
        .raw(Raw {
            headers: &[("x-large", &usual)],
            ..Raw::get("/health/live")
        })
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_answered_and_the_connection_closed() {
    let site = Site::start().await;
    for nonsense in [
        "NONSENSE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
    ] {
        let answer = say(&site, nonsense.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{nonsense:?}: {answer}");
    }
    let endless = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000));
    let answer = say(&site, endless.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let many = "x-many: 1\r\n".repeat(97);
    let answer = say(&site, format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let site = Site::start().await;
    let answer = say(&site, b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn deep_bodies_are_refused_with_their_place() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    for levels in [200, 100_000] {
        for body in [
            format!(r#"{{"name":"deep","definition":{}}}"#, deep(levels)),
            format!(r#"{{"name":"deep","definition":{{"nodes":{}}}}}"#, deep(levels)),
        ] {
            let refused = site.send_text("POST", "/api/v1/pipelines", &body).await;
            assert_eq!(refused.status, 422, "{}", refused.text);
            let expected = json!({"pointer": "/definition", "code": "invalid_value", "message": "is nested more deeply than 127 levels"});
            assert_eq!(refused.problems(), [expected]);
        }
        let body = format!(r#"{{"name":{},"definition":{{}}}}"#, deep(levels));
        let refused = site.send_text("POST", "/api/v1/pipelines", &body).await;
        assert_eq!(refused.problems()[0]["pointer"], "/name");
        assert_eq!(
            site.send_text("POST", "/api/v1/pipelines", &deep(levels)).await.status,
            400
        );
        let unended = format!(r#"{{"definition":{}"#, "[".repeat(levels));
        assert_eq!(site.send_text("POST", "/api/v1/pipelines", &unended).await.status, 400);
    }
    assert_eq!(site.send("GET", "/health/live", None).await.status, 200);
}

#[tokio::test]
async fn whoever_asks_with_a_token_for_what_does_not_exist_is_counted_by_the_address() {
    let limits = [("GATHERING_RATE_LIMITS", "on"), ("GATHERING_RATE_LIMIT_READ", "3/1h")];
    let site = Site::start_with(&limits).await;
    let headers = &[("authorization", "Bearer nonsense")];
    for left in ["2", "1", "0"] {
        let answer = site
            .raw(Raw {
                headers,
                ..Raw::get("/api/v1/nothing")
            })
            .await;
        assert_eq!(
            (answer.status, answer.header("ratelimit-remaining").as_str()),
            (404, left)
        );
    }
    let refused = site
        .raw(Raw {
            headers,
            ..Raw::get("/api/v1/nothing")
        })
        .await;
    assert_eq!(
        (refused.status, &refused.problem()["code"]),
        (429, &Value::from("rate_limited"))
    );
    let other = site
        .raw(Raw {
            method: "OPTIONS",
            headers,
            ..Raw::get("/api/v1/runs")
        })
        .await;
    assert_eq!(other.status, 429);
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_until_others_end() {
    let site = Site::start_with(&[("GATHERING_HTTP_MAX_CONNECTIONS", "16")]).await;
    let address = site.base().replace("http://", "");
    let mut idle = Vec::new();
    // More than fit, however many cores they are shared out to.
    for _ in 0..512 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let unheard = timeout(Duration::from_millis(500), stream.read_to_string(&mut answer)).await;
    assert!(unheard.is_err(), "{answer}");
    drop(idle);
    timeout(LIMIT, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
