//! `/schedules`: save, list, read, change and delete them.

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{CreatedSchedule, NewSchedule, Schedule, ScheduleId, ScheduleQuery, ScheduleStatus};
use utoipa::OpenApi;

use super::body::Incoming;
use super::idempotency::{Key, replayed};
use super::identity::Caller;
use super::openapi::parameters::{Named, OfProject, Paging};
use super::openapi::{answers, schedule};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::revision::{etag, expected};
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// The fields of a schedule, which are checked where they are understood; with `paused`, which only a new one has.
pub(super) const FIELDS: [&str; 19] = [
    "name",
    "description",
    "kind",
    "cron",
    "dst",
    "every",
    "mode",
    "at",
    "timezone",
    "start_at",
    "end_at",
    "exclude",
    "max_firings",
    "jitter",
    "misfire",
    "overlap",
    "pause_after_failures",
    "action",
    "paused",
];

/// What `GET` tells besides. It may be sent back, so that whoever changes one field need not take the others out; it changes nothing.
pub(crate) const TOLD: [&str; 14] = [
    "id",
    "project_id",
    "revision",
    "status",
    "paused",
    "next_due_at",
    "next_fire_at",
    "open_firings",
    "buffered_firings",
    "fired",
    "failures_in_a_row",
    "created_by",
    "created_at",
    "updated_at",
];

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(create, list, get, update, delete))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/schedules"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(
            methods(resource("/schedules/{id}"), "GET, HEAD, PUT, DELETE")
                .route(read().to(get))
                .route(write(Method::PUT).to(update))
                .route(write(Method::DELETE).to(delete)),
        );
}

/// Create a schedule
///
/// It is due from the answer on, unless it is saved as paused. Everything that is wrong with it is told at once, and a pattern that is never due is refused.
#[utoipa::path(
    post,
    path = "/schedules",
    operation_id = "create_schedule",
    tag = "schedules",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body makes one schedule, however often it is sent within a day.",
            min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$"),
    ),
    request_body(content = schedule::NewSchedule, examples(
        ("cron" = (summary = "Each night, on the clocks of a zone", value = json!({"name": "nightly report", "kind": "cron", "cron": "0 3 * * *",
            "timezone": "Europe/Berlin", "action": {"type": "execute_pipeline", "pipeline_id": "0193c3f2-7b1e-7000-8000-3d9c5c0f1a2b",
            "input": {"day": "{{ firing.due_at }}"}}}))),
        ("interval" = (summary = "Every 30 seconds, never two at once", value = json!({"name": "ping", "kind": "interval", "every": "30s", "overlap": "skip",
            "pause_after_failures": 5, "action": {"type": "call_api", "url": "https://example.org/ping", "method": "POST",
            "body": {"due": "{{ firing.due_at }}"}, "retry": {"max_attempts": 3}, "timeout": "10s"}}))),
        ("once" = (summary = "Once", value = json!({"name": "reminder", "kind": "once", "at": "2027-12-24T15:00:00Z",
            "action": {"type": "send_notification", "url": "https://example.org/hooks/team", "message": "The shop closes in an hour."}}))),
    )),
    responses(
        (status = 201, description = "The schedule as it was saved, with every policy.", body = Schedule, headers(
            ("ETag" = String, description = "The revision, to be sent as `If-Match`."),
            ("Location" = String, description = "The path of the schedule."),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key had made it, else `false`."))),
        (status = 404, description = "There is no such project, or it belongs to somebody else."),
    )
)]
async fn create(
    state: Data<State>,
    Caller(identity): Caller,
    Key(key): Key,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let new = NewSchedule {
        project_id: body.optional("project_id", "a UUID"),
        definition: body.object_of(&FIELDS),
    };
    body.finish()?;
    let created = match key {
        Some(key) => state.gathering.create_schedule_once(&identity, new, &key).await?,
        None => CreatedSchedule {
            schedule: state.gathering.create_schedule(&identity, new).await?,
            replayed: false,
        },
    };
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/schedules/{}", created.schedule.id)))
        .insert_header((ETAG, etag(created.schedule.revision)))
        .insert_header(replayed(created.replayed))
        .json(created.schedule))
}

/// List schedules
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/schedules",
    operation_id = "list_schedules",
    tag = "schedules",
    params(OfProject, Named, Paging, ("status" = Option<ScheduleStatus>, Query, description = "Schedules that are this.")),
    responses((status = 200, description = "Some of the schedules.", body = answers::Page<Schedule>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = ScheduleQuery {
        project_id: parameters.optional("project_id", "a UUID"),
        status: parameters.optional("status", "active, paused or ended"),
        name: parameters.name(),
        page: parameters.page(),
    };
    parameters.finish()?;
    let found = state.gathering.schedules(&identity, query).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read a schedule
///
/// With every policy, also those that were left out when it was saved, and how it stands.
#[utoipa::path(
    get,
    path = "/schedules/{id}",
    operation_id = "get_schedule",
    tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule.")),
    responses((status = 200, description = "The schedule.", body = Schedule,
        headers(("ETag" = String, description = "The revision, to be sent as `If-Match`."))))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    let schedule = state.gathering.schedule(&identity, id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(schedule.revision)))
        .json(schedule))
}

/// Change a schedule
///
/// All of it is sent: what is left out has its default from then on. What `GET` answers may be sent back with one field changed. What was due before, and has not fired yet, fires as it was; firings that have started go on as they
/// are. A pause stays.
#[utoipa::path(
    put,
    path = "/schedules/{id}",
    operation_id = "update_schedule",
    tag = "schedules",
    params(
        ("id" = Uuid, Path, description = "The schedule."),
        ("If-Match" = Option<String>, Header, description = "The ETag of the revision that was changed, so that nobody's work is lost; `*`, or none, for any.",
            example = "\"3\"", pattern = r#"^(\*|"[1-9][0-9]{0,8}(-gzip)?")$"#),
    ),
    request_body = schedule::ScheduleChange,
    responses(
        (status = 200, description = "The schedule in its new revision.", body = Schedule,
            headers(("ETag" = String, description = "The new revision."))),
        (status = 412, description = "The latest revision is another one; `detail` names it."),
    )
)]
async fn update(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    request: HttpRequest,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let definition = body.object_of(&FIELDS[..FIELDS.len() - 1]);
    drop(body.object_of(&TOLD));
    let revision = expected(&request)?;
    body.finish()?;
    let updated = state
        .gathering
        .update_schedule(&identity, id, definition, revision)
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(updated.revision)))
        .json(updated))
}

/// Delete a schedule
///
/// Nothing fires any more. Firings that wait never start; those that have started go on, and stay.
#[utoipa::path(
    delete,
    path = "/schedules/{id}",
    operation_id = "delete_schedule",
    tag = "schedules",
    params(
        ("id" = Uuid, Path, description = "The schedule."),
        ("If-Match" = Option<String>, Header, description = "The ETag of the revision that is to be deleted, so that nobody's change is lost; `*`, or none, for any.",
            example = "\"3\"", pattern = r#"^(\*|"[1-9][0-9]{0,8}(-gzip)?")$"#),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 412, description = "The latest revision is another one; `detail` names it."),
    )
)]
async fn delete(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ScheduleId>,
    request: HttpRequest,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    let revision = expected(&request)?;
    state.gathering.delete_schedule(&identity, id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}
