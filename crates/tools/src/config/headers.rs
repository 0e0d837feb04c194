//! Headers that a configuration adds to a request.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::reader::{Fault, Reader};

/// Headers that the client sets itself, or that would change how the message is framed on the connection.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The most headers, and the most bytes of their names and values together.
const MAX_HEADERS: usize = 64;
const MAX_BYTES: usize = 32 * 1024;

/// Reads the field `headers`: an object of names and values. Every value is marked sensitive, so that no log shows it.
pub(crate) fn read(reader: &mut Reader<'_>) -> Option<HeaderMap> {
    let Some(value) = reader.optional("headers") else {
        return Some(HeaderMap::new());
    };
    let entries = reader.value("headers", value, |value| {
        value
            .as_object()
            .ok_or(Fault::Type("an object of names and values"))
            .cloned()
    })?;
    if entries.len() > MAX_HEADERS {
        reader.fault(
            "headers",
            Fault::Value(format!("a request takes at most {MAX_HEADERS} headers")),
        );
        return None;
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &entries {
        read_one(reader, &mut headers, name, value);
    }
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_BYTES {
        reader.fault(
            "headers",
            Fault::Value(format!("all headers together take at most {MAX_BYTES} bytes")),
        );
    }
    Some(headers)
}

fn read_one(reader: &mut Reader<'_>, headers: &mut HeaderMap, name: &str, value: &Value) {
    let field = format!("headers.{name}");
    let value = reader.text(&field, value, header_value);
    match header_name(name) {
        Ok(name) if headers.contains_key(&name) => {
            reader.fault(
                &field,
                Fault::Value("this header is there twice; upper and lower case are the same".to_owned()),
            );
        }
        Ok(name) => {
            headers.insert(name, value.unwrap_or(HeaderValue::from_static("")));
        }
        Err(fault) => reader.fault(&field, fault),
    }
}

fn header_name(name: &str) -> Result<HeaderName, Fault> {
    let parsed: Option<HeaderName> = name.parse().ok();
    let parsed = parsed.ok_or_else(|| Fault::Value("this is no name of a header".to_owned()))?;
    if RESERVED.contains(&parsed.as_str()) {
        return Err(Fault::Value(
            "this header is set by the client itself and cannot be configured".to_owned(),
        ));
    }
    Ok(parsed)
}

fn header_value(value: &Value) -> Result<HeaderValue, Fault> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(Fault::Type("a string, number or boolean"));
        }
    };
    let parsed = HeaderValue::from_bytes(text.as_bytes()).ok();
    let mut parsed =
        parsed.ok_or_else(|| Fault::Value("a header cannot hold line breaks or control characters".to_owned()))?;
    parsed.set_sensitive(true);
    Ok(parsed)
}
