//! Errors as `application/problem+json` (RFC 9457).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};

use super::code::Code;

/// One answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    problems: Vec<Value>,
    headers: HeaderMap,
    cause: Option<Box<dyn Error>>,
}

impl Problem {
    /// A problem of this kind; `detail` says what failed, with which thing, and what to do, and is safe to show.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            problems: Vec::new(),
            headers: HeaderMap::new(),
            cause: None,
        }
    }

    /// A request that is not valid, with everything that is wrong with it.
    pub(crate) fn invalid_request(wrong: &[Wrong]) -> Self {
        let things = if wrong.len() == 1 {
            "one thing is"
        } else {
            "several things are"
        };
        Self::new(
            Code::UseCase(gathering::Code::InvalidRequest),
            format!("{things} wrong with the request; `problems` names each"),
        )
        .with_problems(wrong)
    }

    /// The route exists, but takes other methods only.
    pub(crate) fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(Code::MethodNotAllowed, format!("use one of: {allowed}"))
            .with_header(ALLOW, HeaderValue::from_static(allowed))
    }

    /// Adds the single problems.
    pub(crate) fn with_problems<T: Serialize>(mut self, problems: &[T]) -> Self {
        self.problems = problems
            .iter()
            .filter_map(|problem| serde_json::to_value(problem).ok())
            .collect();
        self
    }

    /// Adds what the log, and only the log, shall know.
    pub(crate) fn with_cause(mut self, cause: Box<dyn Error>) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Asks for credentials, as HTTP wants it with each 401.
    pub(crate) fn with_challenge(self, challenge: &'static str) -> Self {
        self.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// Says when to try again: whole seconds, at least one.
    pub(crate) fn with_retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Says that bodies are taken as they are only (RFC 9110, section 15.5.16).
    pub(crate) fn with_identity_only(self) -> Self {
        self.with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The error behind it, where there is one.
    pub(crate) fn cause(&self) -> Option<&dyn Error> {
        self.cause.as_deref()
    }

    /// The whole answer.
    pub(crate) fn response(&self, request_id: &str) -> HttpResponse {
        let mut body = json!({
            "type": format!("urn:gathering:error:{}", self.code.as_str()),
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "code": self.code.as_str(),
            "detail": self.detail,
            "request_id": request_id,
        });
        if !self.problems.is_empty() {
            body["problems"] = Value::Array(self.problems.clone());
        }
        let mut response = HttpResponse::build(self.code.status());
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.content_type("application/problem+json").body(body.to_string())
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    /// Where it is.
    #[serde(flatten)]
    place: Place,
    /// What kind of mistake, for programs.
    code: &'static str,
    /// What is wrong and what would be right.
    message: String,
}

/// A place in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// A JSON pointer (RFC 6901) into the body.
    Pointer(String),
    /// A parameter of the query.
    Parameter(String),
    /// A header.
    Header(&'static str),
}

impl Wrong {
    /// A problem with the value at `place`.
    pub(crate) fn new(place: Place, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            place,
            code,
            message: message.into(),
        }
    }
}

impl Place {
    /// The field of this name, at the top of the body.
    pub(crate) fn field(name: &str) -> Self {
        Self::Pointer(format!("/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

/// The middleware `edge` makes the answer, because it knows the request id.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.code.status())
    }
}
