//! `/auth/totp`: a second factor is set up, looked at and ended by its user.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use gathering::{RecoveryCodes, SecondFactorState};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use utoipa::OpenApi;

use super::body::Incoming;
use super::fields::Fields;
use super::idempotency::NoKey;
use super::identity::Caller;
use super::openapi::{answers, bodies};
use super::parameters::NoParameters;
use super::problem::Problem;
use super::route::{methods, read, write};
use super::{Method, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(look, enrol, confirm, disable, renew))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/auth/totp"), "GET, HEAD, POST")
                .route(read().to(look))
                .route(write(Method::POST).to(enrol)),
        )
        .service(methods(resource("/auth/totp/confirm"), "POST").route(write(Method::POST).to(confirm)))
        .service(methods(resource("/auth/totp/disable"), "POST").route(write(Method::POST).to(disable)))
        .service(methods(resource("/auth/totp/recovery-codes"), "POST").route(write(Method::POST).to(renew)));
}

/// Look whether there is a second factor
#[utoipa::path(
    get,
    path = "/auth/totp",
    operation_id = "get_totp",
    tag = "second-factor",
    responses((status = 200, description = "Whether logins ask for one.", body = SecondFactorState))
)]
async fn look(state: Data<State>, Caller(identity): Caller, _: NoParameters) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.second_factor(&identity).await?))
}

/// Begin to set up a second factor
///
/// What an authenticator app is to be told (RFC 6238). Nothing changes until a code of it comes to `/auth/totp/confirm`; beginning anew gives another secret.
#[utoipa::path(
    post,
    path = "/auth/totp",
    operation_id = "enrol_totp",
    tag = "second-factor",
    request_body = bodies::CurrentPassword,
    responses(
        (status = 201, description = "What the app is to be told; it cannot be shown again.", body = answers::TotpEnrolment,
            headers(("Location" = String, description = "Where the second factor can be looked at."))),
        (status = 409, description = "There is one already."),
    )
)]
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
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, "/api/v1/auth/totp"))
        .json(json!({
            "secret": enrolment.secret.expose_secret(),
            "uri": enrolment.uri.expose_secret(),
        })))
}

/// Turn the second factor on
///
/// By a code of the app. From now on logins ask for one, and the other sessions of the user end.
#[utoipa::path(
    post,
    path = "/auth/totp/confirm",
    operation_id = "confirm_totp",
    tag = "second-factor",
    request_body = bodies::TotpCode,
    responses(
        (status = 200, description = "Ten recovery codes, each of which takes the place of one code of the app, once. They cannot be shown again.", body = answers::FreshRecoveryCodes),
        (status = 409, description = "There is one already, or none is being set up."),
        (status = 429, description = "Too many codes were wrong, or too many requests of this kind came too quickly."),
    )
)]
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

/// Turn the second factor off
#[utoipa::path(
    post,
    path = "/auth/totp/disable",
    operation_id = "disable_totp",
    tag = "second-factor",
    request_body = bodies::PasswordAndCode,
    responses(
        (status = 204, description = "Logins ask for none any more."),
        (status = 409, description = "There is none."),
        (status = 429, description = "Too many codes were wrong, or too many requests of this kind came too quickly."),
    )
)]
async fn disable(state: Data<State>, Caller(identity): Caller, incoming: Incoming) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let (current, code) = (secret(&mut body, "current_password"), secret(&mut body, "totp"));
    body.finish()?;
    state.gathering.disable_totp(&identity, current, code).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Make new recovery codes
///
/// Those before count no more.
#[utoipa::path(
    post,
    path = "/auth/totp/recovery-codes",
    operation_id = "renew_recovery_codes",
    tag = "second-factor",
    request_body = bodies::PasswordAndCode,
    responses(
        (status = 200, description = "Ten new ones. They cannot be shown again.", body = answers::FreshRecoveryCodes),
        (status = 409, description = "There is no second factor."),
        (status = 429, description = "Too many codes were wrong, or too many requests of this kind came too quickly."),
    )
)]
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
