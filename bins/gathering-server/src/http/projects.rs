//! `/projects`: make, read, list, rename and delete.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{CreatedProject, ProjectId};

use super::body::Incoming;
use super::idempotency::{Key, replayed};
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

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

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let all: bool = parameters.optional("all", "true or false").unwrap_or_default();
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.projects(&identity, all, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.project(&identity, id).await?))
}

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

async fn delete(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<ProjectId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    state.gathering.delete_project(&identity, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
