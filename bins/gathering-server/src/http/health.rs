//! `/health`: is the process alive, and shall it get requests.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};
use serde_json::json;

use super::State;
use super::problem::Problem;
use super::route::{methods, read};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/health/live"), "GET, HEAD").route(read().to(live)))
        .service(methods(resource("/health/ready"), "GET, HEAD").route(read().to(ready)));
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

async fn ready(state: Data<State>) -> Result<HttpResponse, Problem> {
    state.readiness.check(&state.gathering).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
