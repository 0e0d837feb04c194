//! `/pipelines`: save, read, list, delete and check definitions.

use actix_web::http::header::{ETAG, IF_MATCH, LOCATION};
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Json, NewPipeline, PipelineChange, PipelineId, PipelineView};
use serde_json::json;

use super::body::Incoming;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::{Place, Problem, Wrong};
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What a definition looks like, in a word.
const DEFINITION: &str = "an object with `nodes` and `edges`";

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

async fn create(state: Data<State>, Caller(identity): Caller, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let new = NewPipeline {
        name: body.required("name", "a text"),
        definition: body.required_json("definition", DEFINITION),
        project_id: body.optional("project_id", "a UUID"),
    };
    body.finish()?;
    let created = state.gathering.create_pipeline(&identity, new).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/pipelines/{}", created.summary.id)))
        .insert_header((ETAG, etag(&created)))
        .json(created))
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let project = parameters.optional("project_id", "a UUID");
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.pipelines(&identity, project, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

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
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(&pipeline))).json(pipeline))
}

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
        expected_version: expected_version(&request)?,
    };
    body.finish()?;
    let updated = state.gathering.update_pipeline(&identity, id, change).await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(&updated))).json(updated))
}

async fn delete(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<PipelineId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.delete_pipeline(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

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

/// The version is all that a definition depends on.
fn etag(pipeline: &PipelineView) -> String {
    format!("\"{}\"", pipeline.summary.version)
}

/// The version in `If-Match`; `*` and no header at all stand for any.
fn expected_version<T: std::str::FromStr>(request: &HttpRequest) -> Result<Option<T>, Problem> {
    let Some(value) = request.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"')?.parse().ok());
    version.map(Some).ok_or_else(|| {
        let message = "must be one ETag as this API sends it, such as \"3\", or *";
        Problem::invalid_request(&[Wrong::new(Place::Header("If-Match"), "invalid_value", message)])
    })
}
