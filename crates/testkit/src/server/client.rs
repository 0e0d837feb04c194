//! JSON over HTTP, with a token.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Talks to one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, null where it is empty, a string where it is no JSON.
    pub json: Value,
}

impl Client {
    /// Talks to the server at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Self {
        // It fails where the process has a provider already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none());
        let http = http.build().unwrap_or_else(|error| panic!("no HTTP client: {error}"));
        Self {
            http,
            base: base.to_owned(),
            token: None,
        }
    }

    /// The same with this token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The token that it sends.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same token, for another server.
    #[must_use]
    pub fn at(&self, server: &super::Server) -> Self {
        Self {
            base: server.base.clone(),
            ..self.clone()
        }
    }

    /// Logs in, and sends the token from here on.
    pub async fn log_in(&mut self, email: &str, password: &str) {
        let response = self
            .post("/api/v1/auth/login", &json!({"email": email, "password": password}))
            .await;
        assert_eq!(response.status, 200, "{response:?}");
        let token = response.json["access_token"].as_str().map(str::to_owned);
        assert!(token.is_some(), "no access_token: {response:?}");
        self.token = token;
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// POST of JSON that is done once, however often it is sent with this key.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Response {
        self.send(
            self.request(Method::POST, path)
                .header("Idempotency-Key", key)
                .json(body),
        )
        .await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Response {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request to be completed by hand, with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; fails the test where no answer comes.
    pub async fn send(&self, request: RequestBuilder) -> Response {
        self.try_send(request)
            .await
            .unwrap_or_else(|error| panic!("no answer from {}: {error:?}", self.base))
    }

    /// Sends a request to a server that may be gone.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        let headers = headers.collect();
        Ok(Response {
            status,
            headers,
            json: parse(&response.text().await?),
        })
    }
}

fn parse(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_no_json| Value::String(text.to_owned()))
}
