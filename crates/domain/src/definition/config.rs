//! What a node does, from its `config`.

use serde_json::{Map, Value};

use super::fields::{duration, listed, object, only, optional, required, shown, text, word, wrong_type};
use super::kind::Type;
use super::problem::{Place, Problems, join};
use super::{ActionCheck, Rules};
use crate::expression::{Expression, SyntaxError};
use crate::pipeline::{HandlerName, JoinMode, NodeKind};
use crate::template::Template;

/// Reads the config of a node of a known type.
pub(super) fn read(
    node_type: Type,
    node: &Map<String, Value>,
    (place, rules): (&Place<'_>, &Rules<'_>),
    problems: &mut Problems,
) -> Option<NodeKind> {
    let empty = Map::new();
    let config = match optional(node, "config") {
        Some(value) => object(value, place, "config", problems)?,
        None => &empty,
    };
    let place = &place.within("config");
    match node_type {
        Type::Trigger => {
            only(&[], config, place, problems);
            Some(NodeKind::Trigger)
        }
        Type::Parallel => {
            only(&[], config, place, problems);
            Some(NodeKind::Parallel)
        }
        Type::Condition => condition(config, place, problems),
        Type::Transform => transform(config, place, problems),
        Type::Join => join_mode(config, place, problems),
        Type::Delay => delay(config, place, problems),
        Type::Action => action(config, place, rules, problems),
        Type::Own => {
            let name = node.get("type").and_then(Value::as_str)?;
            work(HandlerName::Kind(name.into()), config, (place, rules), problems)
        }
    }
}

fn condition(config: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<NodeKind> {
    only(&["expression"], config, place, problems);
    let source = text(
        required(config, place, "expression", problems)?,
        place,
        "expression",
        problems,
    )?;
    let expression = expression(source, place, "expression", problems)?;
    Some(NodeKind::Condition { expression })
}

fn transform(config: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<NodeKind> {
    only(&["output"], config, place, problems);
    let value = required(config, place, "output", problems)?;
    let output = template(value, place, "output", problems)?;
    Some(NodeKind::Transform { output })
}

fn join_mode(config: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<NodeKind> {
    only(&["mode"], config, place, problems);
    let words = [("all", JoinMode::All), ("any", JoinMode::Any)];
    let mode = match optional(config, "mode") {
        Some(value) => word(value, &words, (place, "mode"), problems)?,
        None => JoinMode::All,
    };
    Some(NodeKind::Join { mode })
}

fn delay(config: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<NodeKind> {
    only(&["duration"], config, place, problems);
    let value = required(config, place, "duration", problems)?;
    if !value.is_string() {
        wrong_type(place, "duration", "a string", value, problems);
        return None;
    }
    let template = template(value, place, "duration", problems)?;
    if template.is_constant() {
        duration(value, place, "duration", problems)?;
    }
    Some(NodeKind::Delay { duration: template })
}

fn action(
    config: &Map<String, Value>,
    place: &Place<'_>,
    rules: &Rules<'_>,
    problems: &mut Problems,
) -> Option<NodeKind> {
    let name = required(config, place, "action", problems).and_then(|value| text(value, place, "action", problems));
    let mut rest = config.clone();
    rest.shift_remove("action");
    let Some(name) = name else {
        // What it is given is read all the same, for its problems.
        template(&Value::Object(rest), place, "", problems);
        return None;
    };
    work(HandlerName::Action(name.into()), &rest, (place, rules), problems)
}

/// A node whose work a handler does, given the handler's part of the config.
fn work(
    handler: HandlerName,
    config: &Map<String, Value>,
    (place, rules): (&Place<'_>, &Rules<'_>),
    problems: &mut Problems,
) -> Option<NodeKind> {
    if let Some(check) = rules.check_action {
        match check(&handler, config) {
            ActionCheck::Unknown { known } => unknown_action(&handler, &known, place, problems),
            ActionCheck::Checked(found) => {
                for problem in found {
                    problems.add(place, &problem.field, problem.code, problem.message);
                }
            }
        }
    }
    let config = template(&Value::Object(config.clone()), place, "", problems)?;
    Some(NodeKind::Action { handler, config })
}

fn unknown_action(handler: &HandlerName, known: &[String], place: &Place<'_>, problems: &mut Problems) {
    let (HandlerName::Action(name) | HandlerName::Kind(name)) = handler;
    let names = || known.iter().map(String::as_str);
    let hint = match problems.guess(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", listed(names())),
    };
    let message = format!("there is no action `{}`; {hint}", shown(name));
    problems.add(place, "action", "unknown_action", message);
}

/// Parses an expression.
pub(super) fn expression(source: &str, place: &Place<'_>, field: &str, problems: &mut Problems) -> Option<Expression> {
    Expression::parse(source)
        .map_err(|error| bad_expression(&error, place, field, problems))
        .ok()
}

fn template(value: &Value, place: &Place<'_>, field: &str, problems: &mut Problems) -> Option<Template> {
    Template::parse(value)
        .map_err(|errors| {
            for (path, error) in errors {
                bad_expression(&error, place, &join(field, &path), problems);
            }
        })
        .ok()
}

fn bad_expression(error: &SyntaxError, place: &Place<'_>, field: &str, problems: &mut Problems) {
    problems.add(place, field, "bad_expression", error.to_string());
}
