//! How much there is to compile in a definition, counted before any of it is.

use serde_json::Value;

use super::document::Document;
use super::problem::{Place, Problems};

/// The most expressions and statements that all strings of a definition may have together; what is kept of one is a
/// few hundred bytes.
const MAX_EXPRESSIONS: u64 = 50_000;
/// How many bytes of text count for one expression.
const BYTES_PER_UNIT: u64 = 100;

/// What a definition has to be compiled.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Size {
    /// Expressions, statements and remarks.
    expressions: u64,
    /// Length of the text, in bytes.
    bytes: u64,
}

impl Size {
    /// Looks through all that may hold expressions.
    pub(super) fn of(document: &Document<'_>) -> Self {
        let mut size = Self::default();
        for node in document.nodes {
            if let Some(config) = node.get("config") {
                size.add_template(config);
                size.add_expression(config.get("expression"));
            }
        }
        for edge in document.edges {
            size.add_expression(edge.get("when"));
        }
        size
    }

    /// Notes what is more than may be compiled; says whether all is within limits.
    pub(super) fn check(&self, problems: &mut Problems) -> bool {
        let fits = self.expressions <= MAX_EXPRESSIONS;
        if !fits {
            let message = format!(
                "{} expressions and statements are more than the {MAX_EXPRESSIONS} that are allowed; use several pipelines",
                self.expressions
            );
            problems.add(&Place::definition(), "", "too_many_templates", message);
        }
        fits
    }

    /// About how much memory it takes compiled, in units of an expression.
    pub(super) fn weight(&self) -> u64 {
        self.expressions + self.bytes / BYTES_PER_UNIT
    }

    /// Adds a value with `{{ }}` in its strings, without recursion, because it may be nested deeply.
    fn add_template(&mut self, value: &Value) {
        let mut left = vec![value];
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => self.add_text(text),
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => {
                    self.bytes += fields.keys().map(|key| key.len() as u64).sum::<u64>();
                    left.extend(fields.values());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
            self.bytes += size_of::<Value>() as u64;
        }
    }

    fn add_text(&mut self, text: &str) {
        let count = |start: &str| text.matches(start).count() as u64;
        self.expressions += count("{{") + count("{%") + count("{#");
        self.bytes += text.len() as u64;
    }

    fn add_expression(&mut self, source: Option<&Value>) {
        if let Some(text) = source.and_then(Value::as_str) {
            self.expressions += 1;
            self.bytes += text.len() as u64;
        }
    }
}
