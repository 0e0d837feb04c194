//! Reads a configuration field by field and collects every problem on the way.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{ToolError, ToolErrorKind};

/// Fields that choose the tool and are not the tool's: a node names it in `action`, a schedule's action in `type`.
const CHOOSERS: [&str; 2] = ["action", "type"];

/// The most problems that are told at once.
const MAX_PROBLEMS: usize = 100;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The field, as in `url` or `headers.x-token`.
    pub field: String,
    /// `missing_field`, `unknown_field`, `wrong_type` or `invalid_value`.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub message: String,
}

/// When a configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// As it is saved: strings with `{{` are templates, whose values nobody knows yet.
    Saved,
    /// As it is called: templates are filled in, and `{{` is text like any other.
    Rendered,
}

/// What is wrong with a value.
#[derive(Debug)]
pub(crate) enum Fault {
    Type(&'static str),
    Value(String),
}

/// One pass over a configuration.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    config: &'a Map<String, Value>,
    phase: Phase,
    problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    /// Starts with the complaint about every field that is not among `known`.
    pub(crate) fn new(config: &'a Map<String, Value>, phase: Phase, known: &[&str]) -> Self {
        let mut reader = Self {
            config,
            phase,
            problems: Vec::new(),
        };
        let expected = |name: &String| known.contains(&name.as_str()) || CHOOSERS.contains(&name.as_str());
        for name in config.keys().filter(|name| !expected(name)) {
            reader.report(
                name,
                "unknown_field",
                format!("there is no such field; known are {}", known.join(", ")),
            );
        }
        reader
    }

    /// The value of `field`; nothing, and a problem, where it is not there.
    pub(crate) fn required(&mut self, field: &str) -> Option<&'a Value> {
        let value = self.config.get(field);
        if value.is_none() {
            self.report(field, "missing_field", "this field must be there".to_owned());
        }
        value
    }

    /// The value of `field`; `null` is the same as not there, so that a template can leave a field out.
    pub(crate) fn optional(&self, field: &str) -> Option<&'a Value> {
        self.config.get(field).filter(|value| !value.is_null())
    }

    /// Reads a value, unless it is a template that may stand for anything.
    pub(crate) fn value<T>(
        &mut self,
        field: &str,
        value: &Value,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        if self.phase == Phase::Saved && value.as_str().is_some_and(is_one_template) {
            return None;
        }
        match read(value) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(field, fault);
                None
            }
        }
    }

    /// Reads a value that may be a text, unless a template is part of it.
    pub(crate) fn text<T>(
        &mut self,
        field: &str,
        value: &Value,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        if self.phase == Phase::Saved && holds_template(value) {
            return None;
        }
        self.value(field, value, read)
    }

    pub(crate) fn fault(&mut self, field: &str, fault: Fault) {
        match fault {
            Fault::Type(wanted) => {
                self.report(field, "wrong_type", format!("this must be {wanted}"));
            }
            Fault::Value(message) => self.report(field, "invalid_value", message),
        }
    }

    pub(crate) fn into_problems(self) -> Vec<ConfigProblem> {
        self.problems
    }

    /// What was read, where there is no problem; else the error that tells all of them.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, ToolError> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            _ => Err(invalid_config(&self.problems)),
        }
    }

    fn report(&mut self, field: &str, code: &'static str, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(ConfigProblem {
                field: field.to_owned(),
                code,
                message,
            });
        }
    }
}

/// The error of a call whose configuration has `problems`.
pub(crate) fn invalid_config(problems: &[ConfigProblem]) -> ToolError {
    let first = problems
        .first()
        .map(|problem| format!(": {}: {}", problem.field, problem.message));
    let message = format!(
        "the configuration of the call is not valid{}",
        first.unwrap_or_default()
    );
    ToolError::new(ToolErrorKind::InvalidConfig, message).with_details(json!({ "problems": problems }))
}

/// Whether a string, or one in a list, has a template in it.
fn holds_template(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(entries) => entries.iter().any(holds_template),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Whether `text` is exactly one `{{ expr }}`, which keeps the JSON type of its value.
fn is_one_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") && text.matches("{{").count() == 1
}
