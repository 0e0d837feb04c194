//! A server on a database of its own, and a client that shows whole answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gathering_testkit::{Client, Server, ServerOptions, TestDatabase, until};
use reqwest::Method;
use serde_json::{Value, json};

/// What users of the testkit log in with.
pub(crate) const PASSWORD: &str = "a password for the tests 7";

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gathering"))
}

/// A directory of a test's own, removed with the value.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gathering-it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A server, its database, and who asks it.
#[derive(Clone)]
pub(crate) struct Site {
    server: Arc<Server>,
    database: Arc<TestDatabase>,
    client: Client,
}

/// A request that is not the usual JSON one.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl<'a> Raw<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: &[],
            body: b"",
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    /// A header, empty where there is none.
    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default()
    }

    /// The whole problem but its request id, which is new each time.
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let mut problem = self.json.clone();
        let id = problem.as_object_mut().unwrap().shift_remove("request_id");
        assert_eq!(id, Some(Value::from(self.header("x-request-id"))));
        problem
    }

    /// What is in `problems`.
    pub(crate) fn problems(&self) -> Vec<Value> {
        self.json["problems"].as_array().cloned().unwrap_or_default()
    }
}

impl Site {
    /// A server with the settings that tests usually want.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with these variables.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let database = Arc::new(TestDatabase::new().await);
        let server = serve(&database, variables).await;
        let client = server.client();
        Self {
            server: Arc::new(server),
            database,
            client,
        }
    }

    /// A second server on the same database, asked by nobody in particular.
    pub(crate) async fn beside(&self) -> Self {
        self.beside_with(&[]).await
    }

    /// The same with these variables.
    pub(crate) async fn beside_with(&self, variables: &[(&str, &str)]) -> Self {
        let server = serve(&self.database, variables).await;
        let client = server.client();
        Self {
            server: Arc::new(server),
            database: self.database.clone(),
            client,
        }
    }

    /// The same server, asked by a new user.
    pub(crate) async fn with_user(&self, email: &str) -> Self {
        Self {
            client: self.server.register_and_login(email).await,
            ..self.clone()
        }
    }

    /// The same server, asked by a user that it has, in a session of their own.
    pub(crate) async fn with_login(&self, email: &str) -> Self {
        let mut client = self.server.client();
        client.log_in(email, PASSWORD).await;
        Self { client, ..self.clone() }
    }

    /// The same server, asked by a new user who is this on it.
    pub(crate) async fn with_role(&self, email: &str, role: &str) -> Self {
        self.with_user(email).await;
        // A token says what its user was at the login.
        self.execute(&format!("UPDATE users SET role = '{role}' WHERE email = '{email}'"))
            .await;
        self.with_login(email).await
    }

    /// The same server, asked with a new API key of who asks, for this alone; and the id of the key.
    pub(crate) async fn key(&self, scope: &str) -> (Self, String) {
        self.key_for(&json!({"name": scope, "scopes": [scope]})).await
    }

    /// The same for what the body says.
    pub(crate) async fn key_for(&self, body: &Value) -> (Self, String) {
        let made = self.send("POST", "/api/v1/auth/api-keys", Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let text = |name: &str| made.json[name].as_str().unwrap().to_owned();
        (self.with_token(&text("key")), text("id"))
    }

    /// The same server, asked with this token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            client: self.server.client().with_token(token),
            ..self.clone()
        }
    }

    /// The token of who asks.
    pub(crate) fn token(&self) -> &str {
        self.client.token().unwrap()
    }

    /// Where the server is.
    pub(crate) fn base(&self) -> String {
        self.server.url("")
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        self.server.log()
    }

    /// Changes the database behind the server's back.
    pub(crate) async fn execute(&self, sql: &str) {
        let connection = self.database.pool().await.get().await.unwrap();
        connection.batch_execute(sql).await.unwrap();
    }

    /// A connection to the database, past the server.
    pub(crate) async fn connection(&self) -> gathering_persistence::Connection {
        self.database.pool().await.get().await.unwrap()
    }

    /// Sends JSON, or nothing.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    /// The same with these headers.
    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut all = headers.to_vec();
        if !body.is_empty() {
            all.push(("content-type", "application/json"));
        }
        self.raw(Raw {
            method,
            path,
            headers: &all,
            body: body.as_bytes(),
        })
        .await
    }

    /// Sends a text as JSON, as it is.
    pub(crate) async fn send_text(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers = &[("content-type", "application/json")];
        self.raw(Raw {
            method,
            path,
            headers,
            body: body.as_bytes(),
        })
        .await
    }

    /// Sends anything.
    pub(crate) async fn raw(&self, raw: Raw<'_>) -> Answer {
        let mut request = self
            .client
            .request(Method::from_bytes(raw.method.as_bytes()).unwrap(), raw.path);
        for (name, value) in raw.headers {
            request = request.header(*name, *value);
        }
        if !raw.body.is_empty() {
            request = request.body(raw.body.to_vec());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status,
            headers,
            text,
            json,
        }
    }

    /// Saves a pipeline and gives its id.
    pub(crate) async fn pipeline(&self, definition: &Value) -> String {
        let new = json!({"name": "a pipeline", "definition": definition});
        let created = self.send("POST", "/api/v1/pipelines", Some(&new)).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.json["id"].as_str().unwrap().to_owned()
    }

    /// Saves a schedule and gives its id.
    pub(crate) async fn schedule(&self, new: &Value) -> String {
        let created = self.send("POST", "/api/v1/schedules", Some(new)).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.json["id"].as_str().unwrap().to_owned()
    }

    /// Starts a run and gives its id.
    pub(crate) async fn start_run(&self, pipeline: &str, body: &Value) -> String {
        let started = self
            .send("POST", &format!("/api/v1/pipelines/{pipeline}/runs"), Some(body))
            .await;
        assert_eq!(started.status, 202, "{}", started.text);
        started.json["id"].as_str().unwrap().to_owned()
    }

    /// The run, once it has ended.
    pub(crate) async fn ended_run(&self, id: &str) -> Value {
        let path = format!("/api/v1/runs/{id}");
        until("the run ends", Duration::from_secs(30), async || {
            let run = self.send("GET", &path, None).await.json;
            (!run["finished_at"].is_null()).then_some(run)
        })
        .await
    }
}

/// The same server, asked by nobody in particular.
pub(crate) fn anonymous(site: &Site) -> Site {
    Site {
        client: site.server.client(),
        ..site.clone()
    }
}

async fn serve(database: &TestDatabase, variables: &[(&str, &str)]) -> Server {
    let options = ServerOptions::new(binary())
        .database_url(&database.url())
        .allow_outbound("127.0.0.1");
    let options = variables
        .iter()
        .fold(options, |options, (name, value)| options.env(name, value));
    Server::spawn(&options).await
}
