//! `/schedules/week` and `/schedules/{id}/week`: seven days as a picture.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Week, WeekQuery};
use utoipa::OpenApi;

use super::State;
use super::identity::Caller;
use super::openapi::parameters::{OfProject, OfWeek};
use super::parameters::Parameters;
use super::problem::Problem;
use super::route::{Id, methods, read};

const SVG: &str = "image/svg+xml";

/// The picture has its own styles, and needs nothing beside them: whatever a name in it might smuggle in is neither fetched nor run.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(of_project, of_one))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/schedules/week"), "GET, HEAD").route(read().to(of_project)))
        .service(methods(resource("/schedules/{id}/week"), "GET, HEAD").route(read().to(of_one)));
}

/// Draw a week of schedules
///
/// When the schedules of a project are due on seven days, on the clocks of one zone (UTC where none is named): 60 schedules, the newest first, and the number of the others.
#[utoipa::path(
    get,
    path = "/schedules/week",
    operation_id = "draw_week",
    tag = "schedules",
    params(OfProject, OfWeek),
    responses((status = 200, description = "A picture that needs nothing beside itself, for light and dark pages, and told in words within.",
        content_type = "image/svg+xml", body = String))
)]
async fn of_project(
    state: Data<State>,
    Caller(identity): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = WeekQuery {
        project_id: parameters.optional("project_id", "a UUID"),
        ..wanted(&mut parameters)
    };
    parameters.finish()?;
    Ok(drawn(&state.gathering.schedule_week(&identity, query).await?))
}

/// Draw a week of a schedule
///
/// When it is due on seven days, on the clocks of its own zone where no other is named.
#[utoipa::path(
    get,
    path = "/schedules/{id}/week",
    operation_id = "draw_week_of_schedule",
    tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule."), OfWeek),
    responses((status = 200, description = "A picture that needs nothing beside itself, for light and dark pages, and told in words within.",
        content_type = "image/svg+xml", body = String))
)]
async fn of_one(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<gathering::ScheduleId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = WeekQuery {
        schedule_id: Some(id),
        ..wanted(&mut parameters)
    };
    parameters.finish()?;
    Ok(drawn(&state.gathering.schedule_week(&identity, query).await?))
}

/// Which days, on whose clocks.
fn wanted(parameters: &mut Parameters) -> WeekQuery {
    WeekQuery {
        from: parameters.optional("from", "a day as in 2026-01-31"),
        timezone: parameters
            .optional("timezone", "the IANA name of a zone, as in Europe/Berlin")
            .map(|Zone(name): Zone| name),
        ..WeekQuery::default()
    }
}

/// The name of a zone that is known.
struct Zone(String);

impl std::str::FromStr for Zone {
    type Err = gathering::UnknownZone;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        gathering::zone(name).map(|_known| Self(name.to_owned()))
    }
}

fn drawn(week: &Week) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(SVG)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .body(week.to_svg())
}
