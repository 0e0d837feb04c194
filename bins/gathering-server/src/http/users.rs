//! `/users`: who has an account, and what they are; for administrators.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Role, User, UserId};
use utoipa::OpenApi;

use super::body::Incoming;
use super::identity::Caller;
use super::openapi::parameters::Paging;
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What a role on the server must be.
pub(super) const ROLE: &str = r#""admin", "member" or "viewer""#;

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(list, get, set_role, disable, enable))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/users"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/users/{id}"), "GET, HEAD").route(read().to(get)))
        .service(methods(resource("/users/{id}/role"), "PUT").route(write(Method::PUT).to(set_role)))
        .service(methods(resource("/users/{id}/disable"), "POST").route(write(Method::POST).to(disable)))
        .service(methods(resource("/users/{id}/enable"), "POST").route(write(Method::POST).to(enable)));
}

/// List users
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "list_users",
    tag = "users",
    params(("email" = Option<String>, Query, description = "The user of this address, however its letters are cased."), Paging),
    responses((status = 200, description = "Some of the users.", body = answers::Page<User>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let email: Option<String> = parameters.optional("email", "an email address");
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.users(&identity, email.as_deref(), wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read a user
#[utoipa::path(
    get,
    path = "/users/{id}",
    operation_id = "get_user",
    tag = "users",
    params(("id" = Uuid, Path, description = "The user.")),
    responses((status = 200, description = "The user.", body = User))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.user(&identity, id).await?))
}

/// Say what a user is on this server
///
/// Where that is something else than before, the sessions and API keys of the user end.
#[utoipa::path(
    put,
    path = "/users/{id}/role",
    operation_id = "set_role",
    tag = "users",
    params(("id" = Uuid, Path, description = "The user.")),
    request_body = bodies::UserRole,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 409, description = "It is the last administrator."),
    )
)]
async fn set_role(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let role: Role = body.required("role", ROLE);
    body.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.set_role(&identity, id, role).await?))
}

/// Disable a user
///
/// The sessions and API keys of the user end, and there is no login until the user is enabled again.
#[utoipa::path(
    post,
    path = "/users/{id}/disable",
    operation_id = "disable_user",
    tag = "users",
    params(("id" = Uuid, Path, description = "The user.")),
    request_body = Option<bodies::Nothing>,
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 409, description = "It is the last administrator."),
    )
)]
async fn disable(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.set_disabled(&identity, id, true).await?))
}

/// Enable a user
///
/// Who was disabled may log in again. Doing so again changes nothing.
#[utoipa::path(
    post,
    path = "/users/{id}/enable",
    operation_id = "enable_user",
    tag = "users",
    params(("id" = Uuid, Path, description = "The user.")),
    request_body = Option<bodies::Nothing>,
    responses((status = 200, description = "The user.", body = User))
)]
async fn enable(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.set_disabled(&identity, id, false).await?))
}
