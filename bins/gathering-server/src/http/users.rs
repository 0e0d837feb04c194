//! `/users`: who has an account, and what they are; for administrators.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Role, UserId};

use super::body::Incoming;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What a role on the server must be.
pub(super) const ROLE: &str = r#""admin", "member" or "viewer""#;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/users"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/users/{id}"), "GET, HEAD").route(read().to(get)))
        .service(methods(resource("/users/{id}/role"), "PUT").route(write(Method::PUT).to(set_role)))
        .service(methods(resource("/users/{id}/disable"), "POST").route(write(Method::POST).to(disable)))
        .service(methods(resource("/users/{id}/enable"), "POST").route(write(Method::POST).to(enable)));
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.users(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.user(&identity, id).await?))
}

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

async fn disable(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.set_disabled(&identity, id, true).await?))
}

async fn enable(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<UserId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.set_disabled(&identity, id, false).await?))
}
