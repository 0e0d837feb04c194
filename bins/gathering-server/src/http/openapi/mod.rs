//! `/openapi.json`: what the API takes and answers, as an OpenAPI 3.1 document.
//!
//! How a route is documented:
//!
//! 1. Its handler gets a doc comment (the first line is the summary, the rest the description, both in Markdown) and `#[utoipa::path(…)]` with
//!    method, path as in `routes`, `operation_id` (`verb_noun`, unique) and `tag`. It is named in the `paths` of its file's `Documented`, and a
//!    new file's `Documented` in [`parts`].
//! 2. A body that the handler takes field by field is a struct in [`bodies`], with `#[serde(deny_unknown_fields)]`. What it answers derives
//!    `ToSchema` where it is defined, behind the feature `openapi` of its crate; what is put together here is a struct in [`answers`].
//!    A field that is left out instead of being null (`skip_serializing_if`) says `#[schema(nullable = false)]`.
//! 3. Parameters of the query stand in `params(…)`; those of pages are [`parameters::Paging`].
//! 4. In `responses(…)` stand the good answers, and bad ones that are its own (`(status = 409, description = "…")`). All others are added in
//!    [`common`], by what the operation is: behind a login unless it says `security(())`, with a body, with an id in its path, with `project_id`.
//! 5. Behind a login, what the operation does gets its line in [`rights`]; the role and the scope that it takes follow from the one table.
//! 6. Each answer and each body has an example: in its struct here, or in `examples.json` under the name of its schema, as a server gave it.
//! 7. `cargo insta test`, or `INSTA_UPDATE=always` with the tests, takes the new document over; the difference is reviewed as code is.
//!
//! Tests fail for a route without documentation (here), for one without its refused stranger (`tests/it/strangers.rs`), and for one whose
//! real answers nobody compared with its schemas (`tests/it/answers.rs`), and where somebody may do something else than the document says (`tests/it/permissions.rs`).

pub(super) mod answers;
pub(super) mod bodies;
mod common;
pub(super) mod definition;
pub(super) mod parameters;
mod rights;
pub(super) mod schedule;
mod schemas;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{ServiceConfig, resource};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::compression::Fixed;
use super::parameters::NoParameters;
use super::route::{methods, read};
use super::{
    api_keys, audit, auth, breakers, health, instances, invitations, members, pipelines, projects, quarantine, runs,
    schedule_checks, schedule_firings, schedule_pauses, schedule_weeks, schedules, second_factor, sessions, users,
};

/// Where everything is but health and keys.
const PREFIX: &str = "/api/v1";

/// The document as text; it is the same for as long as the process lives.
static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(methods(resource("/openapi.json"), "GET, HEAD").route(read().to(get)));
}

async fn get(_: NoParameters) -> HttpResponse {
    let mut response = HttpResponse::Ok().content_type(ContentType::json()).body(TEXT.as_str());
    response.extensions_mut().insert(Fixed("openapi.json"));
    response
}

#[derive(OpenApi)]
#[openapi(
    tags(
        (name = "accounts", description = "Open an account, log in, and keep or end sessions."),
        (name = "api-keys", description = "What machines come in with."),
        (name = "second-factor", description = "A code of an authenticator app, besides the password."),
        (name = "projects", description = "In which everything lives, and who is what in them."),
        (name = "pipelines", description = "Definitions, in versions."),
        (name = "runs", description = "Executions of pipelines."),
        (name = "schedules", description = "When runs start by themselves, and what became of each time."),
        (name = "breakers", description = "Circuit breakers, which hold back calls that would fail."),
        (name = "quarantine", description = "Nodes under which processes died, until somebody decides about them."),
        (name = "instances", description = "The servers that work on the database."),
        (name = "users", description = "Who has an account, and who may open one; for administrators."),
        (name = "audit", description = "Who did what; for administrators."),
        (name = "health", description = "For whoever watches the server, and for whoever checks its tokens."),
    ),
    components(schemas(answers::Problem, answers::AuditOutcome, schedule::FiringWord)),
)]
struct Frame;

/// The parts under [`PREFIX`].
fn parts() -> Vec<utoipa::openapi::OpenApi> {
    vec![
        auth::Documented::openapi(),
        sessions::Documented::openapi(),
        api_keys::Documented::openapi(),
        second_factor::Documented::openapi(),
        projects::Documented::openapi(),
        members::Documented::openapi(),
        pipelines::Documented::openapi(),
        runs::Documented::openapi(),
        schedules::Documented::openapi(),
        schedule_checks::Documented::openapi(),
        schedule_pauses::Documented::openapi(),
        schedule_firings::Documented::openapi(),
        schedule_weeks::Documented::openapi(),
        breakers::Documented::openapi(),
        quarantine::Documented::openapi(),
        instances::Documented::openapi(),
        users::Documented::openapi(),
        invitations::Documented::openapi(),
        audit::Documented::openapi(),
    ]
}

/// The whole document.
/// Whether the document has such a route, for those who are logged in.
pub(crate) fn is_behind_login(method: &str, path: &str) -> bool {
    let document = document();
    let operation = &document["paths"][path][method.to_ascii_lowercase()];
    operation["security"].as_array().is_some_and(|ways| !ways.is_empty())
}

fn document() -> Value {
    let mut whole = Frame::openapi();
    whole.merge(health::Documented::openapi());
    whole.merge(auth::DocumentedKeys::openapi());
    for part in parts() {
        whole = whole.nest(PREFIX, part);
    }
    let mut document = serde_json::to_value(&whole).unwrap_or_default();
    document["info"] = info();
    schedule::complete(&mut document);
    schemas::complete(&mut document);
    schedule::answer(&mut document);
    show_examples(&mut document);
    common::complete(&mut document);
    document
}

/// Answers as a server gave them; those that derive their schema elsewhere have none of their own.
fn show_examples(document: &mut Value) {
    let examples: Map<String, Value> = serde_json::from_str(include_str!("examples.json")).unwrap_or_default();
    for (name, example) in examples {
        if let Some(schema) = document["components"]["schemas"].get_mut(&name) {
            schema["example"] = example;
        }
    }
}

fn info() -> Value {
    json!({
        "title": "GatheRing",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
    })
}

const DESCRIPTION: &str = "\
Durable work for teams of AI agents: pipelines, their runs, and everything that was done.

Bodies are JSON in both directions, with names in snake_case. Ids are UUIDs, times RFC 3339 in UTC, durations `500ms`, `30s`, `5m`, `1h`, `1d` or \
ISO 8601. Unknown fields and parameters are refused. What can be read with GET can be asked for with HEAD.

Lists come in pages, newest first: `limit` says how many items, `next_cursor` of an answer is the `cursor` of the next request, and is null on the last page.

Whatever is refused is answered as `application/problem+json` (RFC 9457); its `code` never changes. Log in with `POST /api/v1/auth/login`, and send the access \
token as `Authorization: Bearer TOKEN`. Machines send an API key in its place; what one is good for is told by its scopes. Each operation says what it takes. \
An administrator of the server may do in every project what an owner may; who is `viewer` on the server only looks, whatever the role in the project. What \
belongs to somebody else is answered as if it did not exist.

Words in answers, such as those of a status, may become more in a later version.";
