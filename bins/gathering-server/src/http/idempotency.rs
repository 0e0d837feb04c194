//! `Idempotency-Key`: whoever lost an answer asks again, and what was made is made once.
//!
//! Taken where something is made or fired: runs, pipelines, projects, schedules, firings. Refused where a secret is shown once, because it cannot be shown again. Elsewhere it changes nothing,
//! because asking again does no harm there anyway.

use std::future::{Ready, ready};

use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest, dev};

use super::problem::{Place, Problem, Wrong};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says whether an earlier request with the same key had made it.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The key of a request, if it has one.
pub(super) struct Key(pub(super) Option<String>);

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(key(request).map(Self))
    }
}

/// For routes whose answers cannot be given twice: who sends a key believes that they can.
pub(super) struct NoKey;

impl FromRequest for NoKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        if !request.headers().contains_key(IDEMPOTENCY_KEY) {
            return ready(Ok(Self));
        }
        let message = "is not taken here: the answer shows a secret once, so it cannot be repeated; look whether it was made, and end it, before you ask again";
        ready(Err(refused("not_repeatable", message)))
    }
}

/// The header that says whether the answer is a repeated one.
pub(super) fn replayed(replayed: bool) -> (HeaderName, &'static str) {
    (REPLAYED, if replayed { "true" } else { "false" })
}

/// The same, where it is asked for by hand.
pub(super) fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused("duplicate_header", "is there more than once"));
    }
    let key = value.to_str().ok().filter(|key| gathering::is_idempotency_key(key));
    let wrong = || refused("invalid_value", "must have 1 to 255 visible ASCII characters");
    key.map(|key| Some(key.to_owned())).ok_or_else(wrong)
}

fn refused(code: &'static str, message: &str) -> Problem {
    Problem::invalid_request(&[Wrong::new(Place::Header("Idempotency-Key"), code, message)])
}
