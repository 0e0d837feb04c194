//! `/auth/refresh`, `/auth/logout`, `/auth/sessions`, `/auth/password`: what keeps a login going, and what ends it.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::SessionId;
use secrecy::SecretString;

use super::auth::shown;
use super::body::Incoming;
use super::client::client;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/auth/refresh"), "POST").route(write(Method::POST).to(refresh)))
        .service(methods(resource("/auth/logout"), "POST").route(write(Method::POST).to(logout)))
        .service(methods(resource("/auth/password"), "POST").route(write(Method::POST).to(change_password)))
        .service(methods(resource("/auth/sessions"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/auth/sessions/{id}"), "DELETE").route(write(Method::DELETE).to(end)));
}

async fn refresh(state: Data<State>, request: HttpRequest, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let token = SecretString::from(body.required::<String>("refresh_token", "a text"));
    body.finish()?;
    let tokens = state.gathering.refresh(token, &client(&request)).await?;
    Ok(HttpResponse::Ok().json(shown(&tokens)))
}

async fn logout(state: Data<State>, Caller(identity): Caller, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object_or_nothing().await?;
    let everywhere: bool = body.optional("everywhere", "true or false").unwrap_or_default();
    body.finish()?;
    if everywhere {
        state.gathering.logout_everywhere(&identity).await?;
    } else {
        state.gathering.logout(&identity).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn change_password(
    state: Data<State>,
    Caller(identity): Caller,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let current = SecretString::from(body.required::<String>("current_password", "a text"));
    let new = SecretString::from(body.required::<String>("new_password", "a text"));
    body.finish()?;
    state.gathering.change_password(&identity, current, new).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.sessions(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn end(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<SessionId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.end_session(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
