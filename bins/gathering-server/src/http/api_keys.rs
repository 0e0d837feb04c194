//! `/auth/api-keys`: make, list and end what machines come in with.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{ApiKeyId, NewApiKey};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::body::Incoming;
use super::duration::{self, Lasting};
use super::idempotency::NoKey;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/auth/api-keys"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(methods(resource("/auth/api-keys/{id}"), "DELETE").route(write(Method::DELETE).to(end)));
}

async fn create(
    state: Data<State>,
    Caller(identity): Caller,
    _: NoKey,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let new = NewApiKey {
        name: body.required("name", "a text"),
        scopes: body.required("scopes", r#"a list of "read", "run", "write" and "admin""#),
        project_id: body.optional("project_id", "a UUID"),
        lifetime: body
            .optional("expires_in", duration::SHAPE)
            .map(|Lasting(lifetime)| lifetime),
    };
    body.finish()?;
    let made = state.gathering.create_api_key(&identity, new).await?;
    let mut shown = json!(made.about);
    shown["key"] = json!(made.key.expose_secret());
    Ok(HttpResponse::Created().json(shown))
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.api_keys(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn end(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ApiKeyId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.end_api_key(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
