//! `/breakers`: list, read, and close by hand.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{BreakerId, BreakerQuery, BreakerStatus, BreakerSummary, BreakerView};
use utoipa::OpenApi;

use super::body::Incoming;
use super::identity::Caller;
use super::openapi::parameters::{OfProject, Paging};
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(list, get, reset))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/breakers"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/breakers/{id}"), "GET, HEAD").route(read().to(get)))
        .service(methods(resource("/breakers/{id}/reset"), "POST").route(write(Method::POST).to(reset)));
}

/// List circuit breakers
///
/// Newest first. One that never failed is not among them.
#[utoipa::path(
    get,
    path = "/breakers",
    operation_id = "list_breakers",
    tag = "breakers",
    params(OfProject, Paging, ("status" = Option<BreakerStatus>, Query, description = "Breakers that stand so.")),
    responses((status = 200, description = "Some of the breakers.", body = answers::Page<BreakerSummary>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = BreakerQuery {
        project_id: parameters.optional("project_id", "a UUID"),
        status: parameters.optional("status", "closed, open or half_open"),
    };
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.breakers(&identity, query, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read a circuit breaker
///
/// With what happened to it of late.
#[utoipa::path(
    get,
    path = "/breakers/{id}",
    operation_id = "get_breaker",
    tag = "breakers",
    params(("id" = Uuid, Path, description = "The breaker.")),
    responses((status = 200, description = "The breaker.", body = BreakerView))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<BreakerId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.breaker(&identity, id).await?))
}

/// Close a circuit breaker by hand
///
/// On every server at once. Doing so again changes nothing.
#[utoipa::path(
    post,
    path = "/breakers/{id}/reset",
    operation_id = "reset_breaker",
    tag = "breakers",
    params(("id" = Uuid, Path, description = "The breaker.")),
    request_body = Option<bodies::Nothing>,
    responses((status = 200, description = "The breaker, closed.", body = BreakerView))
)]
async fn reset(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<BreakerId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.reset_breaker(&identity, id).await?))
}
