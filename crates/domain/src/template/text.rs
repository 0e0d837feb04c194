//! A string with expressions between other text.

use std::fmt;

use minijinja::{Environment, Value};

use crate::expression::{Capped, EvalError, Pieces, Reference, SyntaxError, Unwritten, parse_text, with_template};
use crate::json::Json;

/// A parsed text; it renders to a string.
pub(super) struct Text {
    compiled: Compiled,
    source: String,
    references: Vec<Reference>,
}

enum Compiled {
    /// Without statements.
    Pieces(Pieces),
    /// With statements, which only a template of the language can have.
    Template(Box<Environment<'static>>, &'static str),
}

impl Text {
    /// Parses a text that [`shape_of`](crate::expression::shape_of) found to be within limits.
    pub(super) fn parse(source: &str) -> Result<Self, SyntaxError> {
        let references = parse_text(source)?.references;
        let compiled = match Pieces::of(source) {
            Some(pieces) => Compiled::Pieces(pieces),
            None => {
                let (environment, name) = with_template(source).map_err(|error| SyntaxError::of(&error, source))?;
                Compiled::Template(Box::new(environment), name)
            }
        };
        Ok(Self {
            compiled,
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
        let text = match &self.compiled {
            Compiled::Template(environment, name) => rendered(environment, name, view),
            Compiled::Pieces(pieces) => pieces.render(view).or_else(|unwritten| match unwritten {
                Unwritten::Because(reason) => Err(reason),
                Unwritten::Unclear => with_template(&self.source)
                    .map_err(|error| crate::expression::reason(&error))
                    .and_then(|(environment, name)| rendered(&environment, name, view)),
            }),
        };
        let text = text.map_err(|reason| EvalError::new(&self.source, &reason))?;
        Json::serialize(&text).map_err(|error| EvalError::new(&self.source, &error.to_string()))
    }
}

fn rendered(environment: &Environment<'_>, name: &str, view: &Value) -> Result<String, String> {
    let mut buffer = Capped::default();
    let failure = environment
        .get_template(name)
        .and_then(|template| template.render_captured_to(view.clone(), &mut buffer).map(drop))
        .err();
    buffer.finish(failure.map(|error| crate::expression::reason(&error)))
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.source).finish()
    }
}
