//! `/instances`: which servers work on the database.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{InstanceView, Role};
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::identity::Caller;
use super::openapi::answers;
use super::openapi::parameters::Paging;
use super::parameters::Parameters;
use super::problem::Problem;
use super::route::{methods, read};
use super::{Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(list))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(methods(resource("/instances"), "GET, HEAD").route(read().to(list)));
}

/// List the servers that work on the database
///
/// The youngest first.
#[utoipa::path(
    get,
    path = "/instances",
    operation_id = "list_instances",
    tag = "instances",
    params(Paging),
    responses((status = 200, description = "Some of the servers.", body = answers::Page<answers::Instance>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.instances(&identity, wanted).await?;
    // What else there is to know of them is of the runs of all projects.
    let all = identity.role == Role::Admin;
    let items: Vec<_> = found.items.iter().map(|instance| shown(instance, all)).collect();
    Ok(HttpResponse::Ok().json(Page::new(&items, found.next)))
}

fn shown(instance: &InstanceView, all: bool) -> Value {
    let mut shown = json!({"id": instance.id, "started_at": instance.started_at,
                           "heartbeat_age": gathering::format_duration(instance.heartbeat_age)});
    if all {
        shown["name"] = json!(instance.name);
        shown["runs"] = json!(instance.runs);
    }
    shown
}
