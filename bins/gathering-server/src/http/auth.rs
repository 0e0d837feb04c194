//! `/auth`: register, log in, and who am I; and the keys that access tokens can be checked with.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Account, IssuedTokens, Jwks, NewAccount};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use utoipa::OpenApi;

use super::body::Incoming;
use super::client::client;
use super::identity::Caller;
use super::limits;
use super::openapi::{answers, bodies};
use super::parameters::NoParameters;
use super::problem::Problem;
use super::route::{methods, read, write};
use super::{Method, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(register, login, me))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/auth/register"), "POST").route(write(Method::POST).to(register)))
        .service(methods(resource("/auth/login"), "POST").route(write(Method::POST).to(login)))
        .service(methods(resource("/auth/me"), "GET, HEAD").route(read().to(me)));
}

/// Open an account
///
/// The answer is the same whether the address already has one. The account comes with a project of its own. Where
/// `registration` is `invite`, it takes an invitation.
#[utoipa::path(
    post,
    path = "/auth/register",
    operation_id = "register_account",
    tag = "accounts",
    security(()),
    request_body = bodies::Registration,
    responses(
        (status = 202, description = "The request was taken.", body = answers::Accepted),
        (status = 403, description = "Strangers may not open accounts on this server."),
    )
)]
async fn register(state: Data<State>, request: HttpRequest, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let account = NewAccount {
        email: body.required("email", "a text"),
        password: SecretString::from(body.required::<String>("password", "a text")),
        name: body.optional("name", "a text"),
        invitation: body.optional::<String>("invitation", "a text").map(SecretString::from),
    };
    body.finish()?;
    state.gathering.register(account, &client(&request)).await?;
    Ok(HttpResponse::Accepted().json(json!({ "status": "accepted" })))
}

/// Log in
///
/// Opens a session. An unknown address, a wrong password and a disabled account are answered alike.
#[utoipa::path(
    post,
    path = "/auth/login",
    operation_id = "create_session",
    tag = "accounts",
    security(()),
    request_body = bodies::Login,
    responses(
        (status = 200, description = "The tokens of the new session.", body = answers::Tokens),
        (status = 401, description = "The email address or the password is wrong; or the password is right, and the code is wrong or missing (`totp_required`, `invalid_totp`)."),
        (status = 429, description = "Too many logins came too quickly; or the password is right, and too many codes were wrong."),
    )
)]
async fn login(state: Data<State>, request: HttpRequest, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let email: String = body.required("email", "a text");
    let password = SecretString::from(body.required::<String>("password", "a text"));
    let code = body.optional::<String>("totp", "a text").map(SecretString::from);
    body.finish()?;
    limits::count_login(&request, &email).await?;
    let client = client(&request);
    let tokens = state.gathering.login_with_code(&email, password, code, &client).await?;
    Ok(HttpResponse::Ok().json(shown(&tokens)))
}

/// Who am I
///
/// The account of the caller, with the project that is meant wherever none is named.
#[utoipa::path(
    get,
    path = "/auth/me",
    operation_id = "get_account",
    tag = "accounts",
    responses((status = 200, description = "The account.", body = Account))
)]
async fn me(state: Data<State>, Caller(identity): Caller, _: NoParameters) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.me(&identity).await?))
}

/// What is said of the keys, which are not under the prefix of the others.
#[derive(OpenApi)]
#[openapi(paths(jwks))]
pub(super) struct DocumentedKeys;

/// The keys outlive any token by far, so whoever checks tokens need not ask for them each time.
pub(super) fn keys(config: &mut ServiceConfig) {
    config.service(methods(resource("/.well-known/jwks.json"), "GET, HEAD").route(read().to(jwks)));
}

/// Read the keys that access tokens are signed with
///
/// A JSON Web Key Set (RFC 7517), for services that check tokens themselves.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_keys",
    tag = "health",
    security(()),
    responses((status = 200, description = "The public keys.", body = Jwks,
        headers(("Cache-Control" = String, description = "For how long they may be kept."))))
)]
async fn jwks(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .json(state.gathering.jwks())
}

pub(super) fn shown(tokens: &IssuedTokens) -> serde_json::Value {
    json!({
        "access_token": tokens.access_token.expose_secret(),
        "token_type": tokens.token_type,
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token.expose_secret(),
    })
}
