//! `/auth`: register, log in, and who am I; and the keys that access tokens can be checked with.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{IssuedTokens, NewAccount};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::body::Incoming;
use super::client::client;
use super::identity::Caller;
use super::limits;
use super::parameters::NoParameters;
use super::problem::Problem;
use super::route::{methods, read, write};
use super::{Method, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/auth/register"), "POST").route(write(Method::POST).to(register)))
        .service(methods(resource("/auth/login"), "POST").route(write(Method::POST).to(login)))
        .service(methods(resource("/auth/me"), "GET, HEAD").route(read().to(me)));
}

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

async fn login(state: Data<State>, request: HttpRequest, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let email: String = body.required("email", "a text");
    let password = SecretString::from(body.required::<String>("password", "a text"));
    let code = body.optional::<String>("totp", "a text").map(SecretString::from);
    body.finish()?;
    limits::count_login(&request, &email)?;
    let client = client(&request);
    let tokens = state.gathering.login_with_code(&email, password, code, &client).await?;
    Ok(HttpResponse::Ok().json(shown(&tokens)))
}

async fn me(state: Data<State>, Caller(identity): Caller, _: NoParameters) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.me(&identity).await?))
}

/// The keys outlive any token by far, so whoever checks tokens need not ask for them each time.
pub(super) fn keys(config: &mut ServiceConfig) {
    config.service(methods(resource("/.well-known/jwks.json"), "GET, HEAD").route(read().to(jwks)));
}

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
