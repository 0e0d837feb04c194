//! Who asks, for the audit and for users to recognise their sessions by.

use actix_web::http::header::USER_AGENT;
use actix_web::{HttpMessage as _, HttpRequest};
use gathering::Client;

use super::limits;
use super::request_id::RequestId;

/// Who sent a request, as far as can be believed, and what it calls itself.
pub(super) fn client(request: &HttpRequest) -> Client {
    let name = request.headers().get(USER_AGENT).and_then(|name| name.to_str().ok());
    Client {
        name: name.map(str::to_owned),
        address: Some(limits::address(request).to_string()),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()),
    }
}
