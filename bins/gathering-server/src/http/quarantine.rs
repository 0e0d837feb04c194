//! `/quarantine` and `/runs/{id}/nodes/{node}`: nodes that kill their processes, and what becomes of them.

use actix_web::web::{Data, Path, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{NodeReport, QuarantinedNode};
use utoipa::OpenApi;

use super::body::Incoming;
use super::identity::Caller;
use super::openapi::parameters::{OfProject, PagingByPlace};
use super::openapi::{answers, bodies};
use super::parameters::Parameters;
use super::problem::Problem;
use super::route::{Run, methods, read, write};
use super::{Method, Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(list, release, fail))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/quarantine"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/runs/{id}/nodes/{node}/release"), "POST").route(write(Method::POST).to(release)))
        .service(methods(resource("/runs/{id}/nodes/{node}/fail"), "POST").route(write(Method::POST).to(fail)));
}

/// List nodes in quarantine
///
/// Those of the newest runs first.
#[utoipa::path(
    get,
    path = "/quarantine",
    operation_id = "list_quarantined_nodes",
    tag = "quarantine",
    params(OfProject, PagingByPlace),
    responses((status = 200, description = "Some of the nodes.", body = answers::Page<QuarantinedNode>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let project = parameters.optional("project_id", "a UUID");
    let limit = parameters.limit();
    let after = parameters.optional("cursor", "the next_cursor of an earlier page");
    parameters.finish()?;
    let found = state.gathering.quarantine(&identity, project, after, limit).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Let a node out of quarantine
///
/// Its next attempt follows at once. A node that is not in quarantine is left as it is.
#[utoipa::path(
    post,
    path = "/runs/{id}/nodes/{node}/release",
    operation_id = "release_node",
    tag = "quarantine",
    params(("id" = Uuid, Path, description = "The run."), ("node" = String, Path, description = "The id of the node in the definition.")),
    request_body = Option<bodies::Nothing>,
    responses((status = 200, description = "What became of the node.", body = NodeReport))
)]
async fn release(
    state: Data<State>,
    Caller(identity): Caller,
    Run(run): Run,
    path: Path<(String, String)>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    let report = state.gathering.release_node(&identity, run, &path.1).await?;
    Ok(HttpResponse::Ok().json(report))
}

/// Give up a node in quarantine
///
/// Its run goes on as after any other failure. A node that is not in quarantine is left as it is.
#[utoipa::path(
    post,
    path = "/runs/{id}/nodes/{node}/fail",
    operation_id = "fail_node",
    tag = "quarantine",
    params(("id" = Uuid, Path, description = "The run."), ("node" = String, Path, description = "The id of the node in the definition.")),
    request_body = Option<bodies::WithReason>,
    responses((status = 200, description = "What became of the node.", body = NodeReport))
)]
async fn fail(
    state: Data<State>,
    Caller(identity): Caller,
    Run(run): Run,
    path: Path<(String, String)>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object_or_nothing().await?;
    let reason: Option<String> = body.optional("reason", "a text");
    body.finish()?;
    let report = state
        .gathering
        .fail_node(&identity, run, &path.1, reason.as_deref())
        .await?;
    Ok(HttpResponse::Ok().json(report))
}
