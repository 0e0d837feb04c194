//! Large bodies that come slowly, all at once: refused beyond what the server has memory for, while small requests go on.

use std::time::Duration;

use gathering_testkit::{Client, Server, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::binary;

const LIMIT: Duration = Duration::from_mins(1);
/// The largest body.
const LARGEST: usize = 2 << 20;
/// So many of them fit.
const FIT: usize = 32;

/// A request with a body of the largest size, of which only so much is sent.
async fn begin(server: &Server, client: &Client, bytes: usize) -> TcpStream {
    let address = server.url("").replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/v1/pipelines HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {LARGEST}\r\n\r\n{{\"name\":\"",
        client.token().unwrap()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; bytes]).await.unwrap();
    stream
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4096];
    let read = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[tokio::test]
async fn large_bodies_beyond_the_room_are_refused_and_small_ones_never() {
    let database = gathering_testkit::TestDatabase::new().await;
    let options = gathering_testkit::ServerOptions::new(binary()).database_url(&database.url());
    let server = Server::spawn(&options).await;
    let client = server.register_and_login("ada@example.org").await;
    let mut slow = Vec::new();
    for number in 0..4 {
        let holder = server.register_and_login(&format!("{number}@example.org")).await;
        for _ in 0..FIT / 4 {
            slow.push(begin(&server, &holder, LARGEST - 1000).await);
        }
    }

    // What these leave is less than one of this size takes. They may still be on their way, and be refused themselves: so all are held.
    let mut refused = String::new();
    eventually("a large body is refused", LIMIT, async || {
        let mut stream = begin(&server, &client, 400_000).await;
        let told = timeout(Duration::from_millis(300), answer(&mut stream)).await;
        refused = told.unwrap_or_default();
        slow.push(stream);
        refused.starts_with("HTTP/1.1 503")
    })
    .await;
    let headers = refused.to_lowercase();
    assert!(
        headers.contains("retry-after: 1") && headers.contains("\"code\":\"overloaded\""),
        "{refused}"
    );

    let new = json!({"name": "small", "definition": {"nodes": [{"id": "start", "type": "trigger"}]}});
    assert_eq!(client.post("/api/v1/pipelines", &new).await.status, 201);
    drop(slow);
    let large = json!({"name": "x".repeat(400_000), "definition": {}});
    eventually("a large body is read again", LIMIT, async || {
        client.post("/api/v1/pipelines", &large).await.status == 422
    })
    .await;
}

#[tokio::test]
async fn one_user_holds_a_quarter_of_the_room_at_most_and_others_are_not_kept_out() {
    let database = gathering_testkit::TestDatabase::new().await;
    let options = gathering_testkit::ServerOptions::new(binary()).database_url(&database.url());
    let server = Server::spawn(&options).await;
    let (greedy, other) = (
        server.register_and_login("ada@example.org").await,
        server.register_and_login("bob@example.org").await,
    );
    let mut slow = Vec::new();
    for _ in 0..FIT / 4 {
        slow.push(begin(&server, &greedy, LARGEST - 1000).await);
    }
    let mut refused = String::new();
    eventually("one more of the same user is refused", LIMIT, async || {
        let mut stream = begin(&server, &greedy, 400_000).await;
        let told = timeout(Duration::from_millis(300), answer(&mut stream)).await;
        refused = told.unwrap_or_default();
        slow.push(stream);
        refused.starts_with("HTTP/1.1 429")
    })
    .await;
    let headers = refused.to_lowercase();
    assert!(
        headers.contains("retry-after: 1") && headers.contains("\"code\":\"rate_limited\""),
        "{refused}"
    );
    let large = json!({"name": "x".repeat(400_000), "definition": {}});
    assert_eq!(other.post("/api/v1/pipelines", &large).await.status, 422);
    drop(slow);
    eventually("the same user is heard again", LIMIT, async || {
        greedy.post("/api/v1/pipelines", &large).await.status == 422
    })
    .await;
}
