//! The configuration of `call_api`.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::expect::Expect;
use super::reader::{ConfigProblem, Fault, Phase, Reader};
use super::target::Target;
use super::{fields, headers};
use crate::ToolError;

const FIELDS: [&str; 7] = ["url", "method", "headers", "body", "expect", "max_bytes", "timeout"];

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// One HTTP request, as a configuration describes it.
///
/// | field | value | default |
/// |---|---|---|
/// | `url` | absolute, http or https, without user name or password | |
/// | `method` | GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS | GET |
/// | `headers` | object of strings, numbers or booleans | none |
/// | `body` | a string is sent as it is, as `text/plain` unless `headers` has a Content-Type; any other JSON as `application/json` | none |
/// | `expect` | the statuses of success: `204`, `"200-299"`, `[200, 404]`, `["200-299", 404]` | `"200-299"` |
/// | `max_bytes` | the most bytes of the answer's body; the client's own limit holds as well | the client's |
/// | `timeout` | for the whole call, from the name's look-up to the last byte, as in `"30s"`; the client's own limit holds as well | the client's |
///
/// `null` in an optional field is the same as leaving it out.
#[derive(Clone)]
pub struct CallApi {
    pub(crate) target: Target,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Value>,
    pub(crate) expect: Expect,
    pub(crate) max_bytes: Option<usize>,
    pub(crate) timeout: Option<Duration>,
}

impl CallApi {
    /// Reads a configuration whose templates have been filled in.
    ///
    /// Fails with `invalid_config`; the error's details list every problem.
    pub fn from_config(config: &Map<String, Value>) -> Result<Self, ToolError> {
        let mut reader = Reader::new(config, Phase::Rendered, &FIELDS);
        let call = Self::read(&mut reader);
        reader.finish(call)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let target = reader
            .required("url")
            .and_then(|url| reader.text("url", url, Target::read));
        let method = optional(reader, "method", method);
        let headers = headers::read(reader);
        let expect = optional(reader, "expect", Expect::read);
        let max_bytes = reader
            .optional("max_bytes")
            .and_then(|max| reader.value("max_bytes", max, fields::bytes));
        let timeout = optional(reader, "timeout", fields::duration);
        Some(Self {
            target: target?,
            method: method.unwrap_or(Method::GET),
            headers: headers?,
            body: reader.optional("body").cloned(),
            expect: expect.unwrap_or_default(),
            max_bytes,
            timeout,
        })
    }
}

impl fmt::Debug for CallApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the body, which may hold secrets; the headers' values are marked sensitive.
        f.debug_struct("CallApi")
            .field("target", &self.target)
            .field("method", &self.method)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Every problem of a `call_api` configuration that can be seen when it is saved; none is a good answer.
///
/// Strings that contain `{{` are templates: their values are checked when the call is made.
pub fn check_call_api(config: &Map<String, Value>) -> Vec<ConfigProblem> {
    let mut reader = Reader::new(config, Phase::Saved, &FIELDS);
    CallApi::read(&mut reader);
    reader.into_problems()
}

/// Reads an optional field whose value may be, or contain, a template.
pub(crate) fn optional<T>(
    reader: &mut Reader<'_>,
    field: &str,
    read: impl FnOnce(&Value) -> Result<T, Fault>,
) -> Option<T> {
    reader.optional(field).and_then(|value| reader.text(field, value, read))
}

fn method(value: &Value) -> Result<Method, Fault> {
    let written = fields::text(value)?;
    let known = METHODS
        .into_iter()
        .find(|method| method.as_str().eq_ignore_ascii_case(written));
    known.ok_or_else(|| Fault::Value("this must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned()))
}
