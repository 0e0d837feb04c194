//! Answers as gzip, and bodies that are compressed.

use std::io::Read as _;

use flate2::read::GzDecoder;
use gathering_testkit::{Server, ServerOptions, TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Raw, Site, binary};

/// Who asks with `Accept-Encoding`, and takes an answer as it came.
struct Reader {
    server: Server,
    client: gathering_testkit::Client,
    _database: TestDatabase,
}

/// An answer as it came.
struct Came {
    status: u16,
    headers: reqwest::header::HeaderMap,
    bytes: Vec<u8>,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What was packed.
    fn unpacked(&self) -> Vec<u8> {
        assert_eq!(self.header("content-encoding"), "gzip");
        let mut bytes = Vec::new();
        GzDecoder::new(&self.bytes[..]).read_to_end(&mut bytes).unwrap();
        bytes
    }
}

impl Reader {
    async fn start() -> Self {
        let database = TestDatabase::new().await;
        let server = Server::spawn(&ServerOptions::new(binary()).database_url(&database.url())).await;
        let client = server.register_and_login("ada@example.org").await;
        Self {
            server,
            client,
            _database: database,
        }
    }

    async fn ask(&self, method: Method, path: &str, accepted: &str) -> Came {
        let request = self.client.request(method, path).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Came {
            status,
            headers,
            bytes: response.bytes().await.unwrap().to_vec(),
        }
    }

    async fn pipeline(&self) -> String {
        let message = "x".repeat(20_000);
        let new = json!({"name": "large", "definition": {"nodes": [{"id": "start", "type": "trigger"},
            {"id": "say", "type": "transform", "config": {"output": message}}], "edges": [{"from": "start", "to": "say"}]}});
        let created = self.client.post("/api/v1/pipelines", &new).await;
        assert_eq!(created.status, 201, "{created:?}");
        format!("/api/v1/pipelines/{}", created.json["id"].as_str().unwrap())
    }
}

#[tokio::test]
async fn large_texts_are_packed_for_those_who_take_it() {
    let reader = Reader::start().await;
    let pipeline = reader.pipeline().await;
    for path in ["/openapi.json", "/docs/swagger-ui-bundle.js", &pipeline] {
        let plain = reader.ask(Method::GET, path, "br, gzip;q=0").await;
        assert_eq!(
            (plain.status, plain.header("content-encoding"), plain.header("vary")),
            (200, "", "Accept-Encoding")
        );
        // Again, because what is always the same is kept packed.
        for _ in 0..2 {
            let packed = reader.ask(Method::GET, path, "br, gzip;q=0.8").await;
            assert!(
                packed.unpacked() == plain.bytes && packed.bytes.len() < plain.bytes.len() / 2,
                "{path}"
            );
            assert_eq!(packed.header("content-length"), packed.bytes.len().to_string());
            assert_eq!(packed.header("vary"), "Accept-Encoding");
        }
        let head = reader.ask(Method::HEAD, path, "gzip").await;
        assert_eq!((head.header("content-encoding"), head.bytes.len()), ("gzip", 0));
    }
}

#[tokio::test]
async fn small_answers_pictures_and_what_may_show_a_secret_are_never_packed() {
    let reader = Reader::start().await;
    for number in 0..12 {
        let new = json!({"name": format!("key {number}"), "scopes": ["read"]});
        assert_eq!(reader.client.post("/api/v1/auth/api-keys", &new).await.status, 201);
    }
    for (path, at_least) in [
        ("/health/live", 1),
        ("/docs/favicon-32x32.png", 500),
        ("/api/v1/auth/api-keys", 1025),
        ("/api/v1/%61uth/api-keys", 1025),
    ] {
        let answer = reader.ask(Method::GET, path, "gzip").await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, ""), "{path}");
        assert!(answer.bytes.len() >= at_least, "{path}");
    }
}

#[tokio::test]
async fn the_etag_of_a_packed_answer_is_another_one_and_good_for_the_same_change() {
    let reader = Reader::start().await;
    let path = reader.pipeline().await;
    let packed = reader.ask(Method::GET, &path, "gzip").await;
    assert_eq!(packed.header("etag"), "\"1-gzip\"");
    assert_eq!(reader.ask(Method::GET, &path, "identity").await.header("etag"), "\"1\"");
    let shown: Value = serde_json::from_slice(&packed.unpacked()).unwrap();
    for (tag, status) in [
        ("\"1-gzip\"", 200),
        ("\"1-gzip\"", 412),
        ("\"2\"", 200),
        ("\"3-gzi\"", 422),
    ] {
        let change = reader.client.request(Method::PUT, &path).header("if-match", tag);
        let changed = reader
            .client
            .send(change.json(&json!({"definition": shown["definition"]})))
            .await;
        assert_eq!(changed.status, status, "{tag}: {changed:?}");
    }
    drop(reader.server);
}

#[tokio::test]
async fn a_packed_body_is_refused_instead_of_being_read_as_something_else() {
    let site = Site::start().await.with_user("ada@example.org").await;
    let send = async |coding: &str| {
        let headers = &[("content-type", "application/json"), ("content-encoding", coding)];
        let raw = Raw {
            method: "POST",
            path: "/api/v1/pipelines/validate",
            headers,
            body: br#"{"definition":{}}"#,
        };
        site.raw(raw).await
    };
    for coding in ["gzip", "br", "identity, gzip"] {
        let refused = send(coding).await;
        assert_eq!(
            (refused.status, refused.header("accept-encoding").as_str()),
            (415, "identity"),
            "{coding}"
        );
        assert_eq!(refused.problem()["code"], "unsupported_media_type");
    }
    assert_eq!(send("identity").await.status, 200);
}
