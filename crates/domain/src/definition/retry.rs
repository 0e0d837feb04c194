//! `retry`: how often, when and after which failures an attempt is tried again.

use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::fields::{duration, object, only, optional, required, word, wrong_type};
use super::problem::{Place, Problems};
use super::retry_on;
use crate::retry::{Jitter, RetryPolicy};

const FIELDS: [&str; 6] = ["max_attempts", "initial", "multiplier", "max", "jitter", "retry_on"];

/// What a node's own `retry` starts from: each field that it leaves out is taken from here.
#[derive(Debug, Default)]
pub(super) struct Base {
    pub(super) policy: RetryPolicy,
    /// Whether `max_attempts` may be left out.
    has_attempts: bool,
}

/// Reads the `retry` of `defaults`.
pub(super) fn base(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Base {
    let unspoken = Base {
        has_attempts: true,
        ..Base::default()
    };
    Base {
        policy: read(value, place, &unspoken, problems).unwrap_or_default(),
        // Where it cannot be read, that is told once, and not for every node as well.
        has_attempts: value.get("max_attempts").is_some_and(|attempts| !attempts.is_null()),
    }
}

/// Reads a `retry`.
pub(super) fn read(value: &Value, place: &Place<'_>, base: &Base, problems: &mut Problems) -> Option<RetryPolicy> {
    let fields = object(value, place, "", problems)?;
    only(&FIELDS, fields, place, problems);
    let max_attempts = if base.has_attempts {
        optional(fields, "max_attempts")
            .map_or(Some(base.policy.max_attempts), |value| attempts(value, place, problems))
    } else {
        required(fields, place, "max_attempts", problems).and_then(|value| attempts(value, place, problems))
    };
    let (initial, max) = waits(fields, place, base, problems);
    let multiplier = optional(fields, "multiplier").and_then(|value| multiplier(value, place, problems));
    let words = [("full", Jitter::Full), ("none", Jitter::None)];
    let jitter = optional(fields, "jitter").and_then(|value| word(value, &words, (place, "jitter"), problems));
    let on = optional(fields, "retry_on").and_then(|value| retry_on::read(value, place, problems));
    Some(RetryPolicy {
        max_attempts: max_attempts?,
        initial,
        multiplier: multiplier.unwrap_or(base.policy.multiplier),
        max,
        jitter: jitter.unwrap_or(base.policy.jitter),
        on: on.unwrap_or_else(|| base.policy.on.clone()),
    })
}

/// The first and the longest wait. Where only one of the two is given, the other follows it.
fn waits(fields: &Map<String, Value>, place: &Place<'_>, base: &Base, problems: &mut Problems) -> (Duration, Duration) {
    let mut wait = |field| optional(fields, field).and_then(|value| duration(value, place, field, problems));
    let (initial, max) = (wait("initial"), wait("max"));
    let first = initial.unwrap_or_else(|| base.policy.initial.min(max.unwrap_or(base.policy.max)));
    let longest = max.unwrap_or_else(|| base.policy.max.max(first));
    if longest < first {
        let message = "the longest wait is shorter than the first, `initial`";
        problems.add(place, "max", "invalid_value", message);
    }
    (first, longest)
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
