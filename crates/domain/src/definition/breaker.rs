//! The circuit breaker of a node: `breaker`.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Number, Value};

use super::fields::{duration, object, only, optional, text, word, wrong_type};
use super::problem::{Place, Problems};
use crate::breaker::{BreakerPolicy, BreakerRules, BreakerScope, Threshold, WhenOpen};

const FIELDS: [&str; 10] = [
    "scope",
    "name",
    "failures",
    "rate",
    "minimum",
    "window",
    "open",
    "multiplier",
    "max_open",
    "when_open",
];
/// How far back counts reach; what is further away says little about now.
const MAX_WINDOW: Duration = Duration::from_hours(1);
/// The longest that a breaker may hold back its runs.
const MAX_OPEN: Duration = Duration::from_hours(24);
/// The most failures, or calls, that a threshold may ask for.
const MAX_CALLS: u32 = 100_000;
/// The least share of failures that may open a breaker.
const MIN_RATE: f64 = 0.01;
/// How many calls a rate is judged by when nobody says.
const USUAL_MINIMUM: u32 = 20;

/// Reads it; every field may be left out.
pub(super) fn read(value: &Value, place: &Place<'_>, problems: &mut Problems) -> Option<BreakerPolicy> {
    let fields = object(value, place, "", problems)?;
    only(&FIELDS, fields, place, problems);
    let words = [("wait", WhenOpen::Wait), ("fail", WhenOpen::Fail)];
    let when_open = optional(fields, "when_open").and_then(|value| word(value, &words, (place, "when_open"), problems));
    Some(BreakerPolicy {
        scope: scope(fields, place, problems),
        rules: rules(fields, place, problems),
        when_open: when_open.unwrap_or(WhenOpen::Wait),
    })
}

fn scope(fields: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> BreakerScope {
    let words = [("handler", ()), ("host", ())];
    let given = optional(fields, "scope");
    let is_host = given.is_some_and(|value| {
        word(value, &words, (place, "scope"), problems);
        value == "host"
    });
    let Some(value) = optional(fields, "name") else {
        return if is_host {
            BreakerScope::Host
        } else {
            BreakerScope::Handler
        };
    };
    if given.is_some() {
        let message = "a breaker counts by `name` or by `scope`; leave one of them out";
        problems.add(place, "name", "invalid_value", message);
    }
    let name = text(value, place, "name", problems).unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if value.is_string() && !((1..=64).contains(&name.len()) && name.chars().all(fits)) {
        let message = "a breaker's name has 1 to 64 letters a to z, digits, `_`, `-` and `.`";
        problems.add(place, "name", "invalid_value", message);
    }
    BreakerScope::Name(name.to_owned())
}

fn rules(fields: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> BreakerRules {
    let defaults = BreakerRules::default();
    let window = length(fields, MAX_WINDOW, (place, "window"), problems);
    let open = length(fields, MAX_OPEN, (place, "open"), problems);
    let max_open = length(fields, MAX_OPEN, (place, "max_open"), problems);
    let multiplier = number(fields, 1.0..=100.0, (place, "multiplier"), problems);
    // Where only one of the two is given, the other follows it.
    let first = open.unwrap_or_else(|| defaults.open.min(max_open.unwrap_or(defaults.max_open)));
    let longest = max_open.unwrap_or_else(|| defaults.max_open.max(first));
    if longest < first {
        let message = "the longest time that it is open is shorter than the first, `open`";
        problems.add(place, "max_open", "invalid_value", message);
    }
    BreakerRules {
        threshold: threshold(fields, place, problems).unwrap_or(defaults.threshold),
        window: window.unwrap_or(defaults.window),
        open: first,
        multiplier: multiplier.unwrap_or(defaults.multiplier),
        max_open: longest,
    }
}

fn threshold(fields: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) -> Option<Threshold> {
    let failures = calls(fields, (place, "failures"), problems);
    let minimum = calls(fields, (place, "minimum"), problems);
    let rate = number(fields, MIN_RATE..=1.0, (place, "rate"), problems);
    let given = |field| optional(fields, field).is_some();
    if given("failures") && given("rate") {
        let message = "a breaker opens by `failures` or by `rate`; leave one of them out";
        problems.add(place, "rate", "invalid_value", message);
    }
    if given("minimum") && !given("rate") {
        let message = "`minimum` goes with `rate`; add that, or leave it out";
        problems.add(place, "minimum", "invalid_value", message);
    }
    let by_rate = rate.map(|rate| Threshold::Rate {
        rate,
        minimum: minimum.unwrap_or(USUAL_MINIMUM),
    });
    by_rate.or(failures.map(Threshold::Failures))
}

/// A duration of more than nothing, up to `most`.
fn length(
    fields: &Map<String, Value>,
    most: Duration,
    (place, field): (&Place<'_>, &str),
    problems: &mut Problems,
) -> Option<Duration> {
    let length = duration(optional(fields, field)?, place, field, problems)?;
    let valid = !length.is_zero() && length <= most;
    if !valid {
        let message = format!("this must be longer than zero, and at most {}h", most.as_secs() / 3600);
        problems.add(place, field, "invalid_value", message);
    }
    valid.then_some(length)
}

fn calls(fields: &Map<String, Value>, (place, field): (&Place<'_>, &str), problems: &mut Problems) -> Option<u32> {
    let value = optional(fields, field)?;
    let Value::Number(number) = value else {
        wrong_type(place, field, "a number", value, problems);
        return None;
    };
    let calls = number.as_u64().and_then(|number| u32::try_from(number).ok());
    let valid = calls.filter(|calls| (1..=MAX_CALLS).contains(calls));
    if valid.is_none() {
        let message = format!("this must be a whole number from 1 to {MAX_CALLS}");
        problems.add(place, field, "invalid_value", message);
    }
    valid
}

fn number(
    fields: &Map<String, Value>,
    range: RangeInclusive<f64>,
    (place, field): (&Place<'_>, &str),
    problems: &mut Problems,
) -> Option<f64> {
    let value = optional(fields, field)?;
    let Value::Number(number) = value else {
        wrong_type(place, field, "a number", value, problems);
        return None;
    };
    let valid = Number::as_f64(number).filter(|number| range.contains(number));
    if valid.is_none() {
        let message = format!("this must be a number from {} to {}", range.start(), range.end());
        problems.add(place, field, "invalid_value", message);
    }
    valid
}
