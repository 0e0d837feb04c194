//! What the demo asks its server, as any client would: JSON over HTTP.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::account::Account;
use super::error::Error;
use super::run::{Entry, Run};

/// The longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(20);

/// A client of one server process, with a token once it has logged on.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    /// The server's log, named where an answer is missing.
    log: PathBuf,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct Entries {
    items: Vec<Entry>,
    next_cursor: Option<i32>,
}

impl Client {
    /// A client of the server at `base`.
    pub(super) fn new(base: String, log: PathBuf) -> Result<Self, Error> {
        // It fails where the process has a provider already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        // Only this machine is asked, without TLS: that there is no CA certificate, or a proxy, must not matter.
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(LIMIT)
            .build();
        let http = http.map_err(|source| Error::Request {
            what: "the first request".to_owned(),
            log: log.clone(),
            source,
        })?;
        Ok(Self {
            http,
            base,
            token: String::new(),
            log,
        })
    }

    /// Makes the account.
    pub(super) async fn register(&self, account: &Account) -> Result<(), Error> {
        let body = json!({ "email": account.email, "password": account.password, "name": "Demo" });
        self.send(Method::POST, "/api/v1/auth/register", Some(&body))
            .await
            .map(drop)
    }

    /// Logs on; later requests carry the token.
    pub(super) async fn log_on(&mut self, account: &Account) -> Result<(), Error> {
        let body = json!({ "email": account.email, "password": account.password });
        let tokens: Tokens = self.ask(Method::POST, "/api/v1/auth/login", Some(&body)).await?;
        self.token = tokens.access_token;
        Ok(())
    }

    /// Saves a pipeline, and gives its id.
    pub(super) async fn save(&self, pipeline: &Value) -> Result<String, Error> {
        let created: Created = self.ask(Method::POST, "/api/v1/pipelines", Some(pipeline)).await?;
        Ok(created.id)
    }

    /// Starts a run, and gives its id.
    pub(super) async fn start(&self, pipeline: &str, input: &Value) -> Result<String, Error> {
        let path = format!("/api/v1/pipelines/{pipeline}/runs");
        let created: Created = self.ask(Method::POST, &path, Some(&json!({ "input": input }))).await?;
        Ok(created.id)
    }

    /// The run as it is now.
    pub(super) async fn run(&self, id: &str) -> Result<Run, Error> {
        self.ask(Method::GET, &format!("/api/v1/runs/{id}"), None).await
    }

    /// All entries of the run's journal.
    pub(super) async fn journal(&self, id: &str) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut after = Some(0);
        while let Some(cursor) = after {
            let path = format!("/api/v1/runs/{id}/journal?limit=200&cursor={cursor}");
            let page: Entries = self.ask(Method::GET, &path, None).await?;
            after = page.next_cursor.filter(|_| !page.items.is_empty());
            entries.extend(page.items);
        }
        Ok(entries)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Error> {
        let what = format!("{method} {path}");
        let response = self.send(method, path, body).await?;
        response.json().await.map_err(|source| Error::Request {
            what,
            log: self.log.clone(),
            source,
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response, Error> {
        let what = format!("{method} {path}");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => {
                let status = response.status().as_u16();
                let answer = response.text().await.unwrap_or_default();
                Err(Error::Refused {
                    what,
                    status,
                    answer,
                    log: self.log.clone(),
                })
            }
            Err(source) => Err(Error::Request {
                what,
                log: self.log.clone(),
                source,
            }),
        }
    }
}
