//! The log holds no secret, however much is logged: every one that a server meets is looked for in all that it wrote.

use std::time::Duration;

use gathering_testkit::{Answer, Client, Receiver, Server, ServerOptions, TestDatabase, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::binary;

const EMAIL: &str = "ada@example.org";
const LIMIT: Duration = Duration::from_mins(1);
const FIRST: &str = "first-Passw0rd-of-hers";
const SECOND: &str = "second-Passw0rd-of-hers";
const WRONG: &str = "wr0ng-Passw0rd-of-hers";
const IN_EMAIL: &str = "a-Passw0rd-typed-as-email";
const DATABASE: &str = "datab4se-s3cret";
const IN_HEADER: &str = "h3ader-s3cret";
const IN_QUERY: &str = "qu3ry-s3cret";
const IN_INPUT: &str = "inpu7-s3cret";
const IN_ANSWER: &str = "answ3r-s3cret";
const USERINFO: &str = "us3rinfo-s3cret";

/// A server that logs everything, and what must not be in it.
struct Scene {
    server: Server,
    database: TestDatabase,
    receiver: Receiver,
    client: Client,
    secrets: Vec<String>,
}

impl Scene {
    async fn set(filter: &str) -> Self {
        let database = TestDatabase::new().await;
        let url = database.url();
        // Where nobody asks for a password, one may be said all the same.
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{mark}password={DATABASE}");
        let options = ServerOptions::new(binary())
            .database_url(&url)
            .allow_outbound("127.0.0.1")
            .env("GATHERING_LOG_FILTER", filter)
            .env("GATHERING_METRICS_LISTEN", "127.0.0.1:0");
        let server = Server::spawn(&options).await;
        let fixed = [
            FIRST, SECOND, WRONG, IN_EMAIL, DATABASE, IN_HEADER, IN_QUERY, IN_INPUT, IN_ANSWER, USERINFO,
        ];
        Self {
            client: server.client(),
            server,
            database,
            receiver: Receiver::start(),
            secrets: fixed.map(str::to_owned).to_vec(),
        }
    }

    async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        let answer = self.client.post(path, &body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        answer.json
    }

    /// Remembers both tokens, and the parts of them that are worth as much.
    fn remember(&mut self, tokens: &Value) {
        let [access, refresh] = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap().to_owned());
        let signature = access.rsplit('.').next().unwrap().to_owned();
        self.client = self.server.client().with_token(&access);
        self.secrets.extend([access, signature, refresh]);
    }

    async fn go_through_accounts(&mut self) {
        self.post("/api/v1/auth/register", json!({"email": EMAIL, "password": FIRST}), 202)
            .await;
        for (email, password) in [(EMAIL, WRONG), (IN_EMAIL, WRONG), ("nobody@example.org", WRONG)] {
            self.post("/api/v1/auth/login", json!({"email": email, "password": password}), 401)
                .await;
        }
        self.post("/api/v1/auth/login", json!({"email": EMAIL, "password": [FIRST]}), 422)
            .await;
        let tokens = self
            .post("/api/v1/auth/login", json!({"email": EMAIL, "password": FIRST}), 200)
            .await;
        self.remember(&tokens);
        let old = tokens["refresh_token"].clone();
        let tokens = self
            .post("/api/v1/auth/refresh", json!({"refresh_token": old}), 200)
            .await;
        self.remember(&tokens);
        let change = json!({"current_password": FIRST, "new_password": SECOND});
        let changed = self.client.post("/api/v1/auth/password", &change).await;
        assert!(changed.status < 300, "{changed:?}");
        let forged = format!("{}x", tokens["access_token"].as_str().unwrap());
        assert_eq!(
            self.server
                .client()
                .with_token(&forged)
                .get("/api/v1/auth/me")
                .await
                .status,
            401
        );
    }

    async fn go_through_runs(&self) {
        self.receiver.answer(
            "/x",
            Answer::status(200).body(IN_ANSWER).header("set-cookie", IN_ANSWER),
        );
        self.receiver.answer("/bad", Answer::status(500).body(IN_ANSWER));
        let query = format!("/x?token={IN_QUERY}");
        let of_user = self
            .receiver
            .url("/x")
            .replace("http://", &format!("http://me:{USERINFO}@"));
        for url in [
            self.receiver.url(&query),
            self.receiver.url("/bad"),
            of_user,
            "http://127.0.0.1:9/".to_owned(),
        ] {
            let headers = json!({"authorization": format!("Bearer {IN_HEADER}"), "x-api-key": IN_HEADER});
            let config =
                json!({"action": "call_api", "method": "POST", "url": url, "headers": headers, "body": "{{ input }}"});
            let definition = json!({
                "nodes": [{"id": "start", "type": "trigger"}, {"id": "call", "type": "action", "config": config}],
                "edges": [{"from": "start", "to": "call"}],
            });
            let new = json!({"name": "p", "definition": definition});
            let created = self.client.post("/api/v1/pipelines", &new).await;
            if created.status == 422 {
                assert!(url.contains(USERINFO), "{created:?}");
                continue;
            }
            let path = format!("/api/v1/pipelines/{}/runs", created.json["id"].as_str().unwrap());
            let run = self.post(&path, json!({"input": {"key": IN_INPUT}}), 202).await;
            let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
            until("the run ends", LIMIT, async || {
                let run = self.client.get(&path).await.json;
                (!run["finished_at"].is_null()).then_some(())
            })
            .await;
        }
    }

    async fn go_through_mistakes(&self) {
        let raw = self.client.request(Method::POST, "/api/v1/auth/login");
        let raw = raw
            .header("content-type", "application/json")
            .body(format!("{{\"password\": \"{FIRST}\""));
        assert_eq!(raw.send().await.unwrap().status(), 400);
        let cookie = self
            .client
            .request(Method::GET, "/api/v1/runs?status=x")
            .header("cookie", IN_HEADER);
        cookie.header("x-api-key", IN_HEADER).send().await.unwrap();
        assert_eq!(
            self.client.get(&format!("/api/v1/runs?token={IN_QUERY}")).await.status,
            422
        );
    }

    /// What the database keeps that nobody is to see.
    async fn remember_what_is_stored(&mut self) {
        let connection = self.database.pool().await.get().await.unwrap();
        let rows = connection.query("SELECT password_hash FROM users", &[]).await.unwrap();
        self.secrets.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        let stored = "SELECT kept, encode(kept, 'hex')
            FROM (SELECT private_key FROM signing_keys UNION ALL SELECT seed FROM sessions UNION ALL SELECT hash FROM refresh_tokens) AS all_of (kept)";
        for row in connection.query(stored, &[]).await.unwrap() {
            // As hexadecimal digits, and as Rust writes a list of bytes.
            let bytes: Vec<u8> = row.get(0);
            self.secrets.push(row.get(1));
            self.secrets
                .push(format!("{bytes:?}").trim_matches(['[', ']']).to_owned());
        }
    }
}

async fn nothing_is_told(filter: &str) {
    let mut scene = Scene::set(filter).await;
    scene.go_through_accounts().await;
    scene.go_through_runs().await;
    scene.go_through_mistakes().await;
    scene.remember_what_is_stored().await;
    scene.post("/api/v1/auth/logout", json!({}), 204).await;
    assert!(scene.server.terminate(LIMIT).await.success());
    let log = scene.server.log();
    for level in ["DEBUG", filter] {
        assert!(
            log.contains(&format!("\"level\":\"{}\"", level.to_uppercase())),
            "nothing of {level}"
        );
    }
    assert!(scene.secrets.len() >= 20);
    let told: Vec<_> = log
        .lines()
        .filter(|line| scene.secrets.iter().any(|secret| line.contains(secret.as_str())))
        .collect();
    assert!(told.is_empty(), "{} lines:\n{}", told.len(), told.join("\n"));
}

#[tokio::test]
async fn nothing_secret_is_logged_at_debug() {
    nothing_is_told("debug").await;
}

#[tokio::test]
async fn nothing_secret_is_logged_at_trace() {
    nothing_is_told("trace").await;
}
