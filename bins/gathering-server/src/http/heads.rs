//! Bounds of a request's head, well below those of the HTTP library, which answers without a problem and without a request id.

use actix_web::HttpRequest;

use super::code::Code;
use super::problem::Problem;

/// The longest path with its query, in bytes.
const LONGEST_URI: usize = 8 << 10;
/// The most header lines.
const MOST_HEADERS: usize = 64;
/// The most bytes of header lines, their ends and separators included.
const LARGEST_HEADERS: usize = 32 << 10;
/// So much of a path is logged.
const LOGGED: usize = 1 << 10;

/// Refuses a head that is out of bounds.
pub(super) fn check(request: &HttpRequest) -> Result<(), Problem> {
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > LONGEST_URI {
        let detail = format!("the path and the query have {uri} bytes together; {LONGEST_URI} is the most");
        return Err(Problem::new(Code::UriTooLong, detail));
    }
    let headers = request.headers();
    let lines = headers.len();
    if lines > MOST_HEADERS {
        let detail = format!("the request has {lines} header lines; {MOST_HEADERS} is the most");
        return Err(Problem::new(Code::HeadersTooLarge, detail));
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > LARGEST_HEADERS {
        let detail = format!("the header lines have {bytes} bytes together; {LARGEST_HEADERS} is the most");
        return Err(Problem::new(Code::HeadersTooLarge, detail));
    }
    Ok(())
}

/// A path as it is logged and answered: a long one by its beginning.
pub(super) fn shown(path: &str) -> &str {
    &path[..path.floor_char_boundary(LOGGED)]
}
