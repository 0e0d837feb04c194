//! The client, and the two tools it offers.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer;
use super::outgoing::Outgoing;
use super::transport::{ClientError, Transport};
use crate::config::call_api::CallApi;
use crate::config::expect::Expect;
use crate::config::notification::SendNotification;
use crate::config::target::Target;
use crate::outbound::{Lookup, OutboundPolicy, system_lookup};
use crate::{CallContext, ToolError, ToolErrorKind};

/// What holds for every call of a client.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Which addresses may be reached. Default: public ones only.
    pub policy: OutboundPolicy,
    /// The most bytes of an answer's body; a call may ask for less. Default: 1 MiB.
    pub max_response_bytes: usize,
    /// The most bytes of a request's body. Default: 1 MiB.
    pub max_request_bytes: usize,
    /// How long a call may take in all, where it does not say. Default: 30 s.
    pub timeout: Duration,
    /// The longest that a call may ask for. Default: 5 min.
    pub max_timeout: Duration,
    /// How long making a connection may take, TLS included. Default: 10 s.
    pub connect_timeout: Duration,
    /// The most unused connections that are kept open for each host. Default: 32.
    pub max_idle_per_host: usize,
    /// How long an unused connection is kept open. Default: 30 s.
    pub idle_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            policy: OutboundPolicy::public_only(),
            max_response_bytes: MIB,
            max_request_bytes: MIB,
            timeout: Duration::from_secs(30),
            max_timeout: Duration::from_mins(5),
            connect_timeout: Duration::from_secs(10),
            max_idle_per_host: 32,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Sends requests, within limits and to permitted addresses only. Clones share their connections.
///
/// Redirects are not followed, proxies of the environment not used, requests not repeated. Connections belong to the
/// runtime on which the call ran that opened them: make calls on the one that lives as long as the client.
#[derive(Debug, Clone)]
pub struct HttpClient {
    transport: Arc<Transport>,
    options: Arc<HttpOptions>,
}

impl HttpClient {
    /// A client with its own connections.
    ///
    /// Installs `ring` as the process's default for TLS where none is installed yet. Trusted are the system's CA
    /// certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` hold); where there are none, http still works and https fails
    /// with `tls_failed`. Errors where the TLS library refuses its settings.
    pub fn new(options: HttpOptions) -> Result<Self, ClientError> {
        Self::with_lookup(options, system_lookup())
    }

    pub(crate) fn with_lookup(options: HttpOptions, lookup: Lookup) -> Result<Self, ClientError> {
        let transport = Arc::new(Transport::new(&options, lookup)?);
        Ok(Self {
            transport,
            options: Arc::new(options),
        })
    }

    /// Sends the request and gives `{status, headers, body}`.
    ///
    /// `headers` has lower-case names; several values of one name are joined by `", "` (`set-cookie`: by a line break).
    /// `body` is parsed where the answer's Content-Type is JSON and the body is; else it is a string; where it is no UTF-8
    /// text, or holds NUL, it is in base64, and `body_encoding: "base64"` stands beside it. A status that the call does
    /// not expect is the error `http_status`, with `{status, headers, body}` (the body's first 16 KiB) in its details.
    pub async fn call_api(&self, call: &CallApi, context: &CallContext) -> Result<Value, ToolError> {
        let outgoing = Outgoing::call(call, context, self.options.max_request_bytes)?;
        let max_bytes = call
            .max_bytes
            .unwrap_or(usize::MAX)
            .min(self.options.max_response_bytes);
        let exchange = async {
            let response = self.send(outgoing, &call.expect).await?;
            answer::read(response, max_bytes).await
        };
        self.within(call.timeout, &call.target, context, exchange).await
    }

    /// Posts `{"message": …}` and gives `{status}`. A status other than 200-299 is the error `http_status`.
    pub async fn send_notification(
        &self,
        notification: &SendNotification,
        context: &CallContext,
    ) -> Result<Value, ToolError> {
        let outgoing = Outgoing::notification(notification, context, self.options.max_request_bytes)?;
        let exchange = async {
            let response = self.send(outgoing, &Expect::default()).await?;
            let status = response.status().as_u16();
            answer::discard(response).await;
            Ok(json!({ "status": status }))
        };
        self.within(notification.timeout, &notification.target, context, exchange)
            .await
    }

    async fn send(&self, outgoing: Outgoing, expect: &Expect) -> Result<Response, ToolError> {
        let response = self.transport.send(outgoing).await?;
        if expect.admits(response.status().as_u16()) {
            Ok(response)
        } else {
            Err(answer::unexpected(response).await)
        }
    }

    /// Lets `exchange` go on until its time is up or the caller cancels. Dropping it closes its connection.
    async fn within(
        &self,
        timeout: Option<Duration>,
        target: &Target,
        context: &CallContext,
        exchange: impl Future<Output = Result<Value, ToolError>>,
    ) -> Result<Value, ToolError> {
        let limit = timeout.unwrap_or(self.options.timeout).min(self.options.max_timeout);
        let started = Instant::now();
        let outcome = tokio::select! {
            biased;
            () = context.cancelled.cancelled() => Err(cancelled(target)),
            outcome = tokio::time::timeout(limit, exchange) => match outcome {
                Ok(outcome) => outcome,
                Err(_elapsed) => Err(timed_out(target, limit)),
            },
        };
        log(context, target, started.elapsed(), outcome.as_ref().err());
        outcome
    }
}

fn cancelled(target: &Target) -> ToolError {
    ToolError::new(
        ToolErrorKind::Cancelled,
        format!("the call to {} was cancelled", target.host()),
    )
}

fn timed_out(target: &Target, limit: Duration) -> ToolError {
    let message = format!(
        "{} did not answer in full within {} ms; give the call more time in `timeout`, or ask for less",
        target.host(),
        limit.as_millis()
    );
    ToolError::new(ToolErrorKind::Timeout, message)
}

fn log(context: &CallContext, target: &Target, took: Duration, error: Option<&ToolError>) {
    tracing::debug!(
        run_id = context.run_id.map(tracing::field::display),
        node_id = context.node_id.as_deref(),
        target = ?target,
        took_ms = took.as_secs_f64() * 1000.0,
        code = error.map_or("ok", ToolError::code),
        "outgoing call ended"
    );
}
