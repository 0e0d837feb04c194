//! Reads an answer, never more of it than allowed, and makes JSON of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, SET_COOKIE};
use serde_json::{Map, Value, json};

use super::{failure, retry_after};
use crate::{ToolError, ToolErrorKind};

/// The most bytes of all headers of an answer together.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// How much of the body of an unexpected answer is kept, in bytes.
const ERROR_BODY_BYTES: usize = 16 * 1024;

/// The whole answer as `{status, headers, body}`; `too_large` where its body has more than `max_bytes`.
pub(super) async fn read(mut response: Response, max_bytes: usize) -> Result<Value, ToolError> {
    let announced = response
        .content_length()
        .is_some_and(|length| length > max_bytes as u64);
    if announced || header_bytes(response.headers()) > MAX_HEADER_BYTES {
        return Err(too_large(&response, max_bytes));
    }
    let body = read_body(&mut response, max_bytes).await?;
    if body.more {
        return Err(too_large(&response, max_bytes));
    }
    Ok(Value::Object(shape(&response, &body)))
}

/// The error of an answer whose status was not expected. Where its body cannot be read, the status still tells enough.
pub(super) async fn unexpected(mut response: Response) -> ToolError {
    let status = response.status().as_u16();
    let body = read_body(&mut response, ERROR_BODY_BYTES).await.unwrap_or_default();
    let mut details = shape(&response, &body);
    if body.more {
        details.insert("body_truncated".to_owned(), json!(true));
    }
    let message = format!(
        "{} answered with status {status}, which is not expected",
        host(&response)
    );
    ToolError::new(ToolErrorKind::HttpStatus(status), message)
        .with_retry_after(retry_after::read(response.headers()))
        .with_details(Value::Object(details))
}

/// Reads what is left, so that the connection can be used again, unless that is much or fails.
pub(super) async fn discard(mut response: Response) {
    drop(read_body(&mut response, ERROR_BODY_BYTES).await);
}

/// The first bytes of a body, and whether there are more.
#[derive(Debug, Default)]
struct Body {
    bytes: Vec<u8>,
    more: bool,
}

async fn read_body(response: &mut Response, max_bytes: usize) -> Result<Body, ToolError> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(Body { bytes, more: false }),
            Ok(Some(chunk)) if chunk.len() > max_bytes - bytes.len() => {
                bytes.extend_from_slice(&chunk[..max_bytes - bytes.len()]);
                return Ok(Body { bytes, more: true });
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Err(error) => return Err(failure::of(error, host(response))),
        }
    }
}

fn shape(response: &Response, body: &Body) -> Map<String, Value> {
    let headers = response.headers();
    let (value, encoding) = decode(body, is_json(headers));
    let mut shape = Map::new();
    shape.insert("status".to_owned(), json!(response.status().as_u16()));
    shape.insert("headers".to_owned(), Value::Object(header_map(headers)));
    shape.insert("body".to_owned(), value);
    if let Some(encoding) = encoding {
        shape.insert("body_encoding".to_owned(), json!(encoding));
    }
    shape
}

/// The body as JSON, text or base64, in this order of preference, and the name of the encoding where it is the last.
fn decode(body: &Body, is_json: bool) -> (Value, Option<&'static str>) {
    if is_json && !body.more {
        if body.bytes.is_empty() {
            return (Value::Null, None);
        }
        if let Ok(value) = serde_json::from_slice(&body.bytes) {
            return (value, None);
        }
    }
    match text(body) {
        // NUL is valid UTF-8, but means that this is no text; and PostgreSQL's jsonb cannot store it.
        Some(text) if !text.contains('\0') => (Value::String(text.to_owned()), None),
        _ => (Value::String(STANDARD.encode(&body.bytes)), Some("base64")),
    }
}

/// The body as text; a character that the limit cut in two is left out.
fn text(body: &Body) -> Option<&str> {
    match str::from_utf8(&body.bytes) {
        Ok(text) => Some(text),
        Err(error) if body.more && error.error_len().is_none() => {
            str::from_utf8(&body.bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// `application/json`, `text/json`, and what ends in `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    matches!(media_type.as_str(), "application/json" | "text/json") || media_type.ends_with("+json")
}

/// Names in lower case and in order; several values of one name as one string.
fn header_map(headers: &HeaderMap) -> Map<String, Value> {
    let mut names: Vec<_> = headers.keys().collect();
    names.sort_unstable_by_key(|name| name.as_str());
    let mut map = Map::new();
    for name in names {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        // A cookie may hold a comma, so these cannot be joined by one (RFC 9110, section 5.3).
        let separator = if name == SET_COOKIE { "\n" } else { ", " };
        map.insert(name.as_str().to_owned(), Value::String(values.join(separator)));
    }
    map
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

fn too_large(response: &Response, max_bytes: usize) -> ToolError {
    let message = format!(
        "the answer of {} is larger than {max_bytes} bytes, or its headers than {MAX_HEADER_BYTES}; \
         ask for less, or raise `max_bytes` as far as the operator's limit allows",
        host(response)
    );
    ToolError::new(ToolErrorKind::TooLarge, message)
}

fn host(response: &Response) -> &str {
    response.url().host_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], is_json: bool, more: bool) -> (Value, Option<&'static str>) {
        decode(
            &Body {
                bytes: bytes.to_vec(),
                more,
            },
            is_json,
        )
    }

    #[test]
    fn a_body_is_json_where_it_says_so_and_is_else_text_else_base64() {
        assert_eq!(decoded(b"{\"a\":1}", true, false), (json!({"a": 1}), None));
        assert_eq!(decoded(b"{\"a\":1}", false, false), (json!("{\"a\":1}"), None));
        assert_eq!(decoded(b"{\"a\":", true, false), (json!("{\"a\":"), None));
        assert_eq!(decoded(b"", true, false), (Value::Null, None));
        assert_eq!(decoded(b"", false, false), (json!(""), None));
        assert_eq!(decoded(b"\xff\xfe", true, false), (json!("//4="), Some("base64")));
        assert_eq!(decoded(b"a\0b", false, false), (json!("YQBi"), Some("base64")));
    }

    #[test]
    fn a_character_that_the_limit_cut_in_two_is_left_out() {
        assert_eq!(decoded(b"ab\xc3", false, true), (json!("ab"), None));
        assert_eq!(decoded(b"ab\xc3", false, false), (json!("YWLD"), Some("base64")));
    }

    #[test]
    fn json_deeper_than_the_parser_goes_is_text() {
        let deep = "[".repeat(100_000);
        assert_eq!(decoded(deep.as_bytes(), true, false), (json!(deep), None));
    }
}
