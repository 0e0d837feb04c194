//! Routes with a limit of their own.

use actix_web::HttpRequest;
use actix_web::http::Method;

use super::tier::{Rate, Tier};
use crate::http::openapi;

/// The most of them.
pub(crate) const MOST: usize = 100;

/// How often each user may ask for one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteRate {
    method: Method,
    /// As in the document: `/api/v1/pipelines/{id}/runs`.
    path: String,
    rate: Rate,
}

impl RouteRate {
    /// Of a route that is behind a login; others have limits by the address.
    pub(crate) fn new(method: &str, path: &str, rate: Rate) -> Result<Self, String> {
        if !openapi::is_behind_login(method, path) {
            return Err(format!(
                "there is no route `{method} {path}` behind a login; /openapi.json has all of them, as in `POST /api/v1/pipelines/{{id}}/runs`"
            ));
        }
        Ok(Self {
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            path: path.to_owned(),
            rate,
        })
    }

    /// Whether it says something of the same route.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        (&self.method, &self.path) == (&other.method, &other.path)
    }
}

/// What everybody has used of one.
#[derive(Debug)]
pub(super) struct RouteTier {
    of: RouteRate,
    /// What it is called where all instances count together.
    pub(super) name: String,
    pub(super) tier: Tier,
}

impl RouteTier {
    pub(super) fn new(of: RouteRate) -> Self {
        Self {
            name: format!("{} {}", of.method, of.path),
            tier: Tier::new(of.rate),
            of,
        }
    }

    /// Whether a request that found its route is for this one.
    pub(super) fn is_for(&self, request: &HttpRequest) -> bool {
        let method = match *request.method() {
            // What is read without its body is read.
            Method::HEAD => &Method::GET,
            _ => request.method(),
        };
        *method == self.of.method && request.match_pattern().is_some_and(|path| path == self.of.path)
    }
}
