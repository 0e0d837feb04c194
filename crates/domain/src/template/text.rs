//! A string with expressions between other text.

use std::fmt;

use minijinja::{Environment, Value};

use crate::expression::{Capped, EvalError, Reference, SyntaxError, parse_text, with_template};
use crate::json::Json;

/// A parsed text; it renders to a string.
pub(super) struct Text {
    /// Holds the one template.
    environment: Environment<'static>,
    name: &'static str,
    source: String,
    references: Vec<Reference>,
}

impl Text {
    /// Parses a text that [`shape_of`](crate::expression::shape_of) found to be within limits.
    pub(super) fn parse(source: &str) -> Result<Self, SyntaxError> {
        let references = parse_text(source)?.references;
        let (environment, name) = with_template(source).map_err(|error| SyntaxError::of(&error, source))?;
        Ok(Self {
            environment,
            name,
            source: source.to_owned(),
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
    pub(super) fn render(&self, view: &Value) -> Result<Json, EvalError> {
        let mut buffer = Capped::default();
        let failure = self
            .environment
            .get_template(self.name)
            .and_then(|template| template.render_captured_to(view.clone(), &mut buffer).map(drop))
            .err();
        let failure = failure.map(|error| crate::expression::reason(&error));
        let text = buffer
            .finish(failure)
            .map_err(|reason| EvalError::new(&self.source, &reason))?;
        Json::serialize(&text).map_err(|error| EvalError::new(&self.source, &error.to_string()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.source).finish()
    }
}
