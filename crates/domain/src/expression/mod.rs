//! Expressions over `input`, `nodes.<id>.output`, `run` and `firing`: checked once, evaluated within fixed limits.

mod allowed;
mod error;
mod evaluate;
mod filters;
mod language;
mod path;
mod references;
mod syntax;
mod tree;

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::ValueKind;

pub use error::{EvalError, SyntaxError};
pub(crate) use evaluate::{to_json, write_text};
pub(crate) use language::Budget;
pub(crate) use language::MAX_OUTPUT_BYTES;
pub use references::{Name, Reference};
pub(crate) use syntax::{Shape, parse_text, shape_of};

use crate::json::Json;
use crate::scope::Scope;

/// A parsed expression, such as `nodes.fetch.output.status == 200`.
///
/// Only what was checked is kept: compiled it is far larger than its text (about 10 KB), and compiling it again takes
/// about as long as evaluating it. It reads only its [`Scope`], gives the same value every time, and stops at limits of work (fuel), nesting and size.
pub struct Expression {
    source: Arc<str>,
    references: Vec<Reference>,
    whole: Option<Whole>,
}

/// A whole document of the scope, which is handed on as it is, without parsing it.
#[derive(Debug)]
pub(crate) enum Whole {
    /// `input`
    Input,
    /// `nodes.<id>.output`
    Output(String),
}

impl Expression {
    /// Parses an expression; what is wrong with it is said with its place in `source`.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        let findings = syntax::parse_expression(source)?;
        Ok(Self {
            source: source.into(),
            references: findings.references,
            whole: findings.whole,
        })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads, each once, in the order of the text.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Its value.
    pub fn evaluate(&self, scope: &Scope) -> Result<serde_json::Value, EvalError> {
        let json = self.evaluate_json(Some(scope), &scope.view(), Budget::Node)?;
        json.parse()
            .map_err(|_too_deep| self.failed("its value is nested too deeply"))
    }

    /// Its value, which must be `true` or `false`.
    pub fn truth(&self, scope: &Scope) -> Result<bool, EvalError> {
        let value = self.value(&scope.view(), Budget::Node)?;
        if value.kind() != ValueKind::Bool {
            let given = evaluate::described(&value);
            return Err(self.failed(&format!("gave {given}, where true or false is needed")));
        }
        Ok(value.is_true())
    }

    /// Its value as JSON; `view` is the scope's, if it is over one, shared by the expressions of one template.
    pub(crate) fn evaluate_json(&self, scope: Option<&Scope>, view: &Value, budget: Budget) -> Result<Json, EvalError> {
        let whole = self.whole.as_ref().zip(scope);
        if let Some(json) = whole.and_then(|(whole, scope)| scope.whole(whole)) {
            return Ok(json.clone());
        }
        to_json(&self.value(view, budget)?).map_err(|reason| self.failed(&reason))
    }

    fn value(&self, view: &Value, budget: Budget) -> Result<Value, EvalError> {
        let value = budget
            .language()
            .compile_expression(&self.source)
            .and_then(|compiled| compiled.eval(view.clone()))
            .map_err(|error| EvalError::of(&error, &self.source))?;
        if value.is_undefined() {
            return Err(self.failed("it is not defined"));
        }
        Ok(value)
    }

    fn failed(&self, reason: &str) -> EvalError {
        EvalError::new(&self.source, reason)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}
