//! Optimistic concurrency: the number of a version, or of a revision, as an `ETag`, and as `If-Match` sends it back.

use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;

use super::compression;
use super::problem::{Place, Problem, Wrong};

/// The number is all that the thing depends on.
pub(super) fn etag(number: i32) -> String {
    format!("\"{number}\"")
}

/// The number in `If-Match`; `*` and no header at all stand for any.
pub(super) fn expected<T: FromStr>(request: &HttpRequest) -> Result<Option<T>, Problem> {
    let mut values = request.headers().get_all(IF_MATCH);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let one = values.next().is_none();
    if one && text == "*" {
        return Ok(None);
    }
    let number = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        // The compressed form of an answer has an ETag of its own, for the same version.
        .map(|text| text.strip_suffix(compression::SUFFIX).unwrap_or(text));
    // Numbers can be written in other ways, but no ETag is.
    let number = number.filter(|text| one && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
        let message = "must be one ETag as this API sends it, such as \"3\", or *";
        Problem::invalid_request(&[Wrong::new(Place::Header("If-Match"), "invalid_value", message)])
    })
}
