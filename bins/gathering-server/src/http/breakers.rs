//! `/breakers`: list, read, and close by hand.

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::{BreakerId, BreakerQuery};

use super::body::Incoming;
use super::identity::Caller;
use super::parameters::{NoParameters, Parameters};
use super::problem::Problem;
use super::route::{Id, methods, read, write};
use super::{Method, Page, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(methods(resource("/breakers"), "GET, HEAD").route(read().to(list)))
        .service(methods(resource("/breakers/{id}"), "GET, HEAD").route(read().to(get)))
        .service(methods(resource("/breakers/{id}/reset"), "POST").route(write(Method::POST).to(reset)));
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let query = BreakerQuery {
        project_id: parameters.optional("project_id", "a UUID"),
        status: parameters.optional("status", "closed, open or half_open"),
    };
    let wanted = parameters.page();
    parameters.finish()?;
    let found = state.gathering.breakers(&identity, query, wanted).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

async fn get(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<BreakerId>,
    _: NoParameters,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.gathering.breaker(&identity, id).await?))
}

async fn reset(
    state: Data<State>,
    Caller(identity): Caller,
    Id(id): Id<BreakerId>,
    incoming: Incoming,
) -> Result<HttpResponse, Problem> {
    incoming.object_or_nothing().await?.finish()?;
    Ok(HttpResponse::Ok().json(state.gathering.reset_breaker(&identity, id).await?))
}
