//! `/schedules/{id}/pause` and `/schedules/{id}/resume`.

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::{Data, ServiceConfig, resource};
use gathering::{Schedule, ScheduleId};
use utoipa::OpenApi;

use super::body::Incoming;
use super::identity::Caller;
use super::openapi::bodies;
use super::openapi::schedule::Pause;
use super::problem::Problem;
use super::revision::etag;
use super::route::{Id, methods, write};
use super::{Method, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(pause, resume))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/schedules/{id}/pause"), "POST").route(write(Method::POST).to(pause)))
        .service(methods(resource("/schedules/{id}/resume"), "POST").route(write(Method::POST).to(resume)));
}

/// Pause a schedule
///
/// Due times pass without firing from the answer on, and are not made up for; what has started goes on. One that is paused already keeps its reason.
#[utoipa::path(
    post,
    path = "/schedules/{id}/pause",
    operation_id = "pause_schedule",
    tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule.")),
    request_body = Pause,
    responses((status = 200, description = "The schedule, paused.", body = Schedule,
        headers(("ETag" = String, description = "The revision, to be sent as `If-Match`."))))
)]
async fn pause(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let reason: String = body.required("reason", "a text");
    body.finish()?;
    let paused = state.gathering.pause_schedule(&identity, id, &reason).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(paused.revision)))
        .json(paused))
}

/// Let a schedule go on
///
/// With its next due time after now; its failures are forgotten. One that is not paused stays as it is.
#[utoipa::path(
    post,
    path = "/schedules/{id}/resume",
    operation_id = "resume_schedule",
    tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule.")),
    request_body = Option<bodies::Nothing>,
    responses((status = 200, description = "The schedule, at work again.", body = Schedule,
        headers(("ETag" = String, description = "The revision, to be sent as `If-Match`."))))
)]
async fn resume(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    let resumed = state.gathering.resume_schedule(&identity, id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(resumed.revision)))
        .json(resumed))
}
