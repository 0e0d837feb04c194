//! A string with expressions between other text.

use minijinja::Value;

use crate::expression::{Budget, EvalError, Reference, SyntaxError, parse_text, write_text};
use crate::json::Json;

/// A checked text; it renders to a string.
#[derive(Debug)]
pub(super) struct Text {
    source: Box<str>,
    references: Vec<Reference>,
}

impl Text {
    /// Parses a text that [`shape_of`](crate::expression::shape_of) found to be within limits.
    pub(super) fn parse(source: &str) -> Result<Self, SyntaxError> {
        let references = parse_text(source)?.references;
        Ok(Self {
            source: source.into(),
            references,
        })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The text with the values in it, as a JSON string.
    pub(super) fn render(&self, view: &Value, budget: Budget) -> Result<Json, EvalError> {
        let text = write_text(&self.source, view, budget).map_err(|reason| EvalError::new(&self.source, &reason))?;
        Json::serialize(&text).map_err(|error| EvalError::new(&self.source, &error.to_string()))
    }
}
