//! `/projects`: make, read, list, rename and delete.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{CreatedProject, Project, ProjectId};
use utoipa::OpenApi;

use super::body::Incoming;
use super::idempotency::{Key, replayed};
use super::identity::Caller;
use super::openapi::parameters::Paging;
use super::openapi::{answers, bodies};
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

/// What is said of these routes.
#[derive(OpenApi)]
#[openapi(paths(create, list, get, rename, delete))]
pub(super) struct Documented;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            methods(resource("/projects"), "GET, HEAD, POST")
                .route(read().to(list))
                .route(write(Method::POST).to(create)),
        )
        .service(
            methods(resource("/projects/{id}"), "GET, HEAD, PUT, DELETE")
                .route(read().to(get))
                .route(write(Method::PUT).to(rename))
                .route(write(Method::DELETE).to(delete)),
        );
}

/// Make a project
///
/// The caller becomes its owner.
#[utoipa::path(
    post,
    path = "/projects",
    operation_id = "create_project",
    tag = "projects",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same key with the same body makes one project, however often it is sent within a day.",
            min_length = 1, max_length = 255, pattern = "^[!-~]{1,255}$"),
    ),
    request_body = bodies::ProjectName,
    responses(
        (status = 201, description = "The project as it was made.", body = Project, headers(
            ("Idempotency-Replayed" = String, description = "`true` where an earlier request with the same key had made it, else `false`."),
            ("Location" = String, description = "The path of the project."))),
        (status = 409, description = "The user has made as many projects as one may: 1,000."),
    )
)]
async fn create(
    state: Data<State>,
    Caller(identity): Caller,
    Key(key): Key,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let name: String = body.required("name", "a text");
    body.finish()?;
    let CreatedProject {
        project: made,
        replayed: again,
    } = match key {
        Some(key) => state.gathering.create_project_once(&identity, &name, &key).await?,
        None => CreatedProject {
            project: state.gathering.create_project(&identity, &name).await?,
            replayed: false,
        },
    };
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/projects/{}", made.id)))
        .insert_header(replayed(again))
        .json(made))
}

/// List projects
///
/// Those of which the caller is a member, newest first. An API key that is for one project sees no other.
#[utoipa::path(
    get,
    path = "/projects",
    operation_id = "list_projects",
    tag = "projects",
    params(
        ("all" = Option<bool>, Query, description = "The projects of everybody, for administrators: of an API key that takes the scope `admin`."),
        Paging,
    ),
    responses((status = 200, description = "Some of the projects.", body = answers::Page<Project>))
)]
async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let all: bool = parameters.optional("all", "true or false").unwrap_or_default();
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.projects(&identity, all, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// Read a project
#[utoipa::path(
    get,
    path = "/projects/{id}",
    operation_id = "get_project",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project.")),
    responses((status = 200, description = "The project.", body = Project))
)]
async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.project(&identity, id).await?))
}

/// Rename a project
#[utoipa::path(
    put,
    path = "/projects/{id}",
    operation_id = "update_project",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project.")),
    request_body = bodies::ProjectName,
    responses((status = 200, description = "The project with its new name.", body = Project))
)]
async fn rename(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    let mut body = incoming.object().await?;
    let name: String = body.required("name", "a text");
    body.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.rename_project(&identity, id, &name).await?))
}

/// Delete a project
///
/// Nobody sees it any more. It must have no pipelines, and neither schedules nor runs that have not ended; schedules that have are deleted with it.
#[utoipa::path(
    delete,
    path = "/projects/{id}",
    operation_id = "delete_project",
    tag = "projects",
    params(("id" = Uuid, Path, description = "The project.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "It has pipelines, schedules or runs that have not ended, or it is the own project of a user."),
    )
)]
async fn delete(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.delete_project(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
