//! `/auth`: register, log in, and who am I.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};
use gathering::{IssuedTokens, NewAccount};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::body::Incoming;
use super::identity::Caller;
use super::problem::Problem;
use super::route::{methods, read, write};
use super::{Method, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/auth/register"), "POST").route(write(Method::POST).to(register)))
        .service(methods(resource("/auth/login"), "POST").route(write(Method::POST).to(login)))
        .service(methods(resource("/auth/me"), "GET, HEAD").route(read().to(me)));
}

async fn register(state: Data<State>, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let account = NewAccount {
        email: body.required("email", "a text"),
        password: SecretString::from(body.required::<String>("password", "a text")),
        name: body.optional("name", "a text"),
    };
    body.finish()?;
    state.gathering.register(account).await?;
    Ok(HttpResponse::Accepted().json(json!({ "status": "accepted" })))
}

async fn login(state: Data<State>, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let email: String = body.required("email", "a text");
    let password = SecretString::from(body.required::<String>("password", "a text"));
    body.finish()?;
    let tokens = state.gathering.login(&email, password).await?;
    Ok(HttpResponse::Ok().json(shown(&tokens)))
}

async fn me(state: Data<State>, Caller(identity): Caller) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.me(&identity).await?))
}

fn shown(tokens: &IssuedTokens) -> serde_json::Value {
    json!({
        "access_token": tokens.access_token.expose_secret(),
        "token_type": tokens.token_type,
        "expires_in": tokens.expires_in,
    })
}
