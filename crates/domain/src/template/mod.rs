//! JSON with `{{ }}` in its strings: checked once, rendered within the limits of expressions.

mod parse;
mod render;
mod text;

use serde_json::Value;

use crate::expression::{Budget, EvalError, Expression, MAX_OUTPUT_BYTES, Reference, SyntaxError};
use crate::json::Json;
use crate::scope::Scope;
use text::Text;

/// JSON whose strings may hold expressions.
///
/// A string that is exactly one `{{ expression }}` becomes the expression's value, with its type; other strings stay
/// strings, in which `{{ }}`, `{% if %}` and `{% for %}` are replaced. Keys are taken as they are.
#[derive(Debug)]
pub struct Template {
    root: Part,
}

#[derive(Debug)]
enum Part {
    Constant(Json),
    Expression(Box<Expression>),
    Text(Box<Text>),
    List(Vec<Part>),
    Object(Vec<(String, Part)>),
}

impl Template {
    /// Parses every string of `value`; each that is wrong is named by its path, such as `headers.x` or `items[2]`.
    pub fn parse(value: &Value) -> Result<Self, Vec<(String, SyntaxError)>> {
        parse::parse(value).map(|root| Self { root })
    }

    /// Whether it is the same whatever the scope, so that rendering costs nothing.
    pub fn is_constant(&self) -> bool {
        matches!(self.root, Part::Constant(_))
    }

    /// Puts the values of its expressions in; the result is at most 1 MiB.
    pub fn render(&self, scope: &Scope) -> Result<Json, EvalError> {
        if let Part::Constant(json) = &self.root {
            return Ok(json.clone());
        }
        render::render(
            &self.root,
            (Some(scope), scope.view()),
            (Budget::Node, MAX_OUTPUT_BYTES),
        )
    }

    /// The same over the names of a firing, with little work and at most `most` bytes.
    pub(crate) fn render_firing(&self, names: minijinja::Value, most: usize) -> Result<Json, EvalError> {
        render::render(&self.root, (None, names), (Budget::Firing, most))
    }

    /// How many of its strings hold expressions.
    pub(crate) fn strings(&self) -> usize {
        self.root.strings()
    }

    /// What its expressions read, each with the path of its string.
    pub fn references(&self) -> Vec<(String, &Reference)> {
        let mut found = Vec::new();
        self.root.references(&mut String::new(), &mut found);
        found
    }
}

impl Part {
    fn strings(&self) -> usize {
        match self {
            Self::Constant(_) => 0,
            Self::Expression(_) | Self::Text(_) => 1,
            Self::List(items) => items.iter().map(Self::strings).sum(),
            Self::Object(fields) => fields.iter().map(|(_, part)| part.strings()).sum(),
        }
    }

    fn references<'a>(&'a self, path: &mut String, found: &mut Vec<(String, &'a Reference)>) {
        match self {
            Self::Constant(_) => {}
            Self::Expression(expression) => found.extend(at(path, expression.references())),
            Self::Text(text) => found.extend(at(path, text.references())),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    within(path, &format!("[{index}]"), |path| item.references(path, found));
                }
            }
            Self::Object(fields) => {
                for (key, part) in fields {
                    within(path, &format!(".{key}"), |path| part.references(path, found));
                }
            }
        }
    }
}

fn at<'a>(path: &str, references: &'a [Reference]) -> impl Iterator<Item = (String, &'a Reference)> {
    let path = shown(path);
    references.iter().map(move |reference| (path.clone(), reference))
}

/// Walks one step down, and back.
fn within<T>(path: &mut String, step: &str, walk: impl FnOnce(&mut String) -> T) -> T {
    let length = path.len();
    path.push_str(step);
    let result = walk(path);
    path.truncate(length);
    result
}

/// A path as it is told: without the dot it starts with.
fn shown(path: &str) -> String {
    path.strip_prefix('.').unwrap_or(path).to_owned()
}
