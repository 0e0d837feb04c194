//! From JSON to the parts of a template.

use serde_json::{Map, Value};

use super::text::Text;
use super::{Part, shown};
use crate::expression::{Expression, Shape, SyntaxError, shape_of};
use crate::json::Json;

/// How deep lists and objects may nest; half of what a JSON parser takes, so that values fit in.
const MAX_DEPTH: usize = 64;

type Errors = Vec<(String, SyntaxError)>;

/// Parses every string of `value`, or tells all that are wrong.
pub(super) fn parse(value: &Value) -> Result<Part, Errors> {
    let mut parser = Parser::default();
    let root = parser.part(value, 0);
    match (root, parser.errors.is_empty()) {
        (Some(root), true) => Ok(root),
        _ => Err(parser.errors),
    }
}

#[derive(Default)]
struct Parser {
    path: String,
    errors: Errors,
}

impl Parser {
    /// A part, or `None` where an error was noted.
    fn part(&mut self, value: &Value, depth: usize) -> Option<Part> {
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return self.wrong(SyntaxError::new(message, 0, ""));
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(items, depth).map(|parts| folded(value, parts)),
            Value::Object(fields) => self.object(fields, depth).map(|parts| folded(value, parts)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(constant(value)),
        }
    }

    fn string(&mut self, text: &str) -> Option<Part> {
        let part = shape_of(text).and_then(|shape| match shape {
            Shape::Plain => Ok(Part::Constant(Json::from_value(&Value::from(text)))),
            Shape::Expression(source, offset) => Expression::parse(source)
                .map(|expression| Part::Expression(Box::new(expression)))
                .map_err(|error| error.within(text, offset)),
            Shape::Text => Text::parse(text).map(|text| Part::Text(Box::new(text))),
        });
        part.map_or_else(|error| self.wrong(error), Some)
    }

    fn list(&mut self, items: &[Value], depth: usize) -> Option<Part> {
        let parts: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.at(&format!("[{index}]"), item, depth))
            .collect();
        parts.into_iter().collect::<Option<_>>().map(Part::List)
    }

    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Option<Part> {
        let parts: Vec<_> = fields
            .iter()
            .map(|(key, value)| Some((key.clone(), self.at(&format!(".{key}"), value, depth)?)))
            .collect();
        parts.into_iter().collect::<Option<_>>().map(Part::Object)
    }

    fn at(&mut self, step: &str, value: &Value, depth: usize) -> Option<Part> {
        let length = self.path.len();
        self.path.push_str(step);
        let part = self.part(value, depth + 1);
        self.path.truncate(length);
        part
    }

    fn wrong(&mut self, error: SyntaxError) -> Option<Part> {
        self.errors.push((shown(&self.path), error));
        None
    }
}

/// A list or object without any expression is one constant.
fn folded(value: &Value, part: Part) -> Part {
    let is_constant = |part: &Part| matches!(part, Part::Constant(_));
    let all_constant = match &part {
        Part::List(items) => items.iter().all(is_constant),
        Part::Object(fields) => fields.iter().all(|(_, part)| is_constant(part)),
        Part::Constant(_) | Part::Expression(_) | Part::Text(_) => false,
    };
    if all_constant { constant(value) } else { part }
}

fn constant(value: &Value) -> Part {
    Part::Constant(Json::from_value(value))
}
