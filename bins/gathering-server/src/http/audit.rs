//! `/audit`: who did what; for administrators.

use std::str::FromStr;

use actix_web::web::{Data, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use gathering::AuditFilter;

use super::identity::Caller;
use super::moment::{self, Moment};
use super::parameters::Parameters;
use super::problem::Problem;
use super::route::{methods, read};
use super::{Page, State};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(methods(resource("/audit"), "GET, HEAD").route(read().to(list)));
}

async fn list(state: Data<State>, Caller(identity): Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut parameters = Parameters::of(&request);
    let filter = AuditFilter {
        action: text(&mut parameters, "action", "the name of an action, such as login"),
        outcome: parameters
            .optional("outcome", "done, failed or denied")
            .map(|Outcome(word)| word.to_owned()),
        actor: parameters.optional("actor", "a UUID"),
        subject: text(&mut parameters, "subject", "what it was done to"),
        request_id: text(&mut parameters, "request_id", "the id of a request"),
        since: parameters.optional("since", moment::SHAPE).map(|Moment(time)| time),
        until: parameters.optional("until", moment::SHAPE).map(|Moment(time)| time),
    };
    let limit = parameters.limit();
    let before = parameters.optional("cursor", "the next_cursor of an earlier page");
    parameters.finish()?;
    let found = state.gathering.audit(&identity, &filter, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page::new(&found.items, found.next)))
}

/// What came of something, as the audit says it.
struct Outcome(&'static str);

impl FromStr for Outcome {
    type Err = Unlike;

    fn from_str(word: &str) -> Result<Self, Unlike> {
        let found = ["done", "failed", "denied"].into_iter().find(|known| *known == word);
        found.map(Self).ok_or(Unlike)
    }
}

/// A text that can be compared with what the database has: it takes no NUL.
struct Text(String);

impl FromStr for Text {
    type Err = Unlike;

    fn from_str(text: &str) -> Result<Self, Unlike> {
        if text.contains('\0') {
            return Err(Unlike);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Not what was asked for.
struct Unlike;

fn text(parameters: &mut Parameters, name: &'static str, shape: &'static str) -> Option<String> {
    parameters.optional(name, shape).map(|Text(text)| text)
}
