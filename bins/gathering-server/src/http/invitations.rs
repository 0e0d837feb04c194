//! `/invitations`: who may register where not everybody may; for administrators.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Invitation, InvitationId, NewInvitation, ProjectId, ProjectRole, Role};
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
use super::problem::{Place, Problem, Wrong};
use super::route::{Id, methods, read, write};
use super::{Method, Page, State, members, users};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(create, list, get, withdraw))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/invitations"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(
            methods(resource("/invitations/{id}"), "GET, HEAD, DELETE")
                .route(read().to(get))
                .route(write(Method::DELETE).to(withdraw)),
        );
}

/// Invite somebody
///
/// The secret in the answer is what the invited person sends as `invitation` when registering, once. It cannot be shown again.
#[utoipa::path(
    post,
    path = "/invitations",
    operation_id = "create_invitation",
    tag = "users",
    request_body = Option<bodies::NewInvitation>,
    responses((status = 201, description = "The invitation with its secret.", body = answers::MadeInvitation,
        headers(("Location" = String, description = "The path of the invitation."))))
)]
async fn create(
    state: Data<State>,
    Caller(identity): Caller,
    _: NoKey,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object_or_nothing().await?;
    let project: Option<ProjectId> = body.optional("project_id", "a UUID");
    let project_role: Option<ProjectRole> = body.optional("project_role", members::ROLE);
    let new = NewInvitation {
        email: body.optional("email", "a text"),
        role: body.optional("role", users::ROLE).unwrap_or(Role::Member),
        project: project.zip(project_role),
        lifetime: body
            .optional("expires_in", duration::SHAPE)
            .map(|Lasting(lifetime)| lifetime),
    };
    body.finish()?;
    if project.is_some() != project_role.is_some() {
        let missing = if project.is_some() {
            "project_role"
        } else {
            "project_id"
        };
        let message = "is missing; send project_id and project_role, or neither";
        let place = Place::field(missing);
        return Err(Problem::invalid_request(&[Wrong::new(place, "missing_field", message)]));
    }
    let made = state.gathering.invite(&identity, new).await?;
    let mut shown = json!(made.about);
    shown["invitation"] = json!(made.secret.expose_secret());
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/invitations/{}", made.about.id)))
        .json(shown))
}

/// List invitations
///
/// Those that may still be used, newest first.
#[utoipa::path(
    get,
    path = "/invitations",
    operation_id = "list_invitations",
    tag = "users",
    params(Paging),
    responses((status = 200, description = "Some of the invitations.", body = answers::Page<Invitation>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.invitations(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read an invitation
///
/// That may still be used.
#[utoipa::path(
    get,
    path = "/invitations/{id}",
    operation_id = "get_invitation",
    tag = "users",
    params(("id" = Uuid, Path, description = "The invitation.")),
    responses((status = 200, description = "The invitation.", body = Invitation))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<InvitationId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.invitation(&identity, id).await?))
}

/// Take an invitation back
#[utoipa::path(
    delete,
    path = "/invitations/{id}",
    operation_id = "withdraw_invitation",
    tag = "users",
    params(("id" = Uuid, Path, description = "The invitation.")),
    responses((status = 204, description = "Nobody can register with it any more."))
)]
async fn withdraw(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<InvitationId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.withdraw_invitation(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
