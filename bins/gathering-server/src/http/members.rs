//! `/projects/{id}/members`: who is what in a project.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{ProjectId, ProjectRole, UserId, Uuid};

use super::body::Incoming;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, UserInPath, methods, read, write};
use super::{Method, Page, State};

/// What a role in a project must be.
pub(super) const ROLE: &str = r#""owner", "editor" or "viewer""#;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/projects/{id}/members"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(add)),
        )
        .service(
            methods(resource("/projects/{id}/members/{user_id}"), "PUT, DELETE")
                .route(write(Method::PUT).to(put))
                .route(write(Method::DELETE).to(remove)),
        );
}

async fn list(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.members(&identity, id, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn add(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let user = UserId::from(body.required::<Uuid>("user_id", "a UUID"));
    let role: ProjectRole = body.required("role", ROLE);
    body.finish()?;
    let member = state.gathering.put_member(&identity, id, user, role).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/projects/{id}/members/{user}")))
        .json(member))
}

async fn put(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    UserInPath(user): UserInPath,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let role: ProjectRole = body.required("role", ROLE);
    body.finish()?;
    let member = state.gathering.put_member(&identity, id, user, role).await?;
    Ok(HttpResponse::Ok().json(member))
}

async fn remove(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    UserInPath(user): UserInPath,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.remove_member(&identity, id, user).await?;
    Ok(HttpResponse::NoContent().finish())
}
