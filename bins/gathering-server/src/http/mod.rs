//! The HTTP edge: one file per resource, and what they share.

mod api_keys;
mod audit;
mod auth;
mod body;
mod breakers;
mod client;
pub(crate) mod client_address;
mod code;
mod compression;
pub(crate) mod cors;
mod docs;
mod duration;
mod edge;
mod error;
mod fields;
mod heads;
mod health;
mod idempotency;
mod identity;
mod instances;
mod invitations;
pub(crate) mod limits;
mod members;
mod moment;
mod openapi;
mod panics;
mod parameters;
mod pipelines;
mod problem;
mod projects;
mod quarantine;
mod readiness;
mod request_id;
mod revision;
mod room;
mod route;
mod runs;
mod schedule_checks;
mod schedule_firings;
mod schedule_pauses;
mod schedule_weeks;
mod schedules;
mod second_factor;
mod sessions;
mod streams;
mod trace;
mod users;

use std::fmt::Display;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use gathering::{Entropy, Gathering};
use serde::Serialize;

use crate::metrics::Requests;

pub(crate) use self::compression::Compression;
pub(crate) use self::edge::{admit, edge};
pub(crate) use self::readiness::Readiness;
pub(crate) use self::room::Room;
pub(crate) use self::schedules::TOLD as TOLD_OF_SCHEDULES;
pub(crate) use self::streams::count_on;

/// What every request can get at.
#[derive(Debug)]
pub(crate) struct State {
    /// The use cases.
    pub(crate) gathering: Gathering,
    /// Makes request ids.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The largest request body, in bytes.
    pub(crate) body_limit: usize,
    /// Room for the bodies of all requests.
    pub(crate) bodies: Room,
    /// How often somebody may ask; `None` for as often as they like.
    pub(crate) limits: Option<limits::Limits>,
    /// Whom to believe about where requests come from.
    pub(crate) trust: client_address::Trust,
    /// Whose pages may use the API from a browser.
    pub(crate) cors: cors::Origins,
    /// Whether requests come over TLS, so that browsers are told to stay with it.
    pub(crate) tls: bool,
    /// Makes large answers small.
    pub(crate) compression: Compression,
    /// Whether this instance shall get requests.
    pub(crate) readiness: Readiness,
    /// What was asked for, in numbers.
    pub(crate) requests: Arc<Requests>,
}

/// All routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .configure(health::routes)
        .configure(auth::keys)
        .configure(openapi::routes)
        .configure(docs::routes)
        .service(
            web::scope("/api/v1")
                .configure(auth::routes)
                .configure(sessions::routes)
                .configure(api_keys::routes)
                .configure(projects::routes)
                .configure(members::routes)
                .configure(users::routes)
                .configure(invitations::routes)
                .configure(audit::routes)
                .configure(second_factor::routes)
                .configure(instances::routes)
                .configure(quarantine::routes)
                .configure(breakers::routes)
                .configure(runs::routes)
                .configure(pipelines::routes)
                // Before the schedules by id, which these paths are not.
                .configure(schedule_checks::routes)
                .configure(schedule_weeks::routes)
                .configure(schedule_pauses::routes)
                .configure(schedule_firings::routes)
                .configure(schedules::routes),
        )
        .default_service(web::to(route::not_found));
}

/// One page of a list, as every list is shown.
///
/// Written to text as it is: what a run has made may be nested more deeply than a `serde_json::Value` can be read from it.
#[derive(Debug, Serialize)]
struct Page<'a, T> {
    items: &'a [T],
    next_cursor: Option<String>,
}

impl<'a, T: Serialize> Page<'a, T> {
    fn new(items: &'a [T], next: Option<impl Display>) -> Self {
        Self {
            items,
            next_cursor: next.map(|next| next.to_string()),
        }
    }
}
