//! The outermost layer: request id, log span, safety headers, and problems turned into answers.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::problem::Problem;
use super::{State, request_id};
use crate::telemetry::chain;

/// Wraps every request.
pub(crate) async fn edge(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let id = request_id::of(request.headers(), state.entropy.as_ref());
    let span = tracing::info_span!(
        "request",
        request_id = id,
        method = %request.method(),
        path = request.path(),
    );
    let secret = request.path().starts_with("/api/v1/auth/");
    let started = Instant::now();
    let answered = async {
        let answer = next.call(request).await?.map_into_boxed_body();
        log(&answer, started);
        let answer = with_problem(answer, &id);
        Ok(with_headers(
            answer,
            &id,
            Headers {
                secret,
                closing: state.readiness.is_draining(),
            },
        ))
    };
    answered.instrument(span).await
}

/// Which of the headers that depend on the request and on the server to send.
#[derive(Clone, Copy)]
struct Headers {
    /// The answer must be kept by nobody.
    secret: bool,
    /// The client shall open its next connection elsewhere.
    closing: bool,
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

fn with_headers(mut answer: ServiceResponse, id: &str, which: Headers) -> ServiceResponse {
    let headers: &mut HeaderMap = HttpResponse::headers_mut(answer.response_mut());
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(request_id::HEADER, id);
    }
    let mut set = |name: HeaderName, value| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if which.secret {
        set(CACHE_CONTROL, "no-store");
    }
    if which.closing {
        // Not a header like others: the connection itself is closed with it.
        answer
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    answer
}
