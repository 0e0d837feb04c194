//! `/runs`: start, cancel one or many, read, list, and the journal of one.

use std::collections::BTreeMap;
use std::num::ParseIntError;
use std::str::FromStr;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use gathering::{
    CancelPart, CancelProgress, CancelReport, CancelRuns, JournalEntry, Json, NewRun, PipelineId, RunFilter, RunQuery,
    RunStatus, RunSummary, RunView,
};
use serde_json::json;
use utoipa::OpenApi;

use super::body::Incoming;
use super::idempotency::{key, replayed};
use super::identity::Caller;
use super::moment::{self, Moment};
use super::openapi::parameters::{OfProject, Paging, PagingByNumber};
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, Run, log_run, methods, read, write};
use super::trace::Trace;
use super::{Method, Page, State};

/// How many runs one request cancels when nobody says.
const USUAL_PART: u32 = 1_000;
const LABELS: &str = r#"a JSON object of texts, as in {"team":"blue"}"#;

/// The parameter `labels`.
struct Labels(BTreeMap<String, String>);

impl FromStr for Labels {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text).map(Self)
    }
}

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(start, list, cancel_many, get, cancel, journal))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/pipelines/{id}/runs"), "POST").route(write(Method::POST).to(start)))
        .service(methods(resource("/runs"), "GET, HEAD").route(read().to(list)))
        // Before the runs by id, which it is not.
        .service(methods(resource("/runs/cancel"), "POST").route(write(Method::POST).to(cancel_many)))
        .service(methods(resource("/runs/{id}"), "GET, HEAD").route(read().to(get)))
        .service(methods(resource("/runs/{id}/cancel"), "POST").route(write(Method::POST).to(cancel)))
        .service(methods(resource("/runs/{id}/journal"), "GET, HEAD").route(read().to(journal)));
}

/// Start a run
///
/// Of the latest version of the pipeline. The answer comes when the run is durable, and does not wait for it.
#[utoipa::path(
    post,
    path = "/pipelines/{id}/runs",
    operation_id = "start_run",
    tag = "runs",
    params(
        ("id" = Uuid, Path, description = "The pipeline."),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body starts one run, however often it is sent.",
            min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = Option<bodies::NewRun>,
    responses(
        (status = 202, description = "The run is in the database.", body = answers::StartedRun, headers(
            ("Location" = String, description = "The path of the run."),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key had started it, else `false`."))),
        (status = 409, description = "The pipeline is the action of a schedule; `detail` names it."),
    )
)]
async fn start(
    state: Data<State>,
    Caller(identity): Caller,
    Id(pipeline): Id<PipelineId>,
    request: HttpRequest,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object_or_nothing().await?;
    let new = NewRun {
        input: body.optional_json("input").unwrap_or_else(Json::null),
        labels: body.optional("labels", "an object of texts").unwrap_or_default(),
        priority: body
            .optional("priority", "a number from -32768 to 32767")
            .unwrap_or_default(),
        idempotency_key: key(&request)?,
        trace: request.extensions().get::<Trace>().map(|trace| trace.own.clone()),
    };
    body.finish()?;
    let started = state.gathering.start_run(&identity, pipeline, new).await?;
    log_run(started.id);
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/api/v1/runs/{}", started.id)))
        .insert_header(replayed(started.replayed))
        .json(json!({ "id": started.id, "status": started.status })))
}

/// List runs
///
/// Newest first, without inputs, outputs and nodes.
#[utoipa::path(
    get,
    path = "/runs",
    operation_id = "list_runs",
    tag = "runs",
    params(
        OfProject,
        Paging,
        ("pipeline_id" = Option<Uuid>, Query, description = "Runs of this pipeline."),
        ("status" = Option<RunStatus>, Query, description = "Runs that are this far."),
        ("labels" = Option<String>, Query, description = "Runs that have all of these labels: a JSON object of texts.", example = r#"{"team":"blue"}"#),
        ("created_before" = Option<String>, Query, format = DateTime, description = "Runs that were created earlier."),
        ("created_after" = Option<String>, Query, format = DateTime, description = "Runs that were created later."),
    ),
    responses((status = 200, description = "Some of the runs.", body = answers::Page<RunSummary>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = RunQuery {
        project_id: parameters.optional("project_id", "a UUID"),
        filter: RunFilter {
            pipeline_id: parameters.optional("pipeline_id", "a UUID"),
            status: parameters.optional(
                "status",
                "queued, running, waiting, completed, failed, cancelled or timed_out",
            ),
            labels: parameters
                .optional("labels", LABELS)
                .map_or_else(BTreeMap::new, |Labels(labels)| labels),
            created_before: parameters
                .optional("created_before", moment::SHAPE)
                .map(|Moment(time)| time),
            created_after: parameters
                .optional("created_after", moment::SHAPE)
                .map(|Moment(time)| time),
        },
    };
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.runs(&identity, query, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read a run
///
/// With what became of each node.
#[utoipa::path(
    get,
    path = "/runs/{id}",
    operation_id = "get_run",
    tag = "runs",
    params(("id" = Uuid, Path, description = "The run.")),
    responses((status = 200, description = "The run.", body = RunView))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Run(id): Run,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.run(&identity, id).await?))
}

/// Cancel a run
///
/// It ends at once and for good, and the work stops within a second, on whichever server it is. Doing so again changes nothing.
#[utoipa::path(
    post,
    path = "/runs/{id}/cancel",
    operation_id = "cancel_run",
    tag = "runs",
    params(("id" = Uuid, Path, description = "The run.")),
    request_body = Option<bodies::WithReason>,
    responses(
        (status = 200, description = "What it came to.", body = CancelReport),
        (status = 409, description = "The run had ended by itself before."),
    )
)]
async fn cancel(
    state: Data<State>,
    Caller(identity): Caller,
    Run(id): Run,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object_or_nothing().await?;
    let reason: Option<String> = body.optional("reason", "a text");
    body.finish()?;
    let report = state.gathering.cancel_run(&identity, id, reason.as_deref()).await?;
    Ok(HttpResponse::Ok().json(report))
}

/// Cancel many runs
///
/// All open ones that match, part by part: repeat the request with `next_cursor` as `cursor` until it is null.
#[utoipa::path(
    post,
    path = "/runs/cancel",
    operation_id = "cancel_runs",
    tag = "runs",
    request_body = bodies::CancelRuns,
    responses(
        (status = 200, description = "What this part came to, and what remains.", body = CancelProgress),
        (status = 404, description = "There is no such project, or it belongs to somebody else."),
    )
)]
async fn cancel_many(
    state: Data<State>,
    Caller(identity): Caller,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let asked = CancelRuns {
        project_id: body.optional("project_id", "a UUID"),
        filter: RunFilter {
            pipeline_id: body.optional("pipeline_id", "a UUID"),
            status: body.optional("status", "queued, running or waiting"),
            labels: body.optional("labels", "an object of texts").unwrap_or_default(),
            created_before: body.optional("created_before", moment::SHAPE).map(|Moment(time)| time),
            created_after: body.optional("created_after", moment::SHAPE).map(|Moment(time)| time),
        },
        all: body.optional("all", "true or false").unwrap_or_default(),
        reason: body.optional("reason", "a text"),
        part: CancelPart {
            limit: body.optional("limit", "a number from 1 to 5000").unwrap_or(USUAL_PART),
            from: body.optional("cursor", "the next_cursor of an earlier answer"),
        },
    };
    body.finish()?;
    let progress = state.gathering.cancel_runs(&identity, asked).await?;
    Ok(HttpResponse::Ok().json(progress))
}

/// The number of the last entry that was read; 0 before the first.
struct Number(i32);

impl FromStr for Number {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        // What is less than 0 is as wrong as what is no number.
        let number: u32 = text.parse()?;
        Ok(Self(i32::try_from(number).unwrap_or(i32::MAX)))
    }
}

/// Read the journal of a run
///
/// Everything that became of its nodes, in the order in which it happened.
#[utoipa::path(
    get,
    path = "/runs/{id}/journal",
    operation_id = "list_journal_entries",
    tag = "runs",
    params(("id" = Uuid, Path, description = "The run."), PagingByNumber),
    responses((status = 200, description = "Some of the entries.", body = answers::Page<JournalEntry>))
)]
async fn journal(
    state: Data<State>,
    Caller(identity): Caller,
    Run(id): Run,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let limit = parameters.limit();
    let after = parameters
        .optional("cursor", "the next_cursor of an earlier page")
        .map_or(0, |after: Number| after.0);
    parameters.finish()?;
    // One more than is wanted: whether it is there tells whether another page follows.
    let mut entries = state.gathering.journal(&identity, id, after, limit + 1).await?;
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    let next = entries.last().filter(|_| more).map(|entry| entry.seq);
    Ok(HttpResponse::Ok().json(Page::new(&entries, next)))
}
