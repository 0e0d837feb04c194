//! The configuration of `send_notification`.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::call_api::optional;
use super::reader::{ConfigProblem, Phase, Reader};
use super::target::Target;
use super::{fields, headers};
use crate::ToolError;

const FIELDS: [&str; 4] = ["url", "message", "headers", "timeout"];

/// One notification, as a configuration describes it: a POST of `{"message": …}` as JSON.
///
/// | field | value | default |
/// |---|---|---|
/// | `url` | absolute, http or https, without user name or password | |
/// | `message` | any JSON, `null` too | |
/// | `headers` | object of strings, numbers or booleans | none |
/// | `timeout` | as in `"30s"`; the client's own limit holds as well | the client's |
#[derive(Clone)]
pub struct SendNotification {
    pub(crate) target: Target,
    pub(crate) message: Value,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Option<Duration>,
}

impl SendNotification {
    /// Reads a configuration whose templates have been filled in.
    ///
    /// Fails with `invalid_config`; the error's details list every problem.
    pub fn from_config(config: &Map<String, Value>) -> Result<Self, ToolError> {
        let mut reader = Reader::new(config, Phase::Rendered, &FIELDS);
        let notification = Self::read(&mut reader);
        reader.finish(notification)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let target = reader
            .required("url")
            .and_then(|url| reader.text("url", url, Target::read));
        let message = reader.required("message").cloned();
        let headers = headers::read(reader);
        let timeout = optional(reader, "timeout", fields::duration);
        Some(Self {
            target: target?,
            message: message?,
            headers: headers?,
            timeout,
        })
    }
}

impl fmt::Debug for SendNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the message, which may hold secrets; the headers' values are marked sensitive.
        f.debug_struct("SendNotification")
            .field("target", &self.target)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Every problem of a `send_notification` configuration that can be seen when it is saved; none is a good answer.
///
/// Strings that contain `{{` are templates: their values are checked when the notification is sent.
pub fn check_send_notification(config: &Map<String, Value>) -> Vec<ConfigProblem> {
    let mut reader = Reader::new(config, Phase::Saved, &FIELDS);
    SendNotification::read(&mut reader);
    reader.into_problems()
}
