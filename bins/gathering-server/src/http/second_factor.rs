//! `/auth/totp`: a second factor is set up, looked at and ended by its user.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};
use gathering::RecoveryCodes;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::body::Incoming;
use super::fields::Fields;
use super::idempotency::NoKey;
use super::identity::Caller;
use super::parameters::NoParameters;
use super::problem::Problem;
use super::route::{methods, read, write};
use super::{Method, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/auth/totp"), "GET, HEAD, POST, DELETE")
                .route(read().to(look))
                .route(write(Method::POST).to(enrol))
                .route(write(Method::DELETE).to(disable)),
        )
        .service(methods(resource("/auth/totp/confirm"), "POST").route(write(Method::POST).to(confirm)))
        .service(methods(resource("/auth/totp/recovery-codes"), "POST").route(write(Method::POST).to(renew)));
}

async fn look(state: Data<State>, Caller(identity): Caller, _: NoParameters) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.second_factor(&identity).await?))
}

async fn enrol(
    state: Data<State>,
    Caller(identity): Caller,
    _: NoKey,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let current = secret(&mut body, "current_password");
    body.finish()?;
    let enrolment = state.gathering.enrol_totp(&identity, current).await?;
    Ok(HttpResponse::Created().json(json!({
        "secret": enrolment.secret.expose_secret(),
        "uri": enrolment.uri.expose_secret(),
    })))
}

async fn confirm(
    state: Data<State>,
    Caller(identity): Caller,
    _: NoKey,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let code = secret(&mut body, "totp");
    body.finish()?;
    let codes = state.gathering.confirm_totp(&identity, code).await?;
    Ok(HttpResponse::Ok().json(shown(&codes)))
}

async fn disable(state: Data<State>, Caller(identity): Caller, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let (current, code) = (secret(&mut body, "current_password"), secret(&mut body, "totp"));
    body.finish()?;
    state.gathering.disable_totp(&identity, current, code).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn renew(
    state: Data<State>,
    Caller(identity): Caller,
    _: NoKey,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let (current, code) = (secret(&mut body, "current_password"), secret(&mut body, "totp"));
    body.finish()?;
    let codes = state.gathering.renew_recovery_codes(&identity, current, code).await?;
    Ok(HttpResponse::Ok().json(shown(&codes)))
}

fn secret(body: &mut Fields, name: &'static str) -> SecretString {
    SecretString::from(body.required::<String>(name, "a text"))
}

fn shown(RecoveryCodes(codes): &RecoveryCodes) -> serde_json::Value {
    let codes: Vec<&str> = codes.iter().map(SecretString::expose_secret).collect();
    json!({ "recovery_codes": codes })
}
