//! `/projects/{id}/members`: who is what in a project.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{Member, ProjectId, ProjectRole, UserId, Uuid};
use utoipa::OpenApi;

use super::body::Incoming;
use super::identity::Caller;
use super::openapi::parameters::Paging;
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, UserInPath, methods, read, write};
use super::{Method, Page, State};

/// What a role in a project must be.
pub(super) const ROLE: &str = r#""owner", "editor" or "viewer""#;

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(list, add, get, put, remove))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/projects/{id}/members"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(add)),
        )
        .service(
            methods(resource("/projects/{id}/members/{user_id}"), "GET, HEAD, PUT, DELETE")
                .route(read().to(get))
                .route(write(Method::PUT).to(put))
                .route(write(Method::DELETE).to(remove)),
        );
}

/// List the members of a project
///
/// Those with the youngest accounts first.
#[utoipa::path(
    get,
    path = "/projects/{id}/members",
    operation_id = "list_members",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project."), Paging),
    responses((status = 200, description = "Some of the members.", body = answers::Page<Member>))
)]
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

/// Add a member to a project
///
/// A user sees their own id at `/auth/me`.
#[utoipa::path(
    post,
    path = "/projects/{id}/members",
    operation_id = "add_member",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project.")),
    request_body = bodies::NewMember,
    responses(
        (status = 201, description = "The member.", body = Member, headers(("Location" = String, description = "The path of the member."))),
        (status = 409, description = "The user is a member already, or there are as many members, or projects of the user, as there may be: 1,000."),
    )
)]
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
    let member = state.gathering.add_member(&identity, id, user, role).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, path_of(id, user)))
        .json(member))
}

/// Read a member of a project
#[utoipa::path(
    get,
    path = "/projects/{id}/members/{user_id}",
    operation_id = "get_member",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project."), ("user_id" = Uuid, Path, description = "The user.")),
    responses((status = 200, description = "The member.", body = Member))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    UserInPath(user): UserInPath,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.member(&identity, id, user).await?))
}

/// Say what a user is in a project
///
/// Who is no member becomes one. It holds at once, on every server.
#[utoipa::path(
    put,
    path = "/projects/{id}/members/{user_id}",
    operation_id = "put_member",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project."), ("user_id" = Uuid, Path, description = "The user.")),
    request_body = bodies::MemberRole,
    responses(
        (status = 200, description = "The member, who was one before.", body = Member),
        (status = 201, description = "The new member.", body = Member, headers(("Location" = String, description = "The path of the member."))),
        (status = 409, description = "It is the last owner, or the owner of their own project; or there are as many members, or projects of the user, as there may be."),
    )
)]
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
    let put = state.gathering.put_member(&identity, id, user, role).await?;
    let mut answer = if put.added {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    if put.added {
        answer.insert_header((LOCATION, path_of(id, user)));
    }
    Ok(answer.json(put.member))
}

/// Take a member out of a project
///
/// Everybody may take themselves out, whatever their role, if they come with an access token. It holds at once, on every server.
#[utoipa::path(
    delete,
    path = "/projects/{id}/members/{user_id}",
    operation_id = "remove_member",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project."), ("user_id" = Uuid, Path, description = "The user.")),
    responses(
        (status = 204, description = "The user is no member any more."),
        (status = 409, description = "It is the last owner, or the owner of their own project."),
    )
)]
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

fn path_of(project: ProjectId, user: UserId) -> String {
    format!("/api/v1/projects/{project}/members/{user}")
}
