//! `/health`: is the process alive, and shall it get requests.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};
use serde_json::json;
use utoipa::OpenApi;

use super::State;
use super::openapi::answers;
use super::problem::Problem;
use super::route::{methods, read};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(live, ready))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/health/live"), "GET, HEAD").route(read().to(live)))
        .service(methods(resource("/health/ready"), "GET, HEAD").route(read().to(ready)));
}

/// Is the process alive
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "get_liveness",
    tag = "health",
    security(()),
    responses((status = 200, description = "It is.", body = answers::Health, example = json!({"status": "alive"})))
)]
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

/// Shall this server get requests
///
/// Not while it shuts down, while the database is away, or while it works on no run.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "get_readiness",
    tag = "health",
    security(()),
    responses((status = 200, description = "It shall.", body = answers::Health, example = json!({"status": "ready"})))
)]
async fn ready(state: Data<State>) -> Result<HttpResponse, Problem> {
    state.readiness.check(&state.gathering).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
