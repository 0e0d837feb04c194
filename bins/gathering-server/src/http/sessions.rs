//! `/auth/refresh`, `/auth/logout`, `/auth/sessions`, `/auth/password`: what keeps a login going, and what ends it.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Session, SessionId};
use secrecy::SecretString;
use utoipa::OpenApi;

use super::auth::shown;
use super::body::Incoming;
use super::client::client;
use super::identity::Caller;
use super::openapi::parameters::Paging;
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(refresh, logout, change_password, list, end))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/auth/refresh"), "POST").route(write(Method::POST).to(refresh)))
        .service(methods(resource("/auth/logout"), "POST").route(write(Method::POST).to(logout)))
        .service(methods(resource("/auth/password"), "POST").route(write(Method::POST).to(change_password)))
        .service(methods(resource("/auth/sessions"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/auth/sessions/{id}"), "DELETE").route(write(Method::DELETE).to(end)));
}

/// Exchange a refresh token
///
/// For the next one, with a new access token of the same session. A token that was used before ends its session, but the last one gives the same next token again for ten seconds, as when an answer was lost.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    operation_id = "refresh_session",
    tag = "accounts",
    security(()),
    request_body = bodies::Refresh,
    responses(
        (status = 200, description = "The next tokens of the session.", body = answers::Tokens),
        (status = 401, description = "The refresh token is unknown, was used before, or belongs to a session that is over."),
    )
)]
async fn refresh(state: Data<State>, request: HttpRequest, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let token = SecretString::from(body.required::<String>("refresh_token", "a text"));
    body.finish()?;
    let tokens = state.gathering.refresh(token, &client(&request)).await?;
    Ok(HttpResponse::Ok().json(shown(&tokens)))
}

/// Log out
///
/// Ends the session of the token, or all sessions of its user.
#[utoipa::path(
    post,
    path = "/auth/logout",
    operation_id = "end_own_session",
    tag = "accounts",
    request_body = Option<bodies::Logout>,
    responses((status = 204, description = "It is over, on every server."))
)]
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

/// Change the password
///
/// The other sessions of the user end. A wrong `current_password` is a problem of that field.
#[utoipa::path(
    post,
    path = "/auth/password",
    operation_id = "change_password",
    tag = "accounts",
    request_body = bodies::PasswordChange,
    responses((status = 204, description = "The new password holds."))
)]
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

/// List the own sessions
#[utoipa::path(
    get,
    path = "/auth/sessions",
    operation_id = "list_sessions",
    tag = "accounts",
    params(Paging),
    responses((status = 200, description = "Some of the open sessions.", body = answers::Page<Session>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.sessions(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// End one of the own sessions
#[utoipa::path(
    delete,
    path = "/auth/sessions/{id}",
    operation_id = "end_session",
    tag = "accounts",
    params(("id" = Uuid, Path, description = "The session.")),
    responses((status = 204, description = "It is over, on every server."))
)]
async fn end(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<SessionId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.end_session(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
