//! CORS: which pages of other origins may use the API from a browser (Fetch Standard, section 3.2).
//!
//! Credentials are never allowed: the API takes tokens in a header and knows no cookies, so a browser has nothing to add by itself.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};

/// What the API takes.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
const TAKEN: &str =
    "Authorization, Content-Type, Idempotency-Key, If-Match, traceparent, tracestate, X-Request-Id, Last-Event-ID";
/// What it answers with, beyond what every page may read.
const EXPOSED: &str = "ETag, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, X-Request-Id, Idempotency-Replayed, \
    WWW-Authenticate";
/// How long a browser may keep the answer to a preflight, in seconds: two hours, the most that any of them keeps it.
const MAX_AGE: &str = "7200";

/// Whose pages may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Those of the server itself only.
    Nobody,
    /// Those of any origin.
    Everybody,
    /// Those of these origins, as browsers send them.
    These(Vec<String>),
}

impl Origins {
    /// What to answer a page of this origin.
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let origin = origin?;
        match self {
            Self::Nobody => None,
            Self::Everybody => Some(HeaderValue::from_static("*")),
            Self::These(these) => these
                .iter()
                .any(|one| one.as_bytes() == origin.as_bytes())
                .then(|| origin.clone()),
        }
    }
}

/// The answer to a browser that asks before it sends a page's request; `None` where that is not what is asked, or where the page may not.
pub(super) fn preflight(request: &ServiceRequest, origins: &Origins) -> Option<HttpResponse> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    origins.allowed(headers.get(ORIGIN))?;
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, TAKEN))
        .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
    Some(response.finish())
}

/// Lets the page of this origin read the answer, whatever it is: a browser hides errors as well.
pub(super) fn set_headers(response: &mut HeaderMap, origins: &Origins, origin: Option<&HeaderValue>) {
    if let Origins::These(_) = origins {
        // Also for a stranger: what is kept for one must not be shown to another.
        response.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(allowed) = origins.allowed(origin) {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}
