//! Reads a request body: bounded in size and time, declared as JSON, one object.

use std::fmt;
use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, dev, web};
use futures::StreamExt as _;
use gathering::Json;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::State;
use super::code::Code;
use super::fields::Fields;
use super::limits::responsible;
use super::parameters::no_parameters;
use super::problem::Problem;
use super::room::{self, Held};
use super::route::decoded;

/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that has not been read yet, so that a handler can first find out who asks.
pub(crate) struct Incoming {
    request: HttpRequest,
    payload: web::Payload,
}

impl Incoming {
    /// The fields of the JSON object that the body must be.
    pub(crate) async fn object(self) -> Result<Fields, Problem> {
        no_parameters(&self.request)?;
        as_it_is(&self.request)?;
        declared_as_json(&self.request)?;
        let body = self.body().await?;
        parse(&body.bytes)
    }

    /// The same where every field may be missing: then so may the body.
    pub(crate) async fn object_or_nothing(self) -> Result<Fields, Problem> {
        no_parameters(&self.request)?;
        as_it_is(&self.request)?;
        let declared = declared_as_json(&self.request);
        let body = self.body().await?;
        if body.bytes.is_empty() {
            return Ok(Fields::new(Vec::new()));
        }
        declared.and_then(|()| parse(&body.bytes))
    }

    async fn body(self) -> Result<Body, Problem> {
        let limit = limit(&self.request);
        let room = self
            .request
            .app_data::<web::Data<State>>()
            .map(|state| state.bodies.clone());
        let declared = self.request.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit));
        }
        let held = room.unwrap_or_default().held(responsible(&self.request));
        let reading = collect(self.payload, limit, held);
        tokio::time::timeout(PATIENCE, reading)
            .await
            .unwrap_or_else(|_elapsed| {
                let detail = format!("the body did not arrive within {} s", PATIENCE.as_secs());
                Err(Problem::new(Code::RequestTimeout, detail))
            })
    }
}

impl FromRequest for Incoming {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload).into_inner();
        ready(payload.map(|payload| Self {
            request: request.clone(),
            payload,
        }))
    }
}

/// A body as far as it has come, with the room that it takes up.
struct Body {
    bytes: Vec<u8>,
    held: Held,
}

async fn collect(mut payload: web::Payload, limit: usize, held: Held) -> Result<Body, Problem> {
    let mut body = Body {
        bytes: Vec::new(),
        held,
    };
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(Code::MalformedJson, "the body ended before it was complete").with_cause(Box::new(error))
        })?;
        let length = body.bytes.len() + chunk.len();
        if length > limit {
            return Err(too_large(limit));
        }
        body.held.grow(length)?;
        body.bytes.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn limit(request: &HttpRequest) -> usize {
    let limit = request
        .app_data::<web::Data<State>>()
        .map_or(0, |state| state.body_limit);
    // Whoever is not known yet takes up no room that others need: addresses, passwords and tokens are small.
    if decoded(request.path()).starts_with("/api/v1/auth/") {
        limit.min(room::FREE)
    } else {
        limit
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = match limit {
        room::FREE => format!("the body is larger than {limit} bytes, which is the most here"),
        _ => format!("the body is larger than {limit} bytes, the limit that http_body_limit sets"),
    };
    Problem::new(Code::PayloadTooLarge, detail)
}

/// Refuses a body that is compressed: nobody here unpacks it.
fn as_it_is(request: &HttpRequest) -> Result<(), Problem> {
    let mut codings = request.headers().get_all(CONTENT_ENCODING);
    let is_plain = codings.all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
    if is_plain {
        return Ok(());
    }
    let detail = "the body is compressed or otherwise encoded; send it as it is, without Content-Encoding";
    Err(Problem::new(Code::UnsupportedMediaType, detail).with_identity_only())
}

fn declared_as_json(request: &HttpRequest) -> Result<(), Problem> {
    let declared = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = declared
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = match declared {
        Some(_) => "the body is declared as another type; send it with Content-Type: application/json",
        None => "the type of the body is not declared; send it with Content-Type: application/json",
    };
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
    let Entries(entries) = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    Ok(Fields::new(entries))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedJson, format!("the body is not a JSON object: {error}"))
}

/// The entries of an object, their values unparsed so that numbers keep every digit.
struct Entries(Vec<(String, Json)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
