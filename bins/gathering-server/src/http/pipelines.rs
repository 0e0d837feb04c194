//! `/pipelines`: save, read, list, delete and check definitions.

use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{
    CreatedPipeline, Json, NewPipeline, PipelineChange, PipelineId, PipelineQuery, PipelineSummary, PipelineView,
};
use serde_json::json;
use utoipa::OpenApi;

use super::body::Incoming;
use super::idempotency::{Key, replayed};
use super::identity::Caller;
use super::openapi::parameters::{Named, OfProject, Paging};
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::revision::{etag, expected};
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What a definition looks like, in a word.
const DEFINITION: &str = "an object with `nodes` and `edges`";

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(create, list, get, update, delete, validate))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/pipelines"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(methods(resource("/pipelines/validate"), "POST").route(write(Method::POST).to(validate)))
        .service(
            methods(resource("/pipelines/{id}"), "GET, HEAD, PUT, DELETE")
                .route(read().to(get))
                .route(write(Method::PUT).to(update))
                .route(write(Method::DELETE).to(delete)),
        );
}

/// Save a pipeline
///
/// As its version 1. Everything that is wrong with the definition is told at once.
#[utoipa::path(
    post,
    path = "/pipelines",
    operation_id = "create_pipeline",
    tag = "pipelines",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body saves one pipeline, however often it is sent within a day.",
            min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = bodies::NewPipeline,
    responses(
        (status = 201, description = "The pipeline as it was saved.", body = PipelineView, headers(
            ("ETag" = String, description = "The version, to be sent as `If-Match`."),
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key had saved it, else `false`."),
            ("Location" = String, description = "The path of the pipeline."))),
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
    let new = NewPipeline {
        name: body.required("name", "a text"),
        definition: body.required_json("definition", DEFINITION),
        project_id: body.optional("project_id", "a UUID"),
    };
    body.finish()?;
    let CreatedPipeline {
        pipeline: created,
        replayed: again,
    } = match key {
        Some(key) => state.gathering.create_pipeline_once(&identity, new, &key).await?,
        None => CreatedPipeline {
            pipeline: state.gathering.create_pipeline(&identity, new).await?,
            replayed: false,
        },
    };
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/pipelines/{}", created.summary.id)))
        .insert_header((ETAG, etag(created.summary.version)))
        .insert_header(replayed(again))
        .json(created))
}

/// List pipelines
///
/// Newest first, without their definitions.
#[utoipa::path(
    get,
    path = "/pipelines",
    operation_id = "list_pipelines",
    tag = "pipelines",
    params(OfProject, Named, Paging),
    responses((status = 200, description = "Some of the pipelines.", body = answers::Page<PipelineSummary>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = PipelineQuery {
        project_id: parameters.optional("project_id", "a UUID"),
        name: parameters.name(),
        page: parameters.page(),
    };
    parameters.finish()?;
    let found = state.gathering.pipelines(&identity, query).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read a pipeline
///
/// In its latest version, or in the one that is asked for.
#[utoipa::path(
    get,
    path = "/pipelines/{id}",
    operation_id = "get_pipeline",
    tag = "pipelines",
    params(
        ("id" = Uuid, Path, description = "The pipeline."),
        ("version" = Option<i32>, Query, description = "The number of a version; the latest one where it is left out."),
    ),
    responses((status = 200, description = "The pipeline.", body = PipelineView,
        headers(("ETag" = String, description = "The version, to be sent as `If-Match`."))))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<PipelineId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let version = parameters.optional("version", "the number of a version");
    parameters.finish()?;
    let pipeline = state.gathering.pipeline(&identity, id, version).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(pipeline.summary.version)))
        .json(pipeline))
}

/// Save a new version of a pipeline
///
/// Runs that have started keep the version that they started with.
#[utoipa::path(
    put,
    path = "/pipelines/{id}",
    operation_id = "update_pipeline",
    tag = "pipelines",
    params(
        ("id" = Uuid, Path, description = "The pipeline."),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version that was changed, so that nobody's work is lost; `*`, or none, for any.",
            example = "\"3\"", pattern = r#"^(\*|"[1-9][0-9]{0,8}(-gzip)?")$"#),
    ),
    request_body = bodies::PipelineChange,
    responses(
        (status = 200, description = "The pipeline in its new version.", body = PipelineView,
            headers(("ETag" = String, description = "The new version."))),
        (status = 409, description = "It is the action of a schedule; `detail` names it."),
        (status = 412, description = "The latest version is another one; `detail` names it."),
    )
)]
async fn update(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<PipelineId>,
    request: HttpRequest,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let change = PipelineChange {
        name: body.optional("name", "a text"),
        definition: body.required_json("definition", DEFINITION),
        expected_version: expected(&request)?,
    };
    body.finish()?;
    let updated = state.gathering.update_pipeline(&identity, id, change).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, etag(updated.summary.version)))
        .json(updated))
}

/// Delete a pipeline
///
/// It cannot be started again. Its runs go on, and stay.
#[utoipa::path(
    delete,
    path = "/pipelines/{id}",
    operation_id = "delete_pipeline",
    tag = "pipelines",
    params(
        ("id" = Uuid, Path, description = "The pipeline."),
        ("If-Match" = Option<String>, Header, description = "The ETag of the version that is to be deleted, so that nobody's change is lost; `*`, or none, for any.",
            example = "\"3\"", pattern = r#"^(\*|"[1-9][0-9]{0,8}(-gzip)?")$"#),
    ),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "It is the action of a schedule; `detail` names it."),
        (status = 412, description = "The latest version is another one; `detail` names it."),
    )
)]
async fn delete(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<PipelineId>,
    request: HttpRequest,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    let version = expected(&request)?;
    state.gathering.delete_pipeline(&identity, id, version).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Check a definition
///
/// Saves nothing. The body may be the one that would save it.
#[utoipa::path(
    post,
    path = "/pipelines/validate",
    operation_id = "validate_pipeline",
    tag = "pipelines",
    request_body = bodies::Check,
    responses((status = 200, description = "Everything that is wrong with it.", body = answers::Verdict))
)]
async fn validate(state: Data<State>, Caller(identity): Caller, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let definition: Json = body.required_json("definition", DEFINITION);
    // So that what would be saved can be checked as it is.
    body.optional::<String>("name", "a text");
    body.optional::<String>("project_id", "a UUID");
    body.finish()?;
    let problems = state.gathering.validate_pipeline(&identity, definition).await?;
    Ok(HttpResponse::Ok().json(json!({ "valid": problems.is_empty(), "problems": problems })))
}
