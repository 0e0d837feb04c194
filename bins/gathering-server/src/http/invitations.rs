//! `/invitations`: who may register where not everybody may; for administrators.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{InvitationId, NewInvitation, ProjectId, ProjectRole, Role};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::body::Incoming;
use super::duration::{self, Lasting};
use super::idempotency::NoKey;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::{Place, Problem, Wrong};
use super::route::{Id, methods, read, write};
use super::{Method, Page, State, members, users};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/invitations"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(methods(resource("/invitations/{id}"), "DELETE").route(write(Method::DELETE).to(withdraw)));
}

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
        let message = "goes with project_id: send both, or neither";
        let place = Place::field("project_role");
        return Err(Problem::invalid_request(&[Wrong::new(place, "missing_field", message)]));
    }
    let made = state.gathering.invite(&identity, new).await?;
    let mut shown = json!(made.about);
    shown["invitation"] = json!(made.secret.expose_secret());
    Ok(HttpResponse::Created().json(shown))
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.invitations(&identity, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn withdraw(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<InvitationId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.withdraw_invitation(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
