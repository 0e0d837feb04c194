//! How failures of a node are dealt with: `retry`, `timeout` and `on_error`.

use serde_json::{Map, Number, Value};

use super::fields::{duration, object, only, optional, required, timeout, word, wrong_type};
use super::nodes::{Policy, Type};
use super::problem::{Place, Problems};
use crate::pipeline::OnError;
use crate::retry::{Jitter, RetryPolicy};

const RETRY: [&str; 5] = ["max_attempts", "initial", "multiplier", "max", "jitter"];

/// Reads the policy of a node; where its type is unknown, everything is read as if it could have it.
pub(super) fn read(
    node_type: Option<Type>,
    fields: &Map<String, Value>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> Policy {
    let mut policy = Policy::default();
    let is_action = matches!(node_type, None | Some(Type::Action));
    if let Some(value) = allowed(fields, "retry", is_action, (place, node_type), problems) {
        policy.retry = retry(value, &place.within("retry"), problems).unwrap_or_default();
    }
    if let Some(value) = allowed(fields, "timeout", is_action, (place, node_type), problems) {
        policy.timeout = timeout(value, place, problems);
    }
    let may_fail = node_type != Some(Type::Trigger);
    if let Some(value) = allowed(fields, "on_error", may_fail, (place, node_type), problems) {
        let words = [("fail", OnError::Fail), ("continue", OnError::Continue)];
        policy.on_error = word(value, &words, (place, "on_error"), problems).unwrap_or(OnError::Fail);
    }
    policy
}

/// A field that only some types of nodes have.
fn allowed<'v>(
    fields: &'v Map<String, Value>,
    field: &str,
    is_allowed: bool,
    (place, node_type): (&Place<'_>, Option<Type>),
    problems: &mut Problems,
) -> Option<&'v Value> {
    let value = optional(fields, field)?;
    if !is_allowed {
        let name = node_type.map_or("such", Type::name);
        let message = format!("`{field}` has no meaning on a {name} node; leave it out");
        problems.add(place, field, "unknown_field", message);
    }
    Some(value).filter(|_| is_allowed)
}

fn retry(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<RetryPolicy> {
    let fields = object(value, place, "", problems)?;
    only(&RETRY, fields, place, problems);
    let defaults = RetryPolicy::default();
    let max_attempts =
        required(fields, place, "max_attempts", problems).and_then(|value| attempts(value, place, problems));
    let initial = optional(fields, "initial").and_then(|value| duration(value, place, "initial", problems));
    let max = optional(fields, "max").and_then(|value| duration(value, place, "max", problems));
    let multiplier = optional(fields, "multiplier").and_then(|value| multiplier(value, place, problems));
    let words = [("full", Jitter::Full), ("none", Jitter::None)];
    let jitter = optional(fields, "jitter").and_then(|value| word(value, &words, (place, "jitter"), problems));
    // Where only one of the two waits is given, the other follows it.
    let initial_wait = initial.unwrap_or_else(|| defaults.initial.min(max.unwrap_or(defaults.max)));
    let max_wait = max.unwrap_or_else(|| defaults.max.max(initial_wait));
    if max_wait < initial_wait {
        problems.add(
            place,
            "max",
            "invalid_value",
            "the longest wait is shorter than the first, `initial`",
        );
    }
    Some(RetryPolicy {
        max_attempts: max_attempts?,
        initial: initial_wait,
        multiplier: multiplier.unwrap_or(defaults.multiplier),
        max: max_wait,
        jitter: jitter.unwrap_or(defaults.jitter),
    })
}

fn attempts(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<u32> {
    let Value::Number(number) = value else {
        wrong_type(place, "max_attempts", "a number", value, problems);
        return None;
    };
    let attempts = number.as_u64().and_then(|number| u32::try_from(number).ok());
    let valid = attempts.filter(|attempts| (1..=100).contains(attempts));
    if valid.is_none() {
        problems.add(
            place,
            "max_attempts",
            "invalid_value",
            "this must be a whole number from 1 to 100",
        );
    }
    valid
}

fn multiplier(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<f64> {
    let Value::Number(number) = value else {
        wrong_type(place, "multiplier", "a number", value, problems);
        return None;
    };
    let valid = Number::as_f64(number).filter(|multiplier| (1.0..=100.0).contains(multiplier));
    if valid.is_none() {
        problems.add(
            place,
            "multiplier",
            "invalid_value",
            "this must be a number from 1 to 100",
        );
    }
    valid
}
