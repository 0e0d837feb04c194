//! What a call that failed tells: a stable code, a safe message, and whether trying again can help.

use std::error::Error;
use std::time::Duration;

use serde_json::Value;

/// What went wrong. Each kind has a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolErrorKind {
    /// The answer's status is not among those expected.
    HttpStatus(u16),
    /// No connection could be made.
    ConnectFailed,
    /// The connection ended, or spoke no HTTP, before the answer was complete. The request may have had its effect.
    ConnectionLost,
    /// The host's name could not be resolved.
    DnsFailed,
    /// The server's certificate was refused, or no common TLS version was found.
    TlsFailed,
    /// The call took longer than it may. The request may have had its effect.
    Timeout,
    /// The request or the answer is larger than it may be.
    TooLarge,
    /// The host leads only to addresses that the outbound policy refuses.
    AddressRefused,
    /// The configuration, with its templates filled in, is not one of this tool.
    InvalidConfig,
    /// The caller cancelled the call. The request may have had its effect.
    Cancelled,
}

impl ToolErrorKind {
    /// The stable name: for clients, for the journal, for conditions on errors.
    pub fn code(self) -> &'static str {
        match self {
            Self::HttpStatus(_) => "http_status",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectionLost => "connection_lost",
            Self::DnsFailed => "dns_failed",
            Self::TlsFailed => "tls_failed",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::AddressRefused => "address_refused",
            Self::InvalidConfig => "invalid_config",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the same call may succeed later: no connection, no name, no time, or a status of 408, 425, 429 or 5xx.
    ///
    /// A name that does not exist counts as transient, because the system's resolver does not tell it from a resolver
    /// that is away for a moment.
    pub fn is_transient(self) -> bool {
        match self {
            Self::HttpStatus(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::ConnectFailed | Self::ConnectionLost | Self::DnsFailed | Self::Timeout => true,
            Self::TlsFailed | Self::TooLarge | Self::AddressRefused | Self::InvalidConfig | Self::Cancelled => false,
        }
    }
}

/// A call that failed.
///
/// The message (also its `Display`) is safe to show to the user whose call it was: it names the host and the reason, and
/// neither addresses, nor the rest of the URL, nor headers. The source is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    kind: ToolErrorKind,
    message: String,
    retry_after: Option<Duration>,
    details: Option<Box<Value>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ToolError {
    /// An error of `kind`; the message says what failed, with which thing, and what to do.
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            details: None,
            source: None,
        }
    }

    /// Adds what caused it, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds JSON that the user may see: the answer's status and body, or the problems of a configuration.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Adds how long the server asked to wait, where it did.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ToolErrorKind {
        self.kind
    }

    /// The stable name of what went wrong, as in `http_status`.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// What failed, with which thing, and what to do; safe for the user.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    /// How long the server asked to wait before the next try (`Retry-After`), at most a day.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// More for the user: `{status, headers, body, …}` of an unexpected answer, or `{problems: […]}`.
    pub fn details(&self) -> Option<&Value> {
        self.details.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::ToolErrorKind;

    #[test]
    fn only_statuses_that_may_pass_are_transient() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(ToolErrorKind::HttpStatus(status).is_transient(), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 409, 410, 422] {
            assert!(!ToolErrorKind::HttpStatus(status).is_transient(), "{status}");
        }
    }
}
