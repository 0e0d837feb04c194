//! What routes have in common: their methods, and the id in their path.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::{FromRequest, HttpRequest, Resource, Route, dev, web};
use gathering::{RunId, UserId};

use super::code::Code;
use super::heads;
use super::problem::Problem;

/// A resource that refuses other methods than these, and names them.
pub(super) fn methods(resource: Resource, allowed: &'static str) -> Resource {
    resource.default_service(web::to(move || ready(refused(allowed))))
}

/// The path as routes are found by it: percent-encoding undone once. Whoever looks at the path for another reason must see the same one.
pub(super) fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        let digits = bytes.get(place + 1..place + 3).filter(|_| *byte == b'%');
        let digits = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(digits.unwrap_or(*byte));
        place += if digits.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// A route for GET, and so for HEAD.
pub(super) fn read() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

/// A route for another method.
pub(super) fn write(method: Method) -> Route {
    web::method(method)
}

/// The `{id}` in the path.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr + 'static> FromRequest for Id<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(id(request, "id").map(Self))
    }
}

/// The `{user_id}` in the path.
pub(super) struct UserInPath(pub(super) UserId);

impl FromRequest for UserInPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(id(request, "user_id").map(Self))
    }
}

fn id<T: FromStr>(request: &HttpRequest, name: &str) -> Result<T, Problem> {
    let id = request.match_info().get(name).and_then(|text| text.parse().ok());
    id.ok_or_else(|| {
        Problem::new(
            Code::UseCase(gathering::Code::NotFound),
            "an id in the path is no UUID, so nothing has it",
        )
    })
}

/// The `{id}` of a run in the path, which from then on stands on every log line of the request.
pub(super) struct Run(pub(super) RunId);

impl FromRequest for Run {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let id = Id::from_request(request, payload).into_inner();
        ready(id.map(|Id(id)| {
            log_run(id);
            Self(id)
        }))
    }
}

/// Puts the id of the run that a request is about on its log lines.
pub(super) fn log_run(id: RunId) {
    tracing::Span::current().record("run_id", tracing::field::display(id));
}

/// The answer where no route fits.
pub(super) async fn not_found(request: HttpRequest) -> Result<String, Problem> {
    Err(no_route(&request))
}

/// What is said there.
pub(super) fn no_route(request: &HttpRequest) -> Problem {
    let detail = format!(
        "there is no route {}; the API is under /api/v1",
        heads::shown(request.path())
    );
    Problem::new(Code::RouteNotFound, detail)
}

fn refused(allowed: &'static str) -> Result<String, Problem> {
    Err(Problem::method_not_allowed(allowed))
}
