//! What can be wrong with an expression: its text, or its value.

use minijinja::ErrorKind;

/// A text that is no expression or template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes from 0.
    pub position: usize,
    /// The line of `position`, from 1.
    pub line: usize,
    /// The column of `position`, in characters from 1.
    pub column: usize,
}

impl SyntaxError {
    pub(crate) fn new(message: impl Into<String>, position: usize, source: &str) -> Self {
        let position = position.min(source.len());
        let before = source.get(..position).unwrap_or_default();
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            message: message.into(),
            position,
            line: before.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
        }
    }

    /// The same error, in the text of which its source is the part that starts at `offset`.
    pub(crate) fn within(self, text: &str, offset: usize) -> Self {
        Self::new(self.message, self.position + offset, text)
    }

    pub(crate) fn of(error: &minijinja::Error, source: &str) -> Self {
        let position = error.range().map_or(0, |range| range.start);
        let detail = error.detail().unwrap_or("it cannot be read");
        Self::new(beginning(detail, MAX_REASON), position, source)
    }
}

/// An expression that has no value here, and why; safe to show to users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// Names the expression and what is wrong with it.
    pub message: String,
}

/// The longest part of an expression that a message repeats, in characters.
const MAX_SOURCE: usize = 120;
/// The longest reason that a message gives, in characters.
const MAX_REASON: usize = 300;

impl EvalError {
    pub(crate) fn new(source: &str, reason: &str) -> Self {
        let (source, reason) = (beginning(source, MAX_SOURCE), beginning(reason, MAX_REASON));
        Self {
            message: format!("`{source}`: {reason}"),
        }
    }

    pub(crate) fn of(error: &minijinja::Error, source: &str) -> Self {
        Self::new(source, &reason(error))
    }
}

/// The language's own words, where they are fit for users.
pub(crate) fn reason(error: &minijinja::Error) -> String {
    let kind = error.kind();
    match (kind, error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes more work than an expression may do".to_owned(),
        (ErrorKind::UndefinedError, Some(detail)) => detail.to_owned(),
        (ErrorKind::UndefinedError, None) => "a value in it is not defined".to_owned(),
        (_, Some(detail)) => format!("{kind}: {detail}"),
        (_, None) => kind.to_string(),
    }
}

fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
