//! `/schedules/validate`, before one is saved, and `/schedules/{id}/why`, when one does not fire.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};
use gathering::{ProjectId, ScheduleCheck, ScheduleId, ScheduleWhy};
use utoipa::OpenApi;

use super::body::Incoming;
use super::identity::Caller;
use super::openapi::schedule::NewSchedule;
use super::parameters::NoParameters;
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::schedules::FIELDS;
use super::{Method, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(validate, why))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/schedules/validate"), "POST").route(write(Method::POST).to(validate)))
        .service(methods(resource("/schedules/{id}/why"), "GET, HEAD").route(read().to(why)));
}

/// Check a schedule
///
/// Saves nothing. The body is the one that would save it; the answer has everything that is wrong with it, or its next ten due times, in UTC and on the clocks of its
/// zone.
#[utoipa::path(
    post,
    path = "/schedules/validate",
    operation_id = "validate_schedule",
    tag = "schedules",
    request_body = NewSchedule,
    responses(
        (status = 200, description = "What is wrong with it, and when it would be due.", body = ScheduleCheck),
        (status = 404, description = "There is no such project, or it belongs to somebody else."),
    )
)]
async fn validate(state: Data<State>, Caller(identity): Caller, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let project: Option<ProjectId> = body.optional("project_id", "a UUID");
    let definition = body.object_of(&FIELDS);
    body.finish()?;
    let check = state
        .gathering
        .validate_schedule(&identity, project, definition)
        .await?;
    Ok(HttpResponse::Ok().json(check))
}

/// Ask why a schedule does not fire
///
/// In a sentence, and everything that holds it back as data, the weightiest first.
#[utoipa::path(
    get,
    path = "/schedules/{id}/why",
    operation_id = "explain_schedule",
    tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule.")),
    responses((status = 200, description = "What holds it back.", body = ScheduleWhy))
)]
async fn why(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.why_schedule(&identity, id).await?))
}
