//! A request as it goes out: complete and within its limits before a connection is made.

use gathering_domain::TraceContext;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::config::call_api::CallApi;
use crate::config::notification::SendNotification;
use crate::config::target::Target;
use crate::{CallContext, ToolError, ToolErrorKind};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A request, ready to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) target: Target,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl Outgoing {
    pub(super) fn call(call: &CallApi, context: &CallContext, max_bytes: usize) -> Result<Self, ToolError> {
        let bare = Self {
            target: call.target.clone(),
            method: call.method.clone(),
            headers: call.headers.clone(),
            body: None,
        };
        let complete = match &call.body {
            None => bare,
            Some(Value::String(text)) => bare.with_body(TEXT, text.clone().into_bytes()),
            Some(body) => bare.with_body(JSON, body.to_string().into_bytes()),
        };
        complete.checked(context, max_bytes)
    }

    pub(super) fn notification(
        notification: &SendNotification,
        context: &CallContext,
        max_bytes: usize,
    ) -> Result<Self, ToolError> {
        let bare = Self {
            target: notification.target.clone(),
            method: Method::POST,
            headers: notification.headers.clone(),
            body: None,
        };
        let body = json!({ "message": notification.message });
        bare.with_body(JSON, body.to_string().into_bytes())
            .checked(context, max_bytes)
    }

    fn with_body(mut self, content_type: HeaderValue, body: Vec<u8>) -> Self {
        self.headers.entry(CONTENT_TYPE).or_insert(content_type);
        self.body = Some(body);
        self
    }

    /// Adds the caller's idempotency key, and checks the size.
    fn checked(mut self, context: &CallContext, max_bytes: usize) -> Result<Self, ToolError> {
        let bytes = self.body.as_ref().map_or(0, Vec::len);
        if bytes > max_bytes {
            let message = format!(
                "the body for {} has {bytes} bytes, and {max_bytes} are the most; send less",
                self.target.host()
            );
            return Err(ToolError::new(ToolErrorKind::TooLarge, message));
        }
        let key = HeaderValue::from_str(&context.idempotency_key).map_err(|error| {
            let message = "the idempotency key cannot be sent as a header; it must be visible ASCII text";
            ToolError::new(ToolErrorKind::InvalidConfig, message).with_source(error)
        })?;
        self.headers.insert(IDEMPOTENCY_KEY, key);
        if let Some(trace) = &context.trace {
            self.join(trace);
        }
        Ok(self)
    }

    /// Makes the call a part of the trace; who sets one of the two headers means both.
    fn join(&mut self, trace: &TraceContext) {
        if self.headers.contains_key(TRACEPARENT) || self.headers.contains_key(TRACESTATE) {
            return;
        }
        let headers = [
            (TRACEPARENT, Some(trace.traceparent())),
            (TRACESTATE, trace.tracestate().map(str::to_owned)),
        ];
        for (name, value) in headers {
            // Both are visible ASCII text, which a header takes.
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                self.headers.insert(name, value);
            }
        }
    }
}
