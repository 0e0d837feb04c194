//! The outermost layer: request id, log span, safety headers, and problems turned into answers.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpResponse, web};
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::code::Code;
use super::limits::{self, Allowance};
use super::problem::Problem;
use super::request_id::RequestId;
use super::route::decoded;
use super::trace::Trace;
use super::{State, cors, heads, panics, request_id, streams, trace};
use crate::telemetry::chain;

/// How long a request may take before it is given up. A database that works ends a statement after 30 s, and a body has to come within as much; only one
/// that is silent takes longer than both.
const PATIENCE: Duration = Duration::from_secs(65);

/// Wraps every request.
pub(crate) async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let id = request_id::of(request.headers(), state.entropy.as_ref());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = span(&request, &id, &trace::of(request.headers(), state.entropy.as_ref()));
    let (secret, small) = (is_secret(request.path()), may_tell(request.path()));
    let origin = request.headers().get(ORIGIN).cloned();
    let (started, measured) = (Instant::now(), state.requests.begin(&request));
    let answered = async {
        let answered = tokio::time::timeout(PATIENCE, panics::caught(async { next.call(request).await })).await;
        let answer = answered.unwrap_or_else(|_elapsed| Err(unanswered()));
        let which = Headers {
            secret,
            closing: state.readiness.is_draining(),
            strict: state.tls,
        };
        match answer {
            Ok(answer) => {
                let answer = answer?.map_into_boxed_body();
                measured.end(answer.status());
                log(&answer, started);
                let mut answer = with_problem(answer, &id);
                set_headers(answer.response_mut(), &id, which);
                let allowance = answer.request().extensions().get::<Allowance>().copied();
                if let Some(allowance) = allowance {
                    limits::set_headers(answer.response_mut(), allowance);
                }
                cors::set_headers(answer.response_mut().headers_mut(), &state.cors, origin.as_ref());
                Ok(if small {
                    answer
                } else {
                    state.compression.applied(answer).await
                })
            }
            Err(problem) => {
                // The request went down with its handler, so this answer goes the way of errors.
                let mut response = problem.response(&id);
                measured.end(response.status());
                set_headers(&mut response, &id, which);
                cors::set_headers(response.headers_mut(), &state.cors, origin.as_ref());
                Err(InternalError::from_response(problem, response).into())
            }
        }
    };
    answered.instrument(span).await
}

/// The span of a request, which also runs that it starts will belong to.
///
/// Of the level ERROR, because a span below the level that is logged takes its ids off the lines that are logged.
fn span(request: &ServiceRequest, id: &str, trace: &Trace) -> tracing::Span {
    request.extensions_mut().insert(trace.clone());
    let parent = trace.parent.as_ref();
    tracing::error_span!(
        "request",
        request_id = id,
        method = %request.method(),
        path = heads::shown(request.path()),
        trace_id = %trace.own.trace_id(),
        span_id = %trace.own.span_id(),
        parent_span_id = parent.map(|parent| display(parent.span_id())),
        unsampled = (!trace.own.is_sampled()).then_some(true),
        user_id = Empty,
        run_id = Empty,
    )
}

fn unanswered() -> Problem {
    let detail = format!(
        "the database did not answer within {} s; what was asked for may have been done all the same",
        PATIENCE.as_secs()
    );
    let code = Code::UseCase(gathering::Code::DatabaseUnavailable);
    Problem::new(code, detail).with_retry_after(Duration::from_secs(2))
}

/// Which of the headers that depend on the request and on the server to send.
#[derive(Clone, Copy)]
struct Headers {
    /// The answer must be kept by nobody.
    secret: bool,
    /// The client shall open its next connection elsewhere.
    closing: bool,
    /// Browsers shall come over TLS only.
    strict: bool,
}

/// Whether nobody may keep the answer.
fn is_secret(path: &str) -> bool {
    decoded(path).starts_with("/api/v1/auth/")
}

/// Whether the answer may show a secret, which its length must not tell of.
fn may_tell(path: &str) -> bool {
    is_secret(path) || decoded(path).starts_with("/api/v1/invitations")
}

/// What is asked of every request once it is counted: a head within bounds, a place on its connection; and whether it is a browser's question,
/// which has its answer here.
pub(crate) async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let admitted = heads::check(request.request()).and_then(|()| streams::place(request.request()));
    let _place = match admitted {
        Ok(place) => place,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    let state = request.app_data::<web::Data<State>>();
    if let Some(answer) = state.and_then(|state| cors::preflight(&request, &state.cors)) {
        return Ok(request.into_response(answer));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

fn log(answer: &ServiceResponse, started: Instant) {
    let status = answer.status().as_u16();
    let milliseconds = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let problem = answer.response().error();
    let cause = problem.map(|error| {
        let cause = error.as_error::<Problem>().and_then(Problem::cause);
        cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {}", chain(cause)))
    });
    match cause {
        // Passes by itself, and whoever caused it logs it once where it happens.
        Some(cause) if status == 503 => tracing::warn!(status, milliseconds, error = cause, "request refused"),
        Some(cause) if status >= 500 => {
            tracing::error!(status, milliseconds, error = cause, "request failed");
        }
        Some(cause) => tracing::info!(status, milliseconds, error = cause, "request refused"),
        // Probes come every few seconds, for ever.
        None if answer.request().path().starts_with("/health/") => {
            tracing::debug!(status, milliseconds, "request answered");
        }
        None => tracing::info!(status, milliseconds, "request answered"),
    }
}

/// Writes the body of a problem, which only here learns the request id.
fn with_problem(answer: ServiceResponse, id: &str) -> ServiceResponse {
    let problem = answer.response().error().and_then(|error| error.as_error::<Problem>());
    let Some(response) = problem.map(|problem| problem.response(id)) else {
        return answer;
    };
    answer.into_response(response)
}

fn set_headers(response: &mut HttpResponse, id: &str, which: Headers) {
    let headers: &mut HeaderMap = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(request_id::HEADER, id);
    }
    let mut set = |name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    if which.strict {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if which.secret {
        set(CACHE_CONTROL, "no-store");
    }
    // Pages have one of their own.
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, nothing);
    }
    if which.closing {
        // Not a header like others: the connection itself is closed with it.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service, try_call_service};
    use actix_web::{App, body};
    use gathering::{Gathering, SystemEntropy};
    use gathering_testkit::TestDatabase;

    use super::*;

    async fn state() -> web::Data<State> {
        let database = TestDatabase::new().await;
        web::Data::new(State {
            gathering: Gathering::builder(database.pool().await).build().await.unwrap(),
            entropy: Arc::new(SystemEntropy::default()),
            body_limit: 1,
            bodies: crate::http::Room::default(),
            limits: None,
            trust: super::super::client_address::Trust {
                proxies: Vec::new(),
                header: super::super::client_address::ForwardedHeader::XForwardedFor,
            },
            cors: cors::Origins::Nobody,
            tls: false,
            compression: crate::http::Compression::default(),
            readiness: super::super::Readiness::default(),
            requests: Arc::default(),
        })
    }

    async fn broken() -> HttpResponse {
        panic!("as if the product had a fault")
    }

    fn header<'a>(answer: &'a HttpResponse, name: &str) -> &'a str {
        answer.headers().get(name).unwrap().to_str().unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_answered_as_a_fault_of_the_server_with_the_request_id() {
        let app = App::new().app_data(state().await).wrap(from_fn(edge));
        let app = init_service(app.route("/broken", web::get().to(broken))).await;
        let request = TestRequest::get().uri("/broken").insert_header(("x-request-id", "r-1"));
        let error = try_call_service(&app, request.to_request()).await.unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), 500);
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
        assert_eq!(header(&answer, "x-request-id"), "r-1");
        let bytes = body::to_bytes(answer.into_body()).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            (&problem["code"], &problem["request_id"]),
            (&"internal".into(), &"r-1".into())
        );
    }
}
