//! `/schedules/{id}/firings`, and asking for more of them: now, and for times that have passed.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{AskedFiring, Backfill, Firing, FiringQuery, ScheduleId};
use utoipa::OpenApi;

use super::body::Incoming;
use super::idempotency::{Key, replayed};
use super::identity::Caller;
use super::moment::{self, Moment};
use super::openapi::parameters::Paging;
use super::openapi::schedule::{FiringWord, Range};
use super::openapi::{answers, bodies};
use super::parameters::Parameters;
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(trigger, backfill, list))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/schedules/{id}/trigger"), "POST").route(write(Method::POST).to(trigger)))
        .service(methods(resource("/schedules/{id}/backfill"), "POST").route(write(Method::POST).to(backfill)))
        .service(methods(resource("/schedules/{id}/firings"), "GET, HEAD").route(read().to(list)));
}

/// Fire now
///
/// Once, beside what is due, also where the schedule is paused or has ended. Where an earlier firing must end first, it waits. A second request fires a second time,
/// unless it has the `Idempotency-Key` of the first.
#[utoipa::path(
    post,
    path = "/schedules/{id}/trigger",
    operation_id = "trigger_schedule",
    tag = "schedules",
    params(
        ("id" = Uuid, Path, description = "The schedule."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key fires the schedule once, however often it is sent within a day.",
            min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = Option<bodies::Nothing>,
    responses(
        (status = 202, description = "The firing is in the database, and starts at once, or after an earlier one.", body = Firing, headers(
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key had asked for it, else `false`."))),
        (status = 409, description = "As many firings wait as may."),
    )
)]
async fn trigger(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    Key(key): Key,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    let asked = match key {
        Some(key) => state.gathering.trigger_schedule_once(&identity, id, &key).await?,
        None => AskedFiring {
            firing: state.gathering.trigger_schedule(&identity, id).await?,
            replayed: false,
        },
    };
    Ok(HttpResponse::Accepted()
        .insert_header(replayed(asked.replayed))
        .json(asked.firing))
}

/// Fire for times that have passed
///
/// The due times of a range, as the schedule is now, that were missed, skipped, or never came: at most 1,000. Those that fired do not again, so asking twice does no harm.
#[utoipa::path(
    post,
    path = "/schedules/{id}/backfill",
    operation_id = "backfill_schedule",
    tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule.")),
    request_body = Range,
    responses(
        (status = 202, description = "What fires now, or waits to.", body = Backfill),
        (status = 409, description = "More firings would wait than may; none of these does."),
    )
)]
async fn backfill(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let [from, until] = ["from", "until"].map(|name| body.required(name, moment::SHAPE));
    body.finish()?;
    let (Moment(from), Moment(until)) = (from, until);
    let backfill = state.gathering.backfill_schedule(&identity, id, from, until).await?;
    Ok(HttpResponse::Accepted().json(backfill))
}

/// List the firings of a schedule
///
/// By their due times, the latest first.
#[utoipa::path(
    get,
    path = "/schedules/{id}/firings",
    operation_id = "list_firings",
    tag = "schedules",
    params(
        ("id" = Uuid, Path, description = "The schedule."),
        Paging,
        ("status" = Option<FiringWord>, Query, description = "Firings that have become this."),
    ),
    responses((status = 200, description = "Some of the firings.", body = answers::Page<Firing>))
)]
async fn list(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = FiringQuery {
        status: parameters.optional(
            "status",
            "buffered, started, succeeded, failed, cancelled, skipped or missed",
        ),
        before: parameters
            .optional("cursor", "the next_cursor of an earlier page")
            .map(|Moment(due_at): Moment| due_at),
        limit: parameters.limit(),
    };
    parameters.finish()?;
    let found = state.gathering.firings(&identity, id, query).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}
