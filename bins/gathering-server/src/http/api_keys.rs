//! `/auth/api-keys`: make, list and end what machines come in with.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{ApiKey, ApiKeyId, NewApiKey};
use secrecy::ExposeSecret as _;
use serde_json::json;
use utoipa::OpenApi;

use super::body::Incoming;
use super::duration::{self, Lasting};
use super::idempotency::NoKey;
use super::identity::Caller;
use super::openapi::parameters::Paging;
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(create, list, get, end))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/auth/api-keys"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(
            methods(resource("/auth/api-keys/{id}"), "GET, HEAD, DELETE")
                .route(read().to(get))
                .route(write(Method::DELETE).to(end)),
        );
}

/// Make an API key
///
/// For machines. The key in the answer is sent as `Authorization: Bearer KEY`, and cannot be shown again. It does what its user may do, within its scopes.
#[utoipa::path(
    post,
    path = "/auth/api-keys",
    operation_id = "create_api_key",
    tag = "api-keys",
    request_body = bodies::NewApiKey,
    responses(
        (status = 201, description = "The key.", body = answers::MadeApiKey, headers(("Location" = String, description = "The path of what is known of the key."))),
        (status = 404, description = "There is no such project, or it belongs to somebody else."),
        (status = 409, description = "The user has as many keys as one may have: 100."),
    )
)]
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
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/auth/api-keys/{}", made.about.id)))
        .json(shown))
}

/// List the own API keys
///
/// Those that may be used, newest first, without the keys themselves.
#[utoipa::path(
    get,
    path = "/auth/api-keys",
    operation_id = "list_api_keys",
    tag = "api-keys",
    params(Paging),
    responses((status = 200, description = "Some of the keys.", body = answers::Page<ApiKey>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.api_keys(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read what is known of an own API key
///
/// That may be used.
#[utoipa::path(
    get,
    path = "/auth/api-keys/{id}",
    operation_id = "get_api_key",
    tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key.")),
    responses((status = 200, description = "What is known of the key.", body = ApiKey))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ApiKeyId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.api_key(&identity, id).await?))
}

/// End an own API key
#[utoipa::path(
    delete,
    path = "/auth/api-keys/{id}",
    operation_id = "end_api_key",
    tag = "api-keys",
    params(("id" = Uuid, Path, description = "The key.")),
    responses((status = 204, description = "It is refused from now on, on every server."))
)]
async fn end(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ApiKeyId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.end_api_key(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
