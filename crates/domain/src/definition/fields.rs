//! Reading the fields of a JSON object, noting what is missing, unknown or of the wrong type.

use std::time::Duration;

use serde_json::{Map, Value};

use super::problem::{Place, Problems};
use crate::duration::parse_duration;

/// The object that `value` must be; anything else is noted as a problem with `field`.
pub(super) fn object<'v>(
    value: &'v Value,
    place: &Place<'_>,
    field: &str,
    problems: &mut Problems,
) -> Option<&'v Map<String, Value>> {
    let object = value.as_object();
    if object.is_none() {
        wrong_type(place, field, "an object", value, problems);
    }
    object
}

/// Notes every field that is not in `known`, with the name that may have been meant.
pub(super) fn only(known: &[&str], object: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) {
    for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
        let hint = match (problems.guess(name, known.iter().copied()), known) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "it takes no fields".to_owned(),
            (None, known) => format!("there are {}", listed(known.iter().copied())),
        };
        let name = shown(name);
        problems.add(
            place,
            &name,
            "unknown_field",
            format!("there is no field `{name}` here; {hint}"),
        );
    }
}

/// A field that may be left out, or be `null`.
pub(super) fn optional<'v>(object: &'v Map<String, Value>, field: &str) -> Option<&'v Value> {
    object.get(field).filter(|value| !value.is_null())
}

/// A field that must be there.
pub(super) fn required<'v>(
    object: &'v Map<String, Value>,
    place: &Place<'_>,
    field: &str,
    problems: &mut Problems,
) -> Option<&'v Value> {
    let value = object.get(field);
    if value.is_none() {
        problems.add(place, field, "missing_field", format!("`{field}` is missing"));
    }
    value
}

/// The text of a field.
pub(super) fn text<'v>(value: &'v Value, place: &Place<'_>, field: &str, problems: &mut Problems) -> Option<&'v str> {
    let text = value.as_str();
    if text.is_none() {
        wrong_type(place, field, "a string", value, problems);
    }
    text
}

/// One of a few words, each with what it stands for.
pub(super) fn word<T: Copy>(
    value: &Value,
    words: &[(&str, T)],
    (place, field): (&Place<'_>, &str),
    problems: &mut Problems,
) -> Option<T> {
    let text = text(value, place, field, problems)?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let known = listed(words.iter().map(|(word, _)| *word));
        problems.add(
            place,
            field,
            "invalid_value",
            format!("`{}` is not one of {known}", shown(text)),
        );
    }
    found.map(|(_, meaning)| *meaning)
}

/// A duration, such as `"30s"`.
pub(super) fn duration(value: &Value, place: &Place<'_>, field: &str, problems: &mut Problems) -> Option<Duration> {
    parse_duration(text(value, place, field, problems)?)
        .map_err(|error| problems.add(place, field, "invalid_value", error.to_string()))
        .ok()
}

/// A duration of more than nothing.
pub(super) fn timeout(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<Duration> {
    let timeout = duration(value, place, "timeout", problems)?;
    if timeout.is_zero() {
        problems.add(
            place,
            "timeout",
            "invalid_value",
            "a timeout must be longer than zero; leave it out for none",
        );
        return None;
    }
    Some(timeout)
}

/// Notes that a field is of another type than it must be.
pub(super) fn wrong_type(place: &Place<'_>, field: &str, wanted: &str, value: &Value, problems: &mut Problems) {
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    problems.add(
        place,
        field,
        "wrong_type",
        format!("this must be {wanted}, and is {given}"),
    );
}

/// The nearest of the known names, if it is near.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > 64 {
        return None;
    }
    known
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The most names that a message lists.
const MAX_LISTED: usize = 20;

/// Names in a row, for a message.
pub(crate) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names = names.map(|name| format!("`{name}`"));
    let first: Vec<_> = names.by_ref().take(MAX_LISTED).collect();
    match names.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The beginning of a text that somebody else chose, for a message or path.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
