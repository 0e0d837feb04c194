//! The language of expressions and templates, with its limits: one environment for all.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::evaluate::JsonWriter;
use super::filters;

/// The most work one evaluation may do: about one unit per operation, and per 64 bytes it makes.
const FUEL: u64 = 100_000;
/// How deep loops and calls may nest while evaluating.
const RECURSION_LIMIT: usize = 100;
/// The largest value that an expression or template may give, in bytes of JSON.
pub(crate) const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

/// What an expression may call.
const FUNCTIONS: [&str; 2] = ["dict", "range"];

/// The same where an evaluation holds up others: of the actions of schedules, which are rendered while the schedules are locked.
const FIRING_FUEL: u64 = 1_000;

/// The environment that all expressions share; it holds no template, and loads none.
pub(crate) static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| language(FUEL));
static FIRING_LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| language(FIRING_FUEL));

/// How much work an evaluation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// What an expression of a node may.
    Node,
    /// What one of a firing may, which is a hundredth.
    Firing,
}

impl Budget {
    pub(super) fn language(self) -> &'static Environment<'static> {
        match self {
            Self::Node => &LANGUAGE,
            Self::Firing => &FIRING_LANGUAGE,
        }
    }
}

static IS_FILTER: LazyLock<Option<minijinja::Expression<'static, 'static>>> =
    LazyLock::new(|| LANGUAGE.compile_expression("name is filter").ok());
static IS_TEST: LazyLock<Option<minijinja::Expression<'static, 'static>>> =
    LazyLock::new(|| LANGUAGE.compile_expression("name is test").ok());

/// Whether `name` is a function that expressions may call.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Whether there is a filter of that name.
pub(super) fn has_filter(name: &str) -> bool {
    decides(IS_FILTER.as_ref(), name)
}

/// Whether there is a test of that name (`is …`).
pub(super) fn has_test(name: &str) -> bool {
    decides(IS_TEST.as_ref(), name)
}

fn language(fuel: u64) -> Environment<'static> {
    let mut language = Environment::new();
    language.set_auto_escape_callback(|_| AutoEscape::None);
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(fuel));
    language.set_recursion_limit(RECURSION_LIMIT);
    language.set_formatter(write_value);
    // Undefined values remember where they came from, so that the error names them.
    language.set_debug(true);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        language.set_syntax(syntax);
    }
    // What shows the inside of the engine.
    language.remove_global("debug");
    language.remove_global("namespace");
    filters::replace_in(&mut language);
    language
}

/// Strings are written as they are, everything else as JSON.
fn write_value(output: &mut Output, _: &mut State, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => output.write_str(text).map_err(Error::from),
        None if value.kind() == ValueKind::Undefined => Ok(()),
        None => serde_json::to_writer(JsonWriter(output), value)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string())),
    }
}

fn decides(question: Option<&minijinja::Expression<'_, '_>>, name: &str) -> bool {
    let scope = Value::from_pairs([("name", name)]);
    question
        .and_then(|question| question.eval(scope).ok())
        .is_some_and(|answer| answer.is_true())
}
